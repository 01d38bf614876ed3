"""What is still used does not go; what is named must be there: among kinds that only the provider's store knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi_aws as aws
import pytest

from tests.localcloud.provider.programs.parts import ACCOUNT, allow, ids, network, policy, trust
from tests.localcloud.provider.programs.small_engine import Options, SmallEngine, judge, refused
from tests.tables import every_row

pytestmark = pytest.mark.process

_ANY = policy(allow(Action="s3:ListBucket", Resource="*"))
_HERE = f"arn:aws:iam::{ACCOUNT}"


def _after(*first: Any) -> Options:
    return Options(depends_on=[each for each in first if each is not None])


def _boundary(there: bool) -> None:
    made = aws.iam.Policy("it", name="bounds", policy=_ANY) if there else None
    arn = f"{_HERE}:policy/bounds"
    role = aws.iam.Role("r", name="bounded", assume_role_policy=trust(), permissions_boundary=arn, opts=_after(made))
    aws.iam.User("u", name="bounded", permissions_boundary=arn, opts=_after(made, role))


def _member(there: bool) -> None:
    user = aws.iam.User("u", name="member")
    made = aws.iam.Group("it", name="of-a-member") if there else None
    aws.iam.UserGroupMembership("m", user=user.name, groups=["of-a-member"], opts=_after(made))


def _profile(there: bool) -> None:
    made = aws.iam.Role("it", name="of-a-profile", assume_role_policy=trust()) if there else None
    aws.iam.InstanceProfile("p", name="of-a-role", role="of-a-profile", opts=_after(made))


def _child(there: bool) -> None:
    made = (
        aws.cloudwatch.MetricAlarm(
            "it", name="child", comparison_operator="GreaterThanThreshold", evaluation_periods=1, threshold=1,
            metric_name="m", namespace="N", period=60, statistic="Sum",
        )
        if there else None
    )  # fmt: skip
    aws.cloudwatch.CompositeAlarm("c", alarm_name="parent", alarm_rule='ALARM("child")', opts=_after(made))


def _distribution(behavior: dict[str, Any], *first: Any) -> None:
    aws.cloudfront.Distribution(
        "d", enabled=True, opts=_after(*first),
        origins=[{"origin_id": "o", "domain_name": "a.example.org", "custom_origin_config": {
            "http_port": 80, "https_port": 443, "origin_protocol_policy": "https-only",
            "origin_ssl_protocols": ["TLSv1.2"]}}],
        default_cache_behavior={
            "target_origin_id": "o", "viewer_protocol_policy": "https-only", "allowed_methods": ["GET", "HEAD"],
            "cached_methods": ["GET", "HEAD"], "cache_policy_id": "658327ea-f89d-4fab-a63d-7e88639e58f6", **behavior},
        restrictions={"geo_restriction": {"restriction_type": "none"}},
        viewer_certificate={"cloudfront_default_certificate": True},
    )  # fmt: skip


def _function(there: bool) -> None:
    code = "function handler(event) { return event.request }"
    made = aws.cloudfront.Function("it", name="used", runtime="cloudfront-js-2.0", code=code) if there else None
    arn = f"arn:aws:cloudfront::{ACCOUNT}:function/used"
    _distribution({"function_associations": [{"event_type": "viewer-request", "function_arn": arn}]}, made)


def _cache(there: bool) -> None:
    _, subnets = network(second=92)
    group = aws.elasticache.SubnetGroup("sn", subnet_ids=ids(subnets))
    made = aws.elasticache.ParameterGroup("it", name="of-a-cache", family="valkey8") if there else None
    aws.elasticache.ReplicationGroup(
        "rg", replication_group_id="rg92", description="d", engine="valkey", engine_version="8.0", num_cache_clusters=1,
        node_type="cache.t4g.micro", parameter_group_name="of-a-cache", subnet_group_name=group.name, opts=_after(made),
    )  # fmt: skip


def _users(there: bool) -> None:
    user = aws.elasticache.User(
        "u", user_id="u92", user_name="u92", engine="valkey", access_string="on ~* +@all", passwords=["a" * 20]
    )
    made = (
        aws.elasticache.UserGroup("it", user_group_id="ug92", engine="valkey", user_ids=[user.user_id])
        if there
        else None
    )
    _, subnets = network(second=93)
    group = aws.elasticache.SubnetGroup("sn", subnet_ids=ids(subnets))
    aws.elasticache.ReplicationGroup(
        "rg", replication_group_id="rg93", description="d", engine="valkey", engine_version="8.0", num_cache_clusters=1,
        node_type="cache.t4g.micro", user_group_ids=["ug92"], transit_encryption_enabled=True,
        subnet_group_name=group.name, opts=_after(made),
    )  # fmt: skip


@every_row(
    "make, words",
    {
        "a policy that bounds a role and a user": (_boundary, "used as a permissions boundary"),
        "a group with a member": (_member, "DeleteConflict"),
        "a role in an instance profile": (_profile, "remove roles from instance profile first"),
        "an alarm in a composite one": (_child, "composite alarms depending on it"),
        "a function of a distribution": (_function, "FunctionInUse"),
        "parameters of a cache": (_cache, "InvalidCacheParameterGroupState"),
        "users of a cache": (_users, "InvalidUserGroupState"),
    },
)
def test_what_another_names_stays(stack: SmallEngine, make: Callable[[bool], None], words: str) -> None:
    """The program names it by a text, so that the engine knows of no dependency, and drops it."""
    stack.up(lambda step: make(step == 1), 1)
    with refused("it: ", words):
        stack.up(lambda step: make(step == 1), 2)
    assert stack.preview(lambda step: make(step == 1), 1).changes == {}, "it is there still"
    stack.destroy()


def test_what_is_not_protected_any_more_goes(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        if step < 3:
            aws.cloudwatch.LogGroup("it", name="/kept-once", deletion_protection_enabled=step == 1)

    stack.up(program, 1)
    with refused("has deletion protection"):
        stack.destroy()
    stack.up(program, 2)
    stack.up(program, 3)


def test_a_bus_goes_after_its_rules(stack: SmallEngine, aws_clients: Any) -> None:
    events = aws_clients("events")

    def program(_: int) -> None:
        aws.cloudwatch.EventBus("bus", name="with-rules")

    stack.up(program)
    events.put_rule(Name="theirs", EventBusName="with-rules", EventPattern='{"source": ["a"]}')
    with refused("bus: ", "has rules: theirs"):
        stack.destroy()
    events.delete_rule(Name="theirs", EventBusName="with-rules")
    stack.destroy()


def test_a_zone_goes_when_it_is_empty_or_is_emptied(stack: SmallEngine) -> None:
    kept = Options(retain_on_delete=True)

    def program(step: int) -> None:
        if step < 4:
            zone = aws.route53.Zone("z", name="example.org", force_destroy=step == 3)
        if step == 1:
            aws.route53.Record(
                "r", zone_id=zone.zone_id, name="www.example.org", type="A", ttl=60, records=["192.0.2.1"], opts=kept
            )

    stack.up(program, 1)
    stack.up(program, 2)
    with refused("z: ", "HostedZoneNotEmpty", "www.example.org A"):
        stack.up(program, 4)
    stack.up(program, 3)
    stack.up(program, 4)


def test_gateways_addresses_and_subnets_of_a_nat_gateway_stay(stack: SmallEngine, aws_clients: Any) -> None:
    ec2 = aws_clients("ec2")

    def program(step: int) -> None:
        vpc, _subnets = network(second=94)
        aws.ec2.Eip("ip", domain="vpc", opts=_after(vpc))
        if step == 1:
            aws.ec2.InternetGateway("gw", vpc_id=vpc.id)

    stack.up(program)
    made = ec2.create_nat_gateway(SubnetId=stack.id("n-s0"), AllocationId=stack.id("ip"))["NatGateway"]["NatGatewayId"]
    with refused("gw: ", "DependencyViolation", made):
        stack.up(program, 2)
    ec2.delete_nat_gateway(NatGatewayId=made)
    stack.destroy()


# ---- what is named


_ACTION = {
    "action_type": "APPLY_IAM_POLICY", "approval_model": "AUTOMATIC", "notification_type": "ACTUAL",
    "action_threshold": {"action_threshold_type": "PERCENTAGE", "action_threshold_value": 100},
    "subscribers": [{"address": "a@b.example", "subscription_type": "EMAIL"}],
}  # fmt: skip
_GHOST = "11111111-2222-3333-4444-555555555555"
_RULE = {"rule_name": "r", "schedule": "cron(0 12 * * ? *)"}


def _budget_action() -> None:
    role = aws.iam.Role("r", name="of-budgets", assume_role_policy=trust("budgets.amazonaws.com"))
    document = {"iam_action_definition": {"policy_arn": "arn:aws:iam::aws:policy/AWSDenyAll", "roles": ["x"]}}
    aws.budgets.BudgetAction("a", budget_name="ghost", execution_role_arn=role.arn, definition=document, **_ACTION)


@every_row(
    "make, words",
    {
        "a user's policy": (lambda: aws.iam.UserPolicy("x", user="ghost", policy=_ANY), "NoSuchEntity"),
        "a user's key": (lambda: aws.iam.AccessKey("x", user="ghost"), "NoSuchEntity"),
        "a member": (
            lambda: aws.iam.GroupMembership("x", group=aws.iam.Group("g", name="g95").name, users=["ghost"]), "NoSuchEntity"
        ),
        "a group": (lambda: aws.iam.GroupPolicy("x", group="ghost", policy=_ANY), "NoSuchEntity"),
        "a user's boundary": (
            lambda: aws.iam.User("x", name="u95", permissions_boundary=f"{_HERE}:policy/ghost"), "policy/ghost does not exist"
        ),
        "a vault of a plan": (
            lambda: aws.backup.Plan("x", name="p", rules=[{**_RULE, "target_vault_name": "ghost"}]),
            "InvalidParameterValueException",
        ),
        "the vault that is always there": (
            lambda: aws.backup.Plan("x", name="p", rules=[{**_RULE, "target_vault_name": "Default"}]), ""
        ),
        "a vault to lock": (
            lambda: aws.backup.VaultLockConfiguration("x", backup_vault_name="ghost", min_retention_days=7),
            "ResourceNotFoundException",
        ),
        "a detector": (
            lambda: aws.guardduty.DetectorFeature("x", detector_id="0" * 32, name="S3_DATA_EVENTS", status="ENABLED"),
            "not owned by the current account",
        ),
        "a budget": (_budget_action, "NotFoundException"),
        "a cache policy": (lambda: _distribution({"cache_policy_id": _GHOST}), "NoSuchCachePolicy"),
        "headers": (lambda: _distribution({"response_headers_policy_id": _GHOST}), "NoSuchResponseHeadersPolicy"),
        "AWS's own headers": (
            lambda: _distribution({"response_headers_policy_id": "67f7725c-6f97-4210-82d7-5512b31e9d03"}), ""
        ),
        "a user of a cache": (
            lambda: aws.elasticache.UserGroup("x", user_group_id="ug95", engine="valkey", user_ids=["ghost"]), "UserNotFound"
        ),
        "a zone": (
            lambda: aws.route53.Record("x", zone_id="Z0GHOST", name="a.org", type="A", ttl=60, records=["192.0.2.1"]),
            "NoSuchHostedZone",
        ),
        "an example of a zone": (
            lambda: aws.route53.Record(
                "x", zone_id="Z04444555566667777ABC", name="a.org", type="A", ttl=60, records=["192.0.2.1"]
            ),
            "",
        ),
        "an alarm": (
            lambda: aws.cloudwatch.CompositeAlarm("x", alarm_name="c95", alarm_rule='ALARM("ghost") OR OK("ghost2")'),
            "do not exist",
        ),
        "parameters of a cache": (
            lambda: aws.elasticache.ReplicationGroup(
                "x", replication_group_id="rg95", description="d", engine="valkey", node_type="cache.t4g.micro",
                num_cache_clusters=1, parameter_group_name="ghost",
            ),
            "CacheParameterGroupNotFound",
        ),
        "a target to scale": (
            lambda: aws.appautoscaling.Policy(
                "x", name="p", policy_type="TargetTrackingScaling", resource_id="service/a/b", service_namespace="ecs",
                scalable_dimension="ecs:service:DesiredCount", target_tracking_scaling_policy_configuration={
                    "target_value": 50, "predefined_metric_specification": {
                        "predefined_metric_type": "ECSServiceAverageCPUUtilization"}},
            ),
            "ObjectNotFoundException",
        ),
    },
)  # fmt: skip
def test_ghosts(stack: SmallEngine, make: Callable[[], Any], words: str) -> None:
    def program(_: int) -> None:
        make()

    judge(stack, program, words, steady=True)


def _www(role: str, kind: str, value: str, *first: Any, **more: Any) -> aws.route53.Record:
    return aws.route53.Record(role, type=kind, ttl=60, records=[value], opts=_after(*first), **more)


@every_row(
    "second, words",
    {
        "the same again": ({"kind": "A", "value": "192.0.2.2"}, "InvalidChangeBatch"),
        "taken over": ({"kind": "A", "value": "192.0.2.2", "allow_overwrite": True}, ""),
        "an alias name beside it": ({"kind": "CNAME", "value": "x.example.org"}, "conflicting RRSet of type A"),
        "an alias name of the zone": (
            {"kind": "CNAME", "value": "x.org", "name": "example.org"},
            "not permitted at apex",
        ),
        "another type": ({"kind": "AAAA", "value": "2001:db8::1"}, ""),
    },
)
def test_records_of_one_name(stack: SmallEngine, second: dict[str, Any], words: str) -> None:
    def program(_: int) -> None:
        zone = aws.route53.Zone("z", name="example.org", force_destroy=True)
        one = _www("one", "A", "192.0.2.1", zone_id=zone.zone_id, name="www.example.org")
        more = {"name": "www.example.org", **second}
        _www("two", more.pop("kind"), more.pop("value"), one, zone_id=zone.zone_id, **more)

    judge(stack, program, words, of="two: ")


def test_weighted_records_share_a_name(stack: SmallEngine) -> None:
    def program(_: int) -> None:
        zone = aws.route53.Zone("z", name="example.org")
        for each in "ab":
            weighted = {"set_identifier": each, "weighted_routing_policies": [{"weight": 1}]}
            _www(each, "A", "192.0.2.1", zone_id=zone.zone_id, name="w.example.org", **weighted)

    stack.up(program)
    assert stack.preview(program).changes == {}
    stack.destroy()
