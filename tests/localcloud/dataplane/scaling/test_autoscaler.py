"""The autoscaler on a real emulator, its clock made up: what it reads, what it writes, and what it leaves alone."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.dataplane.control.events import Hub
from localcloud.dataplane.scaling.autoscaler import Autoscaler
from localcloud.dataplane.settings import Timing
from localcloud.dataplane.watch.metrics import Metric, Metrics
from localcloud.runtime.aws import Aws

pytestmark = pytest.mark.process

#: 2026-11-27T12:00:00Z
START = 1_795_780_800.0


class Service:
    """One ECS service with a scalable target, and an autoscaler whose clock the test sets."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"scaled-{uuid.uuid4().hex[:8]}"
        self.aws = Aws(endpoint, "ap-south-1")
        self.metrics, self.hub = Metrics(), Hub()
        self.deploying = False
        positions = itertools.count()

        async def position() -> int:
            return next(positions)

        def deploying(cluster: str, name: str) -> bool:
            return (cluster, name) == (self.name, self.name) and self.deploying

        self.scaler = Autoscaler(self.aws, self.metrics, Timing(), self.hub, position, deploying, since=START)
        ecs = self.aws.client("ecs")
        ecs.create_cluster(clusterName=self.name)
        ecs.register_task_definition(
            family=self.name, containerDefinitions=[{"name": "web", "image": "web", "memory": 64}]
        )
        ecs.create_service(cluster=self.name, serviceName=self.name, taskDefinition=self.name, desiredCount=2)
        self.of = {
            "ServiceNamespace": "ecs",
            "ResourceId": f"service/{self.name}/{self.name}",
            "ScalableDimension": "ecs:service:DesiredCount",
        }
        self.scaling = self.aws.client("application-autoscaling")
        self.scaling.register_scalable_target(**self.of, MinCapacity=1, MaxCapacity=4)

    @property
    def tasks(self) -> int:
        found = self.aws.client("ecs").describe_services(cluster=self.name, services=[self.name])["services"]
        return int(found[0]["desiredCount"])

    @property
    def bounds(self) -> tuple[int, int]:
        row = self.scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[self.of["ResourceId"]])
        return row["ScalableTargets"][0]["MinCapacity"], row["ScalableTargets"][0]["MaxCapacity"]

    def track(self, target: float = 50, **more: Any) -> None:
        metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
        configuration = {"TargetValue": target, "PredefinedMetricSpecification": metric, **more}
        self.scaling.put_scaling_policy(
            **self.of,
            PolicyName="cpu",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=configuration,
        )

    def step(self, name: str, steps: list[dict[str, int]], threshold: float = 50, **more: Any) -> None:
        """A step policy, and an alarm on CPU that starts it after a minute."""
        above = threshold >= 50
        made = self.scaling.put_scaling_policy(
            **self.of,
            PolicyName=name,
            PolicyType="StepScaling",
            StepScalingPolicyConfiguration={"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps, **more},
        )
        self.aws.client("cloudwatch").put_metric_alarm(
            AlarmName=f"{self.name}-{name}",
            Namespace="AWS/ECS",
            MetricName="CPUUtilization",
            Dimensions=[{"Name": "ClusterName", "Value": self.name}, {"Name": "ServiceName", "Value": self.name}],
            Statistic="Average",
            Period=60,
            EvaluationPeriods=1,
            Threshold=threshold,
            ComparisonOperator="GreaterThanThreshold" if above else "LessThanThreshold",
            AlarmActions=[made["PolicyARN"]],
        )

    def at(self, name: str, schedule: str, minimum: int, maximum: int, **more: Any) -> None:
        action = {"MinCapacity": minimum, "MaxCapacity": maximum}
        self.scaling.put_scheduled_action(
            **self.of, ScheduledActionName=name, Schedule=schedule, ScalableTargetAction=action, **more
        )

    def minutes(self, first: int, last: int, used: Callable[[int], float]) -> list[int]:
        """The tasks wanted after each minute from the first up to before the last, while `used` (percent) is measured."""
        place = {"ClusterName": self.name, "ServiceName": self.name}
        seen = []
        for minute in range(first, last):
            self.metrics.put(Metric.of("AWS/ECS", "CPUUtilization", place), used(minute), START + 60 * minute + 1)
            self.look(minute * 60 + 64)
            seen.append(self.tasks)
        return seen

    def look(self, seconds: float) -> None:
        asyncio.run(self.scaler.look(START + seconds))


@pytest.fixture
def service(endpoint: str) -> Service:
    return Service(endpoint)


def test_load_brings_tasks_within_the_bounds_and_its_end_takes_them_back(service: Service) -> None:
    service.track(ScaleOutCooldown=60, ScaleInCooldown=120)
    assert service.minutes(0, 5, lambda _: 80) == [2, 2, 4, 4, 4], "after three minutes, and no more than the maximum"
    assert service.minutes(5, 20, lambda _: 10)[-2:] == [4, 1], "after fifteen"
    (first, second) = [event for event in service.hub.last() if event.kind == "scaling"]
    assert (first.name, first.state) == (service.name, "4") and "from 2 tasks to 4" in first.detail
    assert second.state == "1" and "the policy cpu" in second.detail


def test_a_service_that_is_deployed_is_not_scaled_in(service: Service) -> None:
    service.track()
    service.deploying = True
    assert set(service.minutes(0, 17, lambda _: 1)) == {2}
    service.deploying = False
    assert service.minutes(17, 18, lambda _: 1) == [1]


def test_what_is_suspended_is_left_alone(service: Service) -> None:
    service.track()
    service.at("morning", "at(2026-11-27T12:01:00)", 3, 4)
    state = dict.fromkeys(("DynamicScalingOutSuspended", "ScheduledScalingSuspended"), True)
    service.scaling.register_scalable_target(**service.of, SuspendedState=state)
    assert set(service.minutes(0, 5, lambda _: 90)) == {2}
    assert service.bounds == (1, 4)


def test_scheduled_actions_move_the_bounds_and_the_tasks_with_them(service: Service) -> None:
    service.at("event", "at(2026-11-27T12:01:00)", 3, 8)
    service.at("after", "cron(3 12 * * ? *)", 0, 1, Timezone="UTC")
    service.at("never", "cron(0 12 3W * ? *)", 9, 9)
    service.look(59)
    assert (service.tasks, service.bounds) == (2, (1, 4))
    service.look(61)
    assert (service.tasks, service.bounds) == (3, (3, 8))
    service.look(62)
    service.look(181)
    assert (service.tasks, service.bounds) == (1, (0, 1))
    assert service.scaler.status()["not_evaluated"]["never"].startswith("'3W' in day of month")


def test_of_several_that_were_due_since_the_last_look_the_last_one_stands(service: Service) -> None:
    service.at("a-later", "at(2026-11-27T12:04:00)", 4, 4)
    service.at("b-earlier", "at(2026-11-27T12:02:00)", 1, 1)
    service.look(600)
    assert (service.tasks, service.bounds) == (4, (4, 4))


def test_what_was_due_before_it_was_looked_at_first_is_past(service: Service) -> None:
    service.at("yesterday", "at(2026-11-26T12:00:00)", 4, 4)
    service.look(5)
    assert (service.tasks, service.bounds) == (2, (1, 4))


def test_a_deleted_service_or_target_ends_nothing(service: Service) -> None:
    service.track()
    service.at("soon", "at(2026-11-27T12:01:00)", 3, 4)
    service.aws.client("ecs").delete_service(cluster=service.name, service=service.name, force=True)
    service.look(70)
    assert service.bounds == (3, 4)
    service.scaling.deregister_scalable_target(**service.of)
    service.look(130)
    assert service.name not in [row["name"] for row in service.scaler.status()["services"]]


def test_an_action_that_was_due_between_its_making_and_the_next_look_is_not_missed(service: Service) -> None:
    service.look(5)
    service.at("soon", "at(2026-11-27T12:00:20)", 3, 4)
    service.look(50)
    assert (service.tasks, service.bounds) == (3, (3, 4))
    service.at("soon", "at(2026-11-27T12:01:10)", 1, 2)
    service.look(100)
    assert (service.tasks, service.bounds) == (2, (1, 2))


def test_an_alarm_s_steps_bring_tasks_by_how_far_it_is_beyond_and_take_them_back(service: Service) -> None:
    small = {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 20, "ScalingAdjustment": 1}
    large = {"MetricIntervalLowerBound": 20, "ScalingAdjustment": 2}
    service.step("up", [small, large], Cooldown=120)
    service.step("down", [{"MetricIntervalUpperBound": 0, "ScalingAdjustment": -1}], threshold=20, Cooldown=60)
    used = [55, 55, 75, 30, 10, 10, 10, 10]
    assert service.minutes(0, 8, lambda minute: used[minute]) == [3, 3, 4, 4, 3, 2, 1, 1], (
        "a larger step within the cooldown counts from where the first began; the bounds hold"
    )
    reasons = [event.detail for event in service.hub.last() if event.kind == "scaling"]
    assert "the policy up" in reasons[0] and "the policy down" in reasons[-1]


def test_a_step_policy_that_no_alarm_starts_is_said(service: Service) -> None:
    service.scaling.put_scaling_policy(
        **service.of,
        PolicyName="idle",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ExactCapacity",
            "StepAdjustments": [{"ScalingAdjustment": 3}],
        },
    )
    assert service.minutes(0, 2, lambda _: 99) == [2, 2]
    assert "no alarm" in service.scaler.status()["not_evaluated"]["idle"]
