"""PostgreSQL: secure by default, and what each argument changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.data import postgres_plan
from components.data.postgres import Postgres, PostgresArgs
from components.observability.signals import MissingData, Severity
from model.vocabulary import Upgrade
from tests.components.conftest import Recorded

Run = Callable[..., Recorded]


def args(**changes: Any) -> PostgresArgs:
    given: dict[str, Any] = {
        "subnet_ids": ["subnet-a", "subnet-b"],
        "security_group_id": "sg-1",
        "account_id": "123456789012",
        "data_key_arn": "arn:aws:kms:ap-south-1:123456789012:key/data",
        "secrets_key_arn": "arn:aws:kms:ap-south-1:123456789012:key/secrets",
        "logs_key_arn": "arn:aws:kms:ap-south-1:123456789012:key/logs",
        "instance_class": "db.r7g.large",
        "storage_gb": 100,
        "max_storage_gb": 500,
        "max_connections": 400,
    }
    return PostgresArgs(**{**given, **changes})


def build(run: Run, **changes: Any) -> Recorded:
    return run(lambda: Postgres("postgres", args(**changes)), stack_name="prod")


def test_the_defaults_are_what_auditors_ask_for(run: Run) -> None:
    recorded = build(run)
    instance = recorded.named("postgres").inputs
    assert instance["storageEncrypted"] and instance["kmsKeyId"].endswith("key/data")
    assert not instance["publiclyAccessible"]
    assert instance["multiAz"] and instance["deletionProtection"] and instance["copyTagsToSnapshot"]
    assert instance["autoMinorVersionUpgrade"] and instance["iamDatabaseAuthenticationEnabled"]
    assert instance["backupRetentionPeriod"] >= 7
    assert instance["manageMasterUserPassword"] and instance["masterUserSecretKmsKeyId"].endswith("key/secrets")
    assert instance["username"] not in ("postgres", "admin")
    assert set(instance["enabledCloudwatchLogsExports"]) >= {"postgresql", "upgrade"}
    assert instance["monitoringInterval"] and instance["monitoringRoleArn"]
    assert instance["performanceInsightsEnabled"] and instance["performanceInsightsRetentionPeriod"] == 7
    assert not instance["skipFinalSnapshot"] and not instance["deleteAutomatedBackups"]
    assert "password" not in instance
    assert recorded.named("postgres").parent.endswith("::matchday:data:Postgres::postgres")


def test_the_connection_names_the_managed_secret(run: Run) -> None:

    seen: dict[str, Any] = {}

    def program() -> None:
        postgres = Postgres("postgres", args())
        pulumi.Output.all(postgres.connection.host, postgres.master.password.value_from).apply(
            lambda known: seen.update(host=known[0], password=known[1])
        )

    run(program)
    assert seen["host"].endswith(".rds.amazonaws.com")
    assert seen["password"].endswith(":password::") and ":secret:rds!db-" in seen["password"]


def test_with_replicas_the_password_is_ours_and_stays_secret(run: Run) -> None:
    recorded = build(run, replicas=2)
    primary = recorded.named("postgres")
    assert "manageMasterUserPassword" not in primary.inputs
    assert "password" in primary.secrets
    for number in (1, 2):
        replica = recorded.named(f"postgres-replica-{number}").inputs
        assert replica["replicateSourceDb"] == primary.inputs["identifier"]
        assert replica["storageEncrypted"] and replica["deletionProtection"]
        for own in ("username", "password", "engine", "allocatedStorage", "backupRetentionPeriod"):
            assert own not in replica, "RDS takes these from the primary"


def test_logs_are_ours_before_rds_would_make_them(run: Run) -> None:
    recorded = build(run, replicas=1)
    groups = {item.inputs["name"]: item.inputs for item in recorded.of("LogGroup") if item.custom}
    for instance in ("matchday-prod-postgres", "matchday-prod-postgres-replica-1"):
        for log in postgres_plan.LOG_EXPORTS:
            group = groups[f"/aws/rds/instance/{instance}/{log}"]
            assert group["retentionInDays"] == 365 and group["kmsKeyId"].endswith("key/logs")
    assert any("LogGroup" in urn for urn in recorded.named("postgres").dependencies)


@pytest.mark.parametrize(
    ("changes", "default"),
    [
        ({"multi_az": False}, "multi_az"),
        ({"deletion_protection": False}, "deletion_protection"),
        ({"tls": False}, "tls"),
    ],
)
def test_a_relaxed_default_needs_its_reason(run: Run, changes: dict[str, Any], default: str) -> None:
    with pytest.raises(ValueError, match=f"{default} does not hold .*say why in relaxed"):
        build(run, **changes)
    recorded = build(run, **changes, relaxed={default: "because a test says so"})
    (outputs,) = [out for urn, out in recorded.outputs.items() if urn.endswith("::postgres")]
    assert outputs["relaxed"] == {default: "because a test says so"}


def test_plain_connections_are_a_parameter_and_part_of_the_connection(run: Run) -> None:
    recorded = build(run, tls=False, relaxed={"tls": "because a test says so"})
    rows = {row["name"]: row["value"] for row in recorded.named("postgres-parameters").inputs["parameters"]}
    assert rows["rds.force_ssl"] == "0"


def test_insights_and_monitoring_can_be_off(run: Run) -> None:
    recorded = build(run, insights="off", monitoring_seconds=0)
    instance = recorded.named("postgres").inputs
    assert not instance["performanceInsightsEnabled"] and instance["databaseInsightsMode"] == "standard"
    assert "performanceInsightsKmsKeyId" not in instance and "monitoringRoleArn" not in instance
    assert not recorded.of("aws:iam/role:Role")
    advanced = build(run, insights="advanced").named("postgres").inputs
    assert (advanced["databaseInsightsMode"], advanced["performanceInsightsRetentionPeriod"]) == ("advanced", 465)


def test_only_rds_monitoring_takes_the_monitoring_role(run: Run) -> None:
    trust = json.loads(build(run).named("postgres-monitoring").inputs["assumeRolePolicy"])
    assert [statement["Principal"] for statement in trust["Statement"]] == [{"Service": "monitoring.rds.amazonaws.com"}]
    assert trust["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_it_is_protected_and_leaves_a_snapshot_of_a_new_name(run: Run) -> None:
    recorded = build(run)
    primary = recorded.named("postgres")
    assert primary.protect
    suffix = recorded.named("postgres-final").outputs["hex"]
    assert primary.inputs["finalSnapshotIdentifier"] == f"matchday-prod-postgres-final-{suffix}"
    loose = build(run, deletion_protection=False, relaxed={"deletion_protection": "because a test says so"})
    assert not loose.named("postgres").protect and not loose.of("RandomId")


def test_another_major_version_is_a_deliberate_act(run: Run) -> None:
    usual = build(run).named("postgres").inputs
    assert not usual["allowMajorVersionUpgrade"] and not usual["applyImmediately"]
    recorded = build(run, engine_version="18", upgrade=Upgrade.IN_PLACE)
    moved = recorded.named("postgres").inputs
    assert moved["allowMajorVersionUpgrade"] and moved["applyImmediately"] and "blueGreenUpdate" not in moved
    assert moved["parameterGroupName"] == "matchday-prod-postgres-18", "of the new family, beside the old one"
    recorded = build(run, engine_version="18", upgrade=Upgrade.BLUE_GREEN)
    assert recorded.named("postgres").inputs["blueGreenUpdate"] == {"enabled": True}
    rows = {row["name"]: row["value"] for row in recorded.named("postgres-parameters").inputs["parameters"]}
    assert rows["rds.logical_replication"] == "1"
    with pytest.raises(ValueError, match="blue/green with 1 replicas"):
        build(run, replicas=1, upgrade=Upgrade.BLUE_GREEN)


def test_the_replica_takes_its_key_from_the_primary(run: Run) -> None:
    assert "kmsKeyId" not in build(run, replicas=1).named("postgres-replica-1").inputs


def test_transform_reaches_what_no_argument_does(run: Run) -> None:
    def bigger(given: Any, opts: pulumi.ResourceOptions) -> tuple[Any, pulumi.ResourceOptions]:
        given.iops = 12000
        return given, opts

    recorded = run(lambda: Postgres("postgres", args(), transform={"": bigger}))
    assert recorded.named("postgres").inputs["iops"] == 12000


def test_parameters_keep_secrets_and_players_out_of_the_log() -> None:
    rows = {row.name: row for row in postgres_plan.parameters(tls=True, max_connections=100)}
    assert rows["log_statement"].value == "none", "it would log ALTER ROLE … PASSWORD"
    assert rows["log_parameter_max_length"].value == "0"
    assert rows["rds.force_ssl"].value == "1"
    assert rows["max_connections"].apply_method == "pending-reboot"
    assert rows["rds.force_ssl"].apply_method == "pending-reboot", "else every plan would change it"
    assert "rds.logical_replication" not in rows


def test_signals_follow_the_sizes() -> None:
    def signals(**changes: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "instance_class": "db.r7g.large",
            "storage_gb": 100,
            "max_connections": 400,
            "replicas": [],
        }
        return {signal.name: signal for signal in postgres_plan.signals("db", **{**given, **changes})}

    assert signals()["connections"].threshold == 320
    assert signals()["storage"].threshold == pytest.approx(8 * 1024**3), "RDS grows it below 10"
    silent = signals()["silent"]
    assert (silent.severity, silent.missing) == (Severity.PAGE, MissingData.BREACHING), "no data is the alarm"
    assert signals()["storage"].severity is Severity.PAGE
    assert "cpu-credits" not in signals() and "cpu-credits" in signals(instance_class="db.t4g.micro")
    lags = [signal for name, signal in signals(replicas=["r1", "r2"]).items() if name.startswith("lag-")]
    assert [signal.dimensions for signal in lags] == [{"DBInstanceIdentifier": "r1"}, {"DBInstanceIdentifier": "r2"}]
