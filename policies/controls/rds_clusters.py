"""Controls on RDS clusters (Aurora and Multi-AZ) and on global clusters."""

from __future__ import annotations

import re

from policies.controls.rds import CLUSTER, MEMBER, engine
from policies.lang.resources import Resource, Stack
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import Unless, is_at_least, is_true

GLOBAL = "aws:rds/globalCluster:GlobalCluster"

#: Security Hub's parameters for RDS.51 (not customisable).
_MINIMUM_AURORA_MYSQL = (3, 8, 0)
_LONG_TERM_AURORA_MYSQL = ((3, 4, 0), (3, 4, 1), (3, 4, 2), (3, 4, 3))


def _only(*names: str, prefix: bool = False) -> Unless:
    def unless(cluster: Resource) -> str | None:
        name = engine(cluster)
        fits = name.startswith(names) if prefix else name in names
        return None if fits else f"a cluster of {name or 'an engine that is not named'}"

    return unless


_AURORA = _only("aurora", prefix=True)
_AURORA_MYSQL = _only("aurora-mysql", "aurora")


def _multi_az_only(cluster: Resource) -> str | None:
    return "an Aurora cluster" if engine(cluster).startswith("aurora") else None


def _serverless_v1(cluster: Resource) -> bool:
    return cluster.text("engineMode", "provisioned") == "serverless"


def _many_zones(cluster: Resource, stack: Stack) -> Verdict:
    if not engine(cluster).startswith("aurora"):
        path = "dbClusterInstanceClass"  # what makes it a Multi-AZ cluster of three instances
        return ok() if cluster.has(path) else bad(path, None, "set it: a Multi-AZ cluster has instances in three zones")
    if _serverless_v1(cluster):
        return na("Aurora Serverless v1 places its capacity itself")
    members = stack.referrers(cluster, MEMBER, "clusterIdentifier")
    zones = {member.text("availabilityZone") or member.urn for member in members}
    if len(zones) >= 2:
        return ok()
    return bad("ClusterInstance", f"{len(zones)} zone(s)", "add a reader in another Availability Zone")


def _encrypted(cluster: Resource) -> Verdict:
    path = "storageEncrypted"
    if cluster.flag(path, _serverless_v1(cluster)):
        return ok()
    return bad(path, cluster.raw(path), "set it to true (RDS replaces the cluster)")


def _version(text: str) -> tuple[int, ...] | None:
    """Aurora MySQL's own version in "8.0.mysql_aurora.3.08.0"."""
    found = re.search(r"mysql_aurora\.(\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else None


def _supported(cluster: Resource) -> Verdict:
    reason = _AURORA_MYSQL(cluster)
    if reason:
        return na(reason)
    text = cluster.text("engineVersion")
    if not text:
        return ok()  # AWS takes the current version
    version = _version(text)
    if version is None or (version < _MINIMUM_AURORA_MYSQL and version not in _LONG_TERM_AURORA_MYSQL):
        return bad("engineVersion", text, "upgrade to 8.0.mysql_aurora.3.08.0 or later, or a supported 3.04 release")
    return ok()


def _copies_tags(control_id: str, unless: Unless) -> Control:
    return Control(
        id=control_id,
        severity=Severity.LOW,
        remediation="Set copy_tags_to_snapshot=True.",
        rule=is_true(CLUSTER, "copyTagsToSnapshot", unless=unless),
    )


CONTROLS: tuple[Control, ...] = (
    Control(
        id="RDS.7",
        severity=Severity.MEDIUM,
        remediation="Set deletion_protection=True.",
        rule=is_true(CLUSTER, "deletionProtection"),
    ),
    Control(
        id="RDS.12",
        severity=Severity.MEDIUM,
        remediation="Set iam_database_authentication_enabled=True.",
        rule=is_true(CLUSTER, "iamDatabaseAuthenticationEnabled"),
    ),
    Control(
        id="RDS.14",
        severity=Severity.MEDIUM,
        remediation="Set backtrack_window (seconds) when the cluster is created.",
        rule=is_at_least(CLUSTER, "backtrackWindow", 1, unless=_AURORA_MYSQL),
    ),
    Control(
        id="RDS.15",
        severity=Severity.MEDIUM,
        remediation="Add an rds.ClusterInstance in a second Availability Zone.",
        rule=Related((CLUSTER,), _many_zones),
    ),
    _copies_tags("RDS.16", _AURORA),
    Control(
        id="RDS.27",
        severity=Severity.MEDIUM,
        remediation="Set storage_encrypted=True.",
        rule=Each((CLUSTER,), _encrypted),
    ),
    Control(
        id="RDS.35",
        severity=Severity.MEDIUM,
        remediation="Leave auto_minor_version_upgrade at True.",
        rule=is_true(CLUSTER, "autoMinorVersionUpgrade", default=True, unless=_multi_az_only),
    ),
    _copies_tags("RDS.47", _only("postgres")),
    _copies_tags("RDS.48", _only("mysql")),
    Control(
        id="RDS.50",
        severity=Severity.MEDIUM,
        remediation="Set backup_retention_period to 7 or more.",
        rule=is_at_least(CLUSTER, "backupRetentionPeriod", 7, default=1),
    ),
    Control(
        id="RDS.51",
        severity=Severity.HIGH,
        remediation="Upgrade engine_version.",
        rule=Each((GLOBAL,), _supported),
    ),
)
