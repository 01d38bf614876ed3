"""Controls on AWS WAF: web ACLs, their rules (inline, separate or JSON), logs and metrics. Classic is one control: none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.lang.resources import Resource, Stack
from policies.lang.values import View
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok, refs
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


def _managed(acl: Resource, stack: Stack) -> Iterator[tuple[str, bool, str]]:
    """(name, whether it only counts, path) of every managed rule group of a web ACL."""
    for rule in _rules(acl, stack):
        name = rule.text("statement.managedRuleGroupStatement.name")
        if name:
            counts = "count" in rule.view("overrideAction").keys()  # noqa: SIM118
            yield name, counts, rule.at("overrideAction")
    for association in stack.referrers(acl, GROUP_RULE, "webAclArn"):
        name = association.text("managedRuleGroup.name")
        if name:
            yield name, association.text("overrideAction", "none") == "count", f"{association.name}.overrideAction"


def _has_rules(acl: Resource, stack: Stack) -> Verdict:
    if (
        acl.has("rules")
        or acl.has("ruleJson")
        or any(stack.referrers(acl, kind, "webAclArn") for kind in (RULE, GROUP_RULE))
    ):
        return ok()
    return bad("rules", None, "add rules or managed rule groups")


def _logged(acl: Resource, stack: Stack) -> Verdict:
    if stack.referrers(acl, LOGGING, "resourceArn"):
        return ok()
    return bad("WebAclLoggingConfiguration", None, "add a wafv2.WebAclLoggingConfiguration for this web ACL")


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
    """The web ACL has AWS's managed rule group `group`, and it does more than count."""

    def check(acl: Resource, stack: Stack) -> Verdict:
        counting = ""
        for name, counts, path in _managed(acl, stack):
            if name == group and not counts:
                return ok()
            counting = path if name == group else counting
        if counting:
            return bad(counting, "count", f"let {group} block: set it to none")
        return bad("rules", None, f"add a rule with the managed rule group {group}")

    return Related((ACL,), check)


def _limits_rate(acl: Resource, stack: Stack) -> Verdict:
    for rule in _rules(acl, stack):
        if rule.raw("statement.rateBasedStatement") is not None:
            return ok()
    return bad("rules", None, "add a rule with a rate_based_statement")


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
        "Web ACLs block addresses of ill repute",
        f"{_GUIDE}/aws-managed-rule-groups-ip-rep.html",
    ),
)

CONTROLS: tuple[Control, ...] = (
    Control(
        id="WAF.10",
        title="Web ACLs have rules",
        severity=Severity.MEDIUM,
        frameworks=refs(fsbp="WAF.10"),
        remediation="Add rules or managed rule groups to the wafv2.WebAcl.",
        rule=Related((ACL,), _has_rules),
    ),
    Control(
        id="WAF.11",
        title="Web ACLs log requests",
        severity=Severity.LOW,
        frameworks=refs(nist="AU-2,AU-3,AU-12", pci="10.4.2", soc2="A1.2,PI1.2"),
        remediation="Add a wafv2.WebAclLoggingConfiguration.",
        rule=Related((ACL,), _logged),
    ),
    Control(
        id="WAF.12",
        title="Web ACLs, rule groups and rules are measured",
        severity=Severity.MEDIUM,
        frameworks=refs(fsbp="WAF.12", soc2="A1.2"),
        remediation="Set visibility_config.cloudwatch_metrics_enabled=True on the ACL or group and on each rule.",
        rule=Each((ACL, GROUP, RULE), _measured),
    ),
    Control(
        id="MD.WAF.1",
        title="No WAF Classic",
        severity=Severity.MEDIUM,
        frameworks=refs(fsbp="WAF.1,WAF.2,WAF.3,WAF.4,WAF.6,WAF.7,WAF.8"),
        remediation="Use pulumi_aws.wafv2 in place of waf and wafregional.",
        link=f"{_GUIDE}/waf-migrating-from-classic.html",
        rule=Each((ACL, *CLASSIC), _current),
    ),
    *(
        Control(
            id=control_id,
            title=title,
            severity=Severity.MEDIUM,
            frameworks=refs(house=group),
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
        frameworks=refs(house="WAF-rate-limit"),
        remediation="Add a rule with a rate_based_statement.",
        link=f"{_GUIDE}/waf-rule-statement-type-rate-based.html",
        rule=Related((ACL,), _limits_rate),
    ),
    Control(
        id="MD.WAF.7",
        title="Logs of web ACLs hold no credentials",
        severity=Severity.HIGH,
        frameworks=refs(house="WAF-redacted-headers"),
        remediation="Add the headers authorization and cookie to redacted_fields.",
        link=f"{_GUIDE}/logging-management.html",
        rule=Each((LOGGING,), _redacts),
    ),
    Control(
        id="MD.WAF.8",
        title="Web ACLs and rule groups keep samples of requests",
        severity=Severity.LOW,
        frameworks=refs(house="WAF-sampled-requests"),
        remediation="Set visibility_config.sampled_requests_enabled=True.",
        link=f"{_GUIDE}/web-acl-testing-view-sample.html",
        rule=Each((ACL, GROUP), _sampled),
    ),
)
