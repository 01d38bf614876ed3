"""Canaries: the paths that players take, walked every few minutes from outside, so that silence is not taken for health."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi_aws import iam, s3, synthetics

from components.base import Component, Transforms
from components.data.bucket import Bucket
from components.observability import canary_code
from components.observability.signals import Comparison, MissingData, Severity, Signal
from components.security.trust import taken_by

#: Canary → function of `canary_code`.
JOURNEYS: Mapping[str, str] = {"read": "read", "log-in": "log_in"}

#: Where a canary's runs go, below its own name; the code beside it must stay.
RUNS = "runs/"

_CODE = Path(canary_code.__file__)
_MINUTES = 5
_RUNTIME = "syn-python-selenium-7.0"


@dataclass(frozen=True, kw_only=True, slots=True)
class CanariesArgs:
    """What canaries walk, and where they write.

    - url: where people reach the platform. region: of the stack; the canaries ask from there.
    - bucket: takes code and runs (under RUNS, where they may expire). key_arn: the KMS key of its objects.
    """

    account_id: pulumi.Input[str]
    region: str
    url: pulumi.Input[str]
    bucket: Bucket
    key_arn: pulumi.Input[str]


class Canaries(Component):
    """A canary of CloudWatch Synthetics for each of JOURNEYS.

    Makes: ``aws:iam:Role`` and ``RolePolicy`` (``role``, ``role-policy``), ``aws:s3:BucketObjectv2`` (``code``) and
    ``aws:synthetics:Canary`` (``<journey>``).
    """

    def __init__(
        self,
        name: str,
        args: CanariesArgs,
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
                description="Canaries write what they saw",
                # As AWS documents it ("Required roles and permissions for canaries"): without a condition.
                assume_role_policy=pulumi.Output.json_dumps(taken_by("lambda")),
            ),
        )
        names = {journey: self.physical_name(journey) for journey in JOURNEYS}
        known = pulumi.Output.all(args.bucket.arn, args.key_arn, args.account_id)
        policy = self.make(
            "role-policy",
            iam.RolePolicy,
            iam.RolePolicyArgs(
                role=role.id,
                policy=pulumi.Output.json_dumps(
                    known.apply(lambda all_: document(args.region, list(names.values()), *all_))
                ),
            ),
        )
        archive = packed()
        code = self.make(
            "code",
            s3.BucketObjectv2,
            s3.BucketObjectv2Args(
                bucket=args.bucket.bucket_name,
                # By what it holds: other code is another object, which the canaries see.
                key=f"code/{hashlib.sha256(archive).hexdigest()[:16]}.zip",
                content_base64=base64.b64encode(archive).decode(),
            ),
            pulumi.ResourceOptions(depends_on=[*args.bucket.ready]),
        )
        self.signals = []
        for journey, function in JOURNEYS.items():
            self.make(
                journey,
                synthetics.Canary,
                synthetics.CanaryArgs(
                    name=names[journey],
                    artifact_s3_location=pulumi.Output.concat("s3://", args.bucket.bucket_name, f"/{RUNS}{journey}/"),
                    artifact_config=synthetics.CanaryArtifactConfigArgs(
                        s3_encryption=synthetics.CanaryArtifactConfigS3EncryptionArgs(
                            encryption_mode="SSE_KMS", kms_key_arn=args.key_arn
                        )
                    ),
                    execution_role_arn=role.arn,
                    handler=f"{_CODE.stem}.{function}",
                    runtime_version=_RUNTIME,
                    s3_bucket=code.bucket,
                    s3_key=code.key,
                    schedule=synthetics.CanaryScheduleArgs(expression=f"rate({_MINUTES} minutes)"),
                    run_config=synthetics.CanaryRunConfigArgs(
                        timeout_in_seconds=60, environment_variables={"URL": args.url}
                    ),
                    success_retention_period=31,
                    failure_retention_period=31,
                    start_canary=True,
                    delete_lambda=True,
                ),
                pulumi.ResourceOptions(depends_on=[policy]),
            )
            self.signals.append(_failing(journey, names[journey]))
        self.register_outputs({})


def packed() -> bytes:
    """The code as Synthetics wants it: a folder `python` in an archive, which is the same whenever it is made."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(f"python/{_CODE.name}"), _CODE.read_bytes())
    return stream.getvalue()


def document(region: str, names: list[str], bucket_arn: str, key_arn: str, account_id: str) -> dict[str, Any]:
    """What canaries may do, by the same page of AWS's: read their code, write runs, logs and their metrics."""
    logs = [f"arn:aws:logs:{region}:{account_id}:log-group:/aws/lambda/cwsyn-{name}-*" for name in names]
    metrics = {"StringEquals": {"cloudwatch:namespace": "CloudWatchSynthetics"}}
    through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow("ReadCode", ["s3:GetObject"], f"{bucket_arn}/code/*"),
            _allow("WriteRuns", ["s3:PutObject", "s3:GetObject"], f"{bucket_arn}/{RUNS}*"),
            _allow("FindBucket", ["s3:GetBucketLocation"], bucket_arn),
            _allow("WriteLogs", ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], logs),
            # These two have no resource.
            _allow("ListBuckets", ["s3:ListAllMyBuckets"], "*"),
            {**_allow("PutMetrics", ["cloudwatch:PutMetricData"], "*"), "Condition": metrics},
            {**_allow("SealRuns", ["kms:Decrypt", "kms:GenerateDataKey"], key_arn), "Condition": through_s3},
        ],
    }


def _allow(sid: str, actions: list[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def _failing(journey: str, canary: str) -> Signal:
    return Signal(
        name=journey,
        summary=f"The canary {journey}, which asks as players do, failed twice in a quarter of an hour, or did not run",
        namespace="CloudWatchSynthetics",
        metric="SuccessPercent",
        dimensions={"CanaryName": canary},
        comparison=Comparison.BELOW,
        threshold=100,
        period=_MINUTES * 60,
        periods=3,
        datapoints=2,
        severity=Severity.PAGE,
        runbook="canary-failed",
        missing=MissingData.BREACHING,
        unit_hint="%",
    )
