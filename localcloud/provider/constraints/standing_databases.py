"""What RDS and ElastiCache refuse because of what else exists, asked of what is live and not of what the state remembers of it.

The tables that call it are in standing.py. Sources: CreateDBInstanceReadReplica, ModifyDBInstance, DeleteDBInstance,
RestoreDBInstanceToPointInTime (API reference), "Upgrading the RDS for PostgreSQL DB engine".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from localcloud.provider.constraints.combinations.rds import resolved
from localcloud.provider.constraints.decisions import version
from localcloud.provider.errors import Refused
from localcloud.provider.row import Context

#: "Up to 15 read replicas" of one source.
_REPLICAS = 15
#: Minor versions of PostgreSQL come out together: 17.5 with 16.9, 15.13 and 14.18. What a major version is ahead of 17's.
_AHEAD = {18: -6, 17: 0, 16: 4, 15: 8, 14: 13, 13: 16, 12: 20, 11: 25}
_POSTGRES = ("postgres", "aurora-postgresql")

Inputs = Mapping[str, Any]


def _found(context: Context, name: str) -> dict[str, Any] | None:
    """What is live of an instance, by its identifier or ARN (then in the ARN's Region)."""
    operation = "rds:describe_db_instances"
    try:
        instances = context.call(operation, {"DBInstanceIdentifier": name.split(":")[-1]})["DBInstances"]
    except ClientError:
        return None
    return dict(instances[0]) if instances else None


def instance(context: Context) -> None:
    """CreateDBInstance and what makes one of another: the source is there and fit, the parameter group is of the engine."""
    inputs = context["in"]
    _zone(context, inputs.get("availabilityZone"))
    source, restore = inputs.get("replicateSourceDb"), _inner(inputs.get("restoreToPointInTime"))
    if source:
        _replicated(context, str(source), inputs)
    elif restore.get("sourceDbInstanceIdentifier"):
        name = str(restore["sourceDbInstanceIdentifier"])
        found = _found(context, name)
        if found is None:
            raise Refused(f"DBInstanceNotFound: {name!r}, the source to restore from, does not exist")
        if not found.get("BackupRetentionPeriod"):
            raise Refused(
                f"InvalidDBInstanceState: automated backups are not enabled for {name}: nothing can be restored"
            )
    elif inputs.get("snapshotIdentifier"):
        _restored(context, inputs)
    else:
        asked = resolved(str(inputs.get("engine")), str(inputs.get("engineVersion") or ""))
        _family(context, inputs, str(inputs.get("engine")), asked)


def _inner(value: Any) -> Mapping[str, Any]:
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, dict) else {}


def _zone(context: Context, zone: Any) -> None:
    if not zone:
        return
    zones = [item["ZoneName"] for item in context.call("ec2:describe_availability_zones", {})["AvailabilityZones"]]
    if zone not in zones:
        raise Refused(f"InvalidVPCNetworkStateFault: availabilityZone {zone!r}; accepted are {', '.join(zones)}")


def _replicated(context: Context, source: str, inputs: Inputs) -> None:
    if source.startswith("arn:") and source.split(":")[3] != context["region"]:
        return  # of another Region: the emulator looks for it there
    found = _found(context, source)
    if found is None:
        raise Refused(
            f"DBInstanceNotFound: {source!r}, which replicateSourceDb names, does not exist in {context['region']}"
        )
    if not found.get("BackupRetentionPeriod"):
        raise Refused(
            f"InvalidDBInstanceState: automated backups are not enabled for {source}: set its backupRetentionPeriod"
        )
    if len(found.get("ReadReplicaDBInstanceIdentifiers") or ()) >= _REPLICAS:
        raise Refused(f"InstanceQuotaExceeded: {source} has {_REPLICAS} read replicas, which is the quota")
    size = inputs.get("allocatedStorage")
    if size and int(size) < int(found["AllocatedStorage"]):
        raise Refused(
            f"InvalidParameterCombination: allocatedStorage {size} is less than the {found['AllocatedStorage']} GiB of {source}"
        )


