"""What was changed by hand, and an `up` of a changed program that was not told to look: through the real engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.engines import FarEnd

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]

PROGRAM = """
import pulumi
from pulumi_aws import cloudwatch, sns, sqs

later = pulumi.Config().get_bool("later") or False
sqs.Queue("queue", name="by-hand", delay_seconds=5, visibility_timeout_seconds=31 if later else 30)
sns.Topic("topic", name="by-hand", display_name="Ours")
cloudwatch.MetricAlarm(
    "alarm", name="by-hand", comparison_operator="GreaterThanThreshold", evaluation_periods=1, threshold=10,
    metric_name="m", namespace="N", period=300 if later else 60, statistic="Sum",
)
"""

UP = ["up", "--yes", "--skip-preview"]
LATER = {"matchday:later": "true"}


def test_an_up_leaves_what_was_changed_by_hand_until_it_is_told_to_look(far_end_of: Callable[[str], FarEnd]) -> None:
    """The engine compares the program with its state. What a call takes property by property stays as somebody left it;
    PutMetricAlarm takes the whole alarm, so a change of one property of the program's puts all the others back, as on AWS.
    """
    far_end = far_end_of(PROGRAM)
    workspace, queues, topics = far_end.workspace, far_end.client("sqs"), far_end.client("sns")
    alarms = far_end.client("cloudwatch")
    workspace.run(UP, "local")
    try:
        url = queues.get_queue_url(QueueName="by-hand")["QueueUrl"]
        topic = next(
            each["TopicArn"] for each in topics.list_topics()["Topics"] if each["TopicArn"].endswith(":by-hand")
        )
        made = {
            name: alarms.describe_alarms(AlarmNames=["by-hand"])["MetricAlarms"][0][name]
            for name in ("ComparisonOperator", "EvaluationPeriods", "MetricName", "Namespace", "Period", "Statistic")
        }

        def live() -> dict[str, str]:
            queue = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            alarm = alarms.describe_alarms(AlarmNames=["by-hand"])["MetricAlarms"][0]
            return {
                "delay": queue["DelaySeconds"],
                "visibility": queue["VisibilityTimeout"],
                "display": topics.get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"],
                "threshold": f"{alarm['Threshold']:g}",
                "period": str(alarm["Period"]),
            }

        queues.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "7"})
        topics.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="Theirs")
        alarms.put_metric_alarm(AlarmName="by-hand", Threshold=99, **made)
        by_hand = {"delay": "7", "visibility": "30", "display": "Theirs", "threshold": "99", "period": "60"}
        assert live() == by_hand

        done = workspace.run(UP, "local", config=LATER)
        assert {(each.name, each.operation) for each in done.resources} == {("queue", "update"), ("alarm", "update")}
        assert live() == {**by_hand, "visibility": "31", "period": "300", "threshold": "10"}

        done = workspace.run([*UP, "--refresh"], "local", config=LATER)
        assert {each.name for each in done.resources} == {"queue", "topic"}
        assert live() == {"delay": "5", "visibility": "31", "display": "Ours", "threshold": "10", "period": "300"}
    finally:
        workspace.run(["destroy", "--yes", "--skip-preview"], "local")
