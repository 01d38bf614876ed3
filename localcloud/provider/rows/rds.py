"""RDS instances and what belongs to them. The endpoint is where the data plane really listens."""

from __future__ import annotations

import json
import secrets as random
from typing import Any

from botocore.exceptions import ClientError

from localcloud.provider.constraints.combinations.rds import resolved
from localcloud.provider.errors import Refused
from localcloud.provider.row import VIRTUAL, Call, Context, Inputs, Prop, Read, Row
from localcloud.provider.rows import tagging

_PORTS = {"postgres": 5432, "mysql": 3306, "mariadb": 3306}
_IDENTIFIER = (
    r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{0,61}[a-zA-Z0-9]|[a-zA-Z]",
    "1 to 63 letters, digits and hyphens, beginning with a letter, no hyphen at the end nor two together",
)
#: What TF wants said of a source instance, but not of a replica, which inherits it.
_OF_SOURCE = ("engine", "username", "allocatedStorage")


def _secret_name(identifier: str) -> str:
    return f"rds!db-{identifier}"


def _is_replica(inputs: Inputs) -> bool:
    return bool(inputs.get("replicateSourceDb"))


def _master_secret(context: Context) -> None:
    """RDS makes a secret of its own when it is asked to manage the master password."""
    inputs = context["in"]
    name = _secret_name(context["id"])
    found = context.call("secretsmanager:list_secrets", {"Filters": [{"Key": "name", "Values": [name]}]})["SecretList"]
    exists = any(secret["Name"] == name for secret in found)
    if inputs.get("manageMasterUserPassword") and not exists:
        content = {"username": inputs.get("username"), "password": random.token_urlsafe(24)}
        key = inputs.get("masterUserSecretKmsKeyId")
        context.call(
            "secretsmanager:create_secret",
            {"Name": name, "SecretString": json.dumps(content), **({"KmsKeyId": key} if key else {})},
        )
    elif exists and not inputs.get("manageMasterUserPassword"):
        _forget_secret(context)


def _created(context: Context) -> None:
    """The master secret; and RDS does not give a replica its source's tags, as moto does."""
    _master_secret(context)
    _of_its_own(context)
    if _is_replica(context["in"]):
        arn = f"arn:aws:rds:{context['region']}:{context['account']}:db:{context['id']}"
        live = context.call("list_tags_for_resource", {"ResourceName": arn})["TagList"]
        extra = [tag["Key"] for tag in live if tag["Key"] not in (context["in"].get("tags") or {})]
        if extra:
            context.call("remove_tags_from_resource", {"ResourceName": arn, "TagKeys": extra})


#: What no call that makes an instance of another takes: the official provider modifies it afterwards.
_AFTERWARDS = {"backupRetentionPeriod": "BackupRetentionPeriod", "backupWindow": "PreferredBackupWindow",
               "maintenanceWindow": "PreferredMaintenanceWindow", "password": "MasterUserPassword"}  # fmt: skip


def _of_its_own(context: Context) -> None:
    inputs = context["in"]
    if not _is_copy(inputs):
        return
    wanted = {member: inputs[name] for name, member in _AFTERWARDS.items() if inputs.get(name) is not None}
    if "BackupRetentionPeriod" in wanted:
        wanted["BackupRetentionPeriod"] = int(wanted["BackupRetentionPeriod"])
    if wanted:
        arguments = {"DBInstanceIdentifier": context["id"], "ApplyImmediately": True, **wanted}
        context.call("modify_db_instance", arguments)


def _updated(context: Context) -> None:
    """A replica that names no source any more is promoted; a major version is its newest minor one."""
    found = context.call("describe_db_instances", {"DBInstanceIdentifier": context["id"]})["DBInstances"][0]
    if found.get("ReadReplicaSourceDBInstanceIdentifier") and not _is_replica(context["in"]):
        context.call("promote_read_replica", {"DBInstanceIdentifier": context["id"]})
    version = resolved(found["Engine"], found["EngineVersion"])
    if version != found["EngineVersion"]:
        arguments = {"DBInstanceIdentifier": context["id"], "EngineVersion": version, "ApplyImmediately": True}
        context.call("modify_db_instance", {**arguments, "AllowMajorVersionUpgrade": True})
    _master_secret(context)