def _restored(context: Context, inputs: Inputs) -> None:
    name, engine = str(inputs["snapshotIdentifier"]), inputs.get("engine")
    try:
        found = context.call("describe_db_snapshots", {"DBSnapshotIdentifier": name})["DBSnapshots"]
    except ClientError:
        return  # that it is not there is another refusal
    if found and engine and found[0].get("Engine") not in (None, engine):
        raise Refused(
            f"InvalidParameterCombination: the snapshot {name} is of {found[0]['Engine']}, and cannot be restored as {engine}"
        )


def _family(context: Context, inputs: Inputs, engine: str, asked: str) -> None:
    group = inputs.get("parameterGroupName")
    if not group or not asked:
        return
    if str(group).startswith("default."):
        _default_group(context, str(group))
    try:
        found = context.call("describe_db_parameter_groups", {"DBParameterGroupName": group})["DBParameterGroups"]
    except ClientError as error:
        raise Refused(f"DBParameterGroupNotFound: {group!r} does not exist") from error
    family = found[0]["DBParameterGroupFamily"] if found else ""
    needed = f"{engine}{'.'.join(asked.split('.')[: 1 if engine in _POSTGRES else 2])}"
    if found and family != needed:
        raise Refused(
            f"InvalidParameterCombination: the parameter group {group!r} is of the family {family}; {engine} {asked} needs "
            f"{needed}"
        )


def _default_group(context: Context, group: str) -> None:
    """RDS makes the group of a family's defaults when it is first used."""
    known = context.call("describe_db_parameter_groups", {})["DBParameterGroups"]
    if group not in {item["DBParameterGroupName"] for item in known}:
        family = group.removeprefix("default.")
        context.call(
            "create_db_parameter_group",
            {"DBParameterGroupName": group, "DBParameterGroupFamily": family, "Description": f"Defaults of {family}"},
        )


def instance_change(context: Context) -> None:
    """ModifyDBInstance: versions go up, a major one when that is allowed; storage grows; a replica keeps its source."""
    new, old, changed = context["in"], context["old"], context["changed"]
    if "replicateSourceDb" in changed and new.get("replicateSourceDb"):
        raise Refused(
            f"cannot elect new source database for replication: {context['id']} replicates "
            f"{old.get('replicateSourceDb') or 'nothing'}, not {new['replicateSourceDb']}; only removing it is possible"
        )
    live = _found(context, str(context["id"])) or {}
    engine = str(live.get("Engine") or new.get("engine") or "postgres")
    before = str(live.get("EngineVersion") or context["out"].get("engineVersionActual") or "")
    after = resolved(engine, str(new.get("engineVersion") or "")) if "engineVersion" in changed else before
    if "engineVersion" in changed and new.get("engineVersion"):
        _upgrade(engine, before, str(new["engineVersion"]), new)
    if {"engineVersion", "parameterGroupName"} & set(changed):
        _family(context, new, engine, after)
    size, held = new.get("allocatedStorage"), live.get("AllocatedStorage")
    if "allocatedStorage" in changed and size and held and int(size) < int(held):
        raise Refused(
            f"InvalidParameterCombination: allocatedStorage {size} cannot be less than the current {held} GiB"
        )
    replicas = live.get("ReadReplicaDBInstanceIdentifiers") or ()
    if "backupRetentionPeriod" in changed and not int(new.get("backupRetentionPeriod") or 0) and replicas:
        raise Refused(
            f"InvalidParameterCombination: backupRetentionPeriod cannot be 0: {context['id']} is the source of "
            f"{', '.join(replicas)}"
        )


def cluster_change(context: Context) -> None:
    """ModifyDBCluster: versions go up."""
    new = context["in"]
    before = context["out"].get("engineVersionActual") or context["old"].get("engineVersion")
    if before and new.get("engineVersion") and "engineVersion" in context["changed"]:
        _upgrade(str(new.get("engine")), str(before), str(new["engineVersion"]), new)


def _upgrade(engine: str, before: str, after: str, new: Inputs) -> None:
    if version(after) < version(before)[: len(version(after))]:
        raise Refused(f"InvalidParameterCombination: cannot upgrade from {before} to {after}: versions only go up")
    majors = 1 if engine in _POSTGRES else 2
    if version(after)[:majors] == version(before)[:majors]:
        return
    if str(new.get("allowMajorVersionUpgrade")).lower() != "true":
        raise Refused(
            f"InvalidParameterCombination: from {before} to {after} is a major upgrade: set allowMajorVersionUpgrade"
        )
    if engine == "postgres" and _released(resolved(engine, after)) < _released(before):
        raise Refused(
            f"InvalidParameterCombination: cannot upgrade from {before} to {after}: {after} is older than {before}; a minor "
            "version that came out with it, or later, is accepted"
        )


