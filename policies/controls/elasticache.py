"""Controls on ElastiCache: replication groups, clusters, serverless caches and their users."""

from __future__ import annotations

import re

from policies.lang.lifecycles import calendar, release, today
from policies.lang.links import coming
from policies.lang.resources import Resource, Stack
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import is_at_least, is_one_of, is_set, is_true

GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
CLUSTER = "aws:elasticache/cluster:Cluster"
SERVERLESS = "aws:elasticache/serverlessCache:ServerlessCache"
USER = "aws:elasticache/user:User"
USER_GROUP = "aws:elasticache/userGroup:UserGroup"

_GUIDE = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg"
_MEMBER = "a member of a replication group, which is judged"


def _no_redis(cache: Resource) -> str | None:
    """Clusters of Memcached, and clusters that are a replication group's members, are not judged by themselves."""
    if cache.type != CLUSTER:
        return None
    if cache.text("engine").lower() == "memcached":
        return "a Memcached cluster"
    return _MEMBER if cache.raw("replicationGroupId") is not None else None


def _at_rest(group: Resource) -> Verdict:
    path = "atRestEncryptionEnabled"
    if group.flag(path, default=group.text("engine", "redis").lower() == "valkey"):
        return ok()
    return bad(path, group.raw(path), "set it to true (ElastiCache replaces the group)")


def _authenticated(group: Resource) -> bool:
    return any(coming(group, path) or group.has(path) for path in ("authToken", "authTokenWo", "userGroupIds"))


def _old_auth(group: Resource) -> Verdict:
    engine, version = group.text("engine", "redis").lower(), group.text("engineVersion")
    major = re.match(r"\d+", version)
    if engine != "redis" or major is None or int(major.group()) >= 6:
        return na("can use role-based access control, which MD.ElastiCache.3 judges")
    return ok() if _authenticated(group) else bad("authToken", None, "set an AUTH token, or upgrade to 6.0 or later")


def _auth(group: Resource, stack: Stack) -> Verdict:
    if coming(group, "authToken") or group.has("authToken") or coming(group, "authTokenWo") or group.has("authTokenWo"):
        return ok()
    if not (coming(group, "userGroupIds") or group.has("userGroupIds")):
        return bad("authToken", None, "set an AUTH token or user_group_ids")
    for users in stack.targets(group, "userGroupIds", USER_GROUP):
        verdict = _open_default_user(users, stack)
        if verdict != ok():
            return verdict
    return ok()


def _open_default_user(users: Resource, stack: Stack) -> Verdict:
    """ElastiCache's own user `default` needs no password and may do everything; a group needs another one of that name."""
    members, _ = users.known_texts("userIds")
    if "default" in members and not any(user.text("userId") == "default" for user in stack.of(USER)):
        return bad(
            f"{users.name}.userIds", "default", "replace it by a user named default that has a password or no rights"
        )
    for user in stack.targets(users, "userIds", USER):
        if user.text("userName") == "default" and _off(user.text("accessString")):
            continue
        verdict = _needs_password(user)
        if verdict != ok():
            return bad(f"{user.name}.{verdict.path}", verdict.value, verdict.fix)
    return ok()


def _off(access: str) -> bool:
    """Whether an access string switches a user off, or leaves it without any command."""
    words = access.split()
    return "off" in words or ("-@all" in words and not any(word.startswith("+") for word in words))


def _supported_engine(cache: Resource) -> Verdict:
    reason = _no_redis(cache)
    if reason:
        return na(reason)
    kind, version = cache.text("engine", "redis").lower(), cache.text("engineVersion")
    if not version or not calendar(kind):
        return ok() if calendar(kind) else na(f"no calendar is known for {kind}")
    entry = release(kind, version)
    ends = calendar(kind)[entry] if entry else None
    if entry and (ends is None or ends >= today()):
        return ok()
    value = f"{version}, standard support ended {ends}" if ends else version
    return bad("engineVersion", value, "upgrade to a major version that AWS supports")


def _own_subnets(cache: Resource) -> Verdict:
    if cache.type == CLUSTER and cache.raw("replicationGroupId") is not None:
        return na(_MEMBER)
    if coming(cache, "subnetGroupName"):
        return ok()
    name = cache.text("subnetGroupName")
    return (
        ok() if name not in ("", "default") else bad("subnetGroupName", name or None, "name a subnet group of the VPC")
    )


def _plain(group: Resource) -> str | None:
    return None if group.flag("transitEncryptionEnabled") else "no encryption in transit; ElastiCache.5 judges that"


def _slow_log(group: Resource) -> Verdict:
    for log in group.each("logDeliveryConfigurations"):
        if log.text("logType") == "slow-log":
            return ok()
    return bad("logDeliveryConfigurations", None, "deliver the slow-log to a log group")


