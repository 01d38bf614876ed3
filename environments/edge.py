"""What an environment's settings say of its edge: its name, its certificates, its firewall."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from environments.forms import CertificateArn, Country, DomainName
from model.vocabulary import FirewallMode, Model


class Firewall(Model):
    """Groups of AWS WAF that cost extra, at whichever firewall requests meet first, and rules that only count."""

    anonymous: Annotated[FirewallMode, Field(strict=False)]
    """addresses of VPNs, Tor and hosting providers; partners' webhooks come from the last: count before you block"""
    bots: Annotated[FirewallMode, Field(strict=False)]
    """Bot Control (common); it takes an app's HTTP library for a bot: count before you block"""
    takeover: Annotated[FirewallMode, Field(strict=False)]
    """account takeover prevention on the `login` of a service.yaml: stolen passwords, many tries"""
    counted: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """rules that let pass what they find and count it: `common`, `sql-injection`, `rate`, `rate-auth-login` …"""


class Edge(Model):
    """What faces the internet."""

    domain: DomainName | None = None
    """what players type; with it and both certificates CloudFront alone reaches the load balancer, else `relaxed.https`"""
    certificate_arn: CertificateArn | None = None
    """certificate of the load balancer, in the stack's Region"""
    cdn_certificate_arn: CertificateArn | None = None
    """certificate of CloudFront, in us-east-1"""
    countries: Annotated[tuple[Country, ...], Field(strict=False)] = ()
    """if given, requests from elsewhere are blocked"""
    requests_per_five_minutes: Annotated[int, Field(ge=100, le=2_000_000_000)]
    """per address, at the firewall; services name lower limits for paths (`rate_limits`)"""
    firewall: Firewall
    price_class: Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"]
    """CloudFront's locations: 100 has none in India, 200 and All have"""

    @model_validator(mode="after")
    def _named(self) -> Self:
        if len({self.domain is None, self.certificate_arn is None, self.cdn_certificate_arn is None}) > 1:
            raise ValueError("domain, certificate_arn and cdn_certificate_arn go together; give all three or none")
        if self.cdn_certificate_arn is not None and self.cdn_certificate_arn.split(":")[3] != "us-east-1":
            raise ValueError(
                f"cdn_certificate_arn {self.cdn_certificate_arn!r}: CloudFront takes certificates of us-east-1 only"
            )
        return self