def _forget_secret(context: Context) -> None:
    try:
        context.call(
            "secretsmanager:delete_secret",
            {"SecretId": _secret_name(context["id"]), "ForceDeleteWithoutRecovery": True},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise


def _deleted(context: Context) -> None:
    _forget_secret(context)
    context.release("rds", context["id"])


def _outputs(context: Context, outputs: dict[str, Any]) -> dict[str, Any]:
    address = context.lease("rds", context["id"])
    port = outputs.get("port") or _PORTS.get(str(outputs.get("engine")), 5432)
    made = {**outputs, "address": address, "port": port, "endpoint": f"{address}:{port}"}
    if context["in"].get("manageMasterUserPassword"):
        secret = context.call("secretsmanager:describe_secret", {"SecretId": _secret_name(context["id"])})
        made["masterUserSecrets"] = [
            {"secretArn": secret["ARN"], "secretStatus": "active", "kmsKeyId": secret.get("KmsKeyId", "")}
        ]
    return made


def _new(inputs: Inputs) -> list[tuple[str, str]]:
    """What a new instance needs; one that is no replica any more has it from its source."""
    found = []
    if not _is_copy(inputs):
        found = [
            (name, f"missing required property {name!r} of an instance that is no replica")
            for name in _OF_SOURCE
            if not inputs.get(name)
        ]
        if not inputs.get("password") and not inputs.get("manageMasterUserPassword") and not inputs.get("passwordWo"):
            found.append(("password", "one of password and manageMasterUserPassword is required"))
    return found


def _check(inputs: Inputs) -> list[tuple[str, str]]:
    found = []
    if inputs.get("password") and inputs.get("manageMasterUserPassword"):
        found.append(("password", "password and manageMasterUserPassword exclude each other"))
    if not 0 <= int(inputs.get("backupRetentionPeriod", 0)) <= 35:
        found.append(("backupRetentionPeriod", f"{inputs['backupRetentionPeriod']} days; accepted are 0 to 35"))
    return found


def _is_copy(inputs: Inputs) -> bool:
    """Whether an instance is made of another, which gives it what the program does not say."""
    return bool(_is_replica(inputs) or inputs.get("snapshotIdentifier") or inputs.get("restoreToPointInTime"))


def _operation(inputs: Inputs) -> str:
    if _is_replica(inputs):
        return "create_db_instance_read_replica"
    if inputs.get("restoreToPointInTime"):
        return "restore_db_instance_to_point_in_time"
    return "restore_db_instance_from_db_snapshot" if inputs.get("snapshotIdentifier") else "create_db_instance"


def _create_arguments(inputs: Inputs) -> dict[str, Any]:
    if _is_replica(inputs):
        return {"SourceDBInstanceIdentifier": inputs["replicateSourceDb"]}
    restore = inputs.get("restoreToPointInTime")
    if restore:
        given = restore[0] if isinstance(restore, list) else restore
        when = {"RestoreTime": given["restoreTime"]} if given.get("restoreTime") else {"UseLatestRestorableTime": True}
        source = given.get("sourceDbInstanceIdentifier")
        return {"SourceDBInstanceIdentifier": source, "TargetDBInstanceIdentifier": inputs["identifier"], **when}
    if inputs.get("snapshotIdentifier"):
        return {"DBSnapshotIdentifier": inputs["snapshotIdentifier"]}
    made = {"EngineVersion": resolved(str(inputs.get("engine")), str(inputs.get("engineVersion") or ""))}
    if inputs.get("manageMasterUserPassword"):  # moto wants a password; the real one is in the secret
        made["MasterUserPassword"] = random.token_urlsafe(24)
    return {name: value for name, value in made.items() if value}


def _unprotect(context: Context) -> None:
    inputs = context["in"]
    if not inputs.get("skipFinalSnapshot") and not inputs.get("finalSnapshotIdentifier"):
        raise Refused(
            f"delete_db_instance: {context['id']}: finalSnapshotIdentifier is required when skipFinalSnapshot is false"
        )
    found = context.call("describe_db_instances", {"DBInstanceIdentifier": context["id"]})["DBInstances"]
    if found and found[0].get("DeletionProtection"):
        raise Refused(
            f"delete_db_instance: {context['id']} has deletion protection; set deletionProtection to false first"
        )


ROWS: dict[str, Row] = {
    "aws:rds/instance:Instance": Row(
        "rds",
        "create_db_instance",
        "$in.identifier",
        variant=_operation,
        reads=(Read("describe_db_instances", {"DBInstanceIdentifier": "$id"}, "DBInstances[0]"),),
        arguments=_create_arguments,
        update=Call("modify_db_instance", {"DBInstanceIdentifier": "$id", "ApplyImmediately": True}),
        after_create=_created,
        after_update=_updated,
        before_delete=_unprotect,
        delete=(
            Call(
                "delete_db_instance",
                {
                    "DBInstanceIdentifier": "$id",
                    "SkipFinalSnapshot": "$in.skipFinalSnapshot || `false`",
                    "FinalDBSnapshotIdentifier": "$!(in.skipFinalSnapshot) && in.finalSnapshotIdentifier || `null`",
                },
            ),
        ),
        after_delete=_deleted,
        props={
            "identifier": Prop(api="DBInstanceIdentifier"),
            "identifierPrefix": VIRTUAL,
            "instanceClass": Prop(api="DBInstanceClass"),
            "dbName": Prop(api="DBName", force=True),
            "engine": Prop(api="Engine", force=True),
            "username": Prop(api="MasterUsername", force=True),
            "password": Prop(api="MasterUserPassword"),
            "port": Prop(api="Port", live="Endpoint.Port"),
            "backupWindow": Prop(api="PreferredBackupWindow"),
            "maintenanceWindow": Prop(api="PreferredMaintenanceWindow"),
            "dbSubnetGroupName": Prop(live="DBSubnetGroup.DBSubnetGroupName", force=True),
            "parameterGroupName": Prop(api="DBParameterGroupName", live="DBParameterGroups[0].DBParameterGroupName"),
            "optionGroupName": Prop(live="OptionGroupMemberships[0].OptionGroupName"),
            "vpcSecurityGroupIds": Prop(live="VpcSecurityGroups[].VpcSecurityGroupId"),
            "enabledCloudwatchLogsExports": Prop(
                api="EnableCloudwatchLogsExports", live="EnabledCloudwatchLogsExports", update=True
            ),
            "iamDatabaseAuthenticationEnabled": Prop(
                api="EnableIAMDatabaseAuthentication", live="IAMDatabaseAuthenticationEnabled"
            ),
            "performanceInsightsKmsKeyId": Prop(api="PerformanceInsightsKMSKeyId"),
            "caCertIdentifier": Prop(api="CACertificateIdentifier"),
            "restoreToPointInTime": Prop(api="", force=True, unread=True),
            "replicateSourceDb": Prop(api="", live="ReadReplicaSourceDBInstanceIdentifier"),
            "manageMasterUserPassword": Prop(api="", update=True),
            "masterUserSecretKmsKeyId": Prop(api="", update=True),
            "multiAz": Prop(default=False),
            "publiclyAccessible": Prop(default=False),
            "autoMinorVersionUpgrade": Prop(default=True),
            "copyTagsToSnapshot": Prop(default=False),
            "deletionProtection": Prop(default=False),
            "monitoringInterval": Prop(default=0),
            "backupRetentionPeriod": Prop(default=lambda inputs: None if _is_replica(inputs) else 0),
            "skipFinalSnapshot": Prop(virtual=True, default=False),
            "deleteAutomatedBackups": Prop(virtual=True, default=True),
            "applyImmediately": Prop(virtual=True, default=False),
            "finalSnapshotIdentifier": VIRTUAL,
            "allowMajorVersionUpgrade": VIRTUAL,
            "upgradeStorageConfig": VIRTUAL,
            "blueGreenUpdate": VIRTUAL,
        },
        kept=frozenset(
            {
                "password",
                "manageMasterUserPassword",
                "masterUserSecretKmsKeyId",
                "performanceInsightsEnabled",
                "performanceInsightsRetentionPeriod",
                "performanceInsightsKmsKeyId",
                "databaseInsightsMode",
                "monitoringInterval",
                "monitoringRoleArn",
                "networkType",
                "engineLifecycleSupport",
                "port",
            }
        ),
        name="identifier",
        name_limit=63,
        name_rule=_IDENTIFIER,
        secrets=frozenset({"password"}),
        check=_check,
        check_new=_new,
        outputs={
            "arn": "$el.DBInstanceArn",
            "resourceId": "$el.DbiResourceId",
            "status": "$el.DBInstanceStatus",
            "engineVersionActual": "$el.EngineVersion",
            "replicas": "$el.ReadReplicaDBInstanceIdentifiers",
            "hostedZoneId": "Z2VFMSZA74J7XZ",
        },
        finish=_outputs,
        tagging=tagging.rds("db"),
        same_vpc=("dbSubnetGroupName", "vpcSecurityGroupIds"),
        references={"masterUserSecretKmsKeyId": "key", "performanceInsightsKmsKeyId": "key"},
    ),
    "aws:rds/snapshot:Snapshot": Row(
        "rds",
        "create_db_snapshot",
        "$in.dbSnapshotIdentifier",
        reads=(Read("describe_db_snapshots", {"DBSnapshotIdentifier": "$id"}, "DBSnapshots[0]"),),
        delete=(Call("delete_db_snapshot", {"DBSnapshotIdentifier": "$id"}),),
        props={
            "dbSnapshotIdentifier": Prop(api="DBSnapshotIdentifier"),
            "dbInstanceIdentifier": Prop(api="DBInstanceIdentifier", force=True),
            "sharedAccounts": Prop(api="", update=True, unread=True),
        },
        outputs={"dbSnapshotArn": "$el.DBSnapshotArn", "sourceDbSnapshotIdentifier": "$el.SourceDBSnapshotIdentifier"},
        tagging=tagging.rds("snapshot"),
    ),
}
