"""Cases of policies/controls/sqs.py."""

import json

from tests.policies.build import UNKNOWN, Case, Change, res
from tests.policies.cases.policy_documents import NARROWED, OURS, PUBLIC

QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
DEAD = "arn:aws:sqs:ap-south-1:111122223333:dead"
REDRIVE = json.dumps({"deadLetterTargetArn": DEAD, "maxReceiveCount": 5})
TAGS = {"Project": "matchday"}
NA = [[res("aws:sns/topic:Topic", tags=TAGS)]]

CASES = {
    "SQS.1": Case(
        good=[
            [res(QUEUE, sqsManagedSseEnabled=True, redrivePolicy=REDRIVE, tags=TAGS)],
            [res(QUEUE)],
            [res(QUEUE, kmsMasterKeyId="k")],
        ],
        bad=[Change({"sqsManagedSseEnabled": False})],
        na=NA,
        unknown=[Change({"sqsManagedSseEnabled": UNKNOWN})],
    ),
    "SQS.3": Case(
        good=[[res(QUEUE_POLICY, queueUrl="q", policy=OURS)], [res(QUEUE, policy=NARROWED)]],
        bad=[Change({"policy": PUBLIC})],
        na=[[res(QUEUE)]],
        unknown=[Change({"policy": UNKNOWN})],
    ),
    "MD.SQS.1": Case(
        good=[
            [res(QUEUE, redrivePolicy=REDRIVE, tags=TAGS), res(QUEUE, "dead", arn=DEAD, tags=TAGS)],
            [
                res(QUEUE, "q", url="https://q"),
                res("aws:sqs/redrivePolicy:RedrivePolicy", queueUrl="https://q", redrivePolicy=REDRIVE),
            ],
        ],
        bad=[[res(QUEUE, tags=TAGS)]],
        na=[[res(QUEUE, redriveAllowPolicy='{"redrivePermission":"allowAll"}')], *NA],
        unknown=[[res(QUEUE), res("aws:sqs/redrivePolicy:RedrivePolicy", queueUrl=UNKNOWN)]],
    ),
    "MD.SQS.2": Case(
        good=[[res(QUEUE, messageRetentionSeconds=345600, redrivePolicy=REDRIVE, tags=TAGS)], [res(QUEUE)]],
        bad=[Change({"messageRetentionSeconds": 60})],
        na=NA,
        unknown=[Change({"messageRetentionSeconds": UNKNOWN})],
    ),
}
