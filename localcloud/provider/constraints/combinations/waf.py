"""AWS WAF: web ACLs, rule groups, sets, logging. Sources: CreateWebACL ("AWS WAF quotas", "rule groups list")."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator

from localcloud.provider.constraints.combinations.given import Failure, Given

#: AWS's managed rule groups and their capacity (WCU), from the developer guide's list.
MANAGED = {
    "AWSManagedRulesCommonRuleSet": 700, "AWSManagedRulesAdminProtectionRuleSet": 100,
    "AWSManagedRulesKnownBadInputsRuleSet": 200,
    "AWSManagedRulesSQLiRuleSet": 200, "AWSManagedRulesLinuxRuleSet": 200, "AWSManagedRulesUnixRuleSet": 100,
    "AWSManagedRulesWindowsRuleSet": 200, "AWSManagedRulesPHPRuleSet": 100, "AWSManagedRulesWordPressRuleSet": 100,
    "AWSManagedRulesAmazonIpReputationList": 25, "AWSManagedRulesAnonymousIpList": 50, "AWSManagedRulesBotControlRuleSet": 50,
    "AWSManagedRulesATPRuleSet": 50, "AWSManagedRulesACFPRuleSet": 50, "AWSManagedRulesAntiDDoSRuleSet": 50,
}  # fmt: skip
_STATEMENTS = (
    "andStatement", "asnMatchStatement", "byteMatchStatement", "geoMatchStatement", "ipSetReferenceStatement",
    "labelMatchStatement", "managedRuleGroupStatement", "notStatement", "orStatement", "rateBasedStatement",
    "regexMatchStatement", "regexPatternSetReferenceStatement", "ruleGroupReferenceStatement", "sizeConstraintStatement",
    "sqliMatchStatement", "xssMatchStatement",
)  # fmt: skip
#: Managed groups that look at log-ins or sign-ups, and what says where those are.
_GROUP_CONFIGS = {
    "AWSManagedRulesATPRuleSet": "awsManagedRulesAtpRuleSet", "AWSManagedRulesACFPRuleSet": "awsManagedRulesAcfpRuleSet",
}  # fmt: skip
_GROUPS = ("managedRuleGroupStatement", "ruleGroupReferenceStatement")
#: Base costs in capacity units (WCU): "Rule statements list" of the developer guide.
_COSTS = {"geoMatchStatement": 1, "ipSetReferenceStatement": 1, "labelMatchStatement": 1, "asnMatchStatement": 1,
          "rateBasedStatement": 2, "byteMatchStatement": 2, "sizeConstraintStatement": 1, "sqliMatchStatement": 20,
          "xssMatchStatement": 40, "regexMatchStatement": 3, "regexPatternSetReferenceStatement": 25}  # fmt: skip
#: Of a string match that does not know where to look.
_ANYWHERE = {"CONTAINS": 10, "CONTAINS_WORD": 10}


def _cost(name: str, inner: Given) -> int:
    """What one statement costs: its base, 10 for all query arguments, twice for a JSON body, 10 for each transformation."""
    base = _COSTS[name]
    if name == "byteMatchStatement":
        base = _ANYWHERE.get(inner.text("positionalConstraint") or "", base)
    if name == "sqliMatchStatement" and inner.text("sensitivityLevel") == "HIGH":
        base = 30
    forwarded = "forwardedIpConfig" if name != "ipSetReferenceStatement" else "ipSetForwardedIpConfig"
    if name == "ipSetReferenceStatement" and inner.inner(forwarded).text("position") == "ANY":
        base = 5
    if name == "rateBasedStatement":
        base += 30 * len(inner.each("customKeys"))
    at = inner.inner("fieldToMatch")
    base += 10 if at.has("allQueryArguments") or at.get("allQueryArguments") is not None else 0
    base *= 2 if at.get("jsonBody") is not None else 1
    changes = {item.text("type") for item in inner.each("textTransformations")}
    return base + 10 * len(changes - {"NONE"})


def capacity(statement: Given) -> int:
    """A low estimate of a statement's capacity units: a transformation that several statements share counts once in AWS."""
    total = sum(_cost(name, statement.inner(name)) for name in _COSTS if statement.has(name))
    for name in ("andStatement", "orStatement"):
        total += sum(capacity(item) for item in statement.inner(name).each("statements"))
    for name in ("notStatement", "rateBasedStatement"):
        inner = statement.inner(name)
        for key in ("statements", "statement", "scopeDownStatement"):
            if not inner.has(key):
                continue
            total += (
                sum(map(capacity, inner.each(key))) if isinstance(inner.get(key), list) else capacity(inner.inner(key))
            )
    group = statement.inner("managedRuleGroupStatement")
    return total + MANAGED.get(group.text("name") or "", 0)


