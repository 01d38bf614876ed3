"""Controls on AWS WAF: web ACLs, their rules (inline, separate or JSON), logs and metrics. Classic is one control: none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from policies.lang.resources import Resource, Stack
from policies.lang.values import View
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import decide

ACL = "aws:wafv2/webAcl:WebAcl"
RULE = "aws:wafv2/webAclRule:WebAclRule"
GROUP_RULE = "aws:wafv2/webAclRuleGroupAssociation:WebAclRuleGroupAssociation"
GROUP = "aws:wafv2/ruleGroup:RuleGroup"
LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
CLASSIC = tuple(
    f"aws:{module}/{name[0].lower()}{name[1:]}:{name}"
    for module in ("waf", "wafregional")
    for name in ("WebAcl", "Rule", "RuleGroup", "RateBasedRule")
)

_GUIDE = "https://docs.aws.amazon.com/waf/latest/developerguide"
_BASELINE = f"{_GUIDE}/aws-managed-rule-groups-baseline.html"

#: Rules of managed groups that refuse by size alone: uploads need them to count, and no attack passes by that.
_TOLERATED = ("SizeRestrictions_",)
#: More than a thousand requests a second from one address is no limit.
_MAX_RATE = 60_000

#: Headers that carry credentials.
_SENSITIVE = ("authorization", "cookie")


def _camel(value: Any) -> Any:
    """AWS's JSON ("ManagedRuleGroupStatement") in the names of the provider's properties."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _camel(item) for key, item in value.items()}
    return [_camel(item) for item in value] if isinstance(value, list) else value


def _rules(acl: Resource, stack: Stack) -> Iterator[View]:
    """Every rule of a web ACL, wherever it is written."""
    yield from acl.each("rules")
    for item in acl.documents("ruleJson"):
        yield View(_camel({key: item.raw(key) for key in item.keys()}), item.path)  # noqa: SIM118 - a View is not a mapping
    yield from stack.referrers(acl, RULE, "webAclArn")


@dataclass(frozen=True)
class Managed:
    """A managed rule group as a web ACL uses it: where it stands, its priority, and why it does not block ("" when it does)."""

    name: str
    path: str
    priority: float
    weakness: str


def _managed(acl: Resource, stack: Stack) -> Iterator[Managed]:
    """Every managed rule group of AWS's in a web ACL."""
    for rule in _rules(acl, stack):
        group = rule.view("statement.managedRuleGroupStatement")
        if group.text("name") and group.text("vendorName", "AWS") == "AWS":
            counts = "count" in rule.view("overrideAction").keys()  # noqa: SIM118
            weakness = f"{rule.at('overrideAction')}=count" if counts else _weakness(group) or _narrowed(group)
            yield Managed(group.text("name"), rule.at("statement"), rule.number("priority", 0) or 0, weakness)
    for association in stack.referrers(acl, GROUP_RULE, "webAclArn"):
        group = association.view("managedRuleGroup")
        if group.text("name") and group.text("vendorName", "AWS") == "AWS":
            counts = association.text("overrideAction", "none").lower() == "count"
            weakness = "overrideAction=count" if counts else _weakness(group)
            yield Managed(group.text("name"), association.name, association.number("priority", 0) or 0, weakness)


def _weakness(group: View) -> str:
    """Why a managed group blocks less than it should: rules that only count or allow, or traffic that it does not see."""
    for override in group.each("ruleActionOverrides"):
        action = override.view("actionToUse")
        weaker = [name for name in ("count", "allow") if name in action.keys()]  # noqa: SIM118
        if weaker and not override.text("name").startswith(_TOLERATED):
            return f"{override.text('name')}={weaker[0]}"
    return ""


def _narrowed(group: View) -> str:
    """Whether a group sees a part of the requests only."""
    path = "scopeDownStatement"
    return path if group.raw(path) is not None and not _most_requests(group.view(path)) else ""


def _most_requests(statement: View) -> bool:
    """Whether a statement fits nearly every request: all but some that are named. Anything else is taken to fit few."""
    for negation in statement.each("notStatement"):
        return all(_some_requests(inner) for inner in _inner(negation))
    for both in statement.each("andStatement"):
        return all(_most_requests(inner) for inner in _inner(both))
    for either in statement.each("orStatement"):
        return any(_most_requests(inner) for inner in _inner(either))
    for match in statement.each("byteMatchStatement"):
        return match.text("searchString") == "/" and match.text("positionalConstraint") in ("STARTS_WITH", "CONTAINS")
    for match in statement.each("regexMatchStatement"):
        return match.text("regexString") in (".*", ".+", "^.*$", "^/", "^/.*", "^/.*$", "/")
    for match in statement.each("sizeConstraintStatement"):
        return match.text("comparisonOperator") in ("GE", "GT") and (match.number("size", 1) or 0) <= 1
    return False


