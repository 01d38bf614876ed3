"""A web ACL as the routes of the ingress that come before a listener's own; pure.

Rules act by priority. What decides (allow, block) ends the ACL: such routes are of one `group`, of which Caddy runs the first
that matches. What only counts goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.dataplane.firewall.managed import GROUPS
from localcloud.dataplane.firewall.statements import (
    CONNECTION,
    Matchers,
    Sets,
    Unjudged,
    both,
    label,
    matchers,
    negated,
)
from localcloud.dataplane.ingress.pages import own
from localcloud.dataplane.model import Firewall, Json

Route = dict[str, Any]

#: Fields of the ingress's log: the web ACL, what ended a request, the rules that counted it, by rate rule who it came from.
ACL, DECIDED, COUNTED, ADDRESS = "waf_acl", "waf_decided", "waf_counted:", "waf_address:"
#: What DECIDED begins with.
ALLOWS, BLOCKS = "allow:", "block:"

#: What the name of a held address's file begins with.
HELD = "at-"

_GROUP = "waf"
_FIRST_ADDRESS = r"^\s*([0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\s*(?:,|$)"
_UNDECIDED: Matchers = negated([{"vars": {DECIDED: ["1"]}}])


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A rate-based rule: so many requests of one address in a window (seconds); `directory` has a file for each above it."""

    acl: str
    rule: str
    limit: int
    window: int
    directory: Path


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """The routes of a web ACL, its rates, and rule → why it is not judged here."""

    routes: list[Route] = field(default_factory=list)
    rates: list[Rate] = field(default_factory=list)
    unjudged: dict[str, str] = field(default_factory=dict)


def compiled(firewall: Firewall, directory: Path) -> Compiled:
    """`firewall` for the ingress. `directory`: where the addresses above a rate are kept."""
    made = Compiled(routes=[{"handle": [{"handler": "log_append", "key": ACL, "value": firewall.name}]}])
    sets = Sets(firewall.addresses, firewall.patterns)
    for rule in sorted(firewall.rules, key=lambda item: int(item["Priority"])):
        try:
            if "RateBasedStatement" in rule["Statement"]:
                made.rates.append(_rate(rule, firewall.name, directory))
                made.routes.extend(_rate_routes(rule, made.rates[-1], firewall, sets))
            elif "ManagedRuleGroupStatement" in rule["Statement"]:
                made.routes.extend(_group_routes(rule, sets, made))
            else:
                found = matchers(rule["Statement"], sets)
                made.routes.append(_acting(_metric(rule), found, rule["Action"], firewall, _labels(rule)))
        except Unjudged as why:
            made.unjudged[rule["Name"]] = str(why)
    # A default is for what no rule decided, so it is in the group too.
    made.routes.append(_acting("Default_Action", [], firewall.default_action, firewall))
    return made


def _metric(rule: Json) -> str:
    return str(rule["VisibilityConfig"]["MetricName"])


def _labels(rule: Json) -> list[str]:
    return [item["Name"] for item in rule.get("RuleLabels") or ()]


def _rate(rule: Json, acl: str, directory: Path) -> Rate:
    given = rule["Statement"]["RateBasedStatement"]
    if given["AggregateKeyType"] not in ("IP", "FORWARDED_IP"):
        raise Unjudged(f"requests are counted by address here, not by {given['AggregateKeyType']}")
    return Rate(
        acl=acl,
        rule=rule["Name"],
        limit=int(given["Limit"]),
        window=int(given.get("EvaluationWindowSec") or 300),
        directory=directory / rule["Name"],
    )


