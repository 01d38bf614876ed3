"""Alarms of a running local cloud: what breaks raises those that CloudWatch would raise, and its callers read their states."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.dataplane.watch.watch import another_period
from localcloud.provider.kept import KeptProperties
from localcloud.runtime.errors import SupervisorError

from ..harness import WEB, Platform, until

GROUP = "/test/alarmed"


@given(st.lists(st.floats(10, 55), min_size=20, max_size=200), st.floats(0, 1e9))
def test_each_minute_has_one_value_however_late_the_loop_comes(pauses: list[float], begun: float) -> None:
    looked, now, minutes = begun, begun, [begun // 60]
    for pause in pauses:
        now += pause
        if another_period(looked, now, 60):
            looked = now
            minutes.append(now // 60)
    assert minutes == [minutes[0] + number for number in range(len(minutes))], "none is left out, none has two"


#: Answers /alarmed/fails with 500 and /alarmed/slow after half a second; says each second that it is 90 s behind, and
#: what calls a person.
SPEAKING = """
import json, threading, time

def speak():
    metrics = [{"Namespace": "Matchday", "Dimensions": [["service"]], "Metrics": [{"Name": "Age"}]}]
    while True:
        print(json.dumps({"_aws": {"CloudWatchMetrics": metrics}, "service": "alarmed", "Age": 90}), flush=True)
        print(json.dumps({"level": "CRITICAL", "runbook": "none"}), flush=True)
        time.sleep(1)

