"""Cases of policies/controls/cloudwatch.py."""

from policies.controls.cloudwatch import EVENTS, ORGANISATION, Event
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res

TRAIL = "aws:cloudtrail/trail:Trail"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
TOPIC = "arn:aws:sns:ap-south-1:111122223333:security"
_TRAIL = res(
    TRAIL,
    isMultiRegionTrail=True,
    kmsKeyId="arn:aws:kms:ap-south-1:111122223333:key/0c1d",
    enableLogFileValidation=True,
    cloudWatchLogsGroupArn="arn:aws:logs:ap-south-1:111122223333:log-group:trail:*",
    tags={"Project": "matchday"},
)


def _raised(event: Event) -> Case:
    pattern = "{ " + " || ".join(f"($.eventName = {word})" for word in event.words) + " }"
    metric = {"name": "events", "namespace": "Trail", "value": "1"}
    return Case(
        good=[
            [
                _TRAIL,
                res(FILTER, logGroupName="trail", pattern=pattern, metricTransformation=metric),
                res(ALARM, namespace="Trail", metricName="events", alarmActions=[TOPIC]),
            ],
            [
                _TRAIL,
                res(FILTER, logGroupName="trail", pattern=pattern, metricTransformation=metric),
                res(ALARM, namespace="Trail", metricName="events", alarmActions=[UNKNOWN]),
            ],
        ],
        bad=[
            Drop(FILTER),
            Drop(ALARM),
            Change({"pattern": pattern.replace(event.words[-1], "Else")}, FILTER),
            Change({"metricName": "others"}, ALARM),
            Change({"actionsEnabled": False}, ALARM),
        ],
        na=[[res(ALARM, alarmActions=[TOPIC])]],
        unknown=[Change({"pattern": UNKNOWN}, FILTER)],
    )


CASES = {f"CloudWatch.{event.number}": _raised(event) for event in EVENTS} | {
    "MD.CloudWatch.1": _raised(ORGANISATION),
    "CloudWatch.15": Case(
        good=[
            [res(ALARM, alarmActions=[TOPIC])],
            [res(COMPOSITE, alarmActions=TOPIC)],
            [res(ALARM, alarmActions=[UNKNOWN])],
        ],
        bad=[Change({"alarmActions": ABSENT}), Change({"alarmActions": []})],
        na=[[_TRAIL]],
        unknown=[Change({"actionsEnabled": UNKNOWN})],
    ),
    "CloudWatch.17": Case(
        good=[[res(ALARM, alarmActions=[TOPIC])], [res(ALARM, alarmActions=[TOPIC], actionsEnabled=True)]],
        bad=[Change({"actionsEnabled": False})],
        na=[[_TRAIL]],
        unknown=[Change({"actionsEnabled": UNKNOWN})],
    ),
}
