"""Planned events: enough tasks before the crowd, never fewer than usual, bounds given back, and what cannot be is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from components.compute.containers import BOOTSTRAP_PROCESS
from components.compute.scaling import once
from components.data import redis_plan
from components.data.redis_plan import Mode
from environments.settings import EnvironmentSettings, Event
from model.catalog import Catalog
from model.limits import CACHE_MEMORY
from stacks import capacity
from stacks.agreement import AgreementError, check
from stacks.budgets import BudgetError
from stacks.budgets import check as check_budgets
from stacks.capacity import LEAD, PLANNED_PERCENT, TAIL, during, plan, schedules
from tests.stacks.conftest import Composed, catalog_of, compose, settings_of

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
START = datetime(2026, 12, 6, 14, tzinfo=UTC)


def measured(stack: str = "prod", *, wallet: int = 100, auth: int = 40) -> Catalog:
    """The services with a throughput of their web processes."""
    catalog = catalog_of(stack)
    services = {}
    for name, value in (("wallet", wallet), ("auth", auth)):
        service = catalog.services[name]
        web = service.processes["web"].model_copy(update={"throughput": value})
        services[name] = service.model_copy(update={"processes": {**service.processes, "web": web}})
    return catalog.model_copy(update={"services": {**catalog.services, **services}})


def unmeasured(name: str) -> Catalog:
    """The services, one of them without a throughput."""
    catalog = catalog_of("prod")
    service = catalog.services[name]
    web = service.processes["web"].model_copy(update={"throughput": None})
    held = service.model_copy(update={"processes": {**service.processes, "web": web}})
    return catalog.model_copy(update={"services": {**catalog.services, name: held}})


def event(hours: int = 3, **peak: int) -> Event:
    return Event(start=START, end=START + timedelta(hours=hours), peak=peak or {"wallet": 500})


def with_events(stack: str, **events: Event) -> EnvironmentSettings:
    return settings_of(stack).model_copy(update={"events": events})


@given(st.integers(1, 1_000_000), st.integers(1, 100_000))
@hypothesis_settings(max_examples=200, deadline=None)
def test_the_tasks_carry_the_peak_with_room_and_are_never_fewer_than_usual(peak: int, throughput: int) -> None:
    catalog = measured(wallet=throughput)
    (need,) = plan("final", event(wallet=peak), catalog).needs
    assert need.planned * throughput * PLANNED_PERCENT >= peak * 100
    assert need.planned >= need.usual
    assert need.most >= need.planned and need.most >= catalog.services["wallet"].processes["web"].maximum
    if need.planned > need.usual:
        assert (need.planned - 1) * throughput * PLANNED_PERCENT < peak * 100, "and not a task more"


@given(st.integers(1, 5000), st.integers(0, 5000))
@hypothesis_settings(max_examples=60, deadline=None)
def test_a_higher_peak_never_needs_less(peak: int, more: int) -> None:
    catalog = measured()
    low, high = (plan("final", event(wallet=each), catalog) for each in (peak, peak + more))
    assert high.vcpu >= low.vcpu and high.connections >= low.connections


def test_bounds_change_before_the_crowd_and_are_given_back() -> None:
    catalog = measured()
    found = schedules(with_events("prod", final=event(wallet=500, auth=100)), catalog)
    assert set(found) == {("wallet", "web"), ("auth", "web")}
    begins, ends = found["wallet", "web"]
    assert (begins.when, ends.when) == (once(START - LEAD), once(START + timedelta(hours=3) + TAIL))
    assert begins.minimum == 8, "500 / 70, rounded up"
    web = catalog.services["wallet"].processes["web"]
    assert (ends.minimum, ends.maximum) == (web.minimum, web.maximum)
    assert begins.when == "at(2026-12-06T13:40:00)"


def test_they_are_scheduled_actions_of_the_service() -> None:
    recorded = compose(with_events("prod", final=event(wallet=500)), measured())
    actions = {item.name: item.inputs for item in recorded.of("ScheduledAction")}
    assert set(actions) == {"wallet-web-at-final-begins", "wallet-web-at-final-ends"}
    begins = actions["wallet-web-at-final-begins"]
    assert begins["schedule"] == "at(2026-12-06T13:40:00)" and begins["timezone"] == "UTC"
    assert begins["scalableTargetAction"]["minCapacity"] == 8
    target = recorded.named("wallet-web-scaling")
    assert set(target.ignore_changes) == {"minCapacity", "maxCapacity"}, (
        "an `up` during the event leaves the crowd its tasks"
    )


def test_out_of_hours_development_has_no_task_and_comes_back_with_the_usual_ones(composed: Composed) -> None:
    recorded = composed("dev")
    catalog = catalog_of("dev")
    processes = {f"{name}-{each}": it for name, one in catalog.services.items() for each, it in one.processes.items()}
    processes["databases-bootstrap"] = BOOTSTRAP_PROCESS
    actions = {item.name: item.inputs for item in recorded.of("ScheduledAction")}
    assert set(actions) == {f"{name}-at-hours-{what}" for name in processes for what in ("begin", "end")}
    for name, process in processes.items():
        begin, end = actions[f"{name}-at-hours-begin"], actions[f"{name}-at-hours-end"]
        assert begin["schedule"] == "cron(0 8 ? * MON,TUE,WED,THU,FRI *)" and begin["timezone"] == "Asia/Kolkata"
        assert end["schedule"] == "cron(0 21 ? * MON,TUE,WED,THU,FRI *)"
        assert begin["scalableTargetAction"] == {"minCapacity": process.minimum, "maxCapacity": process.maximum}
        assert end["scalableTargetAction"] == {"minCapacity": 0, "maxCapacity": 0}
        # An `up` at night neither starts tasks nor moves the bounds.
        assert recorded.named(name).ignore_changes == ("desiredCount",)
        assert set(recorded.named(f"{name}-scaling").ignore_changes) == {"minCapacity", "maxCapacity"}
    assert not composed("prod").of("ScheduledAction")


def test_the_hours_that_tasks_are_reckoned_with_are_those_that_they_have() -> None:
    settings = settings_of("dev")
    assert settings.compute.hours is not None
    assert settings.usage.task_hours == settings.compute.hours.monthly


def test_an_event_that_the_environment_cannot_carry_is_refused_with_the_budgets() -> None:
    catalog = measured(wallet=10)
    planned = plan("final", event(wallet=5000), catalog)
    check_budgets(settings_of("prod"), catalog)
    with pytest.raises(BudgetError, match=r"connections to PostgreSQL: .*wallet web"):
        check_budgets(settings_of("prod"), during(planned, catalog))


def refused(settings: EnvironmentSettings, catalog: Catalog, now: datetime = NOW) -> str:
    with pytest.raises(AgreementError) as caught:
        check(settings, catalog, now)
    return str(caught.value)


def test_an_event_in_the_past_is_refused_and_one_under_way_is_not() -> None:
    chosen = with_events("prod", final=event())
    check(chosen, measured(), NOW)
    check(chosen, measured(), START + timedelta(hours=1))
    text = refused(chosen, measured(), START + timedelta(hours=4))
    assert text.startswith(
        "environments/Pulumi.prod.yaml: matchday:environment.events.final.end: 2026-12-06T17:00:00+00:00 is over"
    )


def test_an_event_can_be_planned_for_every_service() -> None:
    catalog = catalog_of("prod")
    peaks = {name: 2 * int(service.processes["web"].throughput or 0) for name, service in catalog.services.items()}
    check(with_events("prod", final=event(**peaks)), catalog, NOW)
    needs = plan("final", event(**peaks), catalog).needs
    # Twice what a task answers, at seven tenths of it, is three tasks; never fewer than usual.
    assert {need.service: need.planned for need in needs} == {
        name: max(3, scaling.minimum)
        for name, service in catalog.services.items()
        if (scaling := service.processes["web"].scaling) is not None
    }


def test_a_service_that_is_none_and_one_that_nobody_measured() -> None:
    text = refused(with_events("prod", final=event(wallets=5)), measured())
    assert "events.final.peak.wallets: there is no such service; accepted: auth, " in text
    text = refused(with_events("prod", final=event(kyc=5)), unmeasured("kyc"))
    assert "events.final.peak.kyc: services/kyc/service.yaml says no throughput" in text
    assert plan("final", event(wallet=500), catalog_of("prod")).needs[0].planned == 4, "the wallet was measured"


def test_the_caches_memory_is_what_it_holds_before_the_alarm_of_the_component_rings() -> None:
    chosen = settings_of("prod")
    found = redis_plan.signals("cache", Mode.CACHE, node_ids=["cache-0001-001"], replicas=0)
    (memory,) = (each for each in found if each.metric == "DatabaseMemoryUsagePercentage")
    assert memory.threshold == capacity.CACHE_ALARM_PERCENT
    assert {settings_of(stack).cache.node_type for stack in ("local", "dev", "prod")} <= set(CACHE_MEMORY)
    unknown = chosen.model_copy(update={"cache": chosen.cache.model_copy(update={"node_type": "cache.x9.large"})})
    assert capacity.cache_mebibytes(unknown) is None
