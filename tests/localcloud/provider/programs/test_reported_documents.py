"""Policies and rules after public bug reports (/work/shared/cases/local-cloud): what AWS refuses of them, and what it takes."""

from __future__ import annotations

from typing import Any

import pulumi_aws as aws
import pytest

from tests.localcloud.provider.programs.parts import (
    ACCOUNT,
    allow,
    policy,
    trust,
)  # fmt: skip
from tests.localcloud.provider.programs.small_engine import Options, Program, SmallEngine, judge, refused
from tests.tables import every_row

pytestmark = pytest.mark.process

GHOST = f"arn:aws:iam::{ACCOUNT}:role/ghost"

ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def test_bucket_policies_that_s3_refuses(stack: SmallEngine) -> None:
    statements: dict[int, dict[str, Any]] = {
        1: {"Principal": "*", "Resource": "arn:aws:s3:::b24-x/*"},
        2: {"Principal": ROOT, "Resource": "arn:aws:s3:::another/*"},
        3: {"Principal": {"AWS": GHOST}, "Resource": "arn:aws:s3:::b24-x/*"},
        4: {"Principal": ROOT, "Action": "s3:NoSuchAction", "Resource": "arn:aws:s3:::b24-x/*"},
        5: {"Principal": ROOT, "Resource": "arn:aws:s3:::b24-x/*"},
    }

    def program(step: int) -> None:
        bucket = aws.s3.Bucket("b", bucket="b24-x")
        block = aws.s3.BucketPublicAccessBlock(
            "p", bucket=bucket.id, block_public_policy=True, block_public_acls=True, ignore_public_acls=True,
            restrict_public_buckets=True,
        )  # fmt: skip
        aws.s3.BucketPolicy(
            "pol", bucket=bucket.id, policy=policy(allow(**{"Action": "s3:GetObject"} | statements[step])),
            opts=Options(depends_on=[block]),
        )  # fmt: skip

    for step, words in {1: "AccessDenied", 2: "MalformedPolicy", 3: "ghost", 4: "NoSuchAction"}.items():
        with refused(words):
            stack.up(program, step)
    stack.up(program, 5)
    assert stack.preview(program, 5).changes == {}
    stack.destroy()


_OBJECTS = "arn:aws:s3:::b24-y/*"
_EVERYBODY = {"Principal": "*", "Resource": _OBJECTS}


def _when(operator: str, **keys: Any) -> dict[str, Any]:
    return _EVERYBODY | {"Condition": {operator: {key.replace("_", ":"): value for key, value in keys.items()}}}


