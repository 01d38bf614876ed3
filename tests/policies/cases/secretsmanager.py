"""Cases of policies/controls/secretsmanager.py."""

from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res
from tests.policies.cases.policy_documents import OURS, PUBLIC

SECRET = "aws:secretsmanager/secret:Secret"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
POLICY = "aws:secretsmanager/secretPolicy:SecretPolicy"
ARN = "arn:aws:secretsmanager:ap-south-1:111122223333:secret:kek-AbCdEf"
KEY = "arn:aws:kms:ap-south-1:111122223333:key/0c1d"
TAGS = {"Project": "matchday", "Environment": "prod", "Component": "secrets", "ManagedBy": "pulumi"}
_SECRET = res(SECRET, "kek", id=ARN, arn=ARN, kmsKeyId=KEY, tags=TAGS)
_ROTATED = [_SECRET, res(ROTATION, secretId=ARN, rotationRules={"automaticallyAfterDays": 30})]
NA = [[res("aws:kms/alias:Alias")]]

CASES = {
    "SecretsManager.1": Case(
        good=[
            _ROTATED,
            # In a preview the secret's id is unknown; the engine records what the reference depends on.
            [
                res(SECRET, "kek", id=""),
                res(
                    ROTATION,
                    secretId=UNKNOWN,
                    deps={"secretId": [f"{SECRET} kek"]},
                    rotationRules={"automaticallyAfterDays": 30},
                ),
            ],
        ],
        bad=[Drop(ROTATION), Change({"rotationEnabled": False}, ROTATION)],
        na=NA,
        unknown=[Change({"secretId": UNKNOWN}, ROTATION)],
    ),
    "SecretsManager.4": Case(
        good=[
            _ROTATED,
            [res(ROTATION, rotationRules={"scheduleExpression": "rate(30 days)"})],
            [res(ROTATION, rotationRules={"scheduleExpression": "rate(12 hours)"})],
            [res(ROTATION, rotationRules={"scheduleExpression": "cron(0 4 1 * ? *)"})],
            [res(ROTATION, rotationRules={"scheduleExpression": "cron(0 16 ? * SUN#1 *)"})],
        ],
        bad=[
            Change({"rotationRules": {"automaticallyAfterDays": 365}}, ROTATION),
            Change({"rotationRules": {"scheduleExpression": "rate(120 days)"}}, ROTATION),
            Change({"rotationRules": ABSENT}, ROTATION),
            Change({"rotationRules": {"scheduleExpression": "cron(0 4 1 1 ? *)"}}, ROTATION),
            Change({"rotationRules": {"scheduleExpression": "cron(0 4 1 JAN,FEB ? *)"}}, ROTATION),
            Change({"rotationRules": {"scheduleExpression": "cron(0 4 30 6 ? 2025)"}}, ROTATION),
            [_SECRET],
        ],
        na=NA,
        unknown=[Change({"rotationRules": UNKNOWN}, ROTATION)],
    ),
    "MD.SecretsManager.1": Case(
        good=[_ROTATED],
        bad=[Change({"kmsKeyId": ABSENT})],
        na=NA,
        unknown=[Change({"kmsKeyId": UNKNOWN})],
    ),
    "MD.SecretsManager.2": Case(
        good=[[*_ROTATED, res(POLICY, secretArn=ARN, policy=OURS)]],
        bad=[Change({"policy": PUBLIC}, POLICY)],
        na=[[_SECRET]],
        unknown=[Change({"policy": UNKNOWN}, POLICY)],
    ),
    "MD.SecretsManager.4": Case(
        good=[[*_ROTATED, res(POLICY, secretArn=ARN, policy=OURS)], [res(SECRET, policy=OURS)]],
        bad=[Drop(POLICY)],
        na=NA,
        unknown=[Change({"secretArn": UNKNOWN}, POLICY)],
    ),
    "MD.SecretsManager.3": Case(
        good=[_ROTATED],
        bad=[Change({"recoveryWindowInDays": 0})],
        na=NA,
        unknown=[Change({"recoveryWindowInDays": UNKNOWN})],
    ),
}
