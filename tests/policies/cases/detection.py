"""Cases of policies/controls/detection.py."""

from policies.controls.detection import PARTS, SCANS
from tests.policies.build import UNKNOWN, Case, Change, Drop, res

DETECTOR = "aws:guardduty/detector:Detector"
FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
ENABLER = "aws:inspector2/enabler:Enabler"
MACIE = "aws:macie2/account:Account"
JOB = "aws:macie2/classificationJob:ClassificationJob"
HUB = "aws:securityhub/account:Account"
SUBSCRIPTION = "aws:securityhub/standardsSubscription:StandardsSubscription"
FSBP = "arn:aws:securityhub:ap-south-1::standards/aws-foundational-security-best-practices/v/1.0.0"
_DETECTOR = res(DETECTOR, "d", id="d1", enable=True, tags={"Project": "matchday"})
_VPC = [res("aws:ec2/vpc:Vpc")]


def _part(feature: str, more: str) -> Case:
    extra = {"additionalConfigurations": [{"name": more, "status": "ENABLED"}]} if more else {}
    disabled = (
        Change({"additionalConfigurations.0.status": "DISABLED"}, FEATURE)
        if more
        else Change({"status": "DISABLED"}, FEATURE)
    )
    return Case(
        good=[[_DETECTOR, res(FEATURE, name=feature, status="ENABLED", detectorId="d1", **extra)]],
        bad=[
            disabled,
            Drop(FEATURE),
            Change({"status": "DISABLED"}, FEATURE),
            Change({"detectorId": "other"}, FEATURE),
        ],
        na=[_VPC],
        unknown=[Change({"detectorId": UNKNOWN}, FEATURE), Change({"status": UNKNOWN}, FEATURE)],
    )


def _scan(kind: str) -> Case:
    return Case(
        good=[[res(ENABLER, accountIds=["111122223333"], resourceTypes=[kind, "OTHER"])]],
        bad=[Change({"resourceTypes": ["OTHER"]}), [res(MACIE)]],
        na=[_VPC],
        unknown=[Change({"resourceTypes": UNKNOWN})],
    )


CASES = {
    "GuardDuty.1": Case(
        good=[[_DETECTOR], [res(DETECTOR)]],
        bad=[Change({"enable": False}), [res(MACIE)]],
        na=[_VPC],
        unknown=[Change({"enable": UNKNOWN})],
    ),
    **{f"GuardDuty.{number}": _part(feature, more) for number, _, feature, more in PARTS},
    **{f"Inspector.{number}": _scan(kind) for number, kind in SCANS},
    "Macie.1": Case(
        good=[[res(MACIE, status="ENABLED")], [res(MACIE)]],
        bad=[Change({"status": "PAUSED"}), [_DETECTOR]],
        na=[_VPC],
        unknown=[Change({"status": UNKNOWN})],
    ),
    "MD.Macie.1": Case(
        good=[[res(JOB, jobType="SCHEDULED"), res(MACIE, status="ENABLED")]],
        bad=[Change({"jobType": "ONE_TIME"}), Drop(JOB), Change({"jobStatus": "USER_PAUSED"})],
        na=[_VPC],
        unknown=[Change({"jobType": UNKNOWN})],
    ),
    "MD.SecurityHub.1": Case(
        good=[[res(HUB), res(MACIE, status="ENABLED")]],
        bad=[Drop(HUB)],
        na=[_VPC],
    ),
    "MD.SecurityHub.2": Case(
        good=[[res(HUB, enableDefaultStandards=False), res(SUBSCRIPTION, standardsArn=FSBP)], [res(HUB)]],
        bad=[Drop(SUBSCRIPTION), Change({"standardsArn": FSBP.replace("aws-foundational", "other")}, SUBSCRIPTION)],
        na=[_VPC],
        unknown=[Change({"standardsArn": UNKNOWN}, SUBSCRIPTION), Change({"enableDefaultStandards": UNKNOWN})],
    ),
}
