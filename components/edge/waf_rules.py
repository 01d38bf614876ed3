"""What a web ACL blocks, as plain data in the shape that WAFv2 takes; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from model.manifest import LoginForm
from model.vocabulary import FirewallMode

Document = dict[str, Any]

#: AWS's managed rule groups, in the order in which they are asked, with the metric and rule name of each.
#: IP reputation is first because it is the cheapest.
MANAGED_GROUPS: Sequence[tuple[str, str]] = (
    ("ip-reputation", "AWSManagedRulesAmazonIpReputationList"),
    ("known-bad-inputs", "AWSManagedRulesKnownBadInputsRuleSet"),
    ("common", "AWSManagedRulesCommonRuleSet"),
    ("sql-injection", "AWSManagedRulesSQLiRuleSet"),
    ("linux", "AWSManagedRulesLinuxRuleSet"),
)

#: Groups that cost extra or take some of our own for attackers, each with a mode (Protection): anonymous addresses (hosting
#: providers too, from which partners' webhooks come), bots (HTTP libraries too, as in our own app), stolen passwords.
CHOSEN_GROUPS: Mapping[str, str] = {
    "anonymous": "AWSManagedRulesAnonymousIpList",
    "bots": "AWSManagedRulesBotControlRuleSet",
    "takeover": "AWSManagedRulesATPRuleSet",
}

#: The header that our CDN writes the viewer's address to, over whatever the viewer sent (`viewer_functions`).
VIEWER_ADDRESS = "x-viewer-address"

#: Headers that carry credentials: never written to the log.
REDACTED_HEADERS = ("authorization", "cookie")

#: The window in which requests per address are counted, in seconds, and the least and most that WAF can count to.
RATE_WINDOW = 300
_RATES = range(10, 2_000_000_001)

_COMMON, _LARGE_BODY = "common", "awswaf:managed:aws:core-rule-set:SizeRestrictions_Body"

#: What decodes to the path is the path: %2F and /./ do not get around a limit.
_DECODED = ("URL_DECODE", "NORMALIZE_PATH")

#: WAF takes 50 country codes in one statement.
_COUNTRIES_PER_STATEMENT = 50

#: Room between priorities by kind of rule, so that one that is added moves no other.
_RATE_FIRST, _MANAGED_FIRST, _COUNTRY = 100, 1000, 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Protection:
    """What to block.

    - rate_limit, path_rate_limits: requests per address in RATE_WINDOW.
    - behind_cdn: the address is what the CDN wrote to VIEWER_ADDRESS. X-Forwarded-For would not do: WAF reads its first
      address, which the viewer writes.
    - modes: of CHOSEN_GROUPS; left out is off. login: path and places of name and password in its body, for `takeover`.
    - answers_seen: whether the ACL also sees the answers to log-ins (CloudFront's do).
    - counted: names of rules that only count.
    - large_bodies: path prefixes whose requests may have more than the 8 KiB that the common group lets pass.
    """

    rate_limit: int
    path_rate_limits: Mapping[str, int]
    allowed_countries: Sequence[str]
    behind_cdn: bool
    modes: Mapping[str, FirewallMode] = field(default_factory=dict)
    login: LoginForm | None = None
    answers_seen: bool = False
    counted: Collection[str] = ()
    large_bodies: Sequence[str] = ()


def rules(protection: Protection) -> list[Document]:
    """The ACL's rules by priority: rates (the narrower first), AWS's managed groups, then who is let in by country.

    WAF could say "block who is *not* from these countries" with a negated statement, but that shape differs between the
    provider's SDKs; letting in who *is*, by a last rule and a default that blocks, means the same in plain shapes.
    """
    _check(protection)
    found: list[Document] = []
    for index, (prefix, limit) in enumerate(sorted(protection.path_rate_limits.items())):
        name = "rate" + re.sub(r"[^A-Za-z0-9]+", "-", prefix).rstrip("-")
        found.append(
            _rule(name, _RATE_FIRST + index, _rate(protection, limit, _path_starts(prefix, *_DECODED)), _block(429))
        )
    found.append(_rule("rate", _MANAGED_FIRST - 1, _rate(protection, protection.rate_limit), _block(429)))
    for index, (name, group) in enumerate(MANAGED_GROUPS):
        managed: Document = {"name": group}
        if name == _COMMON and protection.large_bodies:
            count = {"name": "SizeRestrictions_BODY", "action_to_use": {"count": {}}}
            managed = {**managed, "rule_action_overrides": [count]}
        found.append(_group(name, _MANAGED_FIRST + 10 * index, managed))
        if name == _COMMON and protection.large_bodies:
            found.append(
                _rule("bodies", _MANAGED_FIRST + 10 * index + 5, _too_large(protection.large_bodies), _block(413))
            )
    for index, (name, group) in enumerate(CHOSEN_GROUPS.items(), start=len(MANAGED_GROUPS)):
        if (mode := protection.modes.get(name, FirewallMode.OFF)) is not FirewallMode.OFF:
            chosen = _group(name, _MANAGED_FIRST + 10 * index, {"name": group, **_configuration(name, protection)})
            found.append(_counting(chosen) if mode is FirewallMode.COUNT else chosen)
    if protection.allowed_countries:
        countries = {"country_codes": sorted(protection.allowed_countries), **_forwarded(protection)}
        found.append(_rule("country", _COUNTRY, {"geo_match_statement": countries}, {"allow": {}}))
    names = [rule["name"] for rule in found if rule["name"] != "country"]
    for name in protection.counted:
        if name not in names:
            raise ValueError(f"counted: there is no rule {name!r}; accepted: {', '.join(names)}")
    return [_counting(rule) if rule["name"] in protection.counted else rule for rule in found]


def default_action(protection: Protection) -> Document:
    """What becomes of a request that no rule decided: it passes, unless countries were named."""
    return _block(403) if protection.allowed_countries else {"allow": {}}


def visibility(metric: str) -> Document:
    """Metrics and samples on, under the name `metric`."""
    return {"cloudwatch_metrics_enabled": True, "metric_name": metric, "sampled_requests_enabled": True}


def _group(name: str, priority: int, statement: Document) -> Document:
    """A managed group, whose own actions hold."""
    return {
        "name": name,
        "priority": priority,
        "override_action": {"none": {}},
        "statement": {"managed_rule_group_statement": {"vendor_name": "AWS", **statement}},
        "visibility_config": visibility(name),
    }


def _counting(rule: Document) -> Document:
    """`rule`, which lets pass what it finds and counts it."""
    key = "override_action" if "override_action" in rule else "action"
    return {**rule, key: {"count": {}}}


def _configuration(name: str, protection: Protection) -> Document:
    """What a group of CHOSEN_GROUPS must know."""
    if name == "bots":
        return {
            "managed_rule_group_configs": [{"aws_managed_rules_bot_control_rule_set": {"inspection_level": "COMMON"}}]
        }
    if name != "takeover":
        return {}
    form = protection.login
    if form is None:
        raise ValueError("takeover: no service.yaml has a login; accepted: off, until one says where players log in")
    known: Document = {
        "login_path": form.path,
        "request_inspection": {
            "payload_type": "JSON",
            "username_field": {"identifier": form.username},
            "password_field": {"identifier": form.password},
        },
    }
    if protection.answers_seen:
        known["response_inspection"] = {"status_code": {"success_codes": [200], "failure_codes": [401]}}
    return {"managed_rule_group_configs": [{"aws_managed_rules_atp_rule_set": known}]}


def _block(status: int) -> Document:
    return {"block": {"custom_response": {"response_code": status}}}


def _rule(name: str, priority: int, statement: Document, action: Document) -> Document:
    return {
        "name": name,
        "priority": priority,
        "action": action,
        "statement": statement,
        "visibility_config": visibility(name),
    }


def _forwarded(protection: Protection) -> Document:
    """Where an address is read when it is not the connection's. A header that holds none is nobody's: it matches no rule."""
    if not protection.behind_cdn:
        return {}
    return {"forwarded_ip_config": {"header_name": VIEWER_ADDRESS, "fallback_behavior": "NO_MATCH"}}


def _rate(protection: Protection, limit: int, scope: Document | None = None) -> Document:
    statement: Document = {
        "limit": limit,
        "aggregate_key_type": "FORWARDED_IP" if protection.behind_cdn else "IP",
        "evaluation_window_sec": RATE_WINDOW,
        **_forwarded(protection),
    }
    if scope is not None:
        statement["scope_down_statement"] = scope
    return {"rate_based_statement": statement}


def _too_large(prefixes: Sequence[str]) -> Document:
    """What the common group found too large, and is not for one of `prefixes`, written as they are."""
    # An exception is for the path alone as it is sent: what only decodes to it has none.
    expected = [_path_starts(prefix, "NONE") for prefix in sorted(prefixes)]
    either = expected[0] if len(expected) == 1 else {"or_statement": {"statements": expected}}
    label = {"label_match_statement": {"scope": "LABEL", "key": _LARGE_BODY}}
    return {"and_statement": {"statements": [label, {"not_statement": {"statement": either}}]}}


def _path_starts(prefix: str, *transformations: str) -> Document:
    return {
        "byte_match_statement": {
            "field_to_match": {"uri_path": {}},
            "positional_constraint": "STARTS_WITH",
            "search_string": prefix,
            "text_transformations": [{"priority": number, "type": kind} for number, kind in enumerate(transformations)],
        }
    }


def _check(protection: Protection) -> None:
    rates = {"": protection.rate_limit, **protection.path_rate_limits}
    for prefix, limit in rates.items():
        what = f"rate limit of {prefix}" if prefix else "rate limit"
        if limit not in _RATES:
            raise ValueError(
                f"{what}: {limit}; accepted: {_RATES[0]} to {_RATES[-1]} requests in {RATE_WINDOW} seconds"
            )
    for prefix in protection.path_rate_limits:
        if not re.fullmatch(r"/[A-Za-z0-9/_.-]{1,99}", prefix):
            raise ValueError(f"rate limit of {prefix!r}: accepted: a path such as /auth/login, 100 characters at most")
    names = sorted(protection.allowed_countries)
    for code in names:
        if not re.fullmatch(r"[A-Z]{2}", code):
            raise ValueError(
                f"allowed countries: {code!r}; accepted: ISO 3166 codes of two capital letters, such as IN"
            )
    if len(set(names)) < len(names) or len(names) > _COUNTRIES_PER_STATEMENT:
        raise ValueError(
            f"allowed countries: {len(names)} given; accepted: {_COUNTRIES_PER_STATEMENT} at most, each once"
        )
