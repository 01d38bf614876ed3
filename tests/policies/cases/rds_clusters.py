"""Cases of policies/controls/rds_clusters.py."""

from __future__ import annotations

from typing import Any

from policies.controls.rds import CLUSTER, MEMBER
from policies.controls.rds_clusters import GLOBAL
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res

OTHER = [res("aws:sqs/queue:Queue")]


def cluster(engine: str = "aurora-mysql", **props: Any) -> list[Any]:
    given = {
        "engine": engine,
        "autoMinorVersionUpgrade": True,
        "backtrackWindow": 86400,
        "backupRetentionPeriod": 14,
        "copyTagsToSnapshot": True,
        "deletionProtection": True,
        "iamDatabaseAuthenticationEnabled": True,
        "storageEncrypted": True,
        "tags": {"Project": "matchday"},
    }
    return [res(CLUSTER, "c", **(given | props)), *(member(zone) for zone in ("ap-south-1a", "ap-south-1b"))]


def member(zone: str) -> Any:
    return res(MEMBER, zone, clusterIdentifier="c", availabilityZone=zone, tags={"Project": "matchday"})


def copies(engine: str) -> Case:
    return Case(
        good=[cluster(engine)],
        bad=[Change({"copyTagsToSnapshot": False}), Change({"copyTagsToSnapshot": ABSENT})],
        na=[OTHER, cluster("docdb")],
        unknown=[Change({"copyTagsToSnapshot": UNKNOWN})],
    )


GOOD = cluster()
MULTI_AZ = cluster("postgres", dbClusterInstanceClass="db.m7gd.large")

CASES = {
    "RDS.7": Case(
        good=[GOOD],
        bad=[Change({"deletionProtection": False}), Change({"deletionProtection": ABSENT})],
        na=[OTHER],
        unknown=[Change({"deletionProtection": UNKNOWN})],
    ),
    "RDS.12": Case(
        good=[GOOD],
        bad=[Change({"iamDatabaseAuthenticationEnabled": False}), Change({"iamDatabaseAuthenticationEnabled": ABSENT})],
        na=[OTHER],
        unknown=[Change({"iamDatabaseAuthenticationEnabled": UNKNOWN})],
    ),
    "RDS.14": Case(
        good=[GOOD],
        bad=[Change({"backtrackWindow": 0}), Change({"backtrackWindow": ABSENT})],
        na=[OTHER, cluster("aurora-postgresql", backtrackWindow=None)],
        unknown=[Change({"backtrackWindow": UNKNOWN})],
    ),
    "RDS.15": Case(
        good=[GOOD, MULTI_AZ, [*cluster()[:1], *(res(MEMBER, name, clusterIdentifier="c") for name in ("1", "2"))]],
        bad=[
            Change({"availabilityZone": "ap-south-1b"}, type=MEMBER),
            Drop(MEMBER),
            cluster("mysql"),
        ],
        na=[OTHER, [res(CLUSTER, engine="aurora-mysql", engineMode="serverless")]],
        unknown=[Change({"engine": UNKNOWN}), [cluster()[0], res(MEMBER, clusterIdentifier=UNKNOWN)]],
    ),
    "RDS.16": copies("aurora-postgresql"),
    "RDS.27": Case(
        good=[GOOD, [res(CLUSTER, engine="aurora-mysql", engineMode="serverless")]],
        bad=[Change({"storageEncrypted": False}), Change({"storageEncrypted": ABSENT})],
        na=[OTHER],
        unknown=[Change({"storageEncrypted": UNKNOWN})],
    ),
    "RDS.35": Case(
        good=[MULTI_AZ, cluster("mysql", autoMinorVersionUpgrade=None)],
        bad=[Change({"autoMinorVersionUpgrade": False})],
        na=[OTHER, cluster(autoMinorVersionUpgrade=False)],
        unknown=[Change({"autoMinorVersionUpgrade": UNKNOWN})],
    ),
    "RDS.47": copies("postgres"),
    "RDS.48": copies("mysql"),
    "RDS.50": Case(
        good=[GOOD, cluster(backupRetentionPeriod=7)],
        bad=[Change({"backupRetentionPeriod": 1}), Change({"backupRetentionPeriod": ABSENT})],
        na=[OTHER],
        unknown=[Change({"backupRetentionPeriod": UNKNOWN})],
    ),
    "RDS.51": Case(
        good=[
            [res(GLOBAL, engine="aurora-mysql", engineVersion="8.0.mysql_aurora.3.08.1")],
            [res(GLOBAL, engine="aurora-mysql", engineVersion="8.0.mysql_aurora.3.04.2")],
            [res(GLOBAL, engine="aurora-mysql")],
        ],
        bad=[
            Change({"engineVersion": "8.0.mysql_aurora.3.05.2"}),
            Change({"engineVersion": "5.7.mysql_aurora.2.11.0"}),
            Change({"engineVersion": "5.6"}),
        ],
        na=[OTHER, [res(GLOBAL, engine="aurora-postgresql", engineVersion="11.9")]],
        unknown=[Change({"engineVersion": UNKNOWN})],
    ),
}
