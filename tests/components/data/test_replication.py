"""Copies of buckets: everything but deletions by version, by a role that reads one bucket and writes one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from components.base import Component
from components.data.bucket import Bucket, BucketArgs
from components.data.replication import Replica, Replication, ReplicationArgs
from components.observability.signals import Severity
from tests.components.conftest import ACCOUNT, Lint, Recorded, lint
from tests.components.examples import Example

__all__ = ["lint"]  # a fixture

Run = Callable[..., Recorded]
KEY = f"arn:aws:kms:ap-south-1:{ACCOUNT}:key/site"
SOURCE = f"arn:aws:s3:::matchday-prod-site-{ACCOUNT}"
COPY = f"arn:aws:s3:::matchday-recovery-prod-site-{ACCOUNT}"


def arguments(**changes: Any) -> ReplicationArgs:
    bucket = Bucket("site", BucketArgs(account_id=ACCOUNT, key_arn=KEY, log_bucket="logs"))
    return ReplicationArgs(
        bucket=bucket,
        key_arn=KEY,
        region="ap-south-1",
        replica=Replica.of("ap-south-2", ACCOUNT, "matchday-recovery-prod-site", "alias/matchday/recovery/site"),
        **changes,
    )


EXAMPLES: Mapping[type[Component], Example] = {
    Replication: lambda name, transform: Replication(name, arguments(), transform=transform),
}


def build(run: Run, **changes: Any) -> Recorded:
    return run(lambda: Replication("site-replication", arguments(**changes)), stack_name="prod")


def statements(recorded: Recorded) -> dict[str, Any]:
    policy = json.loads(recorded.named("site-replication-role-policy").inputs["policy"])
    return {each["Sid"]: each for each in policy["Statement"]}


def test_every_object_and_every_delete_marker_is_copied_under_the_other_region_s_key(run: Run) -> None:
    config = build(run).named("site-replication").inputs
    (rule,) = config["rules"]
    assert (rule["status"], rule["filter"], rule["deleteMarkerReplication"]) == (
        "Enabled",
        {"prefix": ""},
        {"status": "Enabled"},
    )
    assert rule["sourceSelectionCriteria"] == {"sseKmsEncryptedObjects": {"status": "Enabled"}}, "else none of ours is"
    destination = rule["destination"]
    assert (destination["bucket"], destination["metrics"]["status"]) == (COPY, "Enabled")
    alias = f"arn:aws:kms:ap-south-2:{ACCOUNT}:alias/matchday/recovery/site"
    assert destination["encryptionConfiguration"] == {"replicaKmsKeyId": alias}


def test_it_waits_for_versioning_and_for_the_role_s_policy(run: Run) -> None:
    waits = {urn.rsplit("::", 1)[1] for urn in build(run).named("site-replication").dependencies}
    assert {"site-versioning", "site-replication-role-policy"} <= waits


@pytest.mark.parametrize("locked", [False, True])
def test_the_role_reads_one_bucket_and_writes_one(run: Run, lint: Lint, locked: bool) -> None:
    recorded = build(run, locked=locked)
    assert lint(json.loads(recorded.named("site-replication-role-policy").inputs["policy"])) == []
    found = statements(recorded)
    assert {sid: each["Resource"] for sid, each in found.items()} == {
        "ReadRules": SOURCE,
        "ReadVersions": f"{SOURCE}/*",
        "WriteCopies": f"{COPY}/*",
        "OpenVersions": KEY,
        "SealCopies": f"arn:aws:kms:ap-south-2:{ACCOUNT}:key/*",
    }
    actions = {action for each in found.values() for action in each["Action"]}
    assert not any("*" in action or action.startswith("s3:Put") or action == "s3:GetObject" for action in actions)
    assert ("s3:GetObjectRetention" in actions) is locked
    target = found["SealCopies"]["Condition"]
    assert target["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": "alias/matchday/recovery/site"}
    assert target["StringEquals"] == {"kms:ViaService": "s3.ap-south-2.amazonaws.com"}
    assert found["OpenVersions"]["Condition"]["StringEquals"] == {"kms:ViaService": "s3.ap-south-1.amazonaws.com"}


def test_a_copy_that_fails_is_a_ticket(run: Run) -> None:
    recorded = build(run)
    (signal,) = recorded.result.signals
    assert (signal.severity, signal.runbook, signal.metric) == (
        Severity.TICKET,
        "replication-failed",
        "OperationsFailedReplication",
    )
    assert signal.dimensions["RuleId"] == recorded.named("site-replication").inputs["rules"][0]["id"]
    assert signal.region is None, "the one metric that S3 publishes where the original is"
