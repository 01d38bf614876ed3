"""WAF and S3, siblings of /work/shared/cases/local-cloud 24 and 30: refused as AWS refuses them because of what else exists."""

from __future__ import annotations

from typing import Any

import pulumi_aws as aws
import pytest

from tests.localcloud.provider.programs.parts import ACCOUNT, balancer, network
from tests.localcloud.provider.programs.small_engine import Options, SmallEngine, judge, refused
from tests.tables import every_row

pytestmark = pytest.mark.process

_HERE = f"arn:aws:wafv2:ap-south-1:{ACCOUNT}:regional"
_SEEN = {"cloudwatch_metrics_enabled": False, "metric_name": "m", "sampled_requests_enabled": False}


def _acl(statement: dict[str, Any] | None = None, action: str = "action") -> aws.wafv2.WebAcl:
    given: dict[str, Any] = {"block": {}} if action == "action" else {"none": {}}
    rule = {"name": "r", "priority": 1, action: given, "statement": statement, "visibility_config": _SEEN}
    return aws.wafv2.WebAcl(
        "acl", scope="REGIONAL", default_action={"allow": {}}, visibility_config=_SEEN, rules=[rule] if statement else []
    )  # fmt: skip


def _managed(**more: Any) -> dict[str, Any]:
    return {"managed_rule_group_statement": {"vendor_name": "AWS", "name": "AWSManagedRulesCommonRuleSet"} | more}