def _released(text: str) -> int:
    """When a minor version of PostgreSQL came out, as the minor version of 17 of that day."""
    major, minor = (*version(text), 0, 0)[:2]
    return minor - _AHEAD.get(major, 0)


def snapshot(context: Context) -> None:
    """CreateDBSnapshot: of an instance that is there."""
    name = str(context["in"].get("dbInstanceIdentifier"))
    if _found(context, name) is None:
        raise Refused(f"DBInstanceNotFound: {name!r}, of which a snapshot is asked for, does not exist")


def instance_gone(context: Context) -> None:
    """DeleteDBInstance: replicas of the Region that are left behind become instances of their own."""
    live = _found(context, str(context["id"]))
    if live is None or live.get("DeletionProtection"):
        return
    for name in live.get("ReadReplicaDBInstanceIdentifiers") or ():
        if not str(name).startswith("arn:"):
            context.call("promote_read_replica", {"DBInstanceIdentifier": name})


def cluster_gone(context: Context) -> None:
    """DeleteDBCluster: it is not protected, and says what becomes of its data."""
    inputs = context["in"]
    if str(inputs.get("deletionProtection")).lower() == "true":
        raise Refused(
            f"InvalidParameterCombination: cannot delete the protected cluster {context['id']}: deletionProtection"
        )
    if str(inputs.get("skipFinalSnapshot")).lower() != "true" and not inputs.get("finalSnapshotIdentifier"):
        raise Refused(
            f"delete_db_cluster: {context['id']}: finalSnapshotIdentifier is required when skipFinalSnapshot is false"
        )


def subnets_gone(context: Context) -> None:
    """DeleteDBSubnetGroup: no instance stands in it."""
    for found in context.call("describe_db_instances", {})["DBInstances"]:
        if (found.get("DBSubnetGroup") or {}).get("DBSubnetGroupName") == context["id"]:
            raise Refused(
                f"InvalidDBSubnetGroupStateFault: {context['id']!r} is used by the instance {found['DBInstanceIdentifier']}"
            )


def parameters_gone(context: Context) -> None:
    """DeleteDBParameterGroup: no instance has it."""
    for found in context.call("describe_db_instances", {})["DBInstances"]:
        if any(group.get("DBParameterGroupName") == context["id"] for group in found.get("DBParameterGroups") or ()):
            raise Refused(
                f"InvalidDBParameterGroupState: {context['id']!r} is used by the instance {found['DBInstanceIdentifier']}"
            )


# ---- ElastiCache


def cache(context: Context) -> None:
    """CreateReplicationGroup, ModifyReplicationGroup: its parameters are there; users need encryption."""
    inputs = context["in"]
    group = str(inputs.get("parameterGroupName") or "")
    made = context.recorded("aws:elasticache/parameterGroup:ParameterGroup")
    if context.asks("parameterGroupName") and group and not group.startswith("default.") and group not in made:
        raise Refused(f"CacheParameterGroupNotFound: parameterGroupName {group!r} does not exist")
    encrypted = str(inputs.get("transitEncryptionEnabled")).lower() == "true"
    if context.asks("userGroupIds") and inputs.get("userGroupIds") and not encrypted:
        raise Refused(
            "InvalidParameterCombination: user group based access control requires encryption-in-transit to be enabled: "
            "userGroupIds needs transitEncryptionEnabled"
        )


def cache_users(context: Context) -> None:
    """CreateUserGroup, ModifyUserGroup: names of users differ; one of Redis OSS has a user called default."""
    users = context.recorded("aws:elasticache/user:User")
    chosen = [str(each) for each in context["in"].get("userIds") or ()]
    names = [str((users.get(each) or {}).get("userName") or each) for each in chosen]
    for name in names:
        if names.count(name) > 1:
            raise Refused(f"DuplicateUserName: a user with the username {name!r} is in userIds twice")
    if str(context["in"].get("engine")).lower() == "redis" and "default" not in names:
        raise Refused(
            "DefaultUserRequired: you must add a user called default to a user group of the engine redis: userIds"
        )
