"""Controls on CloudWatch alarms: the account events that must raise one (CIS section 4), and that alarms reach somebody."""

from __future__ import annotations

import re
from dataclasses import dataclass

from policies.lang.resources import Resource, Stack
from policies.lang.values import CannotTell
from policies.model import Control, Each, Severity, Verdict, Whole, bad, ok
from policies.rules import is_true
from policies.rules.baseline import ELSEWHERE

FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
TRAIL = "aws:cloudtrail/trail:Trail"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
TOPIC = "aws:sns/topic:Topic"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"


@dataclass(frozen=True)
class Event:
    """One kind of event in CloudTrail that must raise an alarm: the words that a metric filter's pattern must hold, each after
    `=` or, with a leading `!`, after `!=`."""

    number: int
    what: str
    words: tuple[str, ...]


def _event(number: int, what: str, words: str) -> Event:
    return Event(number, what, tuple(words.split()))


#: After the metric filters that CIS AWS Foundations prescribes; CloudWatch.<number> is Security Hub's.
EVENTS: tuple[Event, ...] = (
    _event(1, "the root user is used", "Root !AwsServiceEvent"),
    _event(2, "API calls are refused", "UnauthorizedOperation AccessDenied"),
    _event(3, "a console sign-in uses no MFA", "ConsoleLogin !Yes"),
    _event(4, "IAM policies change", "PutRolePolicy CreatePolicy DeletePolicy CreatePolicyVersion AttachRolePolicy"),
    _event(5, "CloudTrail changes", "CreateTrail UpdateTrail DeleteTrail StartLogging StopLogging"),
    _event(6, "console sign-ins fail", "ConsoleLogin Failed"),
    _event(7, "KMS keys are disabled or deleted", "kms.amazonaws.com DisableKey ScheduleKeyDeletion"),
    _event(8, "S3 bucket policies change", "s3.amazonaws.com PutBucketAcl PutBucketPolicy DeleteBucketPolicy"),
    _event(9, "AWS Config changes", "config.amazonaws.com StopConfigurationRecorder DeleteDeliveryChannel"),
    _event(
        10,
        "security groups change",
        "AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress DeleteSecurityGroup",
    ),
    _event(11, "network ACLs change", "CreateNetworkAcl CreateNetworkAclEntry DeleteNetworkAcl"),
    _event(12, "network gateways change", "CreateCustomerGateway AttachInternetGateway DeleteInternetGateway"),
    _event(13, "route tables change", "CreateRoute CreateRouteTable ReplaceRoute DeleteRouteTable"),
    _event(14, "VPCs change", "CreateVpc DeleteVpc ModifyVpcAttribute"),
)
ORGANISATION = _event(0, "the organisation changes", "organizations.amazonaws.com LeaveOrganization MoveAccount")
#: Two names of one event can never be true together: a filter that joins them by && matches nothing.
_NEVER = re.compile(r"eventName\s*=\s*\"?\w+\"?\s*\)*\s*&&\s*\(*\s*\$\.eventName\s*=")


def _asks_for(pattern: str, word: str) -> bool:
    """Whether a pattern compares something with `word`: for equality, or with a leading `!` for the opposite."""
    negated, word = word.startswith("!"), word.removeprefix("!")
    found = re.findall(rf"(!?=)\s*\"?[*.]*(?:[\w.]*\.)?{re.escape(word)}(?![A-Za-z])", pattern)
    return any((operator == "!=") is negated for operator in found)


def _matches_event(pattern: str, event: Event) -> bool:
    return not _NEVER.search(pattern) and all(_asks_for(pattern, word) for word in event.words)