def _some_requests(statement: View) -> bool:
    """Whether a statement fits a part of the requests only; two negations are none."""
    return not _most_requests(statement) and statement.raw("notStatement") is None


def _inner(holder: View) -> Iterator[View]:
    yield from holder.each("statements")
    yield from holder.each("statement")


def _allows_everything_from(acl: Resource, stack: Stack) -> float:
    """The priority of the first rule that lets nearly every request through; infinity when there is none."""
    found = float("inf")
    for rule in _rules(acl, stack):
        if "allow" not in rule.view("action").keys():  # noqa: SIM118
            continue
        statement = rule.view("statement")
        broad = _most_requests(statement) or statement.raw("geoMatchStatement") is not None
        if broad:
            found = min(found, rule.number("priority", 0) or 0)
    return found


def _has_rules(acl: Resource, stack: Stack) -> Verdict:
    if (
        acl.has("rules")
        or acl.has("ruleJson")
        or any(stack.referrers(acl, kind, "webAclArn") for kind in (RULE, GROUP_RULE))
    ):
        return ok()
    return bad("rules", None, "add rules or managed rule groups")


def _logged(acl: Resource, stack: Stack) -> Verdict:
    found = stack.referrers(acl, LOGGING, "resourceArn")
    if not found:
        return bad("WebAclLoggingConfiguration", None, "add a wafv2.WebAclLoggingConfiguration for this web ACL")
    config = found[0]
    keeps = [item for item in config.each("loggingFilter.filters") if item.text("behavior") == "KEEP"]
    if config.text("loggingFilter.defaultBehavior", "KEEP") == "DROP" and not keeps:
        return bad(f"{config.name}.loggingFilter", "DROP without a filter that keeps", "keep what is not named")
    dropped: set[str] = set()
    for item in config.each("loggingFilter.filters"):
        conditions = list(item.each("conditions"))
        alone = len(conditions) == 1 or item.text("requirement") == "MEETS_ANY"
        if item.text("behavior") == "DROP" and alone:
            dropped |= {condition.text("actionCondition.action") for condition in conditions}
    if dropped >= {"ALLOW", "BLOCK"}:
        return bad(f"{config.name}.loggingFilter", sorted(dropped - {""}), "keep blocked and allowed requests")
    return ok()


def _measured(subject: Resource) -> Verdict:
    """CloudWatch metrics are on for the whole and for each rule."""

    def check(view: View) -> Verdict:
        path = "visibilityConfig.cloudwatchMetricsEnabled"
        return ok() if view.flag(path) else bad(view.at(path), view.raw(path), "set it to true")

    rules, undecided = subject.each_known("rules")
    verdict = decide(lambda: check(subject), *[lambda rule=rule: check(rule) for rule in rules])
    if verdict == ok() and undecided:
        raise undecided
    return verdict


def _blocks_with(group: str) -> Related:
    """The web ACL has AWS's managed rule group `group`, which blocks and is asked before anything lets all requests through."""

    def check(acl: Resource, stack: Stack) -> Verdict:
        open_from = _allows_everything_from(acl, stack)
        weak: tuple[str, str] | None = None
        for found in _managed(acl, stack):
            if found.name != group:
                continue
            if found.priority >= open_from:
                weak = found.path, f"asked after a rule that allows nearly everything (priority {open_from:g})"
            elif found.weakness:
                weak = found.path, found.weakness
            else:
                return ok()
        if weak:
            return bad(*weak, f"let {group} block, on all requests, before any rule that allows")
        return bad("rules", None, f"add a rule with the managed rule group {group}")

    return Related((ACL,), check)


def _limits_rate(acl: Resource, stack: Stack) -> Verdict:
    weak: tuple[str, object] = ("rules", None)
    for rule in _rules(acl, stack):
        rate = rule.view("statement.rateBasedStatement")
        if rule.raw("statement.rateBasedStatement") is None:
            continue
        acts = [name for name in ("block", "challenge", "captcha") if name in rule.view("action").keys()]  # noqa: SIM118
        per_minute = (rate.number("limit", 0) or 0) * 60 / (rate.number("evaluationWindowSec", 300) or 300)
        if not acts:
            weak = rule.at("action"), "count"
        elif per_minute > _MAX_RATE:
            weak = rate.at("limit"), rate.raw("limit")
        elif rate.raw("scopeDownStatement") is not None and not _most_requests(rate.view("scopeDownStatement")):
            weak = rate.at("scopeDownStatement"), "only some of the requests"
        else:
            return ok()
    return bad(*weak, f"block an address after at most {_MAX_RATE} requests a minute, whatever it asks for")