def _rate_routes(rule: Json, rate: Rate, firewall: Firewall, sets: Sets) -> Iterator[Route]:
    """A request that the rule is about is named by its address in the log; one of an address above the rate meets its action.

    Where addresses are read from a header, the first one in it counts. A request without the header is not the rule's; one
    with a header that holds no address is, without any counting, if the rule says MATCH.
    """
    given = rule["Statement"]["RateBasedStatement"]
    about = matchers(given["ScopeDownStatement"], sets) if given.get("ScopeDownStatement") else []
    parts = [_UNDECIDED, *([about] if about else [])]
    variable, address = f"{ADDRESS}{rule['Name']}", CONNECTION
    above: Matchers = [{"file": {"root": str(rate.directory), "try_files": [f"/{HELD}{{http.vars.{variable}}}"]}}]
    if given["AggregateKeyType"] == "FORWARDED_IP":
        header = given["ForwardedIPConfig"]["HeaderName"]
        first: Matchers = [{"header_regexp": {header: {"name": "viewer", "pattern": _FIRST_ADDRESS}}}]
        if given["ForwardedIPConfig"]["FallbackBehavior"] == "MATCH":
            above += both([*parts, [{"header": {header: ["*"]}}], negated(first)])
        parts, address = [*parts, first], "{http.regexp.viewer.1}"
    yield {
        "match": both(parts),
        "handle": [
            {"handler": "vars", variable: address},
            {"handler": "log_append", "key": variable, "value": address},
        ],
    }
    yield _acting(_metric(rule), above, rule["Action"], firewall, _labels(rule))


def _group_routes(rule: Json, sets: Sets, made: Compiled) -> Iterator[Route]:
    given = rule["Statement"]["ManagedRuleGroupStatement"]
    known = GROUPS.get(given["Name"])
    if known is None or given["VendorName"] != "AWS":
        raise Unjudged(f"what {given['Name']} looks for is not published")
    within = matchers(given["ScopeDownStatement"], sets) if given.get("ScopeDownStatement") else []
    counted = {item["Name"] for item in given.get("ExcludedRules") or ()}
    actions = {item["Name"]: item["ActionToUse"] for item in given.get("RuleActionOverrides") or ()}
    for member in known:
        action = {"Count": {}} if member.name in counted else actions.get(member.name, {"Block": {}})
        if "Count" in (rule.get("OverrideAction") or {}):
            action = {"Count": {}}
        found = matchers(member.statement, sets)
        yield _acting(_metric(rule), both([within, found]) if within else found, action, None, [member.label])
    made.unjudged[rule["Name"]] = f"all rules of {given['Name']} but {', '.join(member.name for member in known)}"


def _acting(metric: str, found: Matchers, action: Json, firewall: Firewall | None, labels: Sequence[str] = ()) -> Route:
    """What becomes of a request that `found` matches (nothing: every one) by the `action` of the rule of `metric`."""
    marks: list[Route] = [{"handler": "vars", label(name): "1"} for name in labels]
    ((kind, given),) = action.items()
    if kind == "Count":
        named = {"handler": "log_append", "key": f"{COUNTED}{metric}", "value": "1"}
        return {"match": both([_UNDECIDED, found] if found else [_UNDECIDED]), "handle": [*marks, named]}
    if kind not in ("Allow", "Block"):
        raise Unjudged(f"{kind} needs a browser's answer")
    decided: list[Route] = [
        {"handler": "vars", DECIDED: "1"},
        {"handler": "log_append", "key": DECIDED, "value": f"{ALLOWS if kind == 'Allow' else BLOCKS}{metric}"},
    ]
    route: Route = {"group": _GROUP, "handle": decided}
    if found:
        route["match"] = found
    if kind == "Block":
        route["handle"] = [*decided, _refusal(given.get("CustomResponse"), firewall)]
        route["terminal"] = True
    return route


def _refusal(custom: Json | None, firewall: Firewall | None) -> Route:
    """WAF's own answer through a load balancer, or the one that the rule gives: without a body unless it names one."""
    if custom is None:
        return own(403)
    body = (firewall.bodies if firewall else {}).get(custom.get("CustomResponseBodyKey", ""), {})
    kinds = {"TEXT_PLAIN": "text/plain", "TEXT_HTML": "text/html", "APPLICATION_JSON": "application/json"}
    headers = {item["Name"]: [item["Value"]] for item in custom.get("ResponseHeaders") or ()}
    if body:
        headers["Content-Type"] = [kinds[body["ContentType"]]]
    return {
        "handler": "static_response",
        "status_code": int(custom["ResponseCode"]),
        "body": body.get("Content", ""),
        "headers": {**headers, "Server": ["awselb/2.0"]},
    }
