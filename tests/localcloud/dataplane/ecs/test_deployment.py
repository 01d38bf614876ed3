"""Rolling updates as arithmetic: whatever the numbers and the order of events, the bounds of ECS hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.dataplane.ecs.deployment import Count, backoff, failure_threshold, plan


@pytest.mark.slow
@given(
    desired=st.integers(0, 12),
    old=st.integers(0, 12),
    minimum=st.integers(0, 100),
    maximum=st.integers(100, 300),
    choices=st.lists(st.integers(0, 3), min_size=200, max_size=200),
)
def test_update_keeps_the_bounds_and_ends(
    desired: int, old: int, minimum: int, maximum: int, choices: list[int]
) -> None:
    lower, upper = math.ceil(desired * minimum / 100), math.floor(desired * maximum / 100)
    if upper <= lower:
        minimum, lower = 0, 0
    new, was = Count(), Count(ready=old)
    for choice in choices:
        step = plan(desired=desired, minimum_percent=minimum, maximum_percent=maximum, new=new, old=was)
        total = new.staying + new.leaving + was.staying + was.leaving
        assert step.start == 0 or total + step.start <= upper
        serving_after = new.ready + was.ready - step.stop_old_ready
        assert serving_after >= min(lower, new.ready + was.ready), "never below the minimum by our doing"
        new = Count(ready=new.ready, starting=new.starting + step.start, leaving=new.leaving)
        was = Count(
            ready=was.ready - step.stop_old_ready, leaving=was.leaving + step.stop_old_ready + step.stop_old_starting
        )
        surplus = min(step.stop_new, new.ready)
        new = Count(ready=new.ready - surplus, starting=new.starting, leaving=new.leaving + surplus)
        # The world moves by chance: a task becomes ready, one that leaves has gone, or nothing happens.
        if choice in (0, 1) and new.starting:
            new = Count(ready=new.ready + 1, starting=new.starting - 1, leaving=new.leaving)
        elif choice in (0, 2) and was.leaving:
            was = Count(ready=was.ready, starting=was.starting, leaving=was.leaving - 1)
    for _ in range(200):  # and then everything that can move does
        step = plan(desired=desired, minimum_percent=minimum, maximum_percent=maximum, new=new, old=was)
        new = Count(ready=new.ready + new.starting + step.start - step.stop_new)
        was = Count(ready=was.ready - step.stop_old_ready)
    assert (new, was) == (Count(ready=desired), Count())


def test_singleton_is_replaced_without_ever_overlapping() -> None:
    def step(new: Count, old: Count) -> tuple[int, int]:
        found = plan(desired=1, minimum_percent=0, maximum_percent=100, new=new, old=old)
        return found.start, found.stop_old_ready

    assert step(Count(), Count(ready=1)) == (0, 1)
    assert step(Count(), Count(leaving=1)) == (0, 0)
    assert step(Count(), Count()) == (1, 0)


def test_bounds_that_leave_no_room_are_told() -> None:
    assert plan(desired=1, minimum_percent=100, maximum_percent=100, new=Count(), old=Count(ready=1)).stuck
    assert not plan(desired=1, minimum_percent=100, maximum_percent=200, new=Count(), old=Count(ready=1)).stuck


def test_circuit_breaker_thresholds_are_those_of_ecs() -> None:
    assert [failure_threshold(desired) for desired in (0, 1, 6, 7, 25, 400, 800)] == [3, 3, 3, 4, 13, 200, 200]


@given(st.integers(0, 10_000))
def test_backoff_grows_to_its_cap(failures: int) -> None:
    assert backoff(failures, 1, 60) == (0 if failures == 0 else min(60, 2 ** min(failures - 1, 6)))
