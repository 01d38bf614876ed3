"""Cases of policies/controls/rds.py."""

from __future__ import annotations

from typing import Any

from policies.controls.rds import (
    CLUSTER,
    CLUSTER_SNAPSHOT,
    INSTANCE,
    MEMBER,
    PROXY,
    SNAPSHOT,
    SNAPSHOT_COPIES,
    SUBNET_GROUP,
)
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res

SUBNET = "aws:ec2/subnet:Subnet"

OTHER = [res("aws:sqs/queue:Queue")]
TAGS = {"Project": "matchday", "backup": "daily"}
SELECTION = "aws:backup/selection:Selection"
PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
EVENTS = "aws:rds/eventSubscription:EventSubscription"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
TABLE = "aws:ec2/routeTable:RouteTable"
ROUTE = "aws:ec2/route:Route"
GATEWAY = "aws:ec2/internetGateway:InternetGateway"
ARN = "arn:aws:rds:ap-south-1:111122223333:db:main"


def instance(name: str = "main", **props: Any) -> Any:
    given = {
        "arn": ARN,
        "engine": "postgres",
        "engineVersion": "17.2",
        "autoMinorVersionUpgrade": True,
        "backupRetentionPeriod": 14,
        "copyTagsToSnapshot": True,
        "dbSubnetGroupName": "private",
        "deleteAutomatedBackups": False,
        "deletionProtection": True,
        "enabledCloudwatchLogsExports": ["postgresql", "upgrade"],
        "iamDatabaseAuthenticationEnabled": True,
        "kmsKeyId": "arn:aws:kms:ap-south-1:111122223333:key/1",
        "manageMasterUserPassword": True,
        "monitoringInterval": 60,
        "multiAz": True,
        "parameterGroupName": "forced",
        "performanceInsightsEnabled": True,
        "port": 6432,
        "publiclyAccessible": False,
        "skipFinalSnapshot": False,
        "storageEncrypted": True,
        "username": "steward",
        "tags": TAGS,
    }
    return res(INSTANCE, name, **(given | props))


PLACE = [
    res(SUBNET_GROUP, "private", subnetIds=["inner"], tags=TAGS),
    res(SUBNET, "inner", vpcId="vpc", tags=TAGS),
    res(ASSOCIATION, "inner", subnetId="inner", routeTableId="inside"),
    res(TABLE, "inside", vpcId="vpc", tags=TAGS),
    res(ROUTE, "out", routeTableId="inside", destinationCidrBlock="0.0.0.0/0", natGatewayId="nat"),
]
#: An instance that every control on instances is content with.
GOOD = [
    instance(),
    *PLACE,
    res(PARAMETERS, "forced", family="postgres17", parameters=[{"name": "rds.force_ssl", "value": "1"}], tags=TAGS),
    res(
        EVENTS,
        "instances",
        sourceType="db-instance",
        eventCategories=["maintenance", "configuration change", "failure"],
    ),
    res(EVENTS, "parameters", sourceType="db-parameter-group", eventCategories=["configuration change"]),
    res(SELECTION, "daily", iamRoleArn="role", planId="plan", resources=[ARN]),
]
AURORA = [instance(engine="aurora-postgresql", multiAz=None, deletionProtection=None, copyTagsToSnapshot=None)]
REPLICA = {"replicateSourceDb": "main", "storageEncrypted": None}


def flag(path: str, *, wanted: bool = True, absent: bool = True, na: Any = ()) -> Case:
    """The cases of a boolean of instances; `absent`: leaving it out is a violation too."""
    return Case(
        good=[GOOD],
        bad=[Change({path: not wanted}), *([Change({path: ABSENT})] if absent else [])],
        na=[OTHER, *na],
        unknown=[Change({path: UNKNOWN})],
    )


def covered(**selection: Any) -> list[Any]:
    return [instance(), res(SELECTION, "daily", **selection)]


def public(*extra: Any, table: dict[str, Any] | None = None) -> list[Any]:
    """The subnet's route table leads to an Internet gateway, by `table`'s routes or by other resources."""
    return [instance(), *PLACE[:3], res(TABLE, "inside", vpcId="vpc", **(table or {})), *extra, res(GATEWAY, "igw")]


