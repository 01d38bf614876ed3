"""Cases of policies/controls/eventbridge.py."""

from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res
from tests.policies.cases.policy_documents import OURS, PUBLIC

BUS = "aws:cloudwatch/eventBus:EventBus"
POLICY = "aws:cloudwatch/eventBusPolicy:EventBusPolicy"
ENDPOINT = "aws:cloudwatch/eventEndpoint:EventEndpoint"
GOOD = [
    res(
        BUS,
        "bus",
        name="matchday",
        kmsKeyIdentifier="arn:aws:kms:ap-south-1:111122223333:key/0c1d",
        tags={"Project": "matchday"},
    ),
    res(POLICY, eventBusName="matchday", policy=OURS),
]
NA = [[res("aws:ec2/vpc:Vpc")]]

CASES = {
    "EventBridge.3": Case(
        good=[GOOD],
        bad=[Drop(POLICY), Change({"eventBusName": "other"}, POLICY)],
        na=[[res(BUS, name="default")], *NA],
        unknown=[Change({"eventBusName": UNKNOWN}, POLICY)],
    ),
    "EventBridge.4": Case(
        good=[[res(ENDPOINT, replicationConfig={"state": "ENABLED"})], [res(ENDPOINT)]],
        bad=[Change({"replicationConfig.state": "DISABLED"})],
        na=[GOOD],
        unknown=[Change({"replicationConfig": UNKNOWN})],
    ),
    "MD.EventBridge.1": Case(
        good=[GOOD], bad=[Change({"policy": PUBLIC}, POLICY)], na=NA, unknown=[Change({"policy": UNKNOWN}, POLICY)]
    ),
    "MD.EventBridge.2": Case(
        good=[GOOD], bad=[Change({"kmsKeyIdentifier": ABSENT})], na=NA, unknown=[Change({"kmsKeyIdentifier": UNKNOWN})]
    ),
}
