"""Reads a web ACL back from the emulator, with the sets that its rules name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.dataplane.model import Firewall, Json


def firewall(waf: Any, arn: str) -> Firewall:
    """The web ACL of an ARN: `…:regional/webacl/NAME/ID`, or `global` for a distribution's."""
    return firewall_of(waf, waf.get_web_acl(**_key(arn))["WebACL"])


def firewall_of(waf: Any, acl: Json) -> Firewall:
    """A web ACL as the API shows it. `waf`: a client of the ACL's Region."""
    keys = {arn: _key(arn) for arn in _sets(acl["Rules"])}
    patterns = {arn: key for arn, key in keys.items() if "/regexpatternset/" in arn}
    return Firewall(
        name=acl["VisibilityConfig"]["MetricName"],
        rules=acl["Rules"],
        default_action=acl["DefaultAction"],
        bodies=acl.get("CustomResponseBodies") or {},
        addresses={
            arn: waf.get_ip_set(**key)["IPSet"]["Addresses"] for arn, key in keys.items() if arn not in patterns
        },
        patterns={
            arn: [
                item["RegexString"]
                for item in waf.get_regex_pattern_set(**key)["RegexPatternSet"]["RegularExpressionList"]
            ]
            for arn, key in patterns.items()
        },
    )


def _key(arn: str) -> dict[str, str]:
    """Name, id and scope, which are all in the ARN."""
    scope, _, name, identity = arn.rpartition(":")[2].split("/")
    return {"Name": name, "Id": identity, "Scope": "CLOUDFRONT" if scope == "global" else "REGIONAL"}


def _sets(given: Any) -> Iterable[str]:
    """The ARNs of the IP and pattern sets that rules name, at whatever depth."""
    if isinstance(given, Mapping):
        for key, value in given.items():
            if key in ("IPSetReferenceStatement", "RegexPatternSetReferenceStatement"):
                yield value["ARN"]
            else:
                yield from _sets(value)
    elif isinstance(given, (list, tuple)):
        for value in given:
            yield from _sets(value)
