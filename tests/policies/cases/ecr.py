"""Cases of policies/controls/ecr.py."""

from __future__ import annotations

import json
from typing import Any

from policies.controls.ecr import LIFECYCLE, PUBLIC, REPOSITORY, SCANNING
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res

POLICY = "aws:ecr/repositoryPolicy:RepositoryPolicy"

OTHER = [res("aws:sqs/queue:Queue")]
KMS = [{"encryptionType": "KMS", "kmsKey": "arn:aws:kms:ap-south-1:111122223333:key/1"}]
GOOD = [
    res(
        REPOSITORY,
        "matchday/services",
        imageScanningConfiguration={"scanOnPush": True},
        imageTagMutability="IMMUTABLE",
        encryptionConfigurations=KMS,
        tags={"Project": "matchday"},
    ),
    res(LIFECYCLE, "keep", repository="matchday/services", policy="{}"),
]
PLAIN = res(REPOSITORY, "matchday/services")


def scanning(frequency: str, pattern: str) -> Any:
    rules = [{"scanFrequency": frequency, "repositoryFilters": [{"filter": pattern, "filterType": "WILDCARD"}]}]
    return res(SCANNING, "registry", scanType="ENHANCED", rules=rules)


def policy(principal: object) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "ecr:BatchGetImage"}]})


CASES = {
    "ECR.1": Case(
        good=[GOOD, [PLAIN, scanning("CONTINUOUS_SCAN", "matchday/*")], [PLAIN, scanning("SCAN_ON_PUSH", "*")]],
        bad=[
            Change({"imageScanningConfiguration.scanOnPush": False}),
            Change({"imageScanningConfiguration": ABSENT}),
            [PLAIN, scanning("MANUAL", "*")],
            [PLAIN, scanning("SCAN_ON_PUSH", "other/*")],
        ],
        na=[OTHER],
        unknown=[Change({"imageScanningConfiguration": UNKNOWN})],
    ),
    "ECR.2": Case(
        good=[GOOD],
        bad=[Change({"imageTagMutability": "MUTABLE"}), Change({"imageTagMutability": ABSENT})],
        na=[OTHER],
        unknown=[Change({"imageTagMutability": UNKNOWN})],
    ),
    "ECR.3": Case(
        good=[
            GOOD,
            [PLAIN, res(LIFECYCLE, repository=UNKNOWN, deps={"repository": [f"{REPOSITORY} matchday/services"]})],
        ],
        bad=[Drop(LIFECYCLE), Change({"repository": "another"}, type=LIFECYCLE)],
        na=[OTHER],
        unknown=[Change({"repository": UNKNOWN}, type=LIFECYCLE)],
    ),
    "ECR.5": Case(
        good=[GOOD, [res(REPOSITORY, encryptionConfigurations=KMS[0])]],
        bad=[
            Change({"encryptionConfigurations": [{"encryptionType": "AES256"}]}),
            Change({"encryptionConfigurations": [{"encryptionType": "KMS"}]}),
            Change({"encryptionConfigurations.0.kmsKey": "arn:aws:kms:ap-south-1:111122223333:alias/aws/ecr"}),
            Change({"encryptionConfigurations": ABSENT}),
        ],
        na=[OTHER],
        unknown=[Change({"encryptionConfigurations": UNKNOWN})],
    ),
    "MD.ECR.1": Case(
        good=[[res(POLICY, repository="services", policy=policy({"AWS": "arn:aws:iam::111122223333:root"}))]],
        bad=[Change({"policy": policy("*")}), [res(POLICY, policy=json.loads(policy({"AWS": "*"})))]],
        na=[OTHER, GOOD],
        unknown=[Change({"policy": UNKNOWN})],
    ),
    "MD.ECR.2": Case(
        good=[GOOD],
        bad=[Change({"forceDelete": True})],
        na=[OTHER],
        unknown=[Change({"forceDelete": UNKNOWN})],
    ),
    "MD.ECR.3": Case(good=[GOOD], bad=[[res(PUBLIC)], [*GOOD, res(PUBLIC)]], na=[OTHER]),
}