@every_row(
    "statement, words",
    {
        "an IP set": ({"ip_set_reference_statement": {"arn": f"{_HERE}/ipset/gone/1-2"}}, "WAFNonexistentItemException"),
        "patterns": (
            {"regex_pattern_set_reference_statement": {
                "arn": f"{_HERE}/regexpatternset/gone/1-2", "field_to_match": {"uri_path": {}},
                "text_transformations": [{"priority": 0, "type": "NONE"}]}},
            "WAFNonexistentItemException",
        ),
        "a set inside": (
            {"not_statement": {"statement":
                {"ip_set_reference_statement": {"arn": f"{_HERE}/ipset/gone/1-2"}}}},
            "WAFNonexistentItemException",
        ),
        "a rule group": (
            {"rule_group_reference_statement": {"arn": f"{_HERE}/rulegroup/gone/1-2"}}, "WAFNonexistentItemException"
        ),
        "another scope": (
            {"ip_set_reference_statement": {"arn": f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/ipset/a/1-2"}},
            "WAFInvalidParameterException",
        ),
    },
)  # fmt: skip
def test_sets_that_are_not_there(stack: SmallEngine, statement: dict[str, Any], words: str) -> None:
    group = "rule_group_reference_statement" in statement
    with refused(words):
        stack.up(lambda _: _acl(statement, "override_action" if group else "action") and None)
    stack.destroy()


@every_row(
    "statement, words",
    {
        "a vendor": (_managed(vendor_name="Nobody", name="X"), "WAFSubscriptionNotFoundException"),
        "a name": (_managed(name="AWSManagedRulesNothing"), "WAFNonexistentItemException"),
        "a version": (_managed(version="newest"), "WAFNonexistentItemException"),
        "where log-ins are is not told": (_managed(name="AWSManagedRulesATPRuleSet"), "awsManagedRulesAtpRuleSet"),
        "none of these": (_managed(version="Version_1.0"), ""),
    },
)
def test_managed_rule_groups(stack: SmallEngine, statement: dict[str, Any], words: str) -> None:
    judge(stack, lambda _: _acl(statement, "override_action") and None, words)


def test_what_a_web_acl_names_and_who_names_it(stack: SmallEngine) -> None:
    """Sets of each sort, an association and a log: made together and changed by nothing; each wrong one is refused."""

    def program(step: int) -> None:
        vpc, subnets = network(second=50)
        lb, _ = balancer("b", vpc, subnets)
        addresses = aws.wafv2.IpSet("ips", scope="REGIONAL", ip_address_version="IPV4", addresses=["192.0.2.0/24"])
        patterns = aws.wafv2.RegexPatternSet("pat", scope="REGIONAL", regular_expressions=[{"regex_string": "^a"}])
        matched = {
            "arn": patterns.arn, "field_to_match": {"uri_path": {}},
            "text_transformations": [{"priority": 0, "type": "NONE"}],
        }  # fmt: skip
        both = {"or_statement": {"statements": [
            {"ip_set_reference_statement": {"arn": addresses.arn}}, {"regex_pattern_set_reference_statement": matched}
        ]}}  # fmt: skip
        acl = _acl(both)
        ghost = f"arn:aws:elasticloadbalancing:ap-south-1:{ACCOUNT}:loadbalancer/app/ghost/0123456789abcdef"
        target: Any = {2: ghost, 3: "arn:aws:s3:::a-bucket", 4: ghost.replace("/app/", "/net/")}.get(step, lb.arn)
        aws.wafv2.WebAclAssociation("as", web_acl_arn=acl.arn, resource_arn=target)
        group = aws.cloudwatch.LogGroup("lg", name="aws-waf-logs-50")
        log: Any = group.arn
        if step in (5, 6):
            log = f"arn:aws:logs:ap-south-1:{ACCOUNT}:log-group:{'aws-waf-logs-gone' if step == 5 else 'other'}"
        if step == 7:
            log = "arn:aws:s3:::aws-waf-logs-gone"
        aws.wafv2.WebAclLoggingConfiguration(
            "wl", resource_arn=acl.arn, log_destination_configs=[log], opts=Options(depends_on=[group])
        )

    for step, words in {
        2: "WAFNonexistentItemException", 3: "WAFInvalidParameterException", 4: "WAFInvalidParameterException",
        5: "WAFLogDestinationPermissionIssueException", 6: "begins with aws-waf-logs-",
        7: "the bucket 'aws-waf-logs-gone' does not exist",
    }.items():  # fmt: skip
        with refused(words):
            stack.up(program, step)
    stack.up(program, 1)
    assert stack.preview(program, 1).changes == {}
    stack.destroy()


# ---- S3


_TO_ALL = {
    "owner": {"id": "0" * 64},
    "grants": [{"permission": "READ", "grantee": {
        "type": "Group", "uri": "http://acs.amazonaws.com/groups/global/AllUsers"}}],
}  # fmt: skip


@every_row("given", {"canned": {"acl": "public-read"}, "granted": {"access_control_policy": _TO_ALL}})
def test_public_acls_are_blocked(stack: SmallEngine, given: dict[str, Any]) -> None:
    def program(step: int) -> None:
        bucket = aws.s3.Bucket("b", bucket="b51-x")
        owner = aws.s3.BucketOwnershipControls("o", bucket=bucket.id, rule={"object_ownership": "ObjectWriter"})
        block = aws.s3.BucketPublicAccessBlock("p", bucket=bucket.id, block_public_acls=step == 1)
        aws.s3.BucketAcl("a", bucket=bucket.id, **given, opts=Options(depends_on=[owner, block]))

    with refused("AccessDenied", "blockPublicAcls"):
        stack.up(program, 1)
    stack.up(program, 2)
    stack.destroy()


def test_object_lock_and_versions_go_together(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        lock = step > 2
        bucket = aws.s3.Bucket("b", bucket=f"b52-{'lock' if lock else 'free'}", object_lock_enabled=lock or None)
        if step != 1:
            status = "Suspended" if step == 4 else "Enabled"
            versions = aws.s3.BucketVersioning("v", bucket=bucket.id, versioning_configuration={"status": status})
        aws.s3.BucketObjectLockConfiguration(
            "l", bucket=bucket.id, rule={"default_retention": {"mode": "GOVERNANCE", "days": 1}},
            opts=Options(depends_on=[versions] if step != 1 else []),
        )  # fmt: skip

    with refused("InvalidBucketState", "Versioning must be 'Enabled'"):
        stack.up(program, 1)
    stack.up(program, 2)
    stack.destroy()
    stack.up(program, 3)
    with refused("InvalidBucketState", "cannot be changed"):
        stack.up(program, 4)
    stack.destroy()


@every_row(
    "name, words",
    {
        "IDNA": ("xn--a-bucket", "reserved"), "AWS's": ("sthree-a-bucket", "reserved"),
        "a demo": ("amzn-s3-demo-a", "reserved"),
        "an alias": ("a-bucket-s3alias", "reserved"), "object lambda": ("a-bucket--ol-s3", "reserved"),
        "an access point": ("a-bucket.mrap", "reserved"), "directories": ("a-bucket--x-s3", "reserved"),
        "tables": ("a-bucket--table-s3", "reserved"), "inside": ("a-s3alias-bucket", ""),
    },
)  # fmt: skip
def test_reserved_names_of_buckets(stack: SmallEngine, name: str, words: str) -> None:
    judge(stack, lambda _: aws.s3.Bucket("b", bucket=name) and None, words)
