"""What looks at an account by itself: GuardDuty, Security Hub, Inspector, Access Analyzer, Macie and Config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import accessanalyzer, cfg, guardduty, iam, inspector2, macie2, securityhub

from components.base import Component, Transforms

#: Parts of GuardDuty → its agents that AWS keeps. Buckets, the database and containers are what this platform has; the others
#: cost nothing until somebody makes what they look at, and then they look.
GUARD_FEATURES: Mapping[str, Sequence[str]] = {
    "S3_DATA_EVENTS": (),
    "RDS_LOGIN_EVENTS": (),
    "RUNTIME_MONITORING": ("ECS_FARGATE_AGENT_MANAGEMENT", "EC2_AGENT_MANAGEMENT", "EKS_ADDON_MANAGEMENT"),
    "EBS_MALWARE_PROTECTION": (),
    "LAMBDA_NETWORK_LOGS": (),
    "EKS_AUDIT_LOGS": (),
}

#: Standards of Security Hub → what of their ARN follows the Region.
STANDARDS: Mapping[str, str] = {
    "best-practices": "standards/aws-foundational-security-best-practices/v/1.0.0",
    "cis": "standards/cis-aws-foundations-benchmark/v/5.0.0",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorsArgs:
    """Where they look, and where Config writes what it records.

    - records_bucket: name of a bucket that admits Config; records_key_arn: its KMS key.
    - recorded_after: what must exist before Config is turned on (that bucket's policy).
    """

    account_id: pulumi.Input[str]
    region: str
    records_bucket: pulumi.Input[str]
    records_key_arn: pulumi.Input[str]
    recorded_after: pulumi.Resource


class Detectors(Component):
    """AWS's own detectors, on.

    Makes: ``aws:guardduty:Detector`` (``guard``) and a ``DetectorFeature`` each (``guard-<feature>``),
    ``aws:securityhub:Account`` (``hub``) and a ``StandardsSubscription`` each (``hub-<standard>``), ``aws:inspector2:Enabler``
    (``inspector``), ``aws:accessanalyzer:Analyzer`` (``access``), ``aws:macie2:Account`` (``macie``), and of Config the
    service's ``aws:iam:ServiceLinkedRole`` (``config-role``), ``aws:cfg:Recorder``, ``DeliveryChannel`` and
    ``RecorderStatus`` (``config``, ``config-channel``, ``config-on``).
    """

    def __init__(
        self,
        name: str,
        args: DetectorsArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        guard = self.make(
            "guard",
            guardduty.Detector,
            guardduty.DetectorArgs(enable=True, finding_publishing_frequency="FIFTEEN_MINUTES"),
        )
        for feature, agents in GUARD_FEATURES.items():
            more = [
                guardduty.DetectorFeatureAdditionalConfigurationArgs(name=each, status="ENABLED") for each in agents
            ]
            self.make(
                f"guard-{feature.lower().replace('_', '-')}",
                guardduty.DetectorFeature,
                guardduty.DetectorFeatureArgs(
                    detector_id=guard.id, name=feature, status="ENABLED", additional_configurations=more or None
                ),
            )
        hub = self.make(
            "hub",
            securityhub.Account,
            securityhub.AccountArgs(
                enable_default_standards=False,
                auto_enable_controls=True,
                control_finding_generator="SECURITY_CONTROL",
            ),
        )
        for standard, suffix in STANDARDS.items():
            self.make(
                f"hub-{standard}",
                securityhub.StandardsSubscription,
                securityhub.StandardsSubscriptionArgs(standards_arn=f"arn:aws:securityhub:{args.region}::{suffix}"),
                pulumi.ResourceOptions(depends_on=[hub]),
            )
        self.make(
            "inspector",
            inspector2.Enabler,
            inspector2.EnablerArgs(
                account_ids=[args.account_id], resource_types=["EC2", "ECR", "LAMBDA", "LAMBDA_CODE"]
            ),
        )
        self.make(
            "access",
            accessanalyzer.Analyzer,
            accessanalyzer.AnalyzerArgs(analyzer_name=self.physical_name("access"), type="ACCOUNT"),
        )
        self.make(
            "macie",
            macie2.Account,
            macie2.AccountArgs(status="ENABLED", finding_publishing_frequency="FIFTEEN_MINUTES"),
        )
        self._config(args)
        self.register_outputs({})

    def _config(self, args: DetectorsArgs) -> None:
        role = self.make(
            "config-role", iam.ServiceLinkedRole, iam.ServiceLinkedRoleArgs(aws_service_name="config.amazonaws.com")
        )
        recorder = self.make(
            "config",
            cfg.Recorder,
            cfg.RecorderArgs(
                name=self.physical_name("config"),
                role_arn=role.arn,
                recording_group=cfg.RecorderRecordingGroupArgs(all_supported=True, include_global_resource_types=True),
            ),
        )
        channel = self.make(
            "config-channel",
            cfg.DeliveryChannel,
            cfg.DeliveryChannelArgs(
                name=self.physical_name("config"),
                s3_bucket_name=args.records_bucket,
                s3_kms_key_arn=args.records_key_arn,
            ),
            pulumi.ResourceOptions(depends_on=[recorder, args.recorded_after]),
        )
        self.make(
            "config-on",
            cfg.RecorderStatus,
            cfg.RecorderStatusArgs(name=recorder.name, is_enabled=True),
            pulumi.ResourceOptions(depends_on=[channel]),
        )