def _needs_password(user: Resource) -> Verdict:
    if _off(user.text("accessString")):
        return ok()  # it may do nothing
    if user.flag("noPasswordRequired"):
        return bad("noPasswordRequired", True, "give the user a password or IAM authentication")
    kind = user.text("authenticationMode.type")
    if kind.replace("-", "").lower() == "nopasswordrequired":
        return bad("authenticationMode.type", kind, 'set it to "password" or "iam"')
    return ok()


CONTROLS: tuple[Control, ...] = (
    Control(
        id="ElastiCache.1",
        severity=Severity.HIGH,
        remediation="Set snapshot_retention_limit to 1 or more.",
        rule=is_at_least((GROUP, CLUSTER), "snapshotRetentionLimit", 1, unless=_no_redis),
    ),
    Control(
        id="ElastiCache.2",
        severity=Severity.HIGH,
        remediation="Leave auto_minor_version_upgrade at True.",
        rule=is_true((GROUP, CLUSTER), "autoMinorVersionUpgrade", default=True, unless=_no_redis),
    ),
    Control(
        id="ElastiCache.3",
        severity=Severity.MEDIUM,
        remediation="Set automatic_failover_enabled=True with at least one replica.",
        rule=is_true(GROUP, "automaticFailoverEnabled"),
    ),
    Control(
        id="ElastiCache.4",
        severity=Severity.MEDIUM,
        remediation="Set at_rest_encryption_enabled=True.",
        rule=Each((GROUP,), _at_rest),
    ),
    Control(
        id="ElastiCache.5",
        severity=Severity.MEDIUM,
        remediation="Set transit_encryption_enabled=True.",
        rule=is_true(GROUP, "transitEncryptionEnabled"),
    ),
    Control(
        id="ElastiCache.6",
        severity=Severity.MEDIUM,
        remediation="Set auth_token, or upgrade engine_version.",
        rule=Each((GROUP,), _old_auth),
    ),
    Control(
        id="ElastiCache.7",
        severity=Severity.HIGH,
        remediation="Set subnet_group_name.",
        rule=Each((GROUP, CLUSTER), _own_subnets),
    ),
    Control(
        id="MD.ElastiCache.1",
        title="Replication groups span several Availability Zones",
        severity=Severity.MEDIUM,
        remediation="Set multi_az_enabled=True.",
        link=f"{_GUIDE}/AutoFailover.html",
        rule=is_true(GROUP, "multiAzEnabled"),
    ),
    Control(
        id="MD.ElastiCache.2",
        title="Caches are encrypted with a customer managed key",
        severity=Severity.LOW,
        remediation="Set kms_key_id.",
        link=f"{_GUIDE}/at-rest-encryption.html",
        rule=is_set((GROUP, SERVERLESS), "kmsKeyId", "name a KMS key of your own"),
    ),
    Control(
        id="MD.ElastiCache.3",
        title="Replication groups require a password or a user",
        severity=Severity.HIGH,
        remediation="Set auth_token or user_group_ids.",
        link=f"{_GUIDE}/auth.html",
        rule=Related((GROUP,), _auth),
    ),
    Control(
        id="MD.ElastiCache.4",
        title="Replication groups refuse connections without TLS",
        severity=Severity.MEDIUM,
        remediation='Set transit_encryption_mode="required" once every client uses TLS.',
        link=f"{_GUIDE}/in-transit-encryption-enable.html",
        rule=is_one_of(GROUP, "transitEncryptionMode", ("required",), default="required", unless=_plain),
    ),
    Control(
        id="MD.ElastiCache.5",
        title="Replication groups deliver their slow log",
        severity=Severity.LOW,
        remediation='Add a log_delivery_configurations entry with log_type="slow-log".',
        link=f"{_GUIDE}/Log_Delivery.html",
        rule=Each((GROUP,), _slow_log),
    ),
    Control(
        id="MD.ElastiCache.6",
        title="Cache users must authenticate",
        severity=Severity.HIGH,
        remediation="Give the elasticache.User a password or IAM authentication.",
        link=f"{_GUIDE}/Clusters.RBAC.html",
        rule=Each((USER,), _needs_password),
    ),
    Control(
        id="MD.ElastiCache.8",
        title="ElastiCache engine versions are within standard support",
        severity=Severity.HIGH,
        remediation="Set engine_version to a major version before its end of standard support, such as Valkey 8.",
        link=f"{_GUIDE}/deprecated-engine-versions.html",
        rule=Each((GROUP, CLUSTER), _supported_engine),
    ),
    Control(
        id="MD.ElastiCache.7",
        title="Serverless caches have automatic backups",
        severity=Severity.MEDIUM,
        remediation="Set snapshot_retention_limit to 1 or more.",
        link=f"{_GUIDE}/backups-automatic.html",
        rule=is_at_least(SERVERLESS, "snapshotRetentionLimit", 1),
    ),
)
