"""Scaling: pure plans."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.compute.scaling import BACKLOG, Metric, capacity, plan, weekly
from model.vocabulary import Scaling

counts = st.integers(min_value=1, max_value=500)
cpus = st.integers(min_value=10, max_value=90)
request_rates = st.none() | st.integers(min_value=1, max_value=1000)


@given(counts, counts, cpus, request_rates)
def test_a_policy_per_target_where_the_number_can_move(one: int, other: int, cpu: int, requests: int | None) -> None:
    scaling = Scaling(minimum=min(one, other), maximum=max(one, other), cpu=cpu, requests=requests)
    found = {policy.metric: policy.target for policy in plan(scaling)}
    given_targets = {Metric.CPU: cpu, Metric.REQUESTS: requests}
    expected = {metric: target for metric, target in given_targets.items() if target is not None}
    assert found == (expected if scaling.minimum < scaling.maximum else {})


def test_memory_and_the_backlog_are_targets_too() -> None:
    found = {
        policy.role: (policy.metric, policy.target)
        for policy in plan(Scaling(minimum=1, maximum=3, memory=70, backlog=500))
    }
    assert found == {"memory": (Metric.MEMORY, 70), BACKLOG: (None, 500)}


def test_a_time_of_the_week_is_auto_scalings_cron() -> None:
    assert weekly(["mon", "fri"], time(8, 5)) == "cron(5 8 ? * MON,FRI *)"


def test_out_is_quicker_than_in() -> None:
    for policy in plan(Scaling(minimum=1, maximum=4, cpu=60, requests=300)):
        assert policy.scale_out_cooldown < policy.scale_in_cooldown


def test_a_process_without_scaling_has_one_task_and_no_policy() -> None:
    assert plan(None) == []


@pytest.mark.parametrize(("minimum", "maximum"), [(0, 1), (3, 2), (-1, -1)])
def test_impossible_bounds_are_refused(minimum: int, maximum: int) -> None:
    with pytest.raises(ValueError, match=r"greater than or equal to 1|minimum 3 is above maximum 2"):
        Scaling(minimum=minimum, maximum=maximum, cpu=50)


@given(st.integers(min_value=0, max_value=100), st.booleans())
def test_the_first_task_is_never_on_spot(spot: int, interruptible: bool) -> None:
    shares = capacity(spot, interruptible=interruptible)
    assert shares[0].provider == "FARGATE" and shares[0].base == 1
    assert all(share.base == 0 for share in shares[1:]), "ECS takes one base"
    weights = {share.provider: share.weight for share in shares}
    assert any(weights.values()), "ECS refuses a strategy whose weights are all zero"
    if interruptible and spot:
        assert weights == {"FARGATE": 100 - spot, "FARGATE_SPOT": spot}
    else:
        assert set(weights) == {"FARGATE"}


@pytest.mark.parametrize("spot", [-1, 101])
def test_more_than_all_is_refused(spot: int) -> None:
    with pytest.raises(ValueError, match="accepted: 0 to 100"):
        capacity(spot, interruptible=True)
