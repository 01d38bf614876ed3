"""Target tracking: what a policy's metric leads to, with cooldowns and several policies; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.dataplane.scaling.tracking import Activity, Signal, TargetTracking, wanted
from localcloud.dataplane.watch.alarms import NotEvaluated
from localcloud.dataplane.watch.metrics import Metric, Metrics

RESOURCE = "service/main/wallet-web"
CPU = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}
USED = Metric.of("AWS/ECS", "CPUUtilization", {"ClusterName": "main", "ServiceName": "wallet-web"})
BALANCER, GROUP = "app/main/50dc6c495c0c9188", "targetgroup/wallet/943f017f100becff"
REQUESTS = {
    "PredefinedMetricSpecification": {
        "PredefinedMetricType": "ALBRequestCountPerTarget",
        "ResourceLabel": f"{BALANCER}/{GROUP}",
    }
}
NOW = 6_000.0


def policy(target: float = 60, name: str = "cpu", **given: Any) -> TargetTracking:
    configuration = {"TargetValue": target, **(given or CPU)}
    row = {"PolicyName": name, "PolicyType": "TargetTrackingScaling", "ResourceId": RESOURCE}
    return TargetTracking.read({**row, "TargetTrackingScalingPolicyConfiguration": configuration}, 60)


def minutes(values: Sequence[float | None], metric: Metric = USED) -> Metrics:
    """A value for each of the minutes up to NOW, the last one last."""
    metrics = Metrics()
    for back, value in enumerate(reversed(values), start=1):
        if value is not None:
            metrics.put(metric, value, NOW - 60 * back + 5)
    return metrics


def signal(values: Sequence[float | None], by: TargetTracking | None = None) -> Signal:
    return (by or policy()).signal(minutes(values), 0, NOW + 5)


@pytest.mark.parametrize(
    ("values", "current", "tasks"),
    [
        ([90, 90, 90], 2, 3),
        ([90, 90, 55], 2, 2),  # three in a row are above
        ([90, 90], 2, 2),
        ([61, 61, 120], 2, 4),  # by the newest value
        ([60, 60, 60], 2, 2),  # at the target is not above
        ([50] * 14, 4, 4),
        ([50] * 15, 4, 4),  # below, but three would be at 67 %
        ([50] * 15, 8, 7),
        ([20] * 15, 4, 2),
        ([55] * 15, 4, 4),  # less than a tenth below
        ([0] * 15, 4, 0),  # the bounds are the autoscaler's
        ([20] * 14 + [None], 4, 4),  # without a value nothing is done
        ([], 4, 4),
    ],
)
def test_a_policy_alone(values: list[float | None], current: int, tasks: int) -> None:
    assert wanted(current, [signal(values)], [], Activity(), NOW)[0] == tasks


def test_requests_are_counted_for_each_healthy_target() -> None:
    place = {"LoadBalancer": BALANCER, "TargetGroup": GROUP}
    by = policy(100, "requests", **REQUESTS)
    metrics = Metrics()
    for back in (1, 2, 3):
        metrics.put(Metric.of("AWS/ApplicationELB", "HealthyHostCount", place), 2, NOW - 60 * back + 1)
        for _ in range(300):
            metrics.put(Metric.of("AWS/ApplicationELB", "RequestCount", place), 1, NOW - 60 * back + 2)
    assert by.signal(metrics, 0, NOW + 5).value == 150
    assert wanted(2, [by.signal(metrics, 0, NOW + 5)], [], Activity(), NOW) == (3, "requests")


def test_a_metric_of_ones_own_by_a_backlog_of_each_task() -> None:
    def stat(name: str, metric: str) -> dict[str, Any]:
        whole = {"Metric": {"Namespace": "Matchday", "MetricName": metric, "Dimensions": []}, "Stat": "Average"}
        return {"Id": name, "MetricStat": whole, "ReturnData": False}

    queries = [stat("depth", "QueueDepth"), stat("tasks", "Tasks"), {"Id": "each", "Expression": "depth / tasks"}]
    by = policy(10, "backlog", CustomizedMetricSpecification={"Metrics": queries})
    metrics = minutes([80, 80, 80], Metric.of("Matchday", "QueueDepth", {}))
    for back in (1, 2, 3):
        metrics.put(Metric.of("Matchday", "Tasks", {}), 2, NOW - 60 * back + 1)
    assert wanted(2, [by.signal(metrics, 0, NOW + 5)], [], Activity(), NOW) == (8, "backlog")


def test_within_its_cooldown_only_a_larger_step_outward_is_taken() -> None:
    activity = Activity(scaled_out={"cpu": NOW - 30}, base=2)  # it went from 2 to 3
    assert wanted(3, [signal([90, 90, 90])], [], activity, NOW) == (3, "")
    assert wanted(3, [signal([90, 90, 180])], [], activity, NOW) == (6, "cpu")
    assert wanted(3, [signal([90, 90, 90])], [], activity, NOW + 300) == (5, "cpu")


def test_inward_waits_for_its_cooldown() -> None:
    low = signal([20] * 15)
    assert wanted(4, [low], [], Activity(scaled_in=NOW - 299), NOW) == (4, "")
    assert wanted(4, [low], [], Activity(scaled_in=NOW - 300), NOW) == (2, "cpu")


def test_whichever_wants_most_decides_outward_and_all_must_agree_inward() -> None:
    other = policy(40, "other")
    high = [signal([90, 90, 90]), signal([90, 90, 90], other)]
    assert wanted(2, high, [], Activity(), NOW) == (5, "other")
    assert wanted(4, [signal([20] * 15), signal([38] * 15, other)], [], Activity(), NOW) == (4, "")
    assert wanted(4, [signal([20] * 15), signal([30] * 15, other)], [], Activity(), NOW) == (3, "other")
    never = policy(40, "never", DisableScaleIn=True, **CPU)
    assert wanted(4, [signal([20] * 15), signal([38] * 15, never)], [], Activity(), NOW) == (2, "cpu")
    assert wanted(4, [signal([20] * 15, never)], [], Activity(), NOW) == (4, "")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            {"PredefinedMetricSpecification": {"PredefinedMetricType": "EC2SpotFleetRequestAverageCPUUtilization"}},
            "EC2Spot",
        ),
        ({"PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"}}, "resource label ''"),
        ({"CustomizedMetricSpecification": {"Namespace": "A", "MetricName": "B", "Statistic": "TM(10%:90%)"}}, "TM"),
    ],
)
def test_what_has_no_values_here_is_named(given: dict[str, Any], why: str) -> None:
    with pytest.raises(NotEvaluated, match=why):
        policy(60, "strange", **given)


def test_steps_are_named_as_not_evaluated() -> None:
    with pytest.raises(NotEvaluated, match="PredictiveScaling"):
        TargetTracking.read({"PolicyName": "foreseen", "PolicyType": "PredictiveScaling", "ResourceId": RESOURCE}, 60)


@given(st.lists(st.floats(0, 400), min_size=17, max_size=17), st.integers(1, 50), st.integers(1, 100))
def test_out_when_the_target_is_missed_in_when_fewer_would_do(values: list[float], current: int, target: int) -> None:
    found = signal(values, policy(target))
    tasks, name = wanted(current, [found], [], Activity(), NOW)
    if tasks > current:
        assert all(value > target for value in values[-3:])
        assert values[-1] * current / tasks <= target * (1 + 1e-9), "so many bring it to its target"
    elif tasks < current:
        assert all(value < 0.9 * target for value in values[-15:])
        assert tasks == 0 or values[-1] * current / tasks <= target * (1 + 1e-9), "with fewer it is still at its target"
    if tasks != current:
        assert name == "cpu"
