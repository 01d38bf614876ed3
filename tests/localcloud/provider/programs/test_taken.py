"""Names that are taken, kinds of which there is one, and what comes before that without which it cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi_aws as aws
import pytest

from localcloud.provider.constraints import official
from localcloud.provider.constraints.standing_names import NAMES
from localcloud.provider.constraints.standing_users import NEEDS, REFERENCES, USES
from localcloud.provider.rows import ROWS
from tests.localcloud.provider.programs.parts import ids, network, trust
from tests.localcloud.provider.programs.small_engine import Options, SmallEngine, judge, refused
from tests.tables import every_row

pytestmark = pytest.mark.process

Made = Callable[[str, Options | None], Any]


def _of(kind: Any, **given: Any) -> Made:
    return lambda name, opts: kind(name, opts=opts, **given)


_NONE = {"header_behavior": "none"}
_FORWARDED = {
    "cookies_config": {"cookie_behavior": "none"}, "headers_config": _NONE,
    "query_strings_config": {"query_string_behavior": "none"},
}  # fmt: skip
_SEEN = {"cloudwatch_metrics_enabled": False, "metric_name": "m", "sampled_requests_enabled": False}
_SESSION = json.dumps({"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {}})
_COST = {"budget_type": "COST", "limit_amount": "10", "limit_unit": "USD", "time_unit": "MONTHLY"}
TWICE: dict[str, tuple[Made, str]] = {
    "a vault": (_of(aws.backup.Vault, name="same"), "AlreadyExistsException"),
    "a budget": (_of(aws.budgets.Budget, name="same", **_COST), "DuplicateRecordException"),
    "a document": (
        _of(aws.ssm.Document, name="same", document_type="Session", content=_SESSION), "DocumentAlreadyExists"
    ),
    "a detector": (_of(aws.guardduty.Detector, enable=True), "a detector already exists"),
    "Security Hub": (_of(aws.securityhub.Account), "ResourceConflictException"),
    "a group": (_of(aws.iam.Group, name="same"), "EntityAlreadyExists"),
    "an instance profile": (_of(aws.iam.InstanceProfile, name="same"), "EntityAlreadyExists"),
    "an OIDC provider's URL": (
        _of(aws.iam.OpenIdConnectProvider, url="https://t.example.com", client_id_lists=["sts.amazonaws.com"]),
        "EntityAlreadyExists",
    ),
    "a cache policy": (
        _of(aws.cloudfront.CachePolicy, name="same", parameters_in_cache_key_and_forwarded_to_origin=_FORWARDED),
        "CachePolicyAlreadyExists",
    ),
    "an origin access control": (
        _of(aws.cloudfront.OriginAccessControl, name="same", origin_access_control_origin_type="s3",
            signing_behavior="always", signing_protocol="sigv4"),
        "OriginAccessControlAlreadyExists",
    ),
    "a rule group": (
        _of(aws.wafv2.RuleGroup, name="same", scope="REGIONAL", capacity=10, visibility_config=_SEEN),
        "WAFDuplicateItemException",
    ),
    "an IP set": (
        _of(aws.wafv2.IpSet, name="same", scope="REGIONAL", ip_address_version="IPV4", addresses=[]),
        "WAFDuplicateItemException",
    ),
    "a user of a cache": (
        _of(aws.elasticache.User, user_id="same", user_name="same", engine="valkey", access_string="on ~* +@all",
            passwords=["a" * 20]),
        "UserAlreadyExists",
    ),
    "a namespace": (_of(aws.servicediscovery.HttpNamespace, name="same"), "NamespaceAlreadyExists"),
    "an event bus": (_of(aws.cloudwatch.EventBus, name="same"), "ResourceAlreadyExistsException"),
}  # fmt: skip


@every_row("make, words", TWICE)
def test_a_second_one_is_refused_and_a_second_start_is_not(stack: SmallEngine, make: Made, words: str) -> None:
    def program(step: int) -> None:
        first = make("first", None)
        if step == 2:
            make("second", Options(depends_on=[first]))

    with refused("second: ", words):
        stack.up(program, 2)
    assert stack.up(program, 1).changes == {}
    stack.destroy()
    stack.up(program, 1)  # its name is free again
    stack.destroy()


def test_a_name_belongs_to_who_has_it_now(stack: SmallEngine) -> None:
    """A group that is renamed gives its name away; in another Region the same vault is another."""

    def program(step: int) -> None:
        first = aws.iam.Group("g", name="team" if step == 1 else "others")
        aws.backup.Vault("v", name="here")
        aws.backup.Vault("w", name="here", region="eu-west-1")
        if step == 2:
            aws.iam.Group("h", name="team", opts=Options(depends_on=[first]))

    stack.up(program, 1)
    stack.up(program, 2)
    assert stack.preview(program, 2).changes == {}
    stack.destroy()


def test_balancers_target_groups_and_subnet_groups_have_names_of_their_own(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        vpc, subnets = network(second=91)
        for number in range(2):
            name = "same" if step == number else f"own-{number}"
            last = aws.lb.TargetGroup(
                f"t{number}", name=name if step == 1 else f"t{number}", vpc_id=vpc.id, port=80 + number, protocol="HTTP",
                target_type="ip",
            )  # fmt: skip
        kinds = {2: aws.rds.SubnetGroup, 3: aws.elasticache.SubnetGroup}
        if step in kinds:
            one = kinds[step]("one", name="same", subnet_ids=ids(subnets), opts=Options(depends_on=[last]))
            kinds[step]("two", name="same", subnet_ids=ids(subnets), opts=Options(depends_on=[one]))
        if step == 4:
            lb = aws.lb.LoadBalancer("one", name="same", subnets=ids(subnets))
            aws.lb.LoadBalancer(
                "two", name="same", subnets=ids(subnets), idle_timeout=70, opts=Options(depends_on=[lb])
            )

    stack.up(program, 0)
    for step, words in {
        2: "DBSubnetGroupAlreadyExists",
        3: "CacheSubnetGroupAlreadyExists",
        4: "DuplicateLoadBalancerName",
    }.items():
        with refused("two: ", words):
            stack.up(program, step)
    stack.destroy()


@every_row("delay, words", {"the same": (1, ""), "another": (2, "QueueAlreadyExists")})
def test_a_queue_of_this_name_is_taken_over_only_if_it_is_the_same(stack: SmallEngine, delay: int, words: str) -> None:
    def program(_: int) -> None:
        first = aws.sqs.Queue("a", name="q-taken", delay_seconds=1)
        aws.sqs.Queue("b", name="q-taken", delay_seconds=delay, opts=Options(depends_on=[first], retain_on_delete=True))

    judge(stack, program, words, of="b: ")


def test_a_parameter_is_taken_over_where_the_program_says_so(stack: SmallEngine, aws_clients: Any) -> None:
    def program(step: int) -> None:
        aws.ssm.Parameter("p", name="/taken", type="String", value="ours", overwrite=step == 2 or None)

    aws_clients("ssm").put_parameter(Name="/taken", Value="theirs", Type="String")
    with refused("ParameterAlreadyExists"):
        stack.up(program, 1)
    stack.up(program, 2)
    assert aws_clients("ssm").get_parameter(Name="/taken")["Parameter"]["Value"] == "ours"
    assert stack.preview(program, 2).changes == {}
    stack.destroy()


# ---- what a kind needs


def _recorder() -> aws.cfg.Recorder:
    role = aws.iam.Role("r", name="of-config", assume_role_policy=trust("config.amazonaws.com"))
    return aws.cfg.Recorder("rec", name="default", role_arn=role.arn)


def test_config_begins_with_a_recorder_then_a_channel(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        first = [_recorder()] if step > 1 else []
        bucket = aws.s3.Bucket("b", bucket="of-config-1")
        if step in (1, 2, 4):
            name: Any = "nobodys-bucket-of-config" if step == 2 else bucket.bucket
            first += [aws.cfg.DeliveryChannel("ch", s3_bucket_name=name, opts=Options(depends_on=[bucket, *first]))]
        if step > 2:
            aws.cfg.RecorderStatus("on", name="default", is_enabled=True, opts=Options(depends_on=first))

    for step, words in {
        1: "NoAvailableConfigurationRecorderException", 2: "NoSuchBucketException", 3: "NoAvailableDeliveryChannelException",
    }.items():  # fmt: skip
        with refused(words):
            stack.up(program, step)
    stack.up(program, 4)
    stack.destroy()


def test_standards_need_security_hub(stack: SmallEngine) -> None:
    arn = "arn:aws:securityhub:ap-south-1::standards/aws-foundational-security-best-practices/v/1.0.0"

    def program(step: int) -> None:
        hub = [aws.securityhub.Account("hub")] if step == 2 else []
        aws.securityhub.StandardsSubscription("s", standards_arn=arn, opts=Options(depends_on=hub))

    with refused("InvalidAccessException"):
        stack.up(program, 1)
    stack.up(program, 2)
    stack.destroy()


def test_every_row_names_what_there_is() -> None:
    """Kinds and properties of the tables, which nothing else would miss."""
    named = {(token, each) for token, name in NAMES.items() for each in name.properties}
    named |= {(kind, each) for use in USES.values() for kind, properties in use.by.items() for each in properties}
    named |= {(token, each.path.split(".")[0]) for token, found in REFERENCES.items() for each in found}
    named |= {(token, need.when) for token, need in NEEDS.items() if need.when}
    assert {(token, each) for token, each in named if each not in official.fields(token)} == set()
    kinds = {
        *USES,
        *(need.kind for need in NEEDS.values()),
        *(k for f in REFERENCES.values() for e in f for k in e.kinds),
    }
    assert {token for token in kinds if token not in ROWS} == set()
    # What the emulator holds is not in the store, so a row that asks the store of it would never find anything.
    assert all(ROWS[kind].recorded for need in NEEDS.values() for kind in (need.kind,))
    assert all(ROWS[token].recorded for token in NAMES)
