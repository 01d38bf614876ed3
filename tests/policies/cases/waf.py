"""Cases of policies/controls/waf.py."""

from __future__ import annotations

import json
from typing import Any

from policies.controls.waf import ACL, CLASSIC, GROUP, GROUP_RULE, LOGGING, RULE
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res

OTHER = [res("aws:sqs/queue:Queue")]
ARN = "arn:aws:wafv2:ap-south-1:111122223333:regional/webacl/edge/1"
SEEN = {"cloudwatchMetricsEnabled": True, "metricName": "m", "sampledRequestsEnabled": True}
GROUPS = {
    "MD.WAF.2": "AWSManagedRulesCommonRuleSet",
    "MD.WAF.3": "AWSManagedRulesKnownBadInputsRuleSet",
    "MD.WAF.4": "AWSManagedRulesSQLiRuleSet",
    "MD.WAF.5": "AWSManagedRulesAmazonIpReputationList",
}


def managed(name: str, **override: Any) -> dict[str, Any]:
    statement = {"managedRuleGroupStatement": {"name": name, "vendorName": "AWS"}}
    return {"name": name, "overrideAction": override or {"none": {}}, "statement": statement, "visibilityConfig": SEEN}


RATE = {
    "name": "rate",
    "action": {"block": {}},
    "statement": {"rateBasedStatement": {"limit": 2000, "aggregateKeyType": "IP"}},
    "visibilityConfig": SEEN,
}
RULES = [managed(name) for name in GROUPS.values()] + [RATE]


def acl(**props: Any) -> Any:
    return res(ACL, "edge", **({"arn": ARN, "rules": RULES, "scope": "REGIONAL", "visibilityConfig": SEEN} | props))


REDACTED = [{"singleHeader": {"name": "authorization"}}, {"singleHeader": {"name": "Cookie"}}]
LOGS = res(LOGGING, "logs", resourceArn=ARN, logDestinationConfigs=["arn:aws:logs:x"], redactedFields=REDACTED)
GOOD = [acl(tags={"Project": "matchday"}), LOGS]
RULE_GROUP = [res(GROUP, rules=[{"name": "r", "visibilityConfig": SEEN}], visibilityConfig=SEEN)]


def as_json(*rules: dict[str, Any]) -> Any:
    """The web ACL with its rules as AWS's own JSON."""

    def pascal(value: Any) -> Any:
        if isinstance(value, dict):
            return {key[:1].upper() + key[1:]: pascal(item) for key, item in value.items()}
        return [pascal(item) for item in value] if isinstance(value, list) else value

    return acl(rules=None, ruleJson=json.dumps(pascal(list(rules))))


def group_case(position: int, name: str) -> Case:
    others = [rule for rule in RULES if rule["name"] != name]
    association = {"webAclArn": ARN, "managedRuleGroup": {"name": name, "vendorName": "AWS"}}
    return Case(
        good=[
            GOOD,
            [as_json(*RULES)],
            [
                acl(rules=others),
                res(RULE, "own", webAclArn=ARN, **{k: v for k, v in managed(name).items() if k != "name"}),
            ],
            [acl(rules=others), res(GROUP_RULE, **association)],
        ],
        bad=[
            Change({"rules": others}),
            Change({f"rules.{position}.overrideAction": {"count": {}}}),
            [as_json(*others)],
            [acl(rules=others), res(GROUP_RULE, overrideAction="count", **association)],
            [acl(rules=None)],
        ],
        na=[OTHER, RULE_GROUP],
        unknown=[
            Change({"rules": UNKNOWN}),
            [acl(rules=others), res(GROUP_RULE, managedRuleGroup=UNKNOWN, webAclArn=ARN)],
        ],
    )


CASES = {
    "WAF.10": Case(
        good=[
            GOOD,
            [as_json(RATE)],
            [acl(rules=None), res(RULE, webAclArn=ARN)],
            [acl(rules=None), res(GROUP_RULE, webAclArn=UNKNOWN, deps={"webAclArn": [f"{ACL} edge"]})],
        ],
        bad=[
            Change({"rules": ABSENT}),
            [acl(rules=[])],
            [acl(rules=None), res(RULE, webAclArn="arn:aws:wafv2:another")],
        ],
        na=[OTHER],
        unknown=[Change({"rules": UNKNOWN})],
        also=frozenset({*GROUPS, "MD.WAF.6"}),
    ),
    "WAF.11": Case(
        good=[GOOD],
        bad=[Drop(LOGGING), Change({"resourceArn": "arn:aws:wafv2:another"}, type=LOGGING)],
        na=[OTHER],
        unknown=[Change({"resourceArn": UNKNOWN}, type=LOGGING)],
    ),
    "WAF.12": Case(
        good=[GOOD, RULE_GROUP, [res(RULE, visibilityConfig=SEEN)]],
        bad=[
            Change({"visibilityConfig.cloudwatchMetricsEnabled": False}),
            Change({"rules.1.visibilityConfig": ABSENT}),
            [res(GROUP, rules=[{"name": "r", "visibilityConfig": {"metricName": "m"}}], visibilityConfig=SEEN)],
            [res(RULE)],
        ],
        na=[OTHER],
        unknown=[Change({"visibilityConfig": UNKNOWN}), Change({"rules": UNKNOWN})],
    ),
    "MD.WAF.1": Case(good=[GOOD], bad=[[res(CLASSIC[0])], *([*GOOD, res(kind)] for kind in CLASSIC)], na=[OTHER]),
    "MD.WAF.6": Case(
        good=[GOOD, [as_json(RATE)]],
        bad=[Change({"rules": RULES[:-1]}), [acl(rules=None)]],
        na=[OTHER, RULE_GROUP],
        unknown=[Change({"rules": UNKNOWN})],
    ),
    "MD.WAF.7": Case(
        good=[GOOD],
        bad=[Change({"redactedFields": ABSENT}, type=LOGGING), Change({"redactedFields": REDACTED[:1]}, type=LOGGING)],
        na=[OTHER, [acl()]],
        unknown=[Change({"redactedFields": UNKNOWN}, type=LOGGING)],
    ),
    "MD.WAF.8": Case(
        good=[GOOD, RULE_GROUP],
        bad=[
            Change({"visibilityConfig.sampledRequestsEnabled": False}),
            Change({"visibilityConfig.sampledRequestsEnabled": ABSENT}),
        ],
        na=[OTHER, [res(GROUP)]],
        unknown=[Change({"visibilityConfig.sampledRequestsEnabled": UNKNOWN})],
    ),
} | {control_id: group_case(position, name) for position, (control_id, name) in enumerate(GROUPS.items())}
