"""Programs with databases after public bug reports (/work/shared/cases/local-cloud): each goes as it goes on AWS."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from tests.localcloud.provider.programs.parts import (
    database,
    replica,
)  # fmt: skip
from tests.localcloud.provider.programs.small_engine import SmallEngine, refused

pytestmark = pytest.mark.process


def test_parameters_are_applied_as_rds_applies_them(stack: SmallEngine) -> None:
    """terraform-aws-modules/rds#349; terraform-provider-aws#36419, #18035: a perpetual difference, as in AWS."""
    parameters: dict[int, list[dict[str, str]]] = {
        1: [{"name": "shared_buffers", "value": "32768"}],
        2: [{"name": "work_mem", "value": "4096", "apply_method": "immediate"}],
        3: [{"name": "work_mem", "value": "4096", "apply_method": "pending-reboot"}],
        4: [{"name": "no_such_parameter", "value": "1"}],
        5: [{"name": "max_connections", "value": "banana", "apply_method": "pending-reboot"}],
        6: [{"name": "work_mem", "value": "8192", "apply_method": "pending-reboot"}],
    }

    def program(step: int) -> None:
        aws.rds.ParameterGroup("pg", name="pg15", family="postgres16", parameters=parameters[step])

    with refused("pending-reboot"):
        stack.up(program, 1)
    stack.up(program, 2)
    assert stack.preview(program, 3).changes == {"update": {"pg"}}
    stack.up(program, 3)
    stack.refresh()  # RDS does not take over a method without a new value
    assert stack.preview(program, 3).changes == {"update": {"pg"}}
    with refused("no_such_parameter"):
        stack.up(program, 4)
    with refused("banana"):
        stack.up(program, 5)
    stack.up(program, 6)
    stack.refresh()
    assert stack.preview(program, 6).changes == {}
    stack.destroy()


def test_engine_versions(stack: SmallEngine, aws_clients: Any) -> None:
    versions = {1: "16", 2: "16.4", 3: "15.3", 4: "99.1", 5: "17.2"}

    def program(step: int) -> None:
        database("db", identifier="db16", engine_version=versions[step], apply_immediately=True)

    stack.up(program, 1)
    assert stack.refresh().changes == {} and stack.preview(program, 1).changes == {}
    aws_clients("rds").modify_db_instance(DBInstanceIdentifier="db16", EngineVersion="16.9", ApplyImmediately=True)
    stack.refresh()
    assert stack.preview(program, 1).changes == {}
    with refused("16.9", "16.4", "go up"):
        stack.up(program, 2)
    with refused("15.3"):
        stack.up(program, 3)
    with refused("99.1"):
        stack.up(program, 4)
    with refused("allowMajorVersionUpgrade"):
        stack.up(program, 5)
    stack.destroy()


def test_replicas_and_storage(stack: SmallEngine, aws_clients: Any) -> None:
    def program(step: int) -> None:
        source = database(
            "src", identifier="src17", engine_version="16.4", allocated_storage=20 if step < 4 else 10,
            max_allocated_storage=100, backup_retention_period=0 if step == 1 else 1,
        )  # fmt: skip
        if step < 3:
            replica("rep", source.identifier, identifier="rep17")
        else:
            database("rep", identifier="rep17")

    with refused("rep", "automated backups are not enabled"):
        stack.up(program, 1)
    stack.up(program, 2)
    assert stack.up(program, 3).changes == {"update": {"rep"}}
    found = aws_clients("rds").describe_db_instances(DBInstanceIdentifier="rep17")["DBInstances"][0]
    assert not found.get("ReadReplicaSourceDBInstanceIdentifier")
    aws_clients("rds").modify_db_instance(DBInstanceIdentifier="src17", AllocatedStorage=40, ApplyImmediately=True)
    stack.refresh()
    assert stack.preview(program, 3).changes == {}  # storage that grew by itself
    with refused("allocatedStorage"):
        stack.up(program, 4)
    stack.destroy()


