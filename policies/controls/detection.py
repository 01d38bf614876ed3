"""Controls on GuardDuty, Inspector, Macie and Security Hub: that what detects is switched on, with every part of it."""

from __future__ import annotations

from functools import partial

from policies.lang.resources import Resource, Stack
from policies.model import Control, Related, Severity, Verdict, bad, ok
from policies.rules.baseline import exists

DETECTOR = "aws:guardduty/detector:Detector"
FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
ENABLER = "aws:inspector2/enabler:Enabler"
MACIE = "aws:macie2/account:Account"
SUBSCRIPTION = "aws:securityhub/standardsSubscription:StandardsSubscription"

#: Where the older, inline settings of a detector say the same as a feature.
_INLINE = {
    "S3_DATA_EVENTS": "datasources.s3Logs.enable",
    "EKS_AUDIT_LOGS": "datasources.kubernetes.auditLogs.enable",
    "EBS_MALWARE_PROTECTION": "datasources.malwareProtection.scanEc2InstanceWithFindings.ebsVolumes.enable",
}


#: Features that came before RUNTIME_MONITORING and hold the same additional configuration.
_OLDER = {"EKS_ADDON_MANAGEMENT": ("EKS_RUNTIME_MONITORING",)}


def _part_is_on(feature: str, additional: str = "") -> Related:
    """The detector has `feature` enabled (and its additional configuration `additional`)."""

    def check(detector: Resource, stack: Stack) -> Verdict:
        if not additional and feature in _INLINE and detector.flag(_INLINE[feature]):
            return ok()
        named = {found.text("name"): found for found in stack.referrers(detector, FEATURE, "detectorId")}
        for name in (feature, *_OLDER.get(additional, ())):
            found = named.get(name)
            if found is None:
                continue
            if found.text("status") != "ENABLED":
                return bad(f"{found.name}.status", found.raw("status"), "set it to ENABLED")
            if not additional:
                return ok()
            for more in found.each("additionalConfigurations"):
                if more.text("name") == additional:
                    return (
                        ok()
                        if more.text("status") == "ENABLED"
                        else bad(more.at("status"), more.raw("status"), "set it to ENABLED")
                    )
            return bad("additionalConfigurations", None, f"add {additional} with status ENABLED")
        return bad("DetectorFeature", None, f"add one named {feature} with status ENABLED")

    return Related((DETECTOR,), check)


#: Security Hub's control, its severity, the feature and its additional configuration.
PARTS: tuple[tuple[int, Severity, str, str], ...] = (
    (5, Severity.HIGH, "EKS_AUDIT_LOGS", ""),
    (6, Severity.HIGH, "LAMBDA_NETWORK_LOGS", ""),
    (7, Severity.HIGH, "RUNTIME_MONITORING", "EKS_ADDON_MANAGEMENT"),
    (8, Severity.HIGH, "EBS_MALWARE_PROTECTION", ""),
    (9, Severity.HIGH, "RDS_LOGIN_EVENTS", ""),
    (10, Severity.HIGH, "S3_DATA_EVENTS", ""),
    (11, Severity.HIGH, "RUNTIME_MONITORING", ""),
    (12, Severity.MEDIUM, "RUNTIME_MONITORING", "ECS_FARGATE_AGENT_MANAGEMENT"),
    (13, Severity.MEDIUM, "RUNTIME_MONITORING", "EC2_AGENT_MANAGEMENT"),
)

#: Security Hub's control and Inspector's resource type.
SCANS = (
    (1, "EC2"),
    (2, "ECR"),
    (3, "LAMBDA_CODE"),
    (4, "LAMBDA"),
)


def _scans(kind: str, enabler: Resource) -> bool:
    return kind in enabler.texts("resourceTypes")


def _scheduled(job: Resource) -> bool:
    return job.text("jobType") == "SCHEDULED" and job.text("jobStatus", "RUNNING") == "RUNNING"


def _standard(name: str) -> Related:
    """Security Hub's account subscribes to a standard whose ARN holds `name`."""

    def check(account: Resource, stack: Stack) -> Verdict:
        if account.flag("enableDefaultStandards", True):
            return ok()  # FSBP and CIS 1.2 come with it
        if any(f"/{name}/" in found.text("standardsArn") for found in stack.of(SUBSCRIPTION)):
            return ok()
        return bad("StandardsSubscription", None, f"subscribe to {name}")

    return Related(("aws:securityhub/account:Account",), check)


CONTROLS: tuple[Control, ...] = (
    Control(
        id="GuardDuty.1",
        severity=Severity.HIGH,
        remediation="Add a guardduty.Detector with enable=True to the account's stack.",
        rule=exists(DETECTOR, "add one with enable = true", lambda detector: detector.flag("enable", True)),
    ),
    *(
        Control(
            id=f"GuardDuty.{number}",
            severity=severity,
            remediation=f"Add a guardduty.DetectorFeature {feature}{' with ' + more if more else ''}, status ENABLED.",
            rule=_part_is_on(feature, more),
        )
        for number, severity, feature, more in PARTS
    ),
    *(
        Control(
            id=f"Inspector.{number}",
            severity=Severity.HIGH,
            remediation=f"Add {kind} to resource_types of the inspector2.Enabler in the account's stack.",
            rule=exists(ENABLER, f"add {kind} to resourceTypes", partial(_scans, kind)),
        )
        for number, kind in SCANS
    ),
    Control(
        id="Macie.1",
        severity=Severity.MEDIUM,
        remediation="Add a macie2.Account with status ENABLED to the account's stack.",
        rule=exists(MACIE, "add one with status ENABLED", lambda found: found.text("status", "ENABLED") == "ENABLED"),
    ),
    Control(
        id="MD.Macie.1",
        title="Macie searches buckets for personal data on a schedule",
        severity=Severity.MEDIUM,
        remediation='Add a macie2.ClassificationJob with job_type="SCHEDULED" for the buckets with personal data.',
        link="https://docs.aws.amazon.com/macie/latest/user/discovery-jobs.html",
        rule=exists("aws:macie2/classificationJob:ClassificationJob", "add a scheduled one", _scheduled),
    ),
    Control(
        id="MD.SecurityHub.1",
        title="Security Hub is on",
        severity=Severity.MEDIUM,
        remediation="Add a securityhub.Account to the account's stack.",
        link="https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-settingup.html",
        rule=exists("aws:securityhub/account:Account", "add one"),
    ),
    Control(
        id="MD.SecurityHub.2",
        title="Security Hub judges by the Foundational Security Best Practices",
        severity=Severity.MEDIUM,
        remediation="Add a securityhub.StandardsSubscription to aws-foundational-security-best-practices.",
        link="https://docs.aws.amazon.com/securityhub/latest/userguide/fsbp-standard.html",
        rule=_standard("aws-foundational-security-best-practices"),
    ),
)
