"""Buckets that refuse plain HTTP, web ACLs and their logs: siblings of the shared sets of group c."""

from __future__ import annotations

import json
from typing import Any

from tests.policies.build import UNKNOWN, res
from tests.policies.siblings import BAD, OK, TELL, Sibling, allow, case, deny, policy

_ARN = "arn:aws:s3:::b"


def _tls(name: str, answer: str, *statements: Any) -> Sibling:
    return case(
        f"tls-{name}",
        {"S3.5": answer},
        res("aws:s3/bucket:Bucket", "b", bucket="b", arn=_ARN),
        res("aws:s3/bucketPolicy:BucketPolicy", "p", bucket="b", policy=policy(*statements)),
    )


def _plain(
    condition: Any, resource: Any = (_ARN, f"{_ARN}/*"), principal: Any = "*", action: Any = "s3:*"
) -> dict[str, Any]:
    return deny(
        action, list(resource) if isinstance(resource, tuple) else resource, principal=principal, condition=condition
    )


_HTTP = {"Bool": {"aws:SecureTransport": "false"}}

BUCKETS: list[Sibling] = [
    _tls("plain", OK, _plain(_HTTP)),
    _tls("boolean", OK, _plain({"Bool": {"aws:SecureTransport": False}})),
    _tls("list", OK, _plain({"Bool": {"AWS:securetransport": ["false"]}})),
    _tls("if-exists", OK, _plain({"BoolIfExists": {"aws:SecureTransport": "false"}})),
    _tls("principal-object", OK, _plain(_HTTP, principal={"AWS": "*"})),
    _tls("action-star", OK, _plain(_HTTP, action=["*"])),
    _tls("resource-star", OK, _plain(_HTTP, resource="*")),
    _tls("resource-prefix", OK, _plain(_HTTP, resource=f"{_ARN}*")),
    _tls("split", OK, _plain(_HTTP, resource=_ARN), _plain(_HTTP, resource=f"{_ARN}/*")),
    _tls("objects-alone", BAD, _plain(_HTTP, resource=f"{_ARN}/*")),
    _tls("bucket-alone", BAD, _plain(_HTTP, resource=_ARN)),
    _tls("other-bucket", BAD, _plain(_HTTP, resource=("arn:aws:s3:::a", "arn:aws:s3:::a/*"))),
    _tls("one-folder", BAD, _plain(_HTTP, resource=(_ARN, f"{_ARN}/in/*"))),
    _tls("reads-alone", BAD, _plain(_HTTP, action="s3:GetObject")),
    _tls("one-principal", BAD, _plain(_HTTP, principal={"AWS": "111122223333"})),
    _tls("true-in-place-of-false", BAD, _plain({"Bool": {"aws:SecureTransport": "true"}})),
    _tls("both-values", BAD, _plain({"Bool": {"aws:SecureTransport": ["true", "false"]}})),
    _tls("second-operator", BAD, _plain(_HTTP | {"StringNotEquals": {"aws:PrincipalAccount": "1"}})),
    _tls("second-key", BAD, _plain({"Bool": {"aws:SecureTransport": "false", "aws:ViaAWSService": "false"}})),
    _tls("null", BAD, _plain({"Null": {"aws:SecureTransport": "false"}})),
    _tls(
        "allow-over-tls",
        BAD,
        allow(
            "s3:*",
            [_ARN, f"{_ARN}/*"],
            principal={"AWS": "111122223333"},
            condition={"Bool": {"aws:SecureTransport": "true"}},
        ),
    ),
    _tls(
        "not-action",
        BAD,
        {
            "Effect": "Deny",
            "Principal": "*",
            "NotAction": "s3:GetObject",
            "Resource": [_ARN, f"{_ARN}/*"],
            "Condition": _HTTP,
        },
    ),
    case("tls-no-policy", {"S3.5": BAD}, res("aws:s3/bucket:Bucket", "b", bucket="b")),
    case(
        "tls-unknown",
        {"S3.5": TELL},
        res("aws:s3/bucket:Bucket", "b", bucket="b"),
        res("aws:s3/bucketPolicy:BucketPolicy", "p", bucket="b", policy=UNKNOWN),
    ),
]