@every_row(
    "statement, words",
    {
        "a list of everybody": (_EVERYBODY | {"Principal": {"AWS": ["*"]}}, "is public"),
        "all but one": ({"NotPrincipal": ROOT, "Resource": _OBJECTS}, "is public"),
        "every address": (_when("IpAddress", aws_SourceIp="0.0.0.0/0"), "is public"),
        "half of the addresses": (_when("IpAddress", aws_SourceIp="128.0.0.0/1"), "is public"),
        "not from one network": (_when("NotIpAddress", aws_SourceIp="203.0.113.0/24"), "is public"),
        "from one network": (_when("IpAddress", aws_SourceIp="203.0.113.0/24"), ""),
        "from private networks": (_when("IpAddress", aws_SourceIp="10.0.0.0/7"), "is public"),
        "any endpoint": (_when("StringLike", aws_SourceVpce="vpce-*"), "is public"),
        "one endpoint": (_when("StringEquals", aws_SourceVpce="vpce-1a2b3c4d"), ""),
        "every account but one": (_when("StringNotEquals", aws_SourceAccount=ACCOUNT), "is public"),
        "one account, if it says so": (_when("StringEqualsIfExists", aws_SourceAccount=ACCOUNT), "is public"),
        "a role's name in any account": (_when("ArnLike", aws_PrincipalArn="arn:aws:iam::*:role/x"), "is public"),
        "who asks by TLS": (_when("Bool", aws_SecureTransport="true"), "is public"),
        "what a caller writes": (_when("StringLike", aws_Referer="https://a.example/*"), "is public"),
        "one organisation": (_when("StringEquals", aws_PrincipalOrgID="o-12345"), ""),
        "an object's action on the bucket": (
            {"Principal": ROOT, "Resource": "arn:aws:s3:::b24-y"}, "does not apply to any resource"
        ),
        "a bucket's action on objects": (
            {"Principal": ROOT, "Resource": _OBJECTS, "Action": "s3:ListBucket"}, "does not apply to any resource"
        ),
        "both on both": (
            {"Principal": ROOT, "Resource": [_OBJECTS, "arn:aws:s3:::b24-y"], "Action": ["s3:GetObject", "s3:ListBucket"]}, ""
        ),
        "a key that S3 lacks": (_when("StringEquals", s3_nosuch="x") | {"Principal": ROOT}, "s3:nosuch"),
        "a group": (_EVERYBODY | {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:group/x"}}, "a group is no principal"),
        "part of a name": (_EVERYBODY | {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/*"}}, "part of a name"),
        "a service that is none": (_EVERYBODY | {"Principal": {"Service": "nosuch.amazonaws.com"}}, "no service of AWS"),
        "a service with hyphens": (_EVERYBODY | {"Principal": {"Service": "vpc-flow-logs.amazonaws.com"}}, ""),
    },
)  # fmt: skip
def test_whom_a_bucket_under_a_public_access_block_may_let_in(
    stack: SmallEngine, statement: dict[str, Any], words: str
) -> None:
    def program(_: int) -> None:
        bucket = aws.s3.Bucket("b", bucket="b24-y")
        block = aws.s3.BucketPublicAccessBlock("p", bucket=bucket.id, block_public_policy=True)
        document = policy(allow(**{"Action": "s3:GetObject"} | statement))
        aws.s3.BucketPolicy("pol", bucket=bucket.id, policy=document, opts=Options(depends_on=[block]))

    judge(stack, program, words)


def test_who_made_user_or_key_keeps_it(stack: SmallEngine, aws_clients: Any) -> None:
    """A user of the program is a principal; one with keys or groups stays, unless the program says that they go too."""

    def program(step: int) -> None:
        user = aws.iam.User("u", name="user29", force_destroy=step == 2)
        statement = user.arn.apply(
            lambda arn: policy(allow(Principal={"AWS": arn}, Action="sqs:SendMessage", Resource="*"))
        )
        aws.sqs.Queue("q", name="queue29", policy=statement)

    stack.up(program, 1)
    aws_clients("iam").create_access_key(UserName="user29")
    with refused("DeleteConflict", "access keys"):
        stack.destroy()
    stack.up(program, 2)
    stack.destroy()


_KEYS = allow(Sid="root", Principal=ROOT, Action="kms:*", Resource="*")


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (
            lambda _: aws.kms.Key(
                "lockout",
                policy=policy(allow(Principal={"AWS": "arn:aws:iam::999999999999:root"}, Action="kms:Decrypt", Resource="*")),
            ),
            "allow you to update",
        ),
        (
            lambda _: aws.kms.Key(
                "ghost", policy=policy(_KEYS, allow(Principal={"AWS": GHOST}, Action="kms:Decrypt", Resource="*"))
            ),
            "ghost",
        ),
        (
            lambda _: aws.kms.Key("denied", policy=policy(_KEYS, _KEYS | {"Sid": "no", "Effect": "Deny"})),
            "allow you to update",
        ),
        (
            lambda _: aws.kms.Key(
                "by-a-service",
                policy=policy(_KEYS | {"Condition": {"StringEquals": {"kms:ViaService": "s3.ap-south-1.amazonaws.com"}}}),
            ),
            "allow you to update",
        ),
        (
            lambda _: aws.kms.KeyPolicy(
                "kp", key_id=aws.kms.Key("k").id, policy=policy(allow(Principal=ROOT, Action="kms:Decrypt", Resource="*"))
            ),
            "allow you to update",
        ),
        (
            lambda _: aws.iam.Role(
                "x", assume_role_policy=trust(), permissions_boundary=f"arn:aws:iam::{ACCOUNT}:policy/nosuch"
            ),
            "policy/nosuch does not exist",
        ),
        (
            lambda _: aws.iam.Role("x", assume_role_policy=policy(allow(Principal=ROOT, Action="s3:GetObject"))),
            "none of sts",
        ),
        (
            lambda _: aws.iam.Role("x", assume_role_policy=policy(*(
                allow(Sid=f"s{i}", Principal=ROOT, Action="sts:AssumeRole") for i in range(20)
            ))),
            "2048",
        ),
        *(
            (lambda _, condition=condition: aws.iam.Policy(
                "x", policy=policy(allow(Action="s3:*", Resource="*", Condition=condition))
            ), "cannot compare")
            for condition in (
                {"NumericLessThan": {"s3:max-keys": "ten"}}, {"IpAddress": {"aws:SourceIp": "300.1.1.1"}},
                {"Bool": {"aws:SecureTransport": "perhaps"}},
            )
        ),
        (lambda _: aws.iam.Policy("x", policy=policy({"Effect": "Permit", "Action": "s3:*", "Resource": "*"})), "Permit"),
        (lambda _: aws.iam.Policy("x", policy=policy(allow(Action="s3:GetObject", Resource="not-an-arn"))), "not-an-arn"),
        (
            lambda _: aws.iam.Role("x", assume_role_policy=policy(allow(Principal={"AWS": GHOST}, Action="sts:AssumeRole"))),
            "ghost",
        ),
        (
            lambda _: aws.iam.Policy(
                "x",
                policy=policy(
                    *(allow(Action="s3:GetObject", Resource=f"arn:aws:s3:::{'b' * 50}{i}/*") for i in range(80))
                ),
            ),
            "6144",
        ),
        (lambda _: aws.iam.Policy("x", policy=policy(allow(Principal="*", Action="s3:*", Resource="*"))), "Principal"),
    ],
)  # fmt: skip
def test_policies_that_kms_and_iam_refuse(stack: SmallEngine, program: Program, words: str) -> None:
    with refused(words):
        stack.up(program)
    stack.destroy()


def test_a_policy_attached_elsewhere_stays(stack: SmallEngine, aws_clients: Any) -> None:
    def program(step: int) -> None:
        aws.iam.Role("r", name="role29", assume_role_policy=trust())
        if step == 1:
            aws.iam.Policy("p", name="policy29", policy=policy(allow(Action="s3:*", Resource="*")))

    iam = aws_clients("iam")
    stack.up(program, 1)
    arn = stack.outputs("p")["arn"]
    iam.attach_role_policy(RoleName="role29", PolicyArn=arn)
    with refused("p: ", "DeleteConflict"):
        stack.up(program, 2)
    iam.detach_role_policy(RoleName="role29", PolicyArn=arn)
    iam.attach_role_policy(RoleName="role29", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    with refused("DeleteConflict"):
        stack.destroy()
    iam.detach_role_policy(RoleName="role29", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    stack.destroy()


def _visible(name: str) -> dict[str, Any]:
    return {"cloudwatch_metrics_enabled": False, "metric_name": name, "sampled_requests_enabled": False}


def _rule(name: str, priority: int, **more: Any) -> dict[str, Any]:
    statement = {"geo_match_statement": {"country_codes": ["DE"]}}
    usual = {"statement": statement, "visibility_config": _visible(name), "action": {"block": {}}}
    return {"name": name, "priority": priority} | usual | more


def _managed(name: str, priority: int, group: str) -> dict[str, Any]:
    return {
        "name": name, "priority": priority, "override_action": {"none": {}}, "visibility_config": _visible(name),
        "statement": {"managed_rule_group_statement": {"vendor_name": "AWS", "name": group}},
    }  # fmt: skip


_REGEX = {
    "regex_match_statement": {
        "regex_string": "a", "field_to_match": {"body": {}}, "text_transformations": [{"priority": 0, "type": "URL_DECODE"}]
    }
}  # fmt: skip

_GROUPS = ("BotControl", "Common", "SQLi")


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([_rule("a", 1), _rule("b", 1)], "priority"),
        ([_rule("a", 1), _rule("a", 2)], "name"),
        ([{key: value for key, value in _rule("a", 1).items() if key != "action"}], "action"),
        ([_managed("m", 1, "AWSManagedRulesNoSuchSet")], "AWSManagedRulesNoSuchSet"),
        ([_rule("r", 1, statement={"rate_based_statement": {"limit": 5, "aggregate_key_type": "IP"}})], "limit"),
        (
            [_managed(f"m{i}", i, f"AWSManagedRules{name}RuleSet") for i, name in enumerate(_GROUPS)]
            + [_rule(f"x{i}", 50 + i, statement=_REGEX) for i in range(400)],
            "5000",
        ),
    ],
)
def test_web_acls_that_waf_refuses(stack: SmallEngine, rules: list[dict[str, Any]], words: str) -> None:
    def program(_: int) -> None:
        aws.wafv2.WebAcl(
            "acl", scope="REGIONAL", default_action={"allow": {}}, visibility_config=_visible("acl"), rules=rules
        )

    with refused(words):
        stack.up(program)


def test_a_web_acl_that_waf_takes(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        aws.wafv2.WebAcl(
            "acl", scope="REGIONAL", default_action={"allow": {}}, visibility_config=_visible("acl"),
            rules=[_rule("a", 1)] if step == 1 else [],
        )  # fmt: skip

    stack.up(program, 1)
    assert stack.outputs("acl")["capacity"] == 1
    assert stack.up(program, 2).changes == {"update": {"acl"}}
    stack.destroy()


def _match(kind: str, part: str = "uri_path", **more: Any) -> dict[str, Any]:
    field: dict[str, Any] = {"match_pattern": {"all": {}}, "match_scope": "ALL"} if part == "json_body" else {}
    plain = {"field_to_match": {part: field}, "text_transformations": [{"priority": 0, "type": "NONE"}]}
    return {f"{kind}_statement": plain | more}


@every_row(
    "statement, units",
    {
        "a text anywhere": (_match("byte_match", search_string="a", positional_constraint="CONTAINS"), 10),
        "a text at its place": (_match("byte_match", search_string="a", positional_constraint="EXACTLY"), 2),
        "in a JSON body": (_match("byte_match", "json_body", search_string="a", positional_constraint="EXACTLY"), 4),
        "of all arguments": (_match("size_constraint", "all_query_arguments", comparison_operator="GT", size=1), 11),
        "SQL, with care": (_match("sqli_match", sensitivity_level="HIGH"), 30),
        "SQL, as usual": (_match("sqli_match"), 20),
        "decoded": (_match("xss_match", text_transformations=[{"priority": 0, "type": "URL_DECODE"}]), 50),
    },
)
def test_capacity_is_counted_as_the_developer_guide_counts(
    stack: SmallEngine, statement: dict[str, Any], units: int
) -> None:
    def program(_: int) -> None:
        aws.wafv2.WebAcl(
            "acl", scope="REGIONAL", default_action={"allow": {}}, visibility_config=_visible("acl"),
            rules=[_rule("a", 1, statement=statement)],
        )  # fmt: skip

    stack.up(program)
    assert stack.outputs("acl")["capacity"] == units
    stack.destroy()
