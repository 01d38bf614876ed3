"""Cases of policies/controls/dynamodb.py."""

from policies.lang.resources import Resource
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res

TABLE = "aws:dynamodb/table:Table"
DAX = "aws:dax/cluster:Cluster"
TARGET = "aws:appautoscaling/target:Target"
SELECTION = "aws:backup/selection:Selection"
TAGS = {"Project": "matchday", "Environment": "prod", "Component": "data", "ManagedBy": "pulumi"}
_TABLE = res(
    TABLE,
    name="scores",
    billingMode="PAY_PER_REQUEST",
    pointInTimeRecovery={"enabled": True},
    deletionProtectionEnabled=True,
    tags=TAGS,
)
_PLAN = res("aws:backup/plan:Plan", "p", id="p1", rules=[{"lifecycle": {"deleteAfter": 35}}], tags=TAGS)
_CHOSEN = res(SELECTION, planId="p1", selectionTags=[{"type": "STRINGEQUALS", "key": "Project", "value": "matchday"}])
GOOD = [_TABLE, _PLAN, _CHOSEN]
CLUSTER = [res(DAX, serverSideEncryption={"enabled": True}, clusterEndpointEncryptionType="TLS")]


def _target(dimension: str) -> Resource:
    return res(
        TARGET, dimension, resourceId="table/scores", scalableDimension=f"dynamodb:table:{dimension}CapacityUnits"
    )


CASES = {
    "DynamoDB.1": Case(
        good=[GOOD, [res(TABLE, name="scores", billingMode="PROVISIONED"), _target("Read"), _target("Write")]],
        bad=[Change({"billingMode": ABSENT}), [res(TABLE, name="scores"), _target("Read")]],
        na=[CLUSTER],
        unknown=[Change({"billingMode": UNKNOWN})],
    ),
    "DynamoDB.2": Case(
        good=[GOOD],
        bad=[Change({"pointInTimeRecovery.enabled": False}), Change({"pointInTimeRecovery": ABSENT})],
        na=[CLUSTER],
        unknown=[Change({"pointInTimeRecovery": UNKNOWN})],
    ),
    "DynamoDB.3": Case(
        good=[CLUSTER],
        bad=[Change({"serverSideEncryption": ABSENT})],
        na=[GOOD],
        unknown=[Change({"serverSideEncryption": UNKNOWN})],
    ),
    "DynamoDB.4": Case(
        good=[GOOD],
        bad=[
            Change({"selectionTags": [{"type": "STRINGEQUALS", "key": "Backup", "value": "yes"}]}, SELECTION),
            [_TABLE],
        ],
        na=[CLUSTER],
        unknown=[Change({"tags": UNKNOWN})],
    ),
    "DynamoDB.6": Case(
        good=[GOOD],
        bad=[Change({"deletionProtectionEnabled": ABSENT})],
        na=[CLUSTER],
        unknown=[Change({"deletionProtectionEnabled": UNKNOWN})],
    ),
    "DynamoDB.7": Case(
        good=[CLUSTER],
        bad=[Change({"clusterEndpointEncryptionType": "NONE"}), Change({"clusterEndpointEncryptionType": ABSENT})],
        na=[GOOD],
        unknown=[Change({"clusterEndpointEncryptionType": UNKNOWN})],
    ),
}
