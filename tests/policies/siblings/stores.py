"""Keys, secrets, backups, caches and databases: siblings of the shared sets of groups c, d and e."""

from __future__ import annotations

from typing import Any

from policies.lang.resources import Resource
from tests.policies.build import UNKNOWN, res
from tests.policies.siblings import BAD, NA, OK, TELL, Sibling, case


def _function(runtime: str, answer: str) -> Sibling:
    return case(f"runtime-{runtime}", {"Lambda.2": answer}, res("aws:lambda/function:Function", runtime=runtime))


def _rotation(name: str, answer: str, **rules: Any) -> Sibling:
    return case(
        f"rotation-{name}",
        {"SecretsManager.4": answer},
        res("aws:secretsmanager/secretRotation:SecretRotation", secretId="s", rotationRules=rules),
    )


def _key(name: str, answer: str, **props: Any) -> Sibling:
    return case(f"key-{name}", {"KMS.4": answer}, res("aws:kms/key:Key", **props))


_GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"


def _redis(name: str, right: dict[str, str], *more: Resource, **props: Any) -> Sibling:
    return case(
        f"redis-{name}",
        right,
        res(_GROUP, "r", **{"engine": "redis", "engineVersion": "7.1", "transitEncryptionEnabled": True} | props),
        *more,
    )


def _user(**props: Any) -> tuple[Resource, Resource]:
    return (
        res("aws:elasticache/userGroup:UserGroup", "ug", userGroupId="ug", id="ug", userIds=["own"]),
        res(
            "aws:elasticache/user:User",
            "own",
            id="own",
            userId="own",
            **{"userName": "default", "accessString": "on ~* +@all"} | props,
        ),
    )


_DB = "aws:rds/instance:Instance"
_SELECTED = res("aws:backup/selection:Selection", "sel", planId="p", resources=["arn:aws:rds:*:*:db:*"])
_PLAN = res("aws:backup/plan:Plan", "plan", id="p", rules=[{"ruleName": "daily", "targetVaultName": "v"}])