def _web_acl(name: str, right: dict[str, str], *rules: dict[str, Any], **props: Any) -> Sibling:
    return case(
        f"waf-{name}",
        right,
        res(
            "aws:wafv2/webAcl:WebAcl",
            "w",
            arn="arn:acl",
            scope="REGIONAL",
            defaultAction={"allow": {}},
            rules=list(rules),
            **props,
        ),
    )


def _managed(priority: Any = 1, override: Any = None, **group: Any) -> dict[str, Any]:
    inner = {"name": "AWSManagedRulesCommonRuleSet", "vendorName": "AWS"} | group
    return {
        "name": "common",
        "priority": priority,
        "overrideAction": override or {"none": {}},
        "statement": {"managedRuleGroupStatement": inner},
    }


def _path(text: str, how: str = "STARTS_WITH") -> dict[str, Any]:
    return {"byteMatchStatement": {"searchString": text, "positionalConstraint": how, "fieldToMatch": {"uriPath": {}}}}


def _rate(action: Any = None, **limit: Any) -> dict[str, Any]:
    return {
        "name": "rate",
        "priority": 2,
        "action": action or {"block": {}},
        "statement": {"rateBasedStatement": {"limit": 2000, "aggregateKeyType": "IP"} | limit},
    }


_ALLOW_ALL = {"name": "in", "priority": 0, "action": {"allow": {}}, "statement": _path("/")}

WEB_ACLS: list[Sibling] = [
    _web_acl("blocks", {"MD.WAF.2": OK}, _managed()),
    _web_acl("counts", {"MD.WAF.2": BAD}, _managed(override={"count": {}})),
    _web_acl("no-group", {"MD.WAF.2": BAD, "WAF.10": BAD}),
    _web_acl("other-vendor", {"MD.WAF.2": BAD}, _managed(vendorName="Fortinet")),
    _web_acl(
        "one-rule-counted",
        {"MD.WAF.2": BAD},
        _managed(ruleActionOverrides=[{"name": "CrossSiteScripting_BODY", "actionToUse": {"count": {}}}]),
    ),
    _web_acl(
        "one-rule-allowed",
        {"MD.WAF.2": BAD},
        _managed(ruleActionOverrides=[{"name": "GenericLFI_BODY", "actionToUse": {"allow": {}}}]),
    ),
    _web_acl(
        "size-counted",
        {"MD.WAF.2": OK},
        _managed(ruleActionOverrides=[{"name": "SizeRestrictions_BODY", "actionToUse": {"count": {}}}]),
    ),
    _web_acl(
        "one-rule-challenged",
        {"MD.WAF.2": OK},
        _managed(ruleActionOverrides=[{"name": "GenericLFI_BODY", "actionToUse": {"challenge": {}}}]),
    ),
    _web_acl("one-path-seen", {"MD.WAF.2": BAD}, _managed(scopeDownStatement=_path("/never"))),
    _web_acl(
        "one-path-left-out",
        {"MD.WAF.2": OK},
        _managed(scopeDownStatement={"notStatement": {"statements": [_path("/upload")]}}),
    ),
    _web_acl(
        "everything-left-out",
        {"MD.WAF.2": BAD},
        _managed(scopeDownStatement={"notStatement": {"statements": [_path("/")]}}),
    ),
    _web_acl(
        "one-country-seen",
        {"MD.WAF.2": BAD},
        _managed(scopeDownStatement={"geoMatchStatement": {"countryCodes": ["AQ"]}}),
    ),
    _web_acl(
        "nowhere",
        {"MD.WAF.2": BAD},
        _managed(scopeDownStatement={"andStatement": {"statements": [_path("/a"), _path("/b")]}}),
    ),
    _web_acl("allowed-first", {"MD.WAF.2": BAD}, _ALLOW_ALL, _managed()),
    _web_acl("allowed-afterwards", {"MD.WAF.2": OK}, _managed(0), _ALLOW_ALL | {"priority": 5}),
    _web_acl(
        "allowed-by-regex",
        {"MD.WAF.2": BAD},
        {
            "name": "in",
            "priority": 0,
            "action": {"allow": {}},
            "statement": {"regexMatchStatement": {"regexString": ".*", "fieldToMatch": {"uriPath": {}}}},
        },
        _managed(),
    ),
    _web_acl(
        "allowed-by-every-address",
        {"MD.WAF.2": BAD},
        {
            "name": "in",
            "priority": 0,
            "action": {"allow": {}},
            "statement": {
                "sizeConstraintStatement": {"comparisonOperator": "GE", "size": 0, "fieldToMatch": {"uriPath": {}}}
            },
        },
        _managed(),
    ),
    _web_acl(
        "allowed-office-first",
        {"MD.WAF.2": OK},
        {
            "name": "in",
            "priority": 0,
            "action": {"allow": {}},
            "statement": {"ipSetReferenceStatement": {"arn": "arn:set"}},
        },
        _managed(),
    ),
    _web_acl("priority-as-text", {"MD.WAF.2": BAD}, _ALLOW_ALL | {"priority": "0"}, _managed("1")),
    _web_acl(
        "as-json",
        {"MD.WAF.2": BAD},
        ruleJson=json.dumps(
            [
                {
                    "Name": "c",
                    "Priority": 1,
                    "OverrideAction": {"Count": {}},
                    "Statement": {
                        "ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}
                    },
                }
            ]
        ),
    ),
    _web_acl(
        "as-json-right",
        {"MD.WAF.2": OK},
        ruleJson=json.dumps(
            [
                {
                    "Name": "c",
                    "Priority": 1,
                    "OverrideAction": {"None": {}},
                    "Statement": {
                        "ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}
                    },
                }
            ]
        ),
    ),
    _web_acl("rate", {"MD.WAF.6": OK}, _rate()),
    _web_acl("rate-counts", {"MD.WAF.6": BAD}, _rate({"count": {}})),
    _web_acl("rate-without-end", {"MD.WAF.6": BAD}, _rate(limit=2_000_000_000)),
    _web_acl("rate-as-text", {"MD.WAF.6": BAD}, _rate(limit="2000000000")),
    _web_acl("rate-of-one-path", {"MD.WAF.6": BAD}, _rate(scopeDownStatement=_path("/login", "EXACTLY"))),
    _web_acl("rate-of-one-path-and-of-all", {"MD.WAF.6": OK}, _rate(scopeDownStatement=_path("/login")), _rate()),
    _web_acl("rate-challenges", {"MD.WAF.6": OK}, _rate({"challenge": {}})),
]


