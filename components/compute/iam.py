"""IAM documents of ECS tasks, pure: each names the resources that it opens, and nothing a manifest does not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.security.trust import taken_for

Document = dict[str, Any]

VERSION = "2012-10-17"


@dataclass(frozen=True, kw_only=True, slots=True)
class MailSender:
    """Who sends e-mail by SES: from which address, of an identity that is its domain, by which configuration set."""

    address: str
    configuration_set: str

    def arns(self, region: str, account_id: str) -> list[str]:
        """What SES asks the right for: the identity and the configuration set."""
        prefix = f"arn:aws:ses:{region}:{account_id}"
        _, _, domain = self.address.partition("@")
        return [f"{prefix}:identity/{domain}", f"{prefix}:configuration-set/{self.configuration_set}"]


#: Envelope encryption: a data key is made, and opened again.
_DATA_KEYS = ("kms:Decrypt", "kms:GenerateDataKey")


def trust(account_id: str, region: str) -> Document:
    """Who may take a task's roles: ECS, for tasks of this account and Region (against the confused deputy)."""
    return _document(
        {
            "Sid": "EcsTasks",
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account_id},
                "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:{region}:{account_id}:*"},
            },
        }
    )


def execution(
    *,
    region: str,
    repository_arn: str | None,
    log_group_arn: str,
    secret_arns: Sequence[str],
    key_arns: Sequence[str],
) -> Document:
    """What ECS itself does to start a task: pull the image, write logs, read this service's secrets and no others.

    `repository_arn` is None where the image's registry is not the account's ECR.
    """
    statements = [
        _allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:log-stream:*"]),
    ]
    if repository_arn is not None:
        statements += [
            # This action has no resource: it signs in to the registry as a whole.
            _allow("SignInToRegistry", ["ecr:GetAuthorizationToken"], ["*"]),
            _allow(
                "PullImage",
                ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                [repository_arn],
            ),
        ]
    if secret_arns:
        statements += [
            _allow("ReadSecrets", ["secretsmanager:GetSecretValue"], secret_arns),
            _allow("DecryptSecrets", ["kms:Decrypt"], key_arns, via=f"secretsmanager.{region}.amazonaws.com"),
        ]
    return _document(*statements)


def task(
    *,
    region: str,
    bucket_arns: Sequence[str],
    key_arns: Sequence[str],
    encrypts: str | None = None,
    traced: bool = False,
    account_id: str = "",
    mail: MailSender | None = None,
) -> Document | None:
    """What a service's own code may do in AWS: use its buckets, encrypt, send e-mail from one address; and the collector
    beside it, send traces.

    None for a service that does nothing of it: no policy.

    `encrypts`: the name of a service that asks KMS for data keys itself. What it encrypts carries that name in its encryption
    context (`service`), so it opens nothing that another service or a data store encrypted under the same key.
    """
    statements = []
    if bucket_arns:
        statements += [
            _allow("ListBuckets", ["s3:ListBucket", "s3:ListBucketVersions"], bucket_arns),
            # Versions too: what a service deletes because it has to be gone would else be there for another month.
            _allow(
                "UseObjects",
                ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:PutObject"],
                [f"{arn}/*" for arn in bucket_arns],
            ),
            _allow("UseKeys", _DATA_KEYS, key_arns, via=f"s3.{region}.amazonaws.com"),
        ]
    if encrypts is not None:
        own = {"kms:EncryptionContext:service": encrypts}
        statements.append(_allow("UseDataKeys", _DATA_KEYS, key_arns) | {"Condition": {"StringEquals": own}})
    if mail is not None:
        own = {"ses:FromAddress": mail.address}
        allowed = _allow("SendMail", ["ses:SendEmail"], mail.arns(region, account_id))
        statements.append(allowed | {"Condition": {"StringEquals": own}})
    if traced:
        # The one action that writes spans; AWS knows no resource for it.
        statements.append(_allow("SendTraces", ["xray:PutTraceSegments"], ["*"]))
    return _document(*statements) if statements else None


def _document(*statements: Mapping[str, Any]) -> Document:
    return {"Version": VERSION, "Statement": [dict(statement) for statement in statements]}


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str], via: str | None = None) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": sorted(set(actions)),
        "Resource": sorted(set(resources)),
    }
    if via is not None:
        statement["Condition"] = {"StringEquals": {"kms:ViaService": via}}
    return statement


#: AWS's own policy of what ECS does to load balancers while it deploys.
TRAFFIC_POLICY = "arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"


def traffic_trust(account_id: str) -> dict[str, Any]:
    """Who may take the role that moves requests: ECS itself, for this account."""
    return taken_for("ecs", account_id)