def _redacts(config: Resource) -> Verdict:
    hidden = {field.text("singleHeader.name").lower() for field in config.each("redactedFields")}
    missing = [name for name in _SENSITIVE if name not in hidden]
    return (
        bad("redactedFields", sorted(hidden - {""}), f"redact the headers {' and '.join(missing)}") if missing else ok()
    )


def _current(subject: Resource) -> Verdict:
    if subject.type in CLASSIC:
        return bad("type", subject.token, "use AWS WAF (wafv2)")
    return ok()


def _sampled(acl: Resource) -> Verdict:
    if acl.type == GROUP and not acl.has("rules"):
        return na("no rules")
    path = "visibilityConfig.sampledRequestsEnabled"
    return ok() if acl.flag(path) else bad(path, acl.raw(path), "set it to true")


#: AWS's managed rule groups that every web ACL has: (id, group, title, link).
_GROUPS = (
    ("MD.WAF.2", "AWSManagedRulesCommonRuleSet", "Web ACLs block common attacks", _BASELINE),
    (
        "MD.WAF.3",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "Web ACLs block known bad inputs (Log4j among them)",
        _BASELINE,
    ),
    (
        "MD.WAF.4",
        "AWSManagedRulesSQLiRuleSet",
        "Web ACLs block SQL injection",
        f"{_GUIDE}/aws-managed-rule-groups-use-case.html",
    ),
    (
        "MD.WAF.5",
        "AWSManagedRulesAmazonIpReputationList",
        "Web ACLs block addresses on the Amazon IP reputation list",
        f"{_GUIDE}/aws-managed-rule-groups-ip-rep.html",
    ),
)

CONTROLS: tuple[Control, ...] = (
    Control(
        id="WAF.10",
        severity=Severity.MEDIUM,
        remediation="Add rules or managed rule groups to the wafv2.WebAcl.",
        rule=Related((ACL,), _has_rules),
    ),
    Control(
        id="WAF.11",
        severity=Severity.LOW,
        remediation="Add a wafv2.WebAclLoggingConfiguration.",
        rule=Related((ACL,), _logged),
    ),
    Control(
        id="WAF.12",
        severity=Severity.MEDIUM,
        remediation="Set visibility_config.cloudwatch_metrics_enabled=True on the ACL or group and on each rule.",
        rule=Each((ACL, GROUP, RULE), _measured),
    ),
    Control(
        id="MD.WAF.1",
        title="No WAF Classic",
        severity=Severity.MEDIUM,
        remediation="Use pulumi_aws.wafv2 in place of waf and wafregional.",
        link=f"{_GUIDE}/waf-migrating-from-classic.html",
        rule=Each((ACL, *CLASSIC), _current),
    ),
    *(
        Control(
            id=control_id,
            title=title,
            severity=Severity.MEDIUM,
            remediation=f"Add a rule with the managed rule group {group} (vendor AWS) and override_action none.",
            link=link,
            rule=_blocks_with(group),
        )
        for control_id, group, title, link in _GROUPS
    ),
    Control(
        id="MD.WAF.6",
        title="Web ACLs limit the rate of requests",
        severity=Severity.MEDIUM,
        remediation="Add a rule with a rate_based_statement.",
        link=f"{_GUIDE}/waf-rule-statement-type-rate-based.html",
        rule=Related((ACL,), _limits_rate),
    ),
    Control(
        id="MD.WAF.7",
        title="Logs of web ACLs hold no credentials",
        severity=Severity.HIGH,
        remediation="Add the headers authorization and cookie to redacted_fields.",
        link=f"{_GUIDE}/logging-management.html",
        rule=Each((LOGGING,), _redacts),
    ),
    Control(
        id="MD.WAF.8",
        title="Web ACLs and rule groups keep samples of requests",
        severity=Severity.LOW,
        remediation="Set visibility_config.sampled_requests_enabled=True.",
        link=f"{_GUIDE}/web-acl-testing-view-sample.html",
        rule=Each((ACL, GROUP), _sampled),
    ),
)
