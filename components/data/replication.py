"""A copy of a bucket in another Region, kept by S3: as soon as an object is there, or its deletion, it is on its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import iam, s3

from components.base import Component, Transforms
from components.data.bucket import Bucket
from components.observability.signals import Severity, Signal
from components.security.trust import taken_by

_RULE = "everything"


@dataclass(frozen=True, kw_only=True, slots=True)
class Replica:
    """Where the copy is. It must exist, versioned, before anything is copied there (stack `recovery`).

    - bucket_arn, domain_name: of the bucket. region: its Region.
    - key_alias: `alias/…` of the KMS key of that Region that the copies are encrypted with. key_alias_arn: the alias's ARN.
    """

    region: str
    bucket_arn: pulumi.Output[str]
    domain_name: pulumi.Output[str]
    key_alias: str
    key_alias_arn: pulumi.Output[str]

    @classmethod
    def of(cls, region: str, account_id: pulumi.Input[str], stem: str, key_alias: str) -> Replica:
        """The copy whose bucket's name begins with `stem`, in the same account."""
        name = pulumi.Output.concat(stem, "-", account_id)
        return cls(
            region=region,
            bucket_arn=pulumi.Output.concat("arn:aws:s3:::", name),
            domain_name=pulumi.Output.concat(name, f".s3.{region}.amazonaws.com"),
            key_alias=key_alias,
            key_alias_arn=pulumi.Output.concat(f"arn:aws:kms:{region}:", account_id, f":{key_alias}"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicationArgs:
    """What is copied, and where to.

    - bucket: versioned, as all of ours. key_arn: the KMS key that its objects are encrypted with. region: both's.
    - locked: its objects are under Object Lock, which their copies keep; the replica's bucket must have it too. Default False.
    """

    bucket: Bucket
    key_arn: pulumi.Input[str]
    region: str
    replica: Replica
    locked: bool = False


class Replication(Component):
    """Every new object, and every delete marker, is copied. What is deleted by its version is not: S3 copies no such deletion,
    so that nobody who empties a bucket empties its copy; data that somebody may ask to have erased must not be copied by this.

    Makes: ``aws:iam:Role`` and ``RolePolicy`` (``role``, ``role-policy``) and ``aws:s3:BucketReplicationConfig`` (role ``""``).
    """

    def __init__(
        self,
        name: str,
        args: ReplicationArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        role = self.make(
            "role",
            iam.Role,
            iam.RoleArgs(
                name=self.physical_name("role", "iam-role"),
                description="S3 copies a bucket's objects to another Region",
                # As AWS documents it (S3 User Guide, "Setting up permissions for live replication"): without a condition.
                assume_role_policy=pulumi.Output.json_dumps(taken_by("s3")),
            ),
        )
        known = pulumi.Output.all(args.bucket.arn, args.key_arn, args.replica.bucket_arn)
        policy = self.make(
            "role-policy",
            iam.RolePolicy,
            iam.RolePolicyArgs(
                role=role.id,
                policy=pulumi.Output.json_dumps(known.apply(lambda arns: document(args, *arns))),
            ),
        )
        self.make(
            "",
            s3.BucketReplicationConfig,
            s3.BucketReplicationConfigArgs(bucket=args.bucket.bucket_name, role=role.arn, rules=[_rule(args.replica)]),
            # S3 refuses to copy from a bucket whose versioning is still off.
            pulumi.ResourceOptions(depends_on=[policy, *args.bucket.ready]),
        )
        self.signals = [_failed(args.bucket.bucket_name, args.replica)]
        self.register_outputs({"replica": args.replica.bucket_arn})


def document(args: ReplicationArgs, bucket_arn: str, key_arn: str, replica_arn: str) -> dict[str, Any]:
    """What the role may do: read this bucket's versions, write copies to that one, each with its key and through S3 alone."""
    reads = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"]
    if args.locked:
        reads += ["s3:GetObjectRetention", "s3:GetObjectLegalHold"]
    account_id = key_arn.split(":")[4]
    # With a bucket key the context is the bucket's ARN, without one the object's.
    source = {
        "StringEquals": {"kms:ViaService": f"s3.{args.region}.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket_arn, f"{bucket_arn}/*"]},
    }
    target = {
        "StringEquals": {"kms:ViaService": f"s3.{args.replica.region}.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:aws:s3:arn": [replica_arn, f"{replica_arn}/*"]},
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": args.replica.key_alias},
    }
    keys = f"arn:aws:kms:{args.replica.region}:{account_id}:key/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow("ReadRules", ["s3:GetReplicationConfiguration", "s3:ListBucket"], bucket_arn),
            _allow("ReadVersions", reads, f"{bucket_arn}/*"),
            _allow("WriteCopies", ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"], f"{replica_arn}/*"),
            {**_allow("OpenVersions", ["kms:Decrypt"], key_arn), "Condition": source},
            {**_allow("SealCopies", ["kms:Encrypt", "kms:GenerateDataKey"], keys), "Condition": target},
        ],
    }


def _allow(sid: str, actions: list[str], resource: str) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def _rule(replica: Replica) -> Any:
    destination = s3.BucketReplicationConfigRuleDestinationArgs(
        bucket=replica.bucket_arn,
        encryption_configuration=s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs(
            replica_kms_key_id=replica.key_alias_arn
        ),
        # Without them nothing says that a copy failed.
        metrics=s3.BucketReplicationConfigRuleDestinationMetricsArgs(status="Enabled"),
    )
    sealed = s3.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs(status="Enabled")
    return s3.BucketReplicationConfigRuleArgs(
        id=_RULE,
        status="Enabled",
        priority=0,
        filter=s3.BucketReplicationConfigRuleFilterArgs(prefix=""),
        delete_marker_replication=s3.BucketReplicationConfigRuleDeleteMarkerReplicationArgs(status="Enabled"),
        source_selection_criteria=s3.BucketReplicationConfigRuleSourceSelectionCriteriaArgs(
            sse_kms_encrypted_objects=sealed
        ),
        destination=destination,
    )


def _failed(bucket: pulumi.Output[str], replica: Replica) -> Signal:
    """S3 publishes this metric in the source's Region, the others in the copy's ("Using S3 Replication metrics")."""
    return Signal(
        name="failed",
        summary="Objects of a bucket could not be copied to the other Region",
        namespace="AWS/S3",
        metric="OperationsFailedReplication",
        dimensions={
            "SourceBucket": bucket,
            "DestinationBucket": replica.bucket_arn.apply(lambda arn: arn.rsplit(":", 1)[1]),
            "RuleId": _RULE,
        },
        statistic="Sum",
        threshold=0,
        period=300,
        periods=1,
        severity=Severity.TICKET,
        runbook="replication-failed",
        unit_hint="operations",
    )
