"""Cases of policies/controls/elasticache.py."""

from __future__ import annotations

from typing import Any

from policies.controls.elasticache import CLUSTER, GROUP, SERVERLESS, USER
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res

OTHER = [res("aws:sqs/queue:Queue")]
MEMCACHED = [res(CLUSTER, engine="memcached", subnetGroupName="private")]
MEMBER = [res(CLUSTER, replicationGroupId="group")]
SLOW = {"destination": "/cache", "destinationType": "cloudwatch-logs", "logFormat": "json", "logType": "slow-log"}


def group(**props: Any) -> list[Any]:
    given = {
        "engine": "valkey",
        "engineVersion": "8.0",
        "atRestEncryptionEnabled": True,
        "authToken": "a token of the test",
        "autoMinorVersionUpgrade": True,
        "automaticFailoverEnabled": True,
        "kmsKeyId": "arn:aws:kms:ap-south-1:111122223333:key/1",
        "logDeliveryConfigurations": [SLOW],
        "multiAzEnabled": True,
        "snapshotRetentionLimit": 7,
        "subnetGroupName": "private",
        "transitEncryptionEnabled": True,
        "transitEncryptionMode": "required",
        "tags": {"Project": "matchday"},
    }
    return [res(GROUP, "group", **(given | props))]


GOOD = group()


def flag(path: str, *, absent: bool = True, na: Any = (), also: str = "") -> Case:
    return Case(
        good=[GOOD],
        bad=[Change({path: False}), *([Change({path: ABSENT})] if absent else [])],
        na=[OTHER, *na],
        unknown=[Change({path: UNKNOWN})],
        also=frozenset(also.split()),
    )


CASES = {
    "ElastiCache.1": Case(
        good=[GOOD, [res(CLUSTER, engine="redis", snapshotRetentionLimit=1)]],
        bad=[
            Change({"snapshotRetentionLimit": 0}),
            Change({"snapshotRetentionLimit": ABSENT}),
            [res(CLUSTER, engine="redis")],
        ],
        na=[OTHER, MEMCACHED, MEMBER],
        unknown=[Change({"snapshotRetentionLimit": UNKNOWN})],
    ),
    "ElastiCache.2": flag("autoMinorVersionUpgrade", absent=False, na=[MEMCACHED, MEMBER]),
    "ElastiCache.3": flag("automaticFailoverEnabled"),
    "ElastiCache.4": Case(
        good=[GOOD, group(atRestEncryptionEnabled=None), group(engine="redis", atRestEncryptionEnabled="true")],
        bad=[
            Change({"atRestEncryptionEnabled": False}),
            group(engine="redis", atRestEncryptionEnabled=None),
            group(engine=None, atRestEncryptionEnabled=None),
        ],
        na=[OTHER],
        unknown=[Change({"atRestEncryptionEnabled": UNKNOWN})],
    ),
    "ElastiCache.5": flag("transitEncryptionEnabled"),
    "ElastiCache.6": Case(
        good=[
            group(engine="redis", engineVersion="5.0.6"),
            group(engine="redis", engineVersion="5.0.6", authToken="[secret]"),
        ],
        bad=[Change({"authToken": ABSENT})],
        na=[
            OTHER,
            GOOD,
            group(engine="redis", engineVersion="7.1", authToken=None),
            group(engine="redis", engineVersion=None),
        ],
        unknown=[Change({"authToken": UNKNOWN}), Change({"engineVersion": UNKNOWN})],
        also=frozenset({"MD.ElastiCache.3"}),
    ),
    "ElastiCache.7": Case(
        good=[GOOD, MEMCACHED, group(subnetGroupName="x")],
        bad=[
            Change({"subnetGroupName": "default"}),
            Change({"subnetGroupName": ABSENT}),
            [res(CLUSTER, engine="memcached")],
        ],
        na=[OTHER, MEMBER],
        unknown=[Change({"subnetGroupName": UNKNOWN})],
    ),
    "MD.ElastiCache.1": flag("multiAzEnabled"),
    "MD.ElastiCache.2": Case(
        good=[
            GOOD,
            [res(SERVERLESS, kmsKeyId="key")],
            [res(GROUP, kmsKeyId=UNKNOWN, deps={"kmsKeyId": ["aws:kms/key:Key data"]})],
        ],
        bad=[Change({"kmsKeyId": ABSENT}), [res(SERVERLESS)]],
        na=[OTHER],
        unknown=[Change({"kmsKeyId": UNKNOWN})],
    ),
    "MD.ElastiCache.3": Case(
        good=[
            GOOD,
            group(authToken=None, userGroupIds=["users"]),
            [res(GROUP, authToken=UNKNOWN, deps={"authToken": ["random:index/randomPassword:RandomPassword token"]})],
        ],
        bad=[Change({"authToken": ABSENT}), Change({"authToken": ABSENT, "userGroupIds": []})],
        na=[OTHER],
        unknown=[Change({"authToken": UNKNOWN})],
    ),
    "MD.ElastiCache.4": Case(
        good=[GOOD, group(transitEncryptionMode=None)],
        bad=[Change({"transitEncryptionMode": "preferred"})],
        na=[OTHER, group(transitEncryptionEnabled=False)],
        unknown=[Change({"transitEncryptionMode": UNKNOWN})],
    ),
    "MD.ElastiCache.5": Case(
        good=[GOOD],
        bad=[
            Change({"logDeliveryConfigurations": ABSENT}),
            Change({"logDeliveryConfigurations.0.logType": "engine-log"}),
        ],
        na=[OTHER],
        unknown=[Change({"logDeliveryConfigurations": UNKNOWN})],
    ),
    "MD.ElastiCache.6": Case(
        good=[[res(USER, authenticationMode={"type": "password", "passwords": ["x"]})], [res(USER, passwords=["x"])]],
        bad=[Change({"noPasswordRequired": True}), Change({"authenticationMode": {"type": "no-password-required"}})],
        na=[OTHER],
        unknown=[Change({"noPasswordRequired": UNKNOWN})],
    ),
    "MD.ElastiCache.7": Case(
        good=[[res(SERVERLESS, snapshotRetentionLimit=7, kmsKeyId="key")]],
        bad=[Change({"snapshotRetentionLimit": 0}), Change({"snapshotRetentionLimit": ABSENT})],
        na=[OTHER, GOOD],
        unknown=[Change({"snapshotRetentionLimit": UNKNOWN})],
    ),
    "MD.ElastiCache.8": Case(
        good=[group(), group(engine="redis", engineVersion="7.1"), group(engineVersion=None)],
        bad=[
            Change({"engine": "redis", "engineVersion": "5.0.6"}),
            group(engine="redis", engineVersion="1.0"),
        ],
        na=[OTHER, MEMCACHED, MEMBER, group(engine="other")],
        unknown=[Change({"engineVersion": UNKNOWN})],
    ),
}
