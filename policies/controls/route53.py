"""Controls on Route 53 zones."""

from __future__ import annotations

from policies.lang.resources import Resource, Stack
from policies.model import Control, Related, Severity, Verdict, bad, na, ok
from policies.rules import has_referrer

ZONE = "aws:route53/zone:Zone"
QUERY_LOG = "aws:route53/queryLog:QueryLog"
SIGNING = "aws:route53/hostedZoneDnsSec:HostedZoneDnsSec"


def _private(zone: Resource) -> str | None:
    return "a private zone answers inside its VPCs only" if zone.has("vpcs") else None


def _signed(zone: Resource, stack: Stack) -> Verdict:
    private = _private(zone)
    if private:
        return na(private)
    found = stack.referrers(zone, SIGNING, "hostedZoneId")
    if not found:
        return bad("HostedZoneDnsSec", None, "add one, and the key-signing key that it needs")
    status = found[0].text("signingStatus", "SIGNING")
    return ok() if status == "SIGNING" else bad("signingStatus", status, "set it to SIGNING")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="Route53.2",
        severity=Severity.MEDIUM,
        remediation="Add a route53.QueryLog for the zone (its log group lives in us-east-1).",
        rule=has_referrer(ZONE, QUERY_LOG, "zoneId", "add one", unless=_private),
    ),
    Control(
        id="MD.Route53.1",
        title="Public zones are signed (DNSSEC)",
        severity=Severity.MEDIUM,
        remediation="Add a route53.KeySigningKey and a HostedZoneDnsSec for the zone, then the DS record at the parent.",
        link="https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-configuring-dnssec.html",
        rule=Related((ZONE,), _signed),
    ),
)
