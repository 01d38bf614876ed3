"""Controls on RDS instances: exposure, encryption, backups, upgrades, monitoring, names and ports."""

from __future__ import annotations

from collections.abc import Callable

from policies.lang.lifecycles import calendar, release, today
from policies.lang.links import SUBNETS, backed_up, coming, reaches_internet
from policies.lang.resources import Resource, Stack
from policies.lang.values import CannotTell
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import is_at_least, is_false, is_set, is_true

INSTANCE = "aws:rds/instance:Instance"
CLUSTER = "aws:rds/cluster:Cluster"
MEMBER = "aws:rds/clusterInstance:ClusterInstance"
SNAPSHOT = "aws:rds/snapshot:Snapshot"
CLUSTER_SNAPSHOT = "aws:rds/clusterSnapshot:ClusterSnapshot"
SNAPSHOT_COPIES = ("aws:rds/snapshotCopy:SnapshotCopy", "aws:rds/clusterSnapshotCopy:ClusterSnapshotCopy")
SUBNET_GROUP = "aws:rds/subnetGroup:SubnetGroup"
PROXY = "aws:rds/proxy:Proxy"

_GUIDE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide"

#: Engines by prefix, and the port that AWS takes when none is set.
_PORTS = {
    "aurora-mysql": 3306,
    "aurora-postgresql": 5432,
    "aurora": 3306,
    "db2": 50000,
    "mariadb": 3306,
    "mysql": 3306,
    "oracle": 1521,
    "custom-oracle": 1521,
    "postgres": 5432,
    "sqlserver": 1433,
    "custom-sqlserver": 1433,
}
#: Administrators' names that everyone knows, since AWS's console proposes them.
_KNOWN_ADMINS = ("admin", "postgres")
_IAM_ENGINES = ("mysql", "postgres", "aurora", "aurora-mysql", "aurora-postgresql", "mariadb")


def engine(resource: Resource) -> str:
    """The engine's name, lower case. A replica takes its source's, which only RDS knows before it is made."""
    name = resource.text("engine").lower()
    if not name:
        inherited(resource, "engine")
    return name


def inherited(resource: Resource, path: str) -> None:
    """Raises `CannotTell` for a property that a read replica does not set: it has its source's, known after deployment."""
    if resource.type == INSTANCE and resource.has("replicateSourceDb") and resource.raw(path) is None:
        raise CannotTell(path, "the source's, which is known after deployment")


def _aurora(resource: Resource) -> str | None:
    name = resource.text(
        "engine"
    ).lower()  # an instance that replicates another is no member of a cluster, whatever it runs
    return "an Aurora instance: its cluster decides" if name.startswith("aurora") else None


def _replica(resource: Resource) -> str | None:
    return "a read replica: its source decides" if resource.has("replicateSourceDb") else None


def _no_iam(resource: Resource) -> str | None:
    name = engine(resource)
    return None if name in _IAM_ENGINES else f"{name or 'the engine'} has no IAM authentication"


def _private_snapshot(snapshot: Resource) -> Verdict:
    accounts, complete = snapshot.known_texts("sharedAccounts")
    if "all" in accounts:
        return bad("sharedAccounts", "all", "share it with named accounts, or none")
    if not complete:
        raise CannotTell("sharedAccounts", "partly unknown")
    return ok()


def _encrypted(instance: Resource, stack: Stack) -> Verdict:
    if instance.flag("storageEncrypted"):
        return ok()
    if instance.has("replicateSourceDb") and instance.raw("storageEncrypted") is None:
        source = stack.target(instance, "replicateSourceDb", INSTANCE)
        if source is None:
            raise CannotTell("storageEncrypted", "the source's, which is not in this stack")
        return _encrypted(source, stack)
    return bad("storageEncrypted", instance.raw("storageEncrypted"), "set it to true (RDS replaces the instance)")


def _encrypted_snapshot(snapshot: Resource, stack: Stack) -> Verdict:
    own, reference, source_type = {
        SNAPSHOT: ("encrypted", "dbInstanceIdentifier", INSTANCE),
        CLUSTER_SNAPSHOT: ("storageEncrypted", "dbClusterIdentifier", CLUSTER),
    }[snapshot.type]
    if snapshot.raw(own) is not None:
        return ok() if snapshot.flag(own) else bad(own, False, "copy it with a kms_key_id and remove this one")
    source = stack.target(snapshot, reference, source_type)
    if source is None:
        raise CannotTell(own, "that of the source, which is not in this stack")
    if source.flag("storageEncrypted"):
        return ok()
    return bad(f"{source.name}.storageEncrypted", source.raw("storageEncrypted"), "encrypt the source of the snapshot")


def _monitored(instance: Resource, stack: Stack) -> Verdict:
    if (instance.number("monitoringInterval", 0) or 0) > 0:
        return ok()
    if instance.type == MEMBER:
        cluster = stack.target(instance, "clusterIdentifier", CLUSTER)
        if cluster is not None and (cluster.number("monitoringInterval", 0) or 0) > 0:
            return ok()
    return bad("monitoringInterval", instance.raw("monitoringInterval"), "set it to 60 seconds or fewer, with a role")