def web_acl(given: Given) -> Iterator[Failure]:
    """A web ACL or rule group: rules that can be told apart, each with an action and one statement, within the capacity."""
    rules = given.each("rules")
    yield from _unique(rules)
    for rule in rules:
        yield from _rule(rule)
    total = sum(capacity(rule.inner("statement")) for rule in rules)
    most = given.number("capacity") or 5000
    if total > most:
        yield "rules", f"rules need {total} capacity units (WCU); accepted are at most {most:g}"
    for name in (given.inner("visibilityConfig"), *(rule.inner("visibilityConfig") for rule in rules)):
        if name.text("metricName") in ("All", "Default_Action"):
            yield "visibilityConfig", f"visibilityConfig.metricName {name.text('metricName')!r} is reserved for WAF"
    bodies = {item.text("key") for item in given.each("customResponseBodies")}
    for rule in rules:
        key = rule.inner("action").inner("block").inner("customResponse").text("customResponseBodyKey")
        if key and None not in bodies and key not in bodies:
            yield "rules", f"rules: {rule.text('name')!r} answers with the body {key!r}, none of customResponseBodies"
    default = given.inner("defaultAction")
    if given.get("defaultAction") == {}:
        yield "defaultAction", "defaultAction needs one of allow and block"
    if given.has("defaultAction") and default.has("allow") and default.has("block"):
        yield "defaultAction", "defaultAction has one of allow and block"


def _unique(rules: list[Given]) -> Iterator[Failure]:
    for key in ("priority", "name"):
        values = [rule.get(key) for rule in rules if rule.get(key) is not None]
        for value in sorted({str(value) for value in values if values.count(value) > 1}):
            yield "rules", f"rules: two have the {key} {value}"


def _rule(rule: Given) -> Iterator[Failure]:
    name, statement = rule.text("name"), rule.inner("statement")
    found = [kind for kind in _STATEMENTS if statement.get(kind) is not None]
    if rule.has("statement") and len(found) != 1:
        yield "rules", f"rules: {name!r} has exactly one statement; given: {', '.join(found) or 'none'}"
    group = bool(set(found) & set(_GROUPS))
    has_action, has_override = rule.get("action") is not None, rule.get("overrideAction") is not None
    if group and (has_action or not has_override):
        yield "rules", f"rules: {name!r} is a rule group: it needs overrideAction, and takes no action"
    if found and not group and (has_override or not has_action):
        yield "rules", f"rules: {name!r} needs action, and takes no overrideAction"
    action = rule.inner("action")
    kinds = [kind for kind in ("allow", "block", "captcha", "challenge", "count") if action.get(kind) is not None]
    if has_action and rule.get("action") and len(kinds) != 1:
        yield "rules", f"rules: {name!r} has exactly one action; given: {', '.join(kinds) or 'none'}"
    managed = statement.inner("managedRuleGroupStatement")
    if managed.text("vendorName") == "AWS" and managed.text("name") and managed.text("name") not in MANAGED:
        yield (
            "rules",
            f"WAFNonexistentItemException: rules: {managed.text('name')!r} is none of AWS's managed rule groups",
        )
    if managed.text("vendorName") not in ("AWS", "", None):
        yield (
            "rules",
            f"WAFSubscriptionNotFoundException: rules: {name!r}: nothing of the vendor {managed.text('vendorName')!r} is "
            "subscribed to; accepted is AWS",
        )
    version = managed.text("version")
    if version and managed.text("vendorName") == "AWS" and not re.fullmatch(r"Version_\d+\.\d+", version):
        yield (
            "rules",
            f"WAFNonexistentItemException: rules: {name!r}: version {version!r}; accepted are such as Version_1.0",
        )
    needed = _GROUP_CONFIGS.get(managed.text("name") or "")
    if needed and managed.lacks("managedRuleGroupConfigs"):
        yield "rules", f"rules: {name!r}: {managed.text('name')} needs managedRuleGroupConfigs with {needed}"
    for label in rule.each("ruleLabels"):
        if (label.text("name") or "").lower().startswith(("awswaf", "aws:", "waf:")):
            yield (
                "rules",
                f"rules: {name!r}: the label {label.text('name')!r} begins with a word that is reserved for AWS",
            )
    rate = statement.inner("rateBasedStatement")
    limit = rate.number("limit")
    if limit is not None and not 10 <= limit <= 2000000000:
        yield "rules", f"rules: {name!r} has the limit {limit:g}; accepted is 10 to 2000000000"
    if rate.text("aggregateKeyType") == "FORWARDED_IP" and rate.lacks("forwardedIpConfig"):
        yield "rules", f"rules: {name!r} needs forwardedIpConfig with FORWARDED_IP"
    if rate.text("aggregateKeyType") == "CUSTOM_KEYS" and rate.lacks("customKeys"):
        yield "rules", f"rules: {name!r} needs customKeys with CUSTOM_KEYS"
    if rate.text("aggregateKeyType") == "CONSTANT" and rate.lacks("scopeDownStatement"):
        yield "rules", f"rules: {name!r} needs scopeDownStatement with CONSTANT"
    yield from _nested(statement, name)