def raises_alarm(event: Event) -> Whole:
    """A metric filter for `event` on a trail's log group, and an alarm on its metric with an action that notifies somebody."""

    def check(stack: Stack) -> Verdict:
        filters = [found for found in stack.of(FILTER) if _matches_event(found.text("pattern"), event)]
        if not filters:
            words = ", ".join(word.removeprefix("!") for word in event.words)
            return bad("LogMetricFilter", None, f"add one for when {event.what} ({words})")
        groups = [group for trail in stack.of(TRAIL) for group in _log_groups(trail, stack)]
        verdict = ok()
        for found in filters:
            verdict = _reaches(found, groups, stack)
            if verdict == ok():
                return verdict
        return verdict

    # A stack that reads no trail is not where these alarms belong.
    return Whole((TRAIL,), check, elsewhere=ELSEWHERE)


def _log_groups(trail: Resource, stack: Stack) -> list[str]:
    """The names by which a trail's log group is called; a group outside the stack has the name in its ARN."""
    path = "cloudWatchLogsGroupArn"
    if trail.raw(path) is None:
        return []
    inside = stack.targets(trail, path, GROUP)
    if inside:
        return [group.urn for group in inside]
    return [trail.text(path).partition(":log-group:")[2].removesuffix(":*")]


def _reaches(found: Resource, groups: list[str], stack: Stack) -> Verdict:
    inside = stack.targets(found, "logGroupName", GROUP)
    named = "" if inside else found.text("logGroupName")
    own = [group.urn for group in inside] or [named]
    if not set(own) & set(groups):
        return bad(
            f"{found.name}.logGroupName",
            named or (inside[0].name if inside else None),
            "filter the log group that the trail writes to",
        )
    metric = found.view("metricTransformation")
    if (metric.number("value", 1) if metric.text("value", "1").replace(".", "").isdigit() else 1) == 0:
        return bad(f"{found.name}.metricTransformation.value", metric.raw("value"), "count each event as 1")
    for alarm in stack.of(ALARM):
        same = alarm.text("metricName") == metric.text("name") and alarm.text("namespace") == metric.text("namespace")
        if same and _rises(alarm):
            return _is_heard(alarm, stack)
    return bad("MetricAlarm", None, f"add one with an action on the metric of {found.name!r}")


def _rises(alarm: Resource) -> bool:
    """Whether the alarm goes off when there are events, not when there are none, and has an action."""
    operator = alarm.text("comparisonOperator", "GreaterThanOrEqualToThreshold")
    return operator.startswith("GreaterThan") and _reaches_somebody(alarm)


def _is_heard(alarm: Resource, stack: Stack) -> Verdict:
    """A topic of this stack has a subscriber; one from outside is taken to have."""
    try:
        topics = stack.targets(alarm, "alarmActions", TOPIC)
    except CannotTell:
        return ok()  # an action that is not known yet
    actions = alarm.raw("alarmActions")
    if len(topics) < (len(actions) if isinstance(actions, list) else 1):
        return ok()
    if any(stack.referrers(topic, SUBSCRIPTION, "topic") for topic in topics):
        return ok()
    return bad(f"{topics[0].name}", "a topic without a subscription", "add an sns.TopicSubscription")


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
            severity=Severity.LOW,
            remediation="Add a LogMetricFilter on the trail's log group and a MetricAlarm with an action on its metric.",
            rule=raises_alarm(event),
        )
        for event in EVENTS
    ),
    Control(
        id="CloudWatch.15",
        severity=Severity.HIGH,
        remediation="Set alarm_actions to an SNS topic that has subscribers.",
        rule=Each((ALARM, COMPOSITE), _has_action),
    ),
    Control(
        id="CloudWatch.17",
        severity=Severity.HIGH,
        remediation="Leave actions_enabled out, or set it to True.",
        rule=is_true((ALARM, COMPOSITE), "actionsEnabled", default=True),
    ),
    Control(
        id="MD.CloudWatch.1",
        title="An alarm is raised when the organisation changes",
        severity=Severity.LOW,
        remediation="Add a LogMetricFilter on the trail's log group and a MetricAlarm with an action on its metric.",
        link="https://docs.aws.amazon.com/organizations/latest/userguide/orgs_security_incident-response.html",
        rule=raises_alarm(ORGANISATION),
    ),
)
