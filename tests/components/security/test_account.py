"""An account's guard: nobody changes its record afterwards, and what must be heard of rings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from components.base import Component
from components.observability.signals import Severity
from components.security import account_events
from components.security.account_baseline import AccountBaseline, AccountBaselineArgs
from components.security.detectors import GUARD_FEATURES, STANDARDS, Detectors, DetectorsArgs
from components.security.key_policies import Purpose
from components.security.keys import Key, KeyArgs
from components.security.people_roles import ROLES, PeopleRoles, PeopleRolesArgs
from components.security.trail import Trail, TrailArgs, recorders
from localcloud.emulator.authorization.decisions import Ask, Policies, refusal
from tests.components.conftest import Lint, Recorded
from tests.components.examples import ACCOUNT, KEY, REGION, Example

Run = Callable[..., Recorded]

TRAIL = TrailArgs(account_id=ACCOUNT, region=REGION, key_arn=KEY, log_bucket="logs")


def baseline(**quotas: int) -> AccountBaselineArgs:
    return AccountBaselineArgs(
        contact_name="Security",
        contact_email="security@example.com",
        contact_phone="+91 22 5550 0100",
        quotas={name.replace("_", "-"): value for name, value in quotas.items()},
    )


def key(name: str, transform: Any = None) -> Key:
    return Key(name, KeyArgs(purpose=Purpose.AUDIT, account_id=ACCOUNT, region=REGION), transform=transform)


def detectors(name: str, transform: Any = None) -> Detectors:
    args = DetectorsArgs(
        account_id=ACCOUNT, region=REGION, records_bucket="records", records_key_arn=KEY, recorded_after=key("before")
    )
    return Detectors(name, args, transform=transform)


EXAMPLES: Mapping[type[Component], Example] = {
    PeopleRoles: lambda name, transform: PeopleRoles(name, PeopleRolesArgs(account_id=ACCOUNT), transform=transform),
    Trail: lambda name, transform: Trail(name, TRAIL, transform=transform),
    Key: key,
    Detectors: detectors,
    AccountBaseline: lambda name, transform: AccountBaseline(name, baseline(fargate_vcpu=64), transform=transform),
}


def test_the_record_is_of_every_region_validated_sealed_and_locked(run: Run) -> None:
    recorded = run(lambda: Trail("trail", TRAIL))
    (trail,) = recorded.of("aws:cloudtrail/trail:Trail")
    assert trail.protect
    for each in ("isMultiRegionTrail", "enableLogFileValidation", "includeGlobalServiceEvents"):
        assert trail.inputs[each] is True
    assert trail.inputs["kmsKeyId"] == KEY
    categories = [
        field["equals"]
        for selector in trail.inputs["advancedEventSelectors"]
        for field in selector["fieldSelectors"]
        if field["field"] == "eventCategory"
    ]
    assert categories == [["Management"], ["Data"]]
    (bucket,) = recorded.of("aws:s3/bucket:Bucket")
    assert bucket.protect and bucket.inputs["objectLockEnabled"]
    (lock,) = recorded.of("BucketObjectLockConfiguration")
    assert lock.inputs["rule"]["defaultRetention"] == {"mode": "GOVERNANCE", "days": 365}
    assert any("bucketPolicy" in urn for urn in trail.dependencies), "CloudTrail tries to write when it is made"


def test_only_cloudtrail_and_config_write_the_record_each_its_own_part() -> None:
    found = recorders("arn:aws:s3:::r", ACCOUNT, REGION, "t")
    writes = {s["Principal"]["Service"]: s for s in found if s["Action"] == "s3:PutObject"}
    assert set(writes) == {"cloudtrail.amazonaws.com", "config.amazonaws.com"}
    assert writes["cloudtrail.amazonaws.com"]["Resource"] == f"arn:aws:s3:::r/AWSLogs/{ACCOUNT}/CloudTrail/*"
    for statement in found:
        assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT
        assert ACCOUNT in statement["Condition"]["ArnLike"]["aws:SourceArn"]


def test_every_event_is_counted_and_rings(run: Run) -> None:
    recorded = run(lambda: Trail("trail", TRAIL))
    filters = {item.name.removeprefix("trail-"): item.inputs for item in recorded.of("LogMetricFilter")}
    assert set(filters) == set(account_events.EVENTS)
    signals = {signal.name: signal for signal in recorded.result.signals}
    assert set(signals) == set(filters)
    for name, signal in signals.items():
        (transformation,) = [filters[name]["metricTransformation"]]
        assert (transformation["name"], transformation["namespace"]) == (signal.metric, signal.namespace)
    assert signals["root-use"].severity is Severity.PAGE
    assert all(len(pattern) <= 1024 for _, pattern, _ in account_events.EVENTS.values()), "CloudWatch takes no more"


def test_the_detectors_are_on(run: Run) -> None:
    recorded = run(lambda: detectors("detectors"))
    assert recorded.named("detectors-guard").inputs["enable"] is True
    assert {item.inputs["name"] for item in recorded.of("DetectorFeature")} == set(GUARD_FEATURES)
    assert {item.inputs["standardsArn"] for item in recorded.of("StandardsSubscription")} == {
        f"arn:aws:securityhub:{REGION}::{suffix}" for suffix in STANDARDS.values()
    }
    on = recorded.named("detectors-config-on")
    assert on.inputs["isEnabled"] and any("deliveryChannel" in urn for urn in on.dependencies)


def test_quotas_are_asked_for_by_name(run: Run) -> None:
    recorded = run(lambda: AccountBaseline("account", baseline(fargate_vcpu=64)))
    assert recorded.named("account-quota-fargate-vcpu").inputs["value"] == 64
    with pytest.raises(ValueError, match="quota 'lambdas'; accepted: fargate-vcpu, fargate-spot-vcpu"):
        run(lambda: AccountBaseline("account", baseline(lambdas=1)))


def test_a_quota_that_is_nearly_used_is_a_ticket_whether_it_was_asked_for_or_not(run: Run) -> None:
    signals = {signal.name: signal for signal in run(lambda: AccountBaseline("account", baseline())).result.signals}
    assert set(signals) == {"fargate-vcpu-near", "fargate-spot-vcpu-near"}
    near = signals["fargate-vcpu-near"]
    assert (near.expression, near.threshold) == ("100 * used / SERVICE_QUOTA(used)", 80)
    assert near.inputs["used"].dimensions["Class"] == "Standard/OnDemand"


def test_a_key_is_for_one_purpose_and_stays(run: Run) -> None:
    recorded = run(lambda: key("audit-key"))
    made = recorded.named("audit-key")
    assert made.protect and made.inputs["enableKeyRotation"]
    services = {
        service
        for statement in json.loads(made.inputs["policy"])["Statement"]
        for service in [statement["Principal"].get("Service")]
        if isinstance(service, str)
    }
    assert services >= {"cloudtrail.amazonaws.com", "config.amazonaws.com", f"logs.{REGION}.amazonaws.com"}


def test_people_take_roles_with_a_second_factor_and_for_an_hour(run: Run) -> None:
    recorded = run(lambda: PeopleRoles("people", PeopleRolesArgs(account_id=ACCOUNT)))
    roles = recorded.of("aws:iam/role:Role")
    assert {item.name for item in roles} == {f"people-{role}" for role in ROLES}
    for item in roles:
        (statement,) = json.loads(item.inputs["assumeRolePolicy"])["Statement"]
        assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        assert statement["Condition"]["Bool"] == {"aws:MultiFactorAuthPresent": "true"}
        assert item.inputs["maxSessionDuration"] == 3600
    attached = {item.name: item.inputs["policyArn"] for item in recorded.of("RolePolicyAttachment")}
    assert attached["people-support-1"] == "arn:aws:iam::aws:policy/AWSSupportAccess"
    assert not any("AdministratorAccess" in arn for arn in attached.values())
    break_glass = next(item for item in roles if item.name == "people-break-glass").inputs["name"]
    assert break_glass.endswith("-break-glass"), "what the event's filter looks for"


def test_a_user_without_a_second_factor_sets_one_up_and_does_nothing_else(run: Run, lint: Lint) -> None:
    recorded = run(lambda: PeopleRoles("people", PeopleRolesArgs(account_id=ACCOUNT)))
    policy = recorded.named("people-users-second-factor").inputs
    assert policy["group"] == recorded.named("people-users").inputs["name"]
    assert lint(json.loads(policy["policy"])) == []
    document = json.loads(policy["policy"].replace("${aws:username}", "meera"))  # as IAM does when she asks
    mine, anothers = (f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("meera", "arjun"))
    # Whatever else somebody gives them: everything.
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

    def may(action: str, on: str, factor: str | None, *more: dict[str, Any]) -> bool:
        shown = {"aws:multifactorauthpresent": [] if factor is None else [factor]}
        return refusal(Ask(action, on, shown), Policies(mine, [document, *more])) is None

    for factor in (None, "false"):  # a key of long standing has no such context at all
        assert may("iam:EnableMFADevice", mine, factor) and may("sts:GetSessionToken", "*", factor, everything)
        for action in (
            "s3:GetObject",
            "sts:AssumeRole",
            "iam:CreateUser",
            "iam:DeactivateMFADevice",
            "iam:ChangePassword",
        ):
            assert not may(action, mine, factor, everything), action
    assert may("s3:GetObject", "arn:aws:s3:::b/k", "true", everything)
    assert may("iam:ChangePassword", mine, "true")
    for action in ("iam:ChangePassword", "iam:DeactivateMFADevice", "iam:EnableMFADevice"):
        assert not may(action, anothers, "true"), action


def test_an_account_shares_nothing_with_everyone(run: Run) -> None:
    recorded = run(lambda: AccountBaseline("account", baseline()))
    block = recorded.named("account-buckets").inputs
    assert all(
        block[key] for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    )
    assert recorded.named("account-networks").inputs["internetGatewayBlockMode"] == "block-ingress"
    assert recorded.named("account-snapshots").inputs["state"] == "block-all-sharing"
    assert recorded.named("account-volumes").inputs["enabled"] is True
    assert recorded.named("account-passwords").inputs["minimumPasswordLength"] >= 14
