"""Cases of policies/controls/lambda_.py."""

from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res

FUNCTION = "aws:lambda/function:Function"
PERMISSION = "aws:lambda/permission:Permission"
URL = "aws:lambda/functionUrl:FunctionUrl"
SUBNET = "aws:ec2/subnet:Subnet"
GOOD = [
    res(
        FUNCTION,
        runtime="python3.13",
        vpcConfig={"subnetIds": ["subnet-a", "subnet-b"], "securityGroupIds": ["sg-1"]},
        environment={"variables": {"LOG_LEVEL": "INFO"}},
        kmsKeyArn="arn:aws:kms:ap-south-1:111122223333:key/0c1d",
        deadLetterConfig={"targetArn": "arn:aws:sqs:ap-south-1:111122223333:dead"},
        tracingConfig={"mode": "Active"},
        tags={"Project": "matchday"},
    )
]
IMAGE = [res(FUNCTION, packageType="Image")]
NA = [[res("aws:ec2/vpc:Vpc")]]

CASES = {
    "Lambda.1": Case(
        good=[
            [res(PERMISSION, function="f", principal="secretsmanager.amazonaws.com", sourceAccount="111122223333")],
            [res(PERMISSION, principal="arn:aws:iam::111122223333:role/x")],
        ],
        bad=[Change({"sourceAccount": ABSENT}), [res(PERMISSION, principal="*")]],
        na=[GOOD],
        unknown=[Change({"principal": UNKNOWN})],
    ),
    "Lambda.2": Case(
        good=[GOOD],
        bad=[Change({"runtime": "python3.8"}), Change({"runtime": ABSENT})],
        na=[IMAGE],
        unknown=[Change({"runtime": UNKNOWN})],
    ),
    "Lambda.3": Case(good=[GOOD], bad=[Change({"vpcConfig": ABSENT})], na=NA, unknown=[Change({"vpcConfig": UNKNOWN})]),
    "Lambda.5": Case(
        good=[GOOD],
        bad=[
            Change({"vpcConfig.subnetIds": ["subnet-a"]}),
            [
                *GOOD,
                res(SUBNET, "a", id="subnet-a", availabilityZone="x"),
                res(SUBNET, "b", id="subnet-b", availabilityZone="x"),
            ],
        ],
        na=[IMAGE],
        unknown=[Change({"vpcConfig": UNKNOWN})],
    ),
    "Lambda.7": Case(
        good=[GOOD],
        bad=[Change({"tracingConfig.mode": "PassThrough"}), Change({"tracingConfig": ABSENT})],
        na=NA,
        unknown=[Change({"tracingConfig": UNKNOWN})],
    ),
    "MD.Lambda.1": Case(
        good=[GOOD], bad=[Change({"kmsKeyArn": ABSENT})], na=[IMAGE], unknown=[Change({"kmsKeyArn": UNKNOWN})]
    ),
    "MD.Lambda.2": Case(
        good=[GOOD], bad=[Change({"deadLetterConfig": ABSENT})], na=NA, unknown=[Change({"deadLetterConfig": UNKNOWN})]
    ),
    "MD.Lambda.3": Case(
        good=[[res(URL, functionName="f", authorizationType="AWS_IAM")]],
        bad=[Change({"authorizationType": "NONE"}), Change({"authorizationType": ABSENT})],
        na=[GOOD],
        unknown=[Change({"authorizationType": UNKNOWN})],
    ),
}