threading.Thread(target=speak, daemon=True).start()
""" + WEB.replace('path == "/slow"', 'path == "/alarmed/slow"').replace(
    'path == "/readyz":',
    'path == "/alarmed/fails":\n            status = 500\n        elif path == "/readyz":',
)


@pytest.fixture(scope="module")
def alarmed(shared: Platform) -> Platform:
    """A service that fails, and alarms of ten seconds on each way in which it does."""
    shared.program("speaking.py", SPEAKING)
    listener = shared.load_balancer()
    logs = shared.aws.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.put_metric_filter(
        logGroupName=GROUP,
        filterName="critical",
        filterPattern='{ $.level = "CRITICAL" }',
        metricTransformations=[{"metricName": "critical", "metricNamespace": "Test", "metricValue": "1"}],
    )
    options = {"awslogs-group": GROUP, "awslogs-region": "ap-south-1", "awslogs-stream-prefix": "web"}
    log = {"logDriver": "awslogs", "options": options}
    # A busy machine may take seconds to start it, and this is no test of that.
    shared.web_service("alarmed", listener=listener, grace=60, program="speaking.py", logConfiguration=log)
    shared.rule(listener, 500, "/empty/*", shared.target_group("empty"))
    assert shared.converge()[-1].state == "steady"
    return shared


def put(platform: Platform, name: str, namespace: str, metric: str, dimensions: dict[str, str], **more: Any) -> None:
    settings = {
        "Statistic": "Sum",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    } | more
    platform.aws.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        **settings,
    )


def states(platform: Platform) -> dict[str, str]:
    found = platform.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {row["AlarmName"]: row["StateValue"] for row in found}


def test_what_breaks_rings_and_what_does_not_is_quiet(alarmed: Platform) -> None:
    elb = alarmed.aws.client("elbv2")
    group = elb.describe_target_groups(Names=["alarmed"])["TargetGroups"][0]["TargetGroupArn"]
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"].partition("loadbalancer/")[2]
    where = {"LoadBalancer": balancer, "TargetGroup": group.rpartition(":")[2]}
    ours = {"ClusterName": "test", "ServiceName": "alarmed"}
    put(alarmed, "errors", "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", where)
    put(alarmed, "unanswered", "AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", {"LoadBalancer": balancer})
    put(alarmed, "slow", "AWS/ApplicationELB", "TargetResponseTime", where, Statistic="Maximum", Threshold=0.5)
    put(alarmed, "hosts", "AWS/ApplicationELB", "HealthyHostCount", where, Statistic="Maximum")
    put(alarmed, "tasks", "ECS/ContainerInsights", "RunningTaskCount", ours, Statistic="Maximum")
    put(alarmed, "memory", "AWS/ECS", "MemoryUtilization", ours, Statistic="Maximum", Threshold=0.1)
    put(alarmed, "age", "Matchday", "Age", {"service": "alarmed"}, Statistic="Maximum", Threshold=60)
    put(alarmed, "log", "Test", "critical", {})
    put(alarmed, "many", "AWS/ApplicationELB", "RequestCount", where, Threshold=100_000)
    put(alarmed, "sick", "AWS/ApplicationELB", "UnHealthyHostCount", where, Statistic="Maximum")
    put(alarmed, "other", "Matchday", "Age", {"service": "another"}, Statistic="Maximum", Threshold=60)
    put(alarmed, "silent", "Test", "nobody-writes-this", {}, TreatMissingData="breaching")
    kept = KeptProperties(alarmed.config.state / "provider")
    rules = {
        "pages": 'ALARM("errors") AND NOT ALARM("many")',
        "rests": 'ALARM("errors") AND ALARM("many")',
        "strange": 'RINGS("errors")',
    }
    for name, rule in rules.items():
        kept.keep("aws:cloudwatch/compositeAlarm:CompositeAlarm", name, {"alarmName": name, "alarmRule": rule})
    bad = {"errors", "unanswered", "slow", "hosts", "tasks", "memory", "age", "log", "silent"}

    def ringing() -> set[str]:
        """Those that ring, while it is asked for what fails and what is slow."""
        assert alarmed.get("/alarmed/fails").status_code == 500
        assert alarmed.get("/alarmed/slow?0.6").status_code == 200
        assert alarmed.get("/empty/").status_code == 503
        return {name for name, state in states(alarmed).items() if state == "ALARM"}

    until(lambda: ringing() >= bad, 90, "every alarm on what is bad")
    assert ringing() == bad
    shown = alarmed.running.status()["alarms"]
    assert {row["name"] for row in shown["ringing"]} == bad | {"pages"}
    assert list(shown["not_evaluated"]) == ["strange"] and "'RINGS'" in shown["not_evaluated"]["strange"]
    assert shown["evaluated"] == len(bad) + 3 + 2
    assert "threshold 60" in next(row["reason"] for row in shown["ringing"] if row["name"] == "age")
    every = {row["name"]: row for row in alarmed.running.alarms()}
    assert {name for name, row in every.items() if row["state"] == "ALARM"} == bad | {"pages"}
    assert every["many"]["state"] == "OK"
    assert every["rests"]["since"], "when it was evaluated first"
    assert {name for name, row in every.items() if row["rang"]} >= bad | {"pages"}
    assert every["many"]["rang"] == []
    assert every["age"]["rang"][-1] == every["age"]["since"]
    series = alarmed.running.history("AWS/ApplicationELB", "Sum", 5)
    failures = next(row for row in series if row["name"] == "HTTPCode_Target_5XX_Count" and row["dimensions"] == where)
    assert len(failures["points"]) == 5
    with pytest.raises(SupervisorError, match="TM"):
        alarmed.running.history("AWS/ApplicationELB", "TM(10%:90%)", 5)
    until(lambda: any((event.kind, event.name, event.state) == ("alarm", "age", "ALARM") for event in alarmed.events))


def test_a_scheduled_action_starts_and_stops_tasks(alarmed: Platform) -> None:
    """Application Auto Scaling's part has its own tests on a clock of theirs; here its tasks really come and go."""
    scaling = alarmed.aws.client("application-autoscaling")
    of = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/test/alarmed",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling.register_scalable_target(**of, MinCapacity=1, MaxCapacity=1)

    def soon(minimum: int, maximum: int) -> datetime:
        moment = datetime.now(UTC) + timedelta(seconds=2)
        scaling.put_scheduled_action(
            **of,
            ScheduledActionName=f"to-{minimum}",
            Schedule=f"at({moment:%Y-%m-%dT%H:%M:%S})",
            ScalableTargetAction={"MinCapacity": minimum, "MaxCapacity": maximum},
        )
        return moment

    def serving() -> int:
        return sum(task["serving"] for task in alarmed.service_status("alarmed")["tasks"])

    def scaled(count: int) -> None:
        """To so many tasks; at a later moment, if this one had passed before the action was known."""
        moment = soon(count, count)
        deadline = time.monotonic() + 120
        while not (serving() == count == len(alarmed.service_status("alarmed")["tasks"])):
            assert time.monotonic() < deadline, f"{count} tasks"
            if datetime.now(UTC) > moment + timedelta(seconds=10):
                moment = soon(count, count)
            time.sleep(0.05)

    scaled(2)
    scaled(1)

    def told() -> list[tuple[str, str]]:
        return [(event.name, event.state) for event in alarmed.events if event.kind == "scaling"]

    until(lambda: len(told()) > 1, what="the events, which come by a stream of their own")
    assert told() == [("alarmed", "2"), ("alarmed", "1")]
