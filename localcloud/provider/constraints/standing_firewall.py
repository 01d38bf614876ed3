"""What WAF refuses because of what else exists; the tables that call it are in standing.py.

Sources: CreateWebACL, AssociateWebACL (the forms of ResourceArn), PutLoggingConfiguration and their errors (API reference).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.provider.errors import Refused
from localcloud.provider.row import Context

#: Statement -> (kind that the provider records, the emulator's operation).
_REFERENCES: Mapping[str, tuple[str, str]] = {
    "ipSetReferenceStatement": ("aws:wafv2/ipSet:IpSet", "get_ip_set"),
    "regexPatternSetReferenceStatement": ("aws:wafv2/regexPatternSet:RegexPatternSet", "get_regex_pattern_set"),
    "ruleGroupReferenceStatement": ("aws:wafv2/ruleGroup:RuleGroup", "get_rule_group"),
}
#: Services whose resources a web ACL can protect; what of them is there is asked of load balancers only.
_PROTECTED = (
    "elasticloadbalancing",
    "apigateway",
    "appsync",
    "cognito-idp",
    "apprunner",
    "ec2",
    "amplify",
    "bedrock-agentcore",
)


def _named(value: Any) -> Iterator[tuple[str, str]]:
    """(statement, ARN) of all that rules refer to, however deep."""
    if isinstance(value, list):
        for item in value:
            yield from _named(item)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in _REFERENCES and isinstance(inner, dict) and inner.get("arn"):
                yield name, str(inner["arn"])
            yield from _named(inner)


def references(context: Context) -> None:
    """CreateWebACL, CreateRuleGroup, UpdateWebACL: sets and rule groups that rules name are there, in the same scope."""
    inputs = context["in"]
    scopes = {"REGIONAL": "regional", "CLOUDFRONT": "global"}
    for statement, arn in dict.fromkeys(_named(inputs.get("rules"))):
        kind, operation = _REFERENCES[statement]
        parts = arn.split(":", 5)
        if len(parts) == 6 and parts[4] != context["account"]:
            continue  # of another account: not ours to look at
        path = arn.rsplit(":", 1)[-1].split("/")
        if path[-1] in context.recorded(kind):
            continue
        wanted = scopes.get(str(inputs.get("scope")))
        if path[0] in scopes.values() and wanted and path[0] != wanted:
            raise Refused(
                f"WAFInvalidParameterException: {statement}: {arn} is of another scope than {inputs['scope']}"
            )
        if len(path) < 4 or not context.exists(
            operation, {"Name": path[-2], "Scope": inputs.get("scope"), "Id": path[-1]}
        ):
            raise Refused(
                "WAFNonexistentItemException: AWS WAF couldn't perform the operation because your resource doesn't exist: "
                f"{statement} {arn}"
            )


def association(context: Context) -> None:
    """AssociateWebACL: a regional web ACL, and something that can have one and is there."""
    inputs = context["in"]
    acl, arn = str(inputs["webAclArn"]), str(inputs["resourceArn"])
    if ":global/" in acl:
        raise Refused(
            f"WAFInvalidParameterException: webAclArn {acl} has the scope CLOUDFRONT: a distribution names it as its webAclId"
        )
    parts = [*arn.split(":", 5), *[""] * 6][:6]
    balancer = parts[2] == "elasticloadbalancing"
    if parts[2] not in _PROTECTED or (balancer and not parts[5].startswith("loadbalancer/app/")):
        raise Refused(
            f"WAFInvalidParameterException: the ARN isn't valid for a web ACL: resourceArn {arn!r}; accepted are application "
            f"load balancers, and resources of {', '.join(_PROTECTED[1:])}"
        )
    known = not balancer or parts[4] != context["account"]
    if not known and not context.exists("elbv2:describe_load_balancers", {"LoadBalancerArns": [arn]}):
        raise Refused(
            "WAFNonexistentItemException: AWS WAF couldn't perform the operation because your resource doesn't exist: "
            f"resourceArn {arn}"
        )


def logging(context: Context) -> None:
    """PutLoggingConfiguration: the log group or bucket is there."""
    for arn in context["in"].get("logDestinationConfigs") or ():
        parts = str(arn).split(":")
        group = str(arn).partition(":log-group:")[2].removesuffix(":*")
        if parts[2] == "logs" and parts[4] == context["account"] and not _group(context, group):
            raise Refused(f"{_UNDELIVERED}: the log group {group!r} does not exist")
        if parts[2] == "s3" and not context.exists("s3:head_bucket", {"Bucket": parts[-1].split("/")[0]}):
            raise Refused(f"{_UNDELIVERED}: the bucket {parts[-1]!r} does not exist")


_UNDELIVERED = (
    "WAFLogDestinationPermissionIssueException: unable to deliver logs to the configured destination of "
    "logDestinationConfigs"
)


def _group(context: Context, name: str) -> bool:
    found = context.call("logs:describe_log_groups", {"logGroupNamePrefix": name})["logGroups"]
    return any(each["logGroupName"] == name for each in found)
