"""Scaling: pure plans."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.compute.scaling import Bounds, Metric, capacity, plan

counts = st.integers(min_value=1, max_value=500)
targets = st.none() | st.integers(min_value=1, max_value=1000)


@given(counts, counts, targets, targets)
def test_a_policy_per_target_where_the_number_can_move(
    one: int, other: int, cpu: int | None, requests: int | None
) -> None:
    bounds = Bounds(minimum=min(one, other), maximum=max(one, other), cpu=cpu, requests=requests)
    found = {policy.metric: policy.target for policy in plan(bounds)}
    given_targets = {Metric.CPU: cpu, Metric.REQUESTS: requests}
    expected = {metric: target for metric, target in given_targets.items() if target is not None}
    assert found == (expected if bounds.minimum < bounds.maximum else {})


def test_out_is_quicker_than_in() -> None:
    for policy in plan(Bounds(minimum=1, maximum=4, cpu=60, requests=300)):
        assert policy.scale_out_cooldown < policy.scale_in_cooldown


@pytest.mark.parametrize(("minimum", "maximum"), [(0, 1), (3, 2), (-1, -1)])
def test_impossible_bounds_are_refused(minimum: int, maximum: int) -> None:
    with pytest.raises(ValueError, match=f"{minimum} to {maximum} tasks"):
        Bounds(minimum=minimum, maximum=maximum)


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