def _subnet_group(instance: Resource) -> Verdict:
    reason = _replica(instance)
    if reason:
        return na(reason)
    if coming(instance, "dbSubnetGroupName"):
        return ok()
    name = instance.text("dbSubnetGroupName")
    if name and name != "default":
        return ok()
    return bad("dbSubnetGroupName", name or None, "name a subnet group of the VPC; AWS takes the default VPC otherwise")


def _own_port(database: Resource) -> Verdict:
    name = engine(database)
    default = next((port for prefix, port in _PORTS.items() if name.startswith(prefix)), None)
    if default is None:
        return na(f"no default port is known for {name or 'the engine'}")
    inherited(database, "port")
    port = database.number("port", default)
    return bad("port", port, f"choose another than the engine's own ({default})") if port == default else ok()


def _own_admin(path: str) -> Callable[[Resource], Verdict]:
    def check(database: Resource) -> Verdict:
        inherited(database, path)
        if database.raw(path) is None:
            return na("takes its administrator from its source")
        name = database.text(path)
        return bad(path, name, "choose a name of your own") if name.lower() in _KNOWN_ADMINS else ok()

    return check


def _in_backup_plan(instance: Resource, stack: Stack) -> Verdict:
    reason = _aurora(instance)
    if reason:
        return na(reason)
    if backed_up(instance, stack, "arn:aws:rds:*:*:db:*"):
        return ok()
    return bad("backup.Selection", None, "let a backup.Selection cover it, by ARN or by tag")


def _no_internet_route(instance: Resource, stack: Stack) -> Verdict:
    inherited(instance, "dbSubnetGroupName")
    if instance.raw("dbSubnetGroupName") is None:
        return na("no subnet group; RDS.18 judges that")
    group = stack.target(instance, "dbSubnetGroupName", SUBNET_GROUP)
    if group is None:
        raise CannotTell("dbSubnetGroupName", "a subnet group outside this stack")
    listed = group.raw("subnetIds")
    subnets = stack.targets(group, "subnetIds", *SUBNETS)
    if not subnets or (isinstance(listed, list) and len(subnets) < len(listed)):
        raise CannotTell(f"{group.name}.subnetIds", "partly subnets outside this stack, whose routes it does not hold")
    for subnet in subnets:
        if reaches_internet(subnet, stack):
            return bad(f"{group.name}.subnetIds", subnet.name, "use subnets without a route to an Internet gateway")
    return ok()


def _iam_authentication(instance: Resource) -> Verdict:
    reason = _no_iam(instance)
    if reason:
        return na(reason)
    path = "iamDatabaseAuthenticationEnabled"
    return ok() if instance.flag(path) else bad(path, instance.raw(path), "set it to true")


def _supported_engine(database: Resource) -> Verdict:
    name, version = engine(database), database.text("engineVersion")
    kind = name.removeprefix("custom-")
    if not calendar(kind):
        return na(f"no calendar is known for {name or 'the engine'}")
    inherited(database, "engineVersion")
    if not version:
        return ok()  # AWS takes the version that it recommends
    if kind == "aurora-mysql" and version.startswith("8.0.mysql_aurora"):
        version = "8.0"
    entry = release(kind, version)
    if entry is None:
        return bad("engineVersion", version, f"use one of {', '.join(calendar(kind))}")
    ends = calendar(kind)[entry]
    if ends is None or ends >= today():
        return ok()
    return bad(
        "engineVersion", f"{version}, standard support ended {ends}", "upgrade to a major version that AWS supports"
    )


