"""Cases of policies/controls/sns.py."""

from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res
from tests.policies.cases.policy_documents import NARROWED, OURS, PUBLIC, PUBLIC_BY_VIA, policy

TOPIC = "aws:sns/topic:Topic"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
KEY = "arn:aws:kms:ap-south-1:111122223333:key/0c1d"
TAGS = {"Project": "matchday"}
TLS = policy("*", "sns:Publish", {"Bool": {"aws:SecureTransport": "false"}}, effect="Deny")

CASES = {
    "SNS.1": Case(
        good=[[res(TOPIC, kmsMasterKeyId=KEY, tags=TAGS)]],
        bad=[Change({"kmsMasterKeyId": ABSENT}), Change({"kmsMasterKeyId": ""})],
        na=[[res(SUBSCRIPTION, protocol="https")]],
        unknown=[Change({"kmsMasterKeyId": UNKNOWN})],
    ),
    "SNS.4": Case(
        good=[[res(TOPIC_POLICY, arn="t", policy=NARROWED)], [res(TOPIC, policy=OURS)]],
        bad=[Change({"policy": PUBLIC}), Change({"policy": PUBLIC_BY_VIA})],
        na=[[res(TOPIC)]],
        unknown=[Change({"policy": UNKNOWN})],
    ),
    "MD.SNS.1": Case(
        good=[[res(SUBSCRIPTION, topic="t", protocol="https", endpoint="https://x")]],
        bad=[Change({"protocol": "http"})],
        na=[[res(TOPIC)]],
        unknown=[Change({"protocol": UNKNOWN})],
    ),
    "MD.SNS.2": Case(
        good=[[res(TOPIC_POLICY, arn="t", policy=TLS)]],
        bad=[Change({"policy": OURS}), Change({"policy": TLS.replace("false", "true")})],
        na=[[res(TOPIC)], [res(TOPIC, policy='{"Id": "__default_policy_ID", "Statement": []}')]],
        unknown=[Change({"policy": UNKNOWN})],
    ),
}
