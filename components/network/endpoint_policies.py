"""What may be asked through each endpoint of AWS's services, and by whom: least privilege, pure.

The actions are those of the roles that tasks and the bastion have, and no others; tests/stacks/test_endpoints.py derives them
from the roles of a composed environment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_IMAGES = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
)

#: Service of an endpoint (without ``com.amazonaws.<region>.``) → the actions that go through it.
ACTIONS: Mapping[str, Sequence[str]] = {
    "ecr.api": _IMAGES,
    "ecr.dkr": _IMAGES,
    "kms": ("kms:Decrypt", "kms:GenerateDataKey"),
    "logs": ("logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents"),
    "s3": (
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "s3:PutObject",
    ),
    "secretsmanager": ("secretsmanager:GetSecretValue",),
    "ssm": ("ssm:UpdateInstanceInformation",),
    "ssmmessages": (
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    ),
    "xray": ("xray:PutTraceSegments",),
}

#: Endpoints whose resources are all of this account. AWS's services give the key `aws:ResourceAccount` with every request that
#: names a resource; where requests name none (signing in to ECR, a session's channels, spans) it would refuse them.
_OWN_RESOURCES = frozenset({"kms", "s3", "secretsmanager"})


def endpoint_policy(account_id: Any, region: str, service: str) -> dict[str, Any]:
    """Who may do what through an endpoint: this account's principals, so that nobody carries data out with another account's
    credentials, and on this account's resources, so that nobody puts it into another's bucket. `account_id` may be an output.

    S3 also serves, to whoever has a signed address or none, the layers of images (ECR user guide, "Minimum Amazon S3 bucket
    permissions for Amazon ECR") and Amazon Linux's packages (AL2023 User Guide, "Deterministic upgrades"). Raises ValueError
    for a service whose actions are not known here.
    """
    if service not in ACTIONS:
        raise ValueError(
            f"endpoint {service!r}: nothing is known to go through it; accepted: {', '.join(sorted(ACTIONS))}"
        )
    equals = {"aws:PrincipalAccount": account_id}
    if service in _OWN_RESOURCES:
        equals["aws:ResourceAccount"] = account_id
    own = {
        "Sid": "OwnAccount",
        "Effect": "Allow",
        "Principal": "*",
        "Action": list(ACTIONS[service]),
        "Resource": "*",
        "Condition": {"StringEquals": equals},
    }
    buckets = (f"prod-{region}-starport-layer-bucket", f"al2023-repos-{region}-de612dc2")
    public = {
        "Sid": "LayersAndPackages",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": [f"arn:aws:s3:::{bucket}/*" for bucket in buckets],
    }
    return {"Version": "2012-10-17", "Statement": [own, public] if service == "s3" else [own]}