DATA: list[Sibling] = [
    _function("nodejs18.x", BAD),
    _function("python3.8", BAD),
    _function("python3.9", BAD),
    _function("go1.x", BAD),
    _function("provided.al2", BAD),
    _function("dotnet6", BAD),
    _function("ruby3.2", BAD),
    _function("python3.13", OK),
    _function("nodejs24.x", OK),
    _function("java21", OK),
    case("runtime-of-an-image", {"Lambda.2": NA}, res("aws:lambda/function:Function", packageType="Image")),
    _rotation("days", OK, automaticallyAfterDays=30),
    _rotation("days-as-text", OK, automaticallyAfterDays="90"),
    _rotation("too-many-days", BAD, automaticallyAfterDays=91),
    _rotation("rate", OK, scheduleExpression="rate(10 days)"),
    _rotation("slow-rate", BAD, scheduleExpression="rate(365 days)"),
    _rotation("rate-of-hours", OK, scheduleExpression="rate(4 hours)"),
    _rotation("monthly-cron", OK, scheduleExpression="cron(0 4 1 * ? *)"),
    _rotation("half-yearly-cron", BAD, scheduleExpression="cron(0 4 1 1,7 ? *)"),
    _rotation("quarterly-cron", BAD, scheduleExpression="cron(0 4 1 */3 ? *)"),
    _rotation("once-cron", BAD, scheduleExpression="cron(0 4 1 1 ? 2027)"),
    _rotation("first-sunday", OK, scheduleExpression="cron(0 4 ? * SUN#1 *)"),
    _rotation("nonsense", BAD, scheduleExpression="weekly"),
    case(
        "secret-rotation-off",
        {"SecretsManager.1": BAD, "SecretsManager.4": BAD},
        res("aws:secretsmanager/secret:Secret", "s"),
        res(
            "aws:secretsmanager/secretRotation:SecretRotation",
            "r",
            secretId="s",
            rotationEnabled=False,
            rotationRules={"automaticallyAfterDays": 30},
        ),
    ),
    case(
        "secret-rotates",
        {"SecretsManager.1": OK, "SecretsManager.4": OK},
        res("aws:secretsmanager/secret:Secret", "s"),
        res(
            "aws:secretsmanager/secretRotation:SecretRotation",
            "r",
            secretId="s",
            rotationRules={"automaticallyAfterDays": 30},
        ),
    ),
    _key("yearly", OK, enableKeyRotation=True),
    _key("as-text", OK, enableKeyRotation="true", rotationPeriodInDays="365"),
    _key("quarterly", OK, enableKeyRotation=True, rotationPeriodInDays=90),
    _key("366", BAD, enableKeyRotation=True, rotationPeriodInDays=366),
    _key("left-out", BAD),
    _key("asymmetric", NA, keyUsage="SIGN_VERIFY", customerMasterKeySpec="RSA_2048"),
    _key("mac", NA, keyUsage="GENERATE_VERIFY_MAC", customerMasterKeySpec="HMAC_256"),
    case(
        "vault-unencrypted-source",
        {"Backup.1": BAD},
        res("aws:backup/vault:Vault"),
        res(_DB, "db", engine="postgres", storageEncrypted=False),
        _PLAN,
        _SELECTED,
    ),
    case(
        "vault-encrypted-source",
        {"Backup.1": OK, "RDS.26": OK},
        res("aws:backup/vault:Vault"),
        res(_DB, "db", engine="postgres", storageEncrypted=True),
        _PLAN,
        _SELECTED,
    ),
    case(
        "selection-without-plan-rule",
        {"RDS.26": BAD},
        res(_DB, "db", engine="postgres"),
        res("aws:backup/plan:Plan", "plan", id="p"),
        _SELECTED,
    ),
    case(
        "selection-leaves-it-out",
        {"RDS.26": BAD},
        res(_DB, "db", engine="postgres"),
        _PLAN,
        res(
            "aws:backup/selection:Selection", "sel", planId="p", resources=["*"], notResources=["arn:aws:rds:*:*:db:*"]
        ),
    ),
    case(
        "selection-by-tag",
        {"RDS.26": OK, "DynamoDB.4": BAD},
        res(_DB, "db", engine="postgres", tags={"Backup": "daily"}),
        res("aws:dynamodb/table:Table", "t", name="t"),
        _PLAN,
        res(
            "aws:backup/selection:Selection",
            "sel",
            planId="p",
            selectionTags=[{"type": "STRINGEQUALS", "key": "Backup", "value": "daily"}],
        ),
    ),
    case(
        "selection-of-volumes",
        {"RDS.26": BAD},
        res(_DB, "db", engine="postgres"),
        _PLAN,
        res("aws:backup/selection:Selection", "sel", planId="p", resources=["arn:aws:ec2:*:*:volume/*"]),
    ),
    _redis("auth-token", {"MD.ElastiCache.3": OK}, authToken="x" * 20),
    _redis("none", {"MD.ElastiCache.3": BAD}),
    _redis("group-outside", {"MD.ElastiCache.3": OK}, userGroupIds=["ug-outside"]),
    _redis("own-default-with-password", {"MD.ElastiCache.3": OK}, *_user(passwords=["x" * 20]), userGroupIds=["ug"]),
    _redis(
        "own-default-without-password", {"MD.ElastiCache.3": BAD}, *_user(noPasswordRequired=True), userGroupIds=["ug"]
    ),
    _redis(
        "own-default-switched-off",
        {"MD.ElastiCache.3": OK},
        *_user(noPasswordRequired=True, accessString="off ~* -@all"),
        userGroupIds=["ug"],
    ),
    _redis(
        "own-default-mode",
        {"MD.ElastiCache.3": BAD},
        *_user(authenticationMode={"type": "no-password-required"}),
        userGroupIds=["ug"],
    ),
    _redis("snapshots-as-text", {"ElastiCache.1": OK}, snapshotRetentionLimit="1"),
    _redis("no-snapshots", {"ElastiCache.1": BAD}, snapshotRetentionLimit=0),
    _redis("plain", {"ElastiCache.5": BAD}, transitEncryptionEnabled=False),
    _redis("old", {"ElastiCache.6": BAD, "MD.ElastiCache.3": BAD}, engineVersion="5.0.6"),
    case(
        "memcached",
        {"ElastiCache.5": NA, "ElastiCache.1": NA, "ElastiCache.7": BAD},
        res("aws:elasticache/cluster:Cluster", engine="memcached"),
    ),
    case(
        "member-of-a-group",
        {"ElastiCache.1": NA, "ElastiCache.7": NA},
        res("aws:elasticache/cluster:Cluster", replicationGroupId="r"),
    ),
    case("mariadb-old", {"RDS.44": NA}, res(_DB, engine="mariadb", engineVersion="10.4.29")),
    case(
        "mariadb-default-group",
        {"RDS.44": BAD},
        res(_DB, engine="mariadb", engineVersion="10.11", parameterGroupName="default.mariadb10.11"),
    ),
    case("mariadb-new", {"RDS.44": OK}, res(_DB, engine="mariadb", engineVersion="11.8.2")),
    case("postgres-14-default", {"RDS.38": BAD}, res(_DB, engine="postgres", engineVersion="14.9")),
    case("postgres-16-default", {"RDS.38": OK}, res(_DB, engine="postgres", engineVersion="16.4")),
    case(
        "postgres-16-turned-off",
        {"RDS.38": BAD},
        res(_DB, "db", engine="postgres", engineVersion="16.4", parameterGroupName="g"),
        res(
            "aws:rds/parameterGroup:ParameterGroup",
            "g",
            name="g",
            family="postgres16",
            parameters=[{"name": "rds.force_ssl", "value": "0"}],
        ),
    ),
    case(
        "postgres-group-outside",
        {"RDS.38": TELL},
        res(_DB, engine="postgres", engineVersion="16.4", parameterGroupName="elsewhere"),
    ),
    case("engine-past-support", {"MD.RDS.6": BAD}, res(_DB, engine="postgres", engineVersion="12.19")),
    case("engine-in-support", {"MD.RDS.6": OK}, res(_DB, engine="postgres", engineVersion="17")),
    case("mysql-past-support", {"MD.RDS.6": BAD}, res(_DB, engine="mysql", engineVersion="8.0.39")),
    case("redis-past-support", {"MD.ElastiCache.8": BAD}, res(_GROUP, engine="redis", engineVersion="5.0.6")),
    case(
        "replica-by-arn-as-previewed",
        {"RDS.9": TELL, "RDS.23": TELL, "RDS.36": TELL, "RDS.38": TELL, "RDS.46": TELL},
        res(_DB, replicateSourceDb="arn:aws:rds:eu-west-1:1:db:x"),
    ),
    case(
        "replica-unknown-source", {"RDS.9": TELL, "RDS.23": TELL, "RDS.36": TELL}, res(_DB, replicateSourceDb=UNKNOWN)
    ),
    case(
        "replica-own-port",
        {"RDS.23": OK, "RDS.36": OK},
        res(
            _DB,
            replicateSourceDb="p",
            engine="postgres",
            port="6543",
            enabledCloudwatchLogsExports=["postgresql", "upgrade"],
        ),
    ),
    case("cluster-default-port", {"RDS.23": BAD}, res("aws:rds/cluster:Cluster", engine="aurora-postgresql")),
    case("table-on-demand", {"DynamoDB.1": OK}, res("aws:dynamodb/table:Table", billingMode="PAY_PER_REQUEST")),
    case(
        "table-recovery-off",
        {"DynamoDB.2": BAD},
        res("aws:dynamodb/table:Table", pointInTimeRecovery={"enabled": "false"}),
    ),
]

CASES: list[Sibling] = [*DATA]
