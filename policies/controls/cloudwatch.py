"""Controls on CloudWatch alarms: the account events that must raise one (CIS section 4), and that alarms reach somebody."""

from __future__ import annotations

import re
from dataclasses import dataclass

from policies.lang.resources import Resource, Stack
from policies.model import Control, Each, Severity, Verdict, Whole, bad, ok, refs
from policies.rules import is_true

FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
TRAIL = "aws:cloudtrail/trail:Trail"


@dataclass(frozen=True)
class Event:
    """One kind of event in CloudTrail that must raise an alarm: the words that a metric filter's pattern must hold."""

    number: int
    what: str
    words: tuple[str, ...]
    cis5: str


def _event(number: int, what: str, cis5: str, words: str) -> Event:
    return Event(number, what, tuple(words.split()), cis5)


#: After the metric filters that CIS AWS Foundations prescribes; CloudWatch.<number> is Security Hub's.
EVENTS: tuple[Event, ...] = (
    _event(1, "the root user is used", "4.3", "userIdentity.type Root AwsServiceEvent"),
    _event(2, "API calls are refused", "4.1", "errorCode UnauthorizedOperation AccessDenied"),
    _event(3, "somebody signs in without MFA", "4.2", "ConsoleLogin MFAUsed"),
    _event(
        4, "IAM policies change", "4.4", "PutRolePolicy CreatePolicy DeletePolicy CreatePolicyVersion AttachRolePolicy"
    ),
    _event(5, "CloudTrail changes", "4.5", "CreateTrail UpdateTrail DeleteTrail StartLogging StopLogging"),
    _event(6, "console sign-ins fail", "4.6", "ConsoleLogin Failed"),
    _event(7, "KMS keys are disabled or deleted", "4.7", "kms.amazonaws.com DisableKey ScheduleKeyDeletion"),
    _event(8, "S3 bucket policies change", "4.8", "s3.amazonaws.com PutBucketAcl PutBucketPolicy DeleteBucketPolicy"),
    _event(9, "AWS Config changes", "4.9", "config.amazonaws.com StopConfigurationRecorder DeleteDeliveryChannel"),
    _event(
        10,
        "security groups change",
        "4.10",
        "AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress DeleteSecurityGroup",
    ),
    _event(11, "network ACLs change", "4.11", "CreateNetworkAcl CreateNetworkAclEntry DeleteNetworkAcl"),
    _event(12, "network gateways change", "4.12", "CreateCustomerGateway AttachInternetGateway DeleteInternetGateway"),
    _event(13, "route tables change", "4.13", "CreateRoute CreateRouteTable ReplaceRoute DeleteRouteTable"),
    _event(14, "VPCs change", "4.14", "CreateVpc DeleteVpc ModifyVpcAttribute"),
)
ORGANISATION = _event(
    0, "the organisation changes", "4.15", "organizations.amazonaws.com LeaveOrganization MoveAccount"
)


def _mentions(pattern: str, word: str) -> bool:
    return re.search(rf"(?<![A-Za-z]){re.escape(word)}(?![A-Za-z])", pattern) is not None


def raises_alarm(event: Event) -> Whole:
    """A metric filter for `event`, on a trail's log group, and an alarm with an action on its metric."""

    def check(stack: Stack) -> Verdict:
        filters = [
            found for found in stack.of(FILTER) if all(_mentions(found.text("pattern"), word) for word in event.words)
        ]
        if not filters:
            return bad("LogMetricFilter", None, f"add one for when {event.what} ({', '.join(event.words)})")
        for found in filters:
            metric = found.view("metricTransformation")
            for alarm in stack.of(ALARM):
                same = alarm.text("metricName") == metric.text("name") and alarm.text("namespace") == metric.text(
                    "namespace"
                )
                if same and _reaches_somebody(alarm):
                    return ok()
        return bad("MetricAlarm", None, f"add one with an action on the metric of {filters[0].name!r}")

    # A stack that reads no trail is not where these alarms belong.
    return Whole((TRAIL,), check)


def _reaches_somebody(alarm: Resource) -> bool:
    texts, whole = alarm.known_texts("alarmActions")
    # An action that is not known yet is an action: a topic's ARN in a preview.
    return alarm.flag("actionsEnabled", True) and (bool(texts) or not whole)


def _has_action(alarm: Resource) -> Verdict:
    if _reaches_somebody(alarm) or not alarm.flag("actionsEnabled", True):
        return ok()  # switched-off actions are CloudWatch.17's business
    return bad("alarmActions", alarm.raw("alarmActions"), "name an SNS topic or another action")


CONTROLS: tuple[Control, ...] = (
    *(
        Control(
            id=f"CloudWatch.{event.number}",
            title=f"An alarm is raised when {event.what}",
            severity=Severity.LOW,
            frameworks=refs(cis5=event.cis5),
            remediation="Add a LogMetricFilter on the trail's log group and a MetricAlarm with an action on its metric.",
            rule=raises_alarm(event),
        )
        for event in EVENTS
    ),
    Control(
        id="CloudWatch.15",
        title="Alarms have an action",
        severity=Severity.HIGH,
        frameworks=refs(nist="AU-6(1), AU-6(5), CA-7, IR-4(1), IR-4(5), SI-2, SI-20, SI-4(5), SI-4(12)"),
        remediation="Set alarm_actions to an SNS topic that somebody reads.",
        rule=Each((ALARM, COMPOSITE), _has_action),
    ),
    Control(
        id="CloudWatch.17",
        title="Alarms' actions are switched on",
        severity=Severity.HIGH,
        frameworks=refs(nist="AU-6(1), AU-6(5), CA-7, SI-2, SI-4(12)"),
        remediation="Leave actions_enabled out, or set it to True.",
        rule=is_true((ALARM, COMPOSITE), "actionsEnabled", default=True),
    ),
    Control(
        id="MD.CloudWatch.1",
        title="An alarm is raised when the organisation changes",
        severity=Severity.LOW,
        frameworks=refs(cis5="4.15"),
        remediation="Add a LogMetricFilter on the trail's log group and a MetricAlarm with an action on its metric.",
        link="https://docs.aws.amazon.com/organizations/latest/userguide/orgs_security_incident-response.html",
        rule=raises_alarm(ORGANISATION),
    ),
)
