"""The platform's own name: its certificates, proved in its hosted zone, and the records that lead to the CDN."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import acm, route53

from components.base import Component, Transforms
from components.observability.signals import Comparison, Severity, Signal
from components.security.keys import EDGE_REGION

#: ECDSA on P-256: what CloudFront takes of elliptic curves, in every cipher suite of both TLS policies.
_KEY_ALGORITHM = "EC_prime256v1"


@dataclass(frozen=True, kw_only=True, slots=True)
class CertificatesArgs:
    """What is certified.

    - domain: the name. zone_id: the hosted zone in Route 53 that it is in, in the same account.
    - region: of the stack; a second certificate is in us-east-1, where CloudFront takes its own.
    """

    domain: str
    zone_id: str
    region: str


class Certificates(Component):
    """Certificates of ACM, which renew themselves for as long as their record stands.

    Makes: ``aws:acm:Certificate`` (``regional``, and ``edge`` in us-east-1), ``aws:route53:Record`` (``proof``: ACM asks for
    the same one in every Region) and ``aws:acm:CertificateValidation`` (``regional-issued``, ``edge-issued``).

    `arn` and `edge_arn` are known once the certificates are issued.
    """

    arn: pulumi.Output[str]
    edge_arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: CertificatesArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        regional = self._certificate("regional", args.domain, None)
        proof = regional.domain_validation_options[0]
        record = self.make(
            "proof",
            route53.Record,
            route53.RecordArgs(
                zone_id=args.zone_id,
                name=proof.resource_record_name,
                type=proof.resource_record_type,
                records=[proof.resource_record_value],
                ttl=300,
                allow_overwrite=True,  # another stack of the account may have proved the same name
            ),
        )
        self.arn = self._issued("regional", regional, record, None)
        if args.region == EDGE_REGION:
            self.edge_arn = self.arn
        else:
            edge = self._certificate("edge", args.domain, EDGE_REGION)
            self.edge_arn = self._issued("edge", edge, record, EDGE_REGION)
        self.register_outputs({"arn": self.arn, "edge_arn": self.edge_arn})

    def _certificate(self, role: str, domain: str, region: str | None) -> acm.Certificate:
        return self.make(
            role,
            acm.Certificate,
            acm.CertificateArgs(
                domain_name=domain, validation_method="DNS", key_algorithm=_KEY_ALGORITHM, region=region
            ),
        )

    def _issued(
        self, role: str, certificate: acm.Certificate, record: route53.Record, region: str | None
    ) -> pulumi.Output[str]:
        issued = self.make(
            f"{role}-issued",
            acm.CertificateValidation,
            acm.CertificateValidationArgs(
                certificate_arn=certificate.arn, validation_record_fqdns=[record.fqdn], region=region
            ),
        )
        arn: pulumi.Output[str] = issued.certificate_arn
        return arn


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressArgs:
    """Where a name leads.

    - domain, zone_id: see `CertificatesArgs`. region: of the stack.
    - target, target_zone_id: the CDN's name, and CloudFront's own zone.
    - checked_path: what AWS asks for from all over the world every half minute, to say whether players can; None where it would
      be refused by its country.
    """

    domain: str
    zone_id: str
    region: str
    target: pulumi.Input[str]
    target_zone_id: pulumi.Input[str]
    checked_path: str | None


class Address(Component):
    """A name that leads to the CDN, and whether it answers.

    Makes: ``aws:route53:Record`` (``a``, ``aaaa``) and, with a path, ``aws:route53:HealthCheck`` (``check``).
    """

    def __init__(
        self,
        name: str,
        args: AddressArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        for kind in ("A", "AAAA"):
            self.make(
                kind.lower(),
                route53.Record,
                route53.RecordArgs(
                    zone_id=args.zone_id,
                    name=args.domain,
                    type=kind,
                    aliases=[
                        route53.RecordAliasArgs(
                            name=args.target,
                            zone_id=args.target_zone_id,
                            # There is no other place to lead to.
                            evaluate_target_health=False,
                        )
                    ],
                ),
            )
        if args.checked_path is not None:
            check = self.make(
                "check",
                route53.HealthCheck,
                route53.HealthCheckArgs(
                    type="HTTPS",
                    fqdn=args.domain,
                    port=443,
                    resource_path=args.checked_path,
                    enable_sni=True,
                    request_interval=30,
                    failure_threshold=3,
                    measure_latency=True,
                ),
            )
            self.signals = [_unreachable(check.id, None if args.region == EDGE_REGION else EDGE_REGION)]
        self.register_outputs({})


def _unreachable(check: pulumi.Output[str], region: str | None) -> Signal:
    return Signal(
        name="unreachable",
        summary="Most of AWS's places in the world get no good answer from the platform's own name",
        namespace="AWS/Route53",
        metric="HealthCheckStatus",
        dimensions={"HealthCheckId": check},
        statistic="Minimum",
        comparison=Comparison.BELOW,
        threshold=1,
        periods=3,
        severity=Severity.PAGE,
        runbook="name-unreachable",
        region=region,
    )
