"""What an environment's settings say of its edge: its name, its certificates, its firewall."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from environments.forms import CertificateArn, DomainName, ZoneId
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
    """what players type; CloudFront alone reaches the load balancer then; without one: `relaxed.https`"""
    zone_id: ZoneId | None = None
    """the hosted zone of the domain (the account stack makes it): certificates and records are made there"""
    certificate_arn: CertificateArn | None = None
    """instead of a zone: a certificate that you keep, of the load balancer, in the stack's Region"""
    cdn_certificate_arn: CertificateArn | None = None
    """instead of a zone: a certificate that you keep, of CloudFront, in us-east-1"""
    requests_per_five_minutes: Annotated[int, Field(ge=100, le=2_000_000_000)]
    """per address, at the firewall; services name lower limits for paths (`rate_limits`)"""
    firewall: Firewall
    price_class: Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"]
    """CloudFront's locations: 100 has none in India, 200 and All have"""

    @model_validator(mode="after")
    def _named(self) -> Self:
        own = (self.certificate_arn is not None, self.cdn_certificate_arn is not None)
        if self.domain is None and (self.zone_id is not None or any(own)):
            raise ValueError(
                "domain: missing, but there is a zone or a certificate for it; accepted: the name that they are for"
            )
        if self.domain is not None and (self.zone_id is not None) == any(own):
            given = "both a zone and certificates" if any(own) else "no zone"
            raise ValueError(
                f"domain: {self.domain!r} has {given}; accepted: zone_id, its hosted zone in Route 53, or certificate_arn and "
                "cdn_certificate_arn of certificates and records that you keep yourself"
            )
        if len(set(own)) > 1:
            raise ValueError("certificate_arn and cdn_certificate_arn go together; accepted: both, or zone_id instead")
        if self.cdn_certificate_arn is not None and self.cdn_certificate_arn.split(":")[3] != "us-east-1":
            raise ValueError(
                f"cdn_certificate_arn {self.cdn_certificate_arn!r}: CloudFront takes certificates of us-east-1 only"
            )
        return self