def _waf_logs(name: str, answer: str, **config: Any) -> Sibling:
    return case(
        f"waf-logs-{name}",
        {"WAF.11": answer},
        res("aws:wafv2/webAcl:WebAcl", "w", arn="arn:acl"),
        res(
            "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
            "l",
            resourceArn="arn:acl",
            logDestinationConfigs=["arn:x"],
            **config,
        ),
    )


_ACTION = "actionCondition"
WEB_LOGS: list[Sibling] = [
    _waf_logs("all", OK),
    _waf_logs(
        "keeps-blocked",
        OK,
        loggingFilter={
            "defaultBehavior": "DROP",
            "filters": [
                {"behavior": "KEEP", "requirement": "MEETS_ANY", "conditions": [{_ACTION: {"action": "BLOCK"}}]}
            ],
        },
    ),
    _waf_logs("drops-by-default", BAD, loggingFilter={"defaultBehavior": "DROP"}),
    _waf_logs(
        "drops-both",
        BAD,
        loggingFilter={
            "defaultBehavior": "KEEP",
            "filters": [
                {
                    "behavior": "DROP",
                    "requirement": "MEETS_ANY",
                    "conditions": [{_ACTION: {"action": "ALLOW"}}, {_ACTION: {"action": "BLOCK"}}],
                }
            ],
        },
    ),
    _waf_logs(
        "drops-both-in-two-filters",
        BAD,
        loggingFilter={
            "defaultBehavior": "KEEP",
            "filters": [
                {"behavior": "DROP", "requirement": "MEETS_ANY", "conditions": [{_ACTION: {"action": "ALLOW"}}]},
                {"behavior": "DROP", "requirement": "MEETS_ALL", "conditions": [{_ACTION: {"action": "BLOCK"}}]},
            ],
        },
    ),
    case(
        "waf-logs-of-another",
        {"WAF.11": BAD},
        res("aws:wafv2/webAcl:WebAcl", "w", arn="arn:acl"),
        res(
            "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
            "l",
            resourceArn="arn:other",
            logDestinationConfigs=["arn:x"],
        ),
    ),
]

CASES: list[Sibling] = [*BUCKETS, *WEB_ACLS, *WEB_LOGS]