def test_a_replica_is_promoted_in_place(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        source = database("src", identifier="src21", engine_version="16.4", backup_retention_period=1)
        if step == 1:
            replica("rep", source.identifier, identifier="rep21")
        else:
            aws.rds.Instance("rep", identifier="rep21", instance_class="db.t4g.micro", skip_final_snapshot=True)

    stack.up(program, 1)
    assert stack.preview(program, 2).changes == {"update": {"rep"}}
    assert stack.up(program, 2).changes == {"update": {"rep"}}
    stack.destroy()


def test_the_final_snapshot_is_taken_and_restored(stack: SmallEngine, aws_clients: Any) -> None:
    def program(step: int) -> None:
        if step == 2:
            aws.rds.Instance(
                "db2", identifier="db18b", instance_class="db.t4g.micro", snapshot_identifier="final18",
                skip_final_snapshot=True,
            )  # fmt: skip
            return
        database("db", identifier="db18", db_name="app", skip_final_snapshot=False, final_snapshot_identifier="final18")

    stack.up(program, 1)
    stack.destroy()
    found = aws_clients("rds").describe_db_snapshots()["DBSnapshots"]
    assert "final18" in {snapshot["DBSnapshotIdentifier"] for snapshot in found}
    stack.up(program, 2)
    live = aws_clients("rds").describe_db_instances(DBInstanceIdentifier="db18b")["DBInstances"][0]
    assert (live["DBName"], live["MasterUsername"]) == ("app", "u")
    stack.destroy()
    stack.up(program, 3)
    with refused("DBSnapshotAlreadyExists"):
        stack.destroy()
    aws_clients("rds").delete_db_snapshot(DBSnapshotIdentifier="final18")
    stack.destroy()


def _source(name: str, **more: Any) -> aws.rds.Instance:
    return database("src", identifier=name, **{"engine_version": "16.4", "backup_retention_period": 1} | more)


def test_a_change_is_judged_by_what_runs_and_not_by_the_state(stack: SmallEngine, aws_clients: Any) -> None:
    """Nobody refreshed: the version and the storage have grown behind the engine's back."""

    def program(step: int) -> None:
        version = {1: "16", 2: "16.6"}.get(step, "16")
        database("db", identifier="ahead", engine_version=version, allocated_storage=30 if step == 3 else 20)

    rds = aws_clients("rds")
    stack.up(program, 1)
    assert stack.outputs("db")["engineVersionActual"].startswith("16.")  # a major version is a minor one of it
    assert stack.outputs("db")["parameterGroupName"] == "default.postgres16"
    assert stack.outputs("db")["engineVersion"] == "16"
    rds.modify_db_instance(
        DBInstanceIdentifier="ahead", EngineVersion="16.9", AllocatedStorage=40, ApplyImmediately=True
    )
    with refused("16.9", "16.6", "go up"):
        stack.up(program, 2)
    with refused("30 cannot be less than the current 40"):
        stack.up(program, 3)
    stack.destroy()


def test_storage_that_grew_by_itself_stays_and_less_than_before_is_refused(
    stack: SmallEngine, aws_clients: Any
) -> None:
    def program(step: int) -> None:
        database("db", identifier="grown", allocated_storage=step, max_allocated_storage=100)

    stack.up(program, 20)
    with refused("10 cannot be less than the current 20"):
        stack.up(program, 10)
    aws_clients("rds").modify_db_instance(DBInstanceIdentifier="grown", AllocatedStorage=40, ApplyImmediately=True)
    assert stack.refresh().changes == {} and stack.outputs("db")["allocatedStorage"] == 40
    assert stack.preview(program, 20).changes == {}
    assert stack.preview(program, 30).changes == {}  # less than what is there
    assert stack.preview(program, 50).changes == {"update": {"db"}}
    stack.destroy()


def test_an_upgrade_goes_to_what_is_no_older_and_takes_its_parameters_along(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        group = aws.rds.ParameterGroup("pg", name="of16", family="postgres16")
        versions = {1: "16.9", 2: "17.2", 3: "17", 4: "17"}
        database(
            "db", identifier="upgraded", engine_version=versions[step], allow_major_version_upgrade=True,
            parameter_group_name=group.name if step < 4 else "default.postgres17",
        )  # fmt: skip

    stack.up(program, 1)
    with refused("17.2 is older than 16.9"):
        stack.up(program, 2)
    with refused("of the family postgres16", "postgres17"):
        stack.up(program, 3)
    stack.up(program, 4)
    assert stack.outputs("db")["engineVersionActual"].startswith("17.")
    stack.destroy()


def test_what_replicas_and_their_sources_may_not(stack: SmallEngine, aws_clients: Any) -> None:
    def program(step: int) -> None:
        source = _source("src31", backup_retention_period=0 if step == 2 else 1)
        names: dict[int, Any] = {3: "another", 4: "nosuch"}
        more = {"allocated_storage": 10} if step == 5 else {}
        name = "rep32" if step > 3 else "rep31"
        replica(name, names.get(step, source.identifier), identifier=name, backup_retention_period=7, **more)

    rds = aws_clients("rds")
    stack.up(program, 1)
    assert rds.describe_db_instances(DBInstanceIdentifier="rep31")["DBInstances"][0]["BackupRetentionPeriod"] == 7
    for step, words in {
        2: "cannot be 0: src31 is the source of rep31", 3: "cannot elect new source", 4: "'nosuch'", 5: "less than the 20 GiB",
    }.items():  # fmt: skip
        with refused(words):
            stack.up(program, step)
    stack.up(lambda _: replica("rep31", "src31", identifier="rep31", backup_retention_period=7))  # the source goes
    found = rds.describe_db_instances(DBInstanceIdentifier="rep31")["DBInstances"][0]
    assert not found.get("ReadReplicaSourceDBInstanceIdentifier")  # and leaves an instance of its own
    stack.destroy()


def test_a_replica_in_another_region_is_of_an_arn(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        elsewhere = aws.Provider("elsewhere", region="us-east-1")
        source = _source("src33")
        name = source.identifier if step == 1 else source.arn
        replica("rep33", name, identifier="rep33", opts=pulumi.ResourceOptions(provider=elsewhere))

    with refused("'src33'", "us-east-1"):
        stack.up(program, 1)
    stack.up(program, 2)
    stack.destroy()


def test_a_restore_needs_a_source_that_can_be_restored(stack: SmallEngine, aws_clients: Any) -> None:
    def restored(source: Any) -> None:
        aws.rds.Instance(
            "db", identifier="back34", instance_class="db.t4g.micro", skip_final_snapshot=True, password="an0therpass",
            restore_to_point_in_time={"source_db_instance_identifier": source, "use_latest_restorable_time": True},
        )  # fmt: skip

    with refused("'nodb'"):
        stack.up(lambda _: restored("nodb"))
    with refused("automated backups are not enabled for src34"):
        stack.up(lambda _: restored(_source("src34", backup_retention_period=0).identifier))
    stack.up(lambda _: restored(_source("src34", username="root34").identifier))
    found = aws_clients("rds").describe_db_instances(DBInstanceIdentifier="back34")["DBInstances"][0]
    assert (found["MasterUsername"], found["Engine"]) == ("root34", "postgres")
    assert stack.preview(lambda _: restored(_source("src34", username="root34").identifier)).changes == {}
    with refused("snap34", "'nodb'"):
        stack.up(lambda _: aws.rds.Snapshot("snap34", db_instance_identifier="nodb", db_snapshot_identifier="snap34"))
    stack.destroy()


def test_a_cluster_says_what_becomes_of_its_data(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        aws.rds.Cluster(
            "cl", cluster_identifier="cl35", engine="aurora-postgresql", master_username="u", master_password="passw0rd!",
            deletion_protection=step == 1, skip_final_snapshot=step == 3,
        )  # fmt: skip

    stack.up(program, 1)
    with refused("deletionProtection"):
        stack.destroy()
    stack.up(program, 2)
    with refused("finalSnapshotIdentifier is required"):
        stack.destroy()
    stack.up(program, 3)
    stack.destroy()