CASES = {
    "RDS.1": Case(
        good=[
            [res(SNAPSHOT, sharedAccounts=["111122223333"])],
            *([res(kind)] for kind in (SNAPSHOT, CLUSTER_SNAPSHOT, *SNAPSHOT_COPIES)),
        ],
        bad=[
            Change({"sharedAccounts": ["111122223333", "all"]}),
            *([res(kind, sharedAccounts=["all"])] for kind in SNAPSHOT_COPIES),
        ],
        na=[OTHER],
        unknown=[Change({"sharedAccounts": UNKNOWN}), Change({"sharedAccounts": [UNKNOWN]})],
    ),
    "RDS.2": Case(
        good=[GOOD, [res(MEMBER)], [res(CLUSTER)]],
        bad=[
            Change({"publiclyAccessible": True}),
            [res(MEMBER, publiclyAccessible=True)],
            [res(CLUSTER, publiclyAccessible=True)],
        ],
        na=[OTHER],
        unknown=[Change({"publiclyAccessible": UNKNOWN})],
    ),
    "RDS.3": Case(
        good=[GOOD, [instance(), instance("copy", **REPLICA)]],
        bad=[
            Change({"storageEncrypted": False}),
            Change({"storageEncrypted": ABSENT}),
            [instance(storageEncrypted=False), instance("copy", **REPLICA)],
        ],
        na=[OTHER],
        unknown=[Change({"storageEncrypted": UNKNOWN}), [instance("copy", **REPLICA)]],
    ),
    "RDS.4": Case(
        good=[
            [res(SNAPSHOT, dbInstanceIdentifier="main", tags=TAGS), instance()],
            [res(SNAPSHOT, encrypted=True)],
            [res(CLUSTER_SNAPSHOT, dbClusterIdentifier="c"), res(CLUSTER, "c", storageEncrypted=True)],
        ],
        bad=[
            Change({"encrypted": False}),
            [res(SNAPSHOT, dbInstanceIdentifier="main"), instance(storageEncrypted=False)],
            [res(CLUSTER_SNAPSHOT, storageEncrypted=False)],
        ],
        na=[OTHER],
        unknown=[Drop(INSTANCE), Change({"encrypted": UNKNOWN})],
    ),
    "RDS.5": flag("multiAz", na=[AURORA]),
    "RDS.6": Case(
        good=[
            GOOD,
            [res(MEMBER, clusterIdentifier="c"), res(CLUSTER, "c", monitoringInterval=30)],
            [res(MEMBER, monitoringInterval="60")],
        ],
        bad=[
            Change({"monitoringInterval": 0}),
            Change({"monitoringInterval": ABSENT}),
            [res(MEMBER, clusterIdentifier="c"), res(CLUSTER, "c")],
        ],
        na=[OTHER],
        unknown=[Change({"monitoringInterval": UNKNOWN})],
    ),
    "RDS.8": flag("deletionProtection", na=[AURORA]),
    "RDS.10": flag("iamDatabaseAuthenticationEnabled", na=[[instance(engine="sqlserver-se")], [instance(engine=None)]]),
    "RDS.11": Case(
        good=[GOOD, [instance(backupRetentionPeriod=7)]],
        bad=[Change({"backupRetentionPeriod": 6}), Change({"backupRetentionPeriod": ABSENT})],
        na=[OTHER, [instance("copy", replicateSourceDb="main", backupRetentionPeriod=0)]],
        unknown=[Change({"backupRetentionPeriod": UNKNOWN})],
    ),
    "RDS.13": flag("autoMinorVersionUpgrade", absent=False),
    "RDS.17": flag("copyTagsToSnapshot", na=[AURORA]),
    "RDS.18": Case(
        good=[
            GOOD,
            [res(INSTANCE, dbSubnetGroupName=UNKNOWN, deps={"dbSubnetGroupName": [f"{SUBNET_GROUP} private"]})],
        ],
        bad=[Change({"dbSubnetGroupName": ABSENT}), Change({"dbSubnetGroupName": "default"})],
        na=[OTHER, [instance(dbSubnetGroupName=None, replicateSourceDb="main")]],
        unknown=[Change({"dbSubnetGroupName": UNKNOWN})],
    ),
    "RDS.23": Case(
        good=[GOOD, [res(CLUSTER, engine="aurora-mysql", port=3307)]],
        bad=[
            Change({"port": 5432}),
            Change({"port": ABSENT}),
            [instance(engine="oracle-ee", port=1521)],
            [res(CLUSTER, engine="aurora-mysql", port="3306")],
        ],
        na=[OTHER, [instance(engine="neptune")], [instance(engine=None)]],
        unknown=[Change({"port": UNKNOWN})],
    ),
    "RDS.24": Case(
        good=[[res(CLUSTER, masterUsername="steward")]],
        bad=[Change({"masterUsername": "postgres"}), Change({"masterUsername": "Admin"})],
        na=[OTHER, [res(CLUSTER)]],
        unknown=[Change({"masterUsername": UNKNOWN})],
    ),
    "RDS.25": Case(
        good=[GOOD],
        bad=[Change({"username": "postgres"}), Change({"username": "admin"})],
        na=[OTHER],
        unknown=[Change({"username": UNKNOWN}), [instance(username=None, replicateSourceDb="main")]],
    ),
    "RDS.26": Case(
        good=[
            GOOD,
            covered(resources=["*"]),
            covered(resources=["arn:aws:rds:*:*:db:*"]),
            covered(selectionTags=[{"type": "STRINGEQUALS", "key": "backup", "value": "daily"}]),
            covered(
                resources=["*"], conditions=[{"stringEquals": [{"key": "aws:ResourceTag/backup", "value": "daily"}]}]
            ),
            covered(resources=["*"], conditions=[{"stringLikes": [{"key": "aws:ResourceTag/backup", "value": "d*"}]}]),
            [instance(arn=None), res(SELECTION, resources=["arn:aws:rds:*:*:db:*"])],
            [instance(arn=None), res(SELECTION, resources=[UNKNOWN], deps={"resources": [f"{INSTANCE} main"]})],
        ],
        bad=[
            Drop(SELECTION),
            covered(resources=["arn:aws:dynamodb:*:*:table/*"]),
            covered(resources=["*"], notResources=[ARN]),
            covered(resources=["*"], notResources=["arn:aws:rds:*"]),
            covered(resources=["*"], selectionTags=[{"type": "STRINGEQUALS", "key": "backup", "value": "never"}]),
            covered(
                resources=["*"], conditions=[{"stringNotEquals": [{"key": "aws:ResourceTag/backup", "value": "daily"}]}]
            ),
            covered(resources=["*"], conditions=[{"stringEquals": [{"key": "aws:ResourceTag/other", "value": "x"}]}]),
        ],
        na=[OTHER, AURORA],
        unknown=[Change({"resources": UNKNOWN}, type=SELECTION)],
    ),
    "RDS.43": Case(
        good=[[res(PROXY, requireTls=True)]],
        bad=[Change({"requireTls": False}), Change({"requireTls": ABSENT})],
        na=[OTHER],
        unknown=[Change({"requireTls": UNKNOWN})],
    ),
    "RDS.46": Case(
        good=[GOOD, public(table={"routes": [{"cidrBlock": "10.0.0.0/8", "gatewayId": "igw"}]})],
        bad=[
            Change({"natGatewayId": ABSENT, "gatewayId": "igw-1"}, type=ROUTE),
            public(table={"routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw"}]}),
            public(res(ROUTE, routeTableId="inside", destinationIpv6CidrBlock="::/0", gatewayId="igw")),
            public(
                res(
                    ROUTE,
                    routeTableId="inside",
                    destinationCidrBlock="0.0.0.0/0",
                    gatewayId=UNKNOWN,
                    deps={"gatewayId": [f"{GATEWAY} igw"]},
                )
            ),
            [
                instance(),
                *PLACE[:2],
                res("aws:ec2/vpc:Vpc", "vpc"),
                res("aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation", vpcId="vpc", routeTableId="main"),
                res(TABLE, "main", routes=[{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}]),
            ],
        ],
        na=[OTHER, [instance(dbSubnetGroupName=None)]],
        unknown=[
            Drop(SUBNET_GROUP),
            Change({"subnetIds": UNKNOWN}, type=SUBNET_GROUP),
            public(res(ROUTE, routeTableId="inside", destinationCidrBlock="0.0.0.0/0", gatewayId=UNKNOWN)),
        ],
    ),
    "MD.RDS.1": Case(
        good=[GOOD, [res(INSTANCE, kmsKeyId=UNKNOWN, deps={"kmsKeyId": ["aws:kms/key:Key data"]})]],
        bad=[Change({"kmsKeyId": ABSENT}), [res(CLUSTER)]],
        na=[OTHER, [instance(kmsKeyId=None, replicateSourceDb="main")]],
        unknown=[Change({"kmsKeyId": UNKNOWN})],
    ),
    "MD.RDS.2": flag("performanceInsightsEnabled"),
    "MD.RDS.3": flag(
        "manageMasterUserPassword",
        na=[
            [instance(replicateSourceDb="elsewhere", manageMasterUserPassword=None)],
            [instance(manageMasterUserPassword=None), instance("copy", manageMasterUserPassword=None, **REPLICA)],
        ],
    ),
    "MD.RDS.4": flag(
        "skipFinalSnapshot",
        wanted=False,
        absent=False,
        na=[[instance(replicateSourceDb="main", skipFinalSnapshot=True)]],
    ),
    "MD.RDS.5": flag(
        "deleteAutomatedBackups", wanted=False, na=[[instance(replicateSourceDb="main", deleteAutomatedBackups=True)]]
    ),
    "MD.RDS.6": Case(
        good=[GOOD, [instance(engineVersion=None)], [instance(engine="mysql", engineVersion="8.4.3")]],
        bad=[
            Change({"engineVersion": "12.20"}),
            [instance(engine="mariadb", engineVersion="10.3.39")],
            [instance(engineVersion="9.6")],
        ],
        na=[OTHER, [instance(engine="db2-se")]],
        unknown=[Change({"engineVersion": UNKNOWN}), [res(INSTANCE, replicateSourceDb="main")]],
    ),
}
