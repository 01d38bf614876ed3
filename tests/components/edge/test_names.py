"""The platform's name: certificates proved in its zone, records, the check from outside, and the zone itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from components.base import Component
from components.edge.names import Address, AddressArgs, Certificates, CertificatesArgs
from components.edge.zone import Zone, ZoneArgs
from components.observability.signals import Severity
from tests.components.conftest import ACCOUNT, REGION, Lint, Recorded
from tests.components.examples import KEY, Example

Run = Callable[..., Recorded]
CERTIFICATES = CertificatesArgs(domain="play.example.com", zone_id="Z0123456", region=REGION)
ADDRESS = AddressArgs(
    domain="play.example.com",
    zone_id="Z0123456",
    region=REGION,
    target="d1.cloudfront.net",
    target_zone_id="Z2FDTNDATAQYW2",
    checked_path="/",
)
ZONE = ZoneArgs(domain="example.com", account_id=ACCOUNT, region=REGION, logs_key_arn=KEY)
EXAMPLES: dict[type[Component], Example] = {
    Certificates: lambda name, transform: Certificates(name, CERTIFICATES, transform=transform),
    Address: lambda name, transform: Address(name, ADDRESS, transform=transform),
    Zone: lambda name, transform: Zone(name, ZONE, transform=transform),
}


def test_one_record_proves_the_name_for_both_regions(run: Run) -> None:
    recorded = run(lambda: Certificates("certificates", CERTIFICATES))
    certificates = {item.name: item.inputs for item in recorded.of("aws:acm/certificate:Certificate")}
    assert {name: each.get("region") for name, each in certificates.items()} == {
        "certificates-regional": None,
        "certificates-edge": "us-east-1",
    }
    assert {(each["domainName"], each["validationMethod"]) for each in certificates.values()} == {
        ("play.example.com", "DNS")
    }
    (record,) = recorded.of("Record")
    assert (record.inputs["zoneId"], record.inputs["name"]) == ("Z0123456", "_proof.play.example.com.")
    for validation in recorded.of("CertificateValidation"):
        assert any("certificates-proof" in urn for urn in validation.dependencies)


def test_where_the_stack_is_in_us_east_1_one_certificate_is_both(run: Run) -> None:
    recorded = run(
        lambda: Certificates(
            "certificates", CertificatesArgs(domain="play.example.com", zone_id="Z0123456", region="us-east-1")
        )
    )
    assert [item.name for item in recorded.of("aws:acm/certificate:Certificate")] == ["certificates-regional"]


def test_the_name_leads_to_the_cdn_and_is_asked_from_outside(run: Run) -> None:
    recorded = run(lambda: Address("address", ADDRESS))
    records = {item.inputs["type"]: item.inputs for item in recorded.of("Record")}
    assert set(records) == {"A", "AAAA"}
    for each in records.values():
        assert each["aliases"] == [
            {"name": "d1.cloudfront.net", "zoneId": "Z2FDTNDATAQYW2", "evaluateTargetHealth": False}
        ]
    (check,) = recorded.of("HealthCheck")
    assert (check.inputs["type"], check.inputs["fqdn"], check.inputs["resourcePath"]) == (
        "HTTPS",
        "play.example.com",
        "/",
    )
    (signal,) = recorded.result.signals
    assert (signal.severity, signal.region) == (Severity.PAGE, "us-east-1")


def test_where_countries_are_refused_nobody_asks_from_abroad(run: Run) -> None:
    recorded = run(lambda: Address("address", replace(ADDRESS, checked_path=None)))
    assert not recorded.of("HealthCheck") and not recorded.result.signals


def test_a_zone_is_protected_signed_and_logged_where_route_53_can(run: Run, lint: Lint) -> None:
    recorded = run(lambda: Zone("zone", ZONE))
    assert recorded.named("zone").protect and recorded.named("zone-signing").protect
    key = recorded.named("zone-signing").inputs
    assert (key["customerMasterKeySpec"], key["keyUsage"], key["region"]) == (
        "ECC_NIST_P256",
        "SIGN_VERIFY",
        "us-east-1",
    )
    assert "enableKeyRotation" not in key, "KMS rotates no asymmetric key"
    assert lint(json.loads(recorded.named("zone-log-delivery").inputs["policyDocument"])) == []
    statements = {each["Sid"]: each for each in json.loads(key["policy"])["Statement"]}
    assert statements["ZonesAreSigned"]["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    assert recorded.named("zone-questions").inputs["region"] == "us-east-1"
    assert any("log-delivery" in urn for urn in recorded.named("zone-log").dependencies)
    assert recorded.named("zone-signed").inputs["signingStatus"] == "SIGNING"


@pytest.mark.parametrize("region", [REGION, "us-east-1"])
def test_only_elsewhere_is_a_region_named(run: Run, region: str) -> None:
    recorded = run(lambda: Zone("zone", replace(ZONE, region=region)))
    assert ("region" in recorded.named("zone-signing").inputs) == (region != "us-east-1")