def _managed_password(database: Resource, stack: Stack) -> Verdict:
    reason = _replica(database)
    if reason:
        return na(reason)
    path = "manageMasterUserPassword"
    if database.flag(path):
        return ok()
    if stack.referrers(database, INSTANCE, "replicateSourceDb"):
        return na("RDS keeps no password for an instance that has read replicas")
    return bad(path, database.raw(path), "set it to true in place of a password")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="RDS.1",
        severity=Severity.CRITICAL,
        remediation='Remove "all" from shared_accounts.',
        rule=Each((SNAPSHOT, CLUSTER_SNAPSHOT, *SNAPSHOT_COPIES), _private_snapshot),
    ),
    Control(
        id="RDS.2",
        severity=Severity.CRITICAL,
        remediation="Set publicly_accessible=False.",
        rule=is_false((INSTANCE, MEMBER, CLUSTER), "publiclyAccessible"),
    ),
    Control(
        id="RDS.3",
        severity=Severity.MEDIUM,
        remediation="Set storage_encrypted=True (RDS replaces the instance: restore it from an encrypted snapshot copy).",
        rule=Related((INSTANCE,), _encrypted),
    ),
    Control(
        id="RDS.4",
        severity=Severity.MEDIUM,
        remediation="Encrypt the instance or cluster; copy existing snapshots with a kms_key_id.",
        rule=Related((SNAPSHOT, CLUSTER_SNAPSHOT), _encrypted_snapshot),
    ),
    Control(
        id="RDS.5",
        severity=Severity.MEDIUM,
        remediation="Set multi_az=True.",
        rule=is_true(INSTANCE, "multiAz", unless=_aurora),
    ),
    Control(
        id="RDS.6",
        severity=Severity.LOW,
        remediation="Set monitoring_interval (1 to 60 seconds) and monitoring_role_arn.",
        rule=Related((INSTANCE, MEMBER), _monitored),
    ),
    Control(
        id="RDS.8",
        severity=Severity.LOW,
        remediation="Set deletion_protection=True.",
        rule=is_true(INSTANCE, "deletionProtection", unless=_aurora),
    ),
    Control(
        id="RDS.10",
        severity=Severity.MEDIUM,
        remediation="Set iam_database_authentication_enabled=True.",
        rule=Each((INSTANCE,), _iam_authentication),
    ),
    Control(
        id="RDS.11",
        severity=Severity.MEDIUM,
        remediation="Set backup_retention_period to 7 or more.",
        rule=is_at_least(INSTANCE, "backupRetentionPeriod", 7, unless=_replica),
    ),
    Control(
        id="RDS.13",
        severity=Severity.HIGH,
        remediation="Leave auto_minor_version_upgrade at True.",
        rule=is_true((INSTANCE, MEMBER), "autoMinorVersionUpgrade", default=True),
    ),
    Control(
        id="RDS.17",
        severity=Severity.LOW,
        remediation="Set copy_tags_to_snapshot=True.",
        rule=is_true(INSTANCE, "copyTagsToSnapshot", unless=_aurora),
    ),
    Control(
        id="RDS.18",
        severity=Severity.HIGH,
        remediation="Set db_subnet_group_name.",
        rule=Each((INSTANCE,), _subnet_group),
    ),
    Control(
        id="RDS.23",
        severity=Severity.LOW,
        remediation="Set port to another than the engine's default.",
        rule=Each((INSTANCE, CLUSTER), _own_port),
    ),
    Control(
        id="RDS.25",
        severity=Severity.MEDIUM,
        remediation='Set username to another name than "admin" or "postgres".',
        rule=Each((INSTANCE,), _own_admin("username")),
    ),
    Control(
        id="RDS.24",
        severity=Severity.MEDIUM,
        remediation='Set master_username to another name than "admin" or "postgres".',
        rule=Each((CLUSTER,), _own_admin("masterUsername")),
    ),
    Control(
        id="RDS.26",
        severity=Severity.MEDIUM,
        remediation="Cover the instance by a backup.Selection, by ARN or by tag.",
        rule=Related((INSTANCE,), _in_backup_plan),
    ),
    Control(
        id="RDS.43",
        severity=Severity.MEDIUM,
        remediation="Set require_tls=True.",
        rule=is_true(PROXY, "requireTls"),
    ),
    Control(
        id="RDS.46",
        severity=Severity.HIGH,
        remediation="Give the subnet group private subnets.",
        rule=Related((INSTANCE,), _no_internet_route),
    ),
    Control(
        id="MD.RDS.1",
        title="Databases are encrypted with a customer managed key",
        severity=Severity.LOW,
        remediation="Set kms_key_id.",
        link=f"{_GUIDE}/Overview.Encryption.Keys.html",
        rule=is_set((INSTANCE, CLUSTER), "kmsKeyId", "name a KMS key of your own", unless=_replica),
    ),
    Control(
        id="MD.RDS.2",
        title="Instances record Performance Insights",
        severity=Severity.LOW,
        remediation="Set performance_insights_enabled=True.",
        link=f"{_GUIDE}/USER_PerfInsights.html",
        rule=is_true((INSTANCE, MEMBER), "performanceInsightsEnabled"),
    ),
    Control(
        id="MD.RDS.3",
        title="RDS keeps the administrator's password",
        severity=Severity.MEDIUM,
        remediation="Set manage_master_user_password=True in place of a password.",
        link=f"{_GUIDE}/rds-secrets-manager.html",
        rule=Related((INSTANCE, CLUSTER), _managed_password),
    ),
    Control(
        id="MD.RDS.4",
        title="Databases leave a final snapshot",
        severity=Severity.MEDIUM,
        remediation="Leave skip_final_snapshot at False.",
        link=f"{_GUIDE}/USER_DeleteInstance.html",
        rule=is_false((INSTANCE, CLUSTER), "skipFinalSnapshot", unless=_replica),
    ),
    Control(
        id="MD.RDS.6",
        title="RDS engine versions are within standard support",
        severity=Severity.HIGH,
        remediation="Set engine_version to a major version before its end of standard support.",
        link=f"{_GUIDE}/extended-support.html",
        rule=Each((INSTANCE, CLUSTER), _supported_engine),
    ),
    Control(
        id="MD.RDS.5",
        title="Backups outlive the database",
        severity=Severity.LOW,
        remediation="Set delete_automated_backups=False.",
        link=f"{_GUIDE}/USER_WorkingWithAutomatedBackups.html",
        rule=is_false((INSTANCE, CLUSTER), "deleteAutomatedBackups", default=True, unless=_replica),
    ),
)