_MATCHES = (
    "byteMatchStatement", "regexMatchStatement", "regexPatternSetReferenceStatement", "sizeConstraintStatement",
    "sqliMatchStatement", "xssMatchStatement",
)  # fmt: skip


def _plain(statement: Given) -> Iterator[str]:
    """What one statement that joins no others may not say."""
    if len(statement.inner("geoMatchStatement").items("countryCodes") or ()) > 50:
        yield "geoMatchStatement.countryCodes: accepted are at most 50"
    wanted = statement.inner("byteMatchStatement").text("searchString")
    if wanted and len(wanted.encode()) > 200:
        yield f"byteMatchStatement.searchString has {len(wanted.encode())} bytes; accepted are at most 200"
    pattern = statement.inner("regexMatchStatement").text("regexString")
    if pattern:
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"regexMatchStatement.regexString {pattern!r} is no regular expression: {error}"
    for kind in _MATCHES:
        at = statement.inner(kind).get("fieldToMatch")
        if isinstance(at, dict) and len([each for each in at.values() if each is not None]) > 1:
            yield f"{kind}.fieldToMatch has exactly one part of a request; given: {', '.join(at)}"


def _nested(statement: Given, name: str | None) -> Iterator[Failure]:
    for reason in _plain(statement):
        yield "rules", f"rules: {name!r}: {reason}"
    for key in ("andStatement", "orStatement"):
        if (
            statement.has(key)
            and isinstance(statement.inner(key).get("statements"), list)
            and len(statement.inner(key).get("statements")) < 2
        ):
            yield "rules", f"rules: {name!r}: {key} joins two statements at least"
        for item in statement.inner(key).each("statements"):
            for kind in ("rateBasedStatement", *_GROUPS):
                if item.has(kind):
                    yield "rules", f"rules: {name!r}: {kind} cannot stand inside {key}"
            yield from _nested(item, name)
    for key in (
        "byteMatchStatement",
        "sizeConstraintStatement",
        "sqliMatchStatement",
        "xssMatchStatement",
        "regexMatchStatement",
    ):
        changes = statement.inner(key).each("textTransformations")
        numbers = [number for item in changes if (number := item.number("priority")) is not None]
        if len(numbers) != len(set(numbers)):
            yield "rules", f"rules: {name!r}: two textTransformations have one priority"


def ip_set(given: Given) -> Iterator[Failure]:
    """An IP set's addresses are networks of its version."""
    version = {"IPV4": 4, "IPV6": 6}.get(given.text("ipAddressVersion") or "")
    for address in given.items("addresses") or ():
        try:
            network = ipaddress.ip_network(str(address), strict=False)
        except ValueError:
            yield "addresses", f"addresses: {address!r}; accepted are networks such as 192.0.2.0/24"
            continue
        if "/" not in str(address) or network.prefixlen == 0:
            yield (
                "addresses",
                f"addresses: {address!r}; accepted are networks with a length of at least /1, such as 192.0.2.1/32",
            )
        elif version and network.version != version:
            yield "addresses", f"addresses: {address!r} is none of {given.text('ipAddressVersion')}"


def pattern_set(given: Given) -> Iterator[Failure]:
    """A regex pattern set's patterns."""
    for item in given.each("regularExpressions"):
        text = item.text("regexString")
        if text is not None and text:
            try:
                re.compile(text)
            except re.error as error:
                yield "regularExpressions", f"regularExpressions: {text!r} is no regular expression: {error}"
            if len(text) > 200:
                yield "regularExpressions", f"regularExpressions: {len(text)} characters; accepted are at most 200"
    if len(given.each("regularExpressions")) > 10:
        yield "regularExpressions", "regularExpressions: accepted are at most 10"


def waf_logging(given: Given) -> Iterator[Failure]:
    """Logs go to what is called aws-waf-logs-…"""
    for arn in given.items("logDestinationConfigs") or ():
        name = re.split(r":deliverystream/|:log-group:|:::", str(arn))[-1]
        if not name.startswith("aws-waf-logs-"):
            yield (
                "logDestinationConfigs",
                f"WAFInvalidParameterException: logDestinationConfigs: {arn!r}; a destination's name begins with aws-waf-logs-",
            )


def key_value(given: Given) -> Iterator[Failure]:
    """A JSON of rules that stands for `rules`."""
    text = given.get("ruleJson")
    if isinstance(text, str) and text:
        try:
            json.loads(text)
        except ValueError:
            yield "ruleJson", "ruleJson is not JSON"


CHECKS = {
    "aws:wafv2/webAcl:WebAcl": (web_acl, key_value),
    "aws:wafv2/ruleGroup:RuleGroup": (web_acl,),
    "aws:wafv2/ipSet:IpSet": (ip_set,),
    "aws:wafv2/regexPatternSet:RegexPatternSet": (pattern_set,),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": (waf_logging,),
}
