"""Settings of an account: siblings of the shared sets of group b."""

from __future__ import annotations

from typing import Any

from tests.policies.build import res
from tests.policies.siblings import BAD, NOT_HERE, OK, Sibling, case

_TRAIL = res("aws:cloudtrail/trail:Trail", isMultiRegionTrail=True, s3BucketName="logs")


def _password(name: str, right: dict[str, str], **props: Any) -> Sibling:
    return case(
        f"password-{name}", right, res("aws:iam/accountPasswordPolicy:AccountPasswordPolicy", "passwords", **props)
    )


CASES: list[Sibling] = [
    # An account's settings.
    case(
        "an-application-is-not-asked",
        {"IAM.7": NOT_HERE, "EC2.182": NOT_HERE, "S3.1": NOT_HERE, "GuardDuty.1": NOT_HERE, "IAM.15": NOT_HERE},
        res("aws:s3/bucket:Bucket", bucket="b"),
    ),
    case(
        "an-account-with-a-detector-alone",
        {
            "IAM.15": BAD,
            "EC2.7": BAD,
            "S3.1": BAD,
            "CloudTrail.1": BAD,
            "CloudTrail.3": BAD,
            "Config.1": BAD,
            "IAM.28": BAD,
            "SSM.7": BAD,
        },
        res("aws:guardduty/detector:Detector", enable=True),
    ),
    case(
        "an-account-with-half-of-them",
        {"EC2.182": BAD, "EC2.7": BAD, "GuardDuty.1": BAD, "Macie.1": BAD, "Inspector.1": BAD},
        _TRAIL,
        res("aws:ebs/encryptionByDefault:EncryptionByDefault", enabled=False),
    ),
    case("encryption-by-default-on-by-default", {"EC2.7": OK}, res("aws:ebs/encryptionByDefault:EncryptionByDefault")),
    case(
        "snapshots-blocked-for-new-ones",
        {"EC2.182": BAD},
        res("aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess", state="block-new-sharing"),
    ),
    case(
        "snapshots-blocked",
        {"EC2.182": OK},
        res("aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess", state="block-all-sharing"),
    ),
    case(
        "vpc-block-off",
        {"EC2.172": BAD},
        res("aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions", internetGatewayBlockMode="off"),
    ),
    case(
        "vpc-block-ingress",
        {"EC2.172": OK},
        res(
            "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions", internetGatewayBlockMode="block-ingress"
        ),
    ),
    _password(
        "strong",
        {"IAM.7": OK, "IAM.10": OK, "IAM.15": OK, "IAM.16": OK, "IAM.17": OK},
        requireUppercaseCharacters=True,
        requireLowercaseCharacters=True,
        requireSymbols=True,
        requireNumbers=True,
        minimumPasswordLength=14,
        passwordReusePrevention=24,
        maxPasswordAge=90,
    ),
    _password("as-text", {"IAM.15": OK, "IAM.17": OK}, minimumPasswordLength="14", maxPasswordAge="90"),
    _password("never-expires", {"IAM.17": BAD, "IAM.10": BAD}, maxPasswordAge=0, minimumPasswordLength=14),
    _password("thirteen", {"IAM.15": BAD}, minimumPasswordLength=13),
    _password("reuse-23", {"IAM.16": BAD}, passwordReusePrevention=23),
    _password("reuse-left-out", {"IAM.16": BAD}, minimumPasswordLength=14),
]
