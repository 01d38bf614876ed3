"""When scheduled actions are due: AWS's own examples of expressions, and rates beside a plain loop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.dataplane.scaling.schedules import MOST_BACK, DueTimes, NoSchedule

CREATED = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "zone", "until", "last"),
    [
        # EventBridge's user guide, "Cron expressions reference".
        ("cron(0 10 * * ? *)", "UTC", "2026-03-04T10:00:20", "2026-03-04T10:00:00"),
        ("cron(15 12 * * ? *)", "UTC", "2026-03-04T11:00:00", "2026-03-03T12:15:00"),
        ("cron(0 18 ? * MON-FRI *)", "UTC", "2026-03-01T12:00:00", "2026-02-27T18:00:00"),  # a Sunday: Friday's
        ("cron(0 8 1 * ? *)", "UTC", "2026-03-20T00:00:00", "2026-03-01T08:00:00"),
        ("cron(0/15 * * * ? *)", "UTC", "2026-03-04T10:50:00", "2026-03-04T10:45:00"),
        ("cron(0/10 * ? * MON-FRI *)", "UTC", "2026-03-01T12:00:00", "2026-02-27T23:50:00"),
        ("cron(0/5 8-17 ? * MON-FRI *)", "UTC", "2026-03-04T19:00:00", "2026-03-04T17:55:00"),
        ("cron(0 9 ? * 2#1 *)", "UTC", "2026-03-20T00:00:00", "2026-03-02T09:00:00"),  # the first Monday
        # Fields of the reference that the examples leave out.
        ("cron(30 23 L * ? *)", "UTC", "2026-03-20T00:00:00", "2026-02-28T23:30:00"),
        ("cron(0 6 ? * 6L *)", "UTC", "2026-03-20T00:00:00", "2026-02-27T06:00:00"),  # the last Friday
        ("cron(0 6 ? * L *)", "UTC", "2026-03-18T00:00:00", "2026-03-14T06:00:00"),  # Saturday
        ("cron(0 0 ? FEB,MAR SUN 2026-2027)", "UTC", "2026-03-03T00:00:00", "2026-03-01T00:00:00"),
        # Local time: 20:00 in India is 14:30 UTC; New York's 02:30 is left out on the day of the change.
        ("cron(0 20 * * ? *)", "Asia/Kolkata", "2026-03-04T15:00:00", "2026-03-04T14:30:00"),
        ("cron(30 2 * * ? *)", "America/New_York", "2026-03-08T23:00:00", "2026-03-07T07:30:00"),
        ("at(2026-03-04T20:00:00)", "Asia/Kolkata", "2026-03-05T00:00:00", "2026-03-04T14:30:00"),
        ("rate(12 hours)", "UTC", "2026-01-02T13:00:00", "2026-01-02T12:00:30"),
        ("rate(1 day)", "UTC", "2026-01-09T00:00:29", "2026-01-08T00:00:30"),
    ],
)
def test_the_last_time_that_it_was_due(expression: str, zone: str, until: str, last: str) -> None:
    schedule = DueTimes.read(expression, zone, CREATED)
    end, due = moment(until), moment(last)
    assert schedule.last(end - MOST_BACK, end) == due
    assert schedule.last(due, end) is None, "it is due once"
    assert schedule.last(due - timedelta(seconds=1), due) == due


@pytest.mark.parametrize(
    ("expression", "zone", "why"),
    [
        ("cron(0 10 * * *)", "UTC", "5 fields"),
        ("cron(60 10 * * ? *)", "UTC", "'60' in minutes"),
        ("cron(0 10 ? * 8 *)", "UTC", "'8' in day of week"),
        ("cron(0 10 3W * ? *)", "UTC", "'3W' in day of month"),
        ("cron(0 20-10 * * ? *)", "UTC", "20 is after 10"),
        ("cron(0/0 * * * ? *)", "UTC", "no number from 1"),
        ("at(2026-02-30T10:00:00)", "UTC", "no moment"),
        ("rate(0 minutes)", "UTC", "not a number"),
        ("rate(5 weeks)", "UTC", "not a number"),
        ("every(5 minutes)", "UTC", "none of at"),
        ("at(2026-02-20T10:00:00", "UTC", "none of at"),
        ("rate(1 day)", "Mars/Olympus", "'Mars/Olympus' is not known"),
        ("rate(1 day)", "../etc/passwd", "is not known"),
    ],
)
def test_what_is_not_known_is_named(expression: str, zone: str, why: str) -> None:
    with pytest.raises(NoSchedule, match=why.replace("(", r"\(")):
        DueTimes.read(expression, zone, CREATED)


@given(step=st.integers(1, 90), looks=st.lists(st.integers(1, 5_000), max_size=30))
def test_however_often_it_is_looked_at_a_rate_is_due_as_often(step: int, looks: list[int]) -> None:
    schedule = DueTimes.read(f"rate({step} minutes)", "UTC", CREATED)
    now, seen = CREATED, set()
    for seconds in looks:
        before, now = now, now + timedelta(seconds=seconds)
        if found := schedule.last(before, now):
            assert before < found <= now
            seen.add(found)
    due = {
        CREATED + timedelta(minutes=step) * count for count in range(1, (now - CREATED) // timedelta(minutes=step) + 1)
    }
    assert seen <= due
    if all(seconds <= step * 60 for seconds in looks):
        assert seen == due, "none is left out when it is looked at often enough"
