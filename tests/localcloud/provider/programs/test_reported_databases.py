"""Programs with databases after public bug reports (/work/shared/cases/local-cloud): each goes as it goes on AWS."""

from __future__ import annotations

from typing import Any

import pulumi_aws as aws

from tests.localcloud.provider.programs.parts import (
    database,
    replica,
)  # fmt: skip
from tests.localcloud.provider.programs.small_engine import SmallEngine, refused


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
