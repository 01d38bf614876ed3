"""Budgets: what an environment cannot carry is refused before anything is registered, with every consumer named."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import growth
from environments.settings import EnvironmentSettings, load
from model import limits
from model.catalog import Catalog, load_catalog
from model.manifest import CONNECTIONS, FEWEST_CONNECTIONS, Process, ServiceManifest
from model.vocabulary import Datastore, ProcessKind, Scaling, Slo, Tier
from services.common.admission import RUNNING
from services.common.worker import CONCURRENCY
from stacks.budgets import FIXED_ALARMS, FIXED_LOG_GROUPS, BudgetError, budgets, check, tasks
from tests.stacks.conftest import ENVIRONMENTS, Composed, catalog_of, settings_of

every_environment = pytest.mark.parametrize("stack", ENVIRONMENTS)


def service(
    name: str,
    *,
    paths: int = 1,
    most: int = 4,
    workers: int = 2,
    connections: int | None = None,
    calls: tuple[str, ...] = (),
    slos: tuple[Slo, ...] = (),
    cpu: int = 256,
) -> ServiceManifest:
    web = Process(
        kind=ProcessKind.WEB,
        command=("web",),
        cpu=cpu,
        memory=limits.FARGATE_SIZES[cpu][0],
        scaling=Scaling(minimum=1, maximum=most, cpu=60),
        connections=connections,
    )
    worker = Process(
        kind=ProcessKind.WORKER,
        command=("worker",),
        cpu=256,
        memory=512,
        scaling=Scaling(minimum=1, maximum=workers, cpu=60),
    )
    return ServiceManifest(
        name=name,
        summary="A service",
        paths=tuple(f"/{name}/{number}/*" for number in range(paths)),
        datastores=(Datastore.POSTGRES, Datastore.BROKER),
        processes={"web": web, "worker": worker},
        calls=calls,
        slos=slos,
    )


OBJECTIVES = (Slo(name="availability", objective=99.9), Slo(name="latency", objective=99, milliseconds=300))


def catalog(*services: ServiceManifest) -> Catalog:
    return Catalog(tier=Tier.DEVELOPMENT, services={each.name: each for each in services})


def with_quota(stack: str, vcpu: int) -> EnvironmentSettings:
    chosen = settings_of(stack)
    return chosen.model_copy(update={"compute": chosen.compute.model_copy(update={"vcpu_quota": vcpu})})


def refusal(chosen: EnvironmentSettings, *services: ServiceManifest) -> str:
    with pytest.raises(BudgetError) as caught:
        check(chosen, catalog(*services))
    return str(caught.value)


@every_environment
def test_every_environment_of_the_repository_can_be_carried(stack: str) -> None:
    check(settings_of(stack), catalog_of(stack))


def test_seven_services_exceed_devs_connections_and_each_is_named() -> None:
    seven = [service(f"service{number}") for number in range(7)]
    text = refusal(with_quota("dev", 100), *seven)
    assert "environments/Pulumi.dev.yaml: connections to PostgreSQL: 744 of 390 (postgres.max_connections 400" in text
    for each in seven:
        assert f"{each.name} web (4 × 18) 72" in text and f"{each.name} worker (2 × 12) 24" in text
    assert "raise matchday:environment.postgres.max_connections, or lower scaling.maximum or connections" in text


def test_a_new_accounts_quota_of_vcpus_is_held_against_the_plan() -> None:
    text = refusal(with_quota("prod", 6), service("wallet", most=7, cpu=1024))
    assert "CPU units on Fargate on-demand: 15,104 of 6,144" in text
    assert "wallet web (7 × 1 vCPU) 7,168" in text


def test_spot_has_a_quota_of_its_own() -> None:
    found = {each.name: each for each in budgets(with_quota("dev", 6), catalog(service("wallet", most=11, cpu=1024)))}
    spot = found["CPU units on Fargate Spot"]
    assert spot.consumers["wallet web (8 × 1 vCPU)"] == 8 * 1024, "80 % of the ten above the first"
    assert found["CPU units on Fargate on-demand"].consumers["wallet web (3 × 1 vCPU)"] == 3 * 1024


def test_all_overdrawn_budgets_are_told_at_once() -> None:
    many = [service(f"service{number}", paths=4) for number in range(27)]
    text = refusal(settings_of("dev"), *many)
    assert len(text.splitlines()) >= 3
    assert "rules of the load balancer's listener" not in text
    assert "cache behaviors of the CDN: 108 of 75" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("services", "name"),
    [
        ([service(f"service{n}", paths=6) for n in range(51)], "rules of the load balancer's listener: 102 of 100"),
        (
            [
                service(
                    f"service{n}",
                    slos=(
                        Slo(name="availability", objective=99.9),
                        Slo(name="latency", objective=99, milliseconds=300),
                    ),
                )
                for n in range(20)
            ],
            "alarms under the load balancer's page: 101 of 100",
        ),
        ([service(f"service{n}") for n in range(60)], "ingress rules of the security group postgres: 62 of 60"),
    ],
    ids=["listener", "page", "group"],
)
def test_what_grows_with_services_has_an_end(services: list[ServiceManifest], name: str) -> None:
    assert name in refusal(with_quota("dev", 10_000), *services)


def test_a_policy_that_iam_would_refuse() -> None:
    secrets = [{"name": f"SECRET_NUMBER_{n:04}", "length": 43} for n in range(120)]
    heavy = service("wallet").model_copy()
    heavy = ServiceManifest.model_validate({**heavy.model_dump(), "secrets": secrets})
    assert "characters in the policy of the execution role of wallet" in refusal(settings_of("dev"), heavy)


#: Quota of AWS → the budgets that it bounds, by how their names begin.
QUOTAS = {
    "LISTENER_RULES": "rules of the load balancer's listener",
    "GROUP_RULES": "ingress rules of the security group",
    "CACHE_BEHAVIORS": "cache behaviors of the CDN",
    "ALARMS": "alarms",
    "COMPOSITE_CHILDREN": "alarms under the load balancer's page",
    "LOG_GROUPS": "log groups",
    "ROLE_POLICY_CHARACTERS": "characters in the policy of the execution role of",
}


def overdrawn(chosen: EnvironmentSettings, services: Catalog) -> str:
    try:
        check(chosen, services)
    except BudgetError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("quota", "name"), QUOTAS.items(), ids=QUOTAS)
def test_each_quota_is_met_exactly_and_not_exceeded_by_one(
    quota: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, services = settings_of("prod"), catalog_of("prod")
    most = max(
        each.used
        for each in budgets(chosen, services)
        if each.name == name or (each.name.startswith(f"{name} ") and name not in ("alarms",))
    )
    monkeypatch.setattr(limits, quota, most)
    assert name not in overdrawn(chosen, services)
    monkeypatch.setattr(limits, quota, most - 1)
    text = overdrawn(chosen, services)
    assert name in text and f"{most:,} of {most - 1:,}" in text


def test_a_prefix_list_takes_its_weight_and_not_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, services = settings_of("prod"), catalog_of("prod")
    (balancer,) = [
        each for each in budgets(chosen, services) if each.name == "ingress rules of the security group load-balancer"
    ]
    lists = sum(amount == limits.PREFIX_LIST_WEIGHTS["cloudfront"] for amount in balancer.consumers.values())
    assert lists == 1, "the balancer is entered from the CDN alone"
    fits = limits.GROUP_RULES - (balancer.used - limits.PREFIX_LIST_WEIGHTS["cloudfront"])
    monkeypatch.setattr(limits, "PREFIX_LIST_WEIGHTS", {**limits.PREFIX_LIST_WEIGHTS, "cloudfront": fits})
    assert "load-balancer" not in overdrawn(chosen, services)
    monkeypatch.setattr(limits, "PREFIX_LIST_WEIGHTS", {**limits.PREFIX_LIST_WEIGHTS, "cloudfront": fits + 1})
    assert "ingress rules of the security group load-balancer: 61 of 60" in overdrawn(chosen, services)


def test_fargates_quota_of_vcpus_is_met_exactly_and_not_exceeded_by_one() -> None:
    # Four tasks, and a deployment of them: eight of one vCPU; and a quarter of one for the task that makes databases.
    exact = service("wallet", most=4, cpu=1024, workers=1)
    web_only = exact.model_copy(update={"processes": {"web": exact.processes["web"]}})
    assert "on-demand" not in overdrawn(_without_spot("prod", 9), catalog(web_only))
    assert "CPU units on Fargate on-demand: 8,448 of 8,192" in overdrawn(_without_spot("prod", 8), catalog(web_only))


def _without_spot(stack: str, vcpu: int) -> EnvironmentSettings:
    chosen = settings_of(stack)
    compute = chosen.compute.model_copy(update={"vcpu_quota": vcpu, "spot_percent": 0, "scaling": True})
    return chosen.model_copy(update={"compute": compute})


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 10), st.integers(10, 60)), min_size=1, max_size=6),
    st.integers(25, 8000),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_connections_are_refused_exactly_when_the_sum_exceeds_what_is_there(
    sizes: list[tuple[int, int, int]], most: int, scaling: bool
) -> None:
    chosen = settings_of("dev")
    chosen = chosen.model_copy(
        update={
            "postgres": chosen.postgres.model_copy(update={"max_connections": most}),
            "compute": chosen.compute.model_copy(update={"scaling": scaling, "vcpu_quota": 100_000}),
        }
    )
    services = [
        service(f"service{n}", most=web, workers=worker, connections=pool)
        for n, (web, worker, pool) in enumerate(sizes)
    ]
    taken = [(web * pool if scaling else pool, worker * 12 if scaling else 12) for web, worker, pool in sizes]
    needed = sum(map(sum, taken)) + max(map(max, taken))
    if needed + limits.RESERVED_CONNECTIONS > most:
        assert f"connections to PostgreSQL: {needed:,} of" in refusal(chosen, *services)
    else:
        check(chosen, catalog(*services))


def test_the_services_keep_within_what_the_manifests_plan_with() -> None:
    """What the processes divide their connections by, here held against the numbers of the model."""
    for planned in (CONNECTIONS, FEWEST_CONNECTIONS):
        assert planned[ProcessKind.WEB] > RUNNING + 1, "a pool for the requests that run, readiness, and an engine"
        assert planned[ProcessKind.WORKER] > CONCURRENCY, "patient jobs, and an engine"
        assert planned[ProcessKind.SCHEDULER] == 2


@given(st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_one_more_service_never_takes_less(first: int, more: int) -> None:
    def used(count: int) -> Mapping[str, int]:
        chosen = catalog(*(service(f"service{n}") for n in range(count)))
        return {each.name: each.used for each in budgets(settings_of("dev"), chosen)}

    before, after = used(first), used(first + more)
    assert all(after[name] >= before[name] for name in before)


@every_environment
def test_the_sums_are_those_of_what_is_really_made(composed: Composed, stack: str) -> None:
    """The budget predicts: here it is held against what the environment registers."""
    recorded = composed(stack)
    found = {each.name: each for each in budgets(settings_of(stack), catalog_of(stack))}
    assert found["rules of the load balancer's listener"].used == len(recorded.of("ListenerRule"))
    services = sum(amount for name, amount in found["alarms"].consumers.items() if name in catalog_of(stack).services)
    fixed = len(recorded.of("MetricAlarm")) - services
    assert 0 < fixed <= FIXED_ALARMS, "what does not grow with services"
    fixed = len(recorded.of("aws:cloudwatch/logGroup:LogGroup")) - len(catalog_of(stack).services)
    assert 0 < fixed <= FIXED_LOG_GROUPS
    (page,) = [item for item in recorded.of("CompositeAlarm") if item.name == "monitoring-load-balancer-pages"]
    children = page.inputs["alarmRule"].count("ALARM(")
    assert found["alarms under the load balancer's page"].used == children
    for direction in ("ingress", "egress"):
        kind = f"SecurityGroup{direction.capitalize()}Rule"
        for group in (*catalog_of(stack).services, "postgres", "load-balancer"):
            made = [item for item in recorded.of(kind) if item.name.startswith(f"security-{group}-{direction}-")]
            weights = sum(55 if "cloudfront" in item.name else 1 for item in made)
            budget = found.get(f"{direction} rules of the security group {group}")
            assert (budget.used if budget else 0) == weights, (group, direction)
    for name in catalog_of(stack).services:
        policy = recorded.named(f"{name}-execution-policy").inputs["policy"]
        predicted = found[f"characters in the policy of the execution role of {name}"].used
        # Statements without the document around them; generated ARNs differ by some characters from the real ones.
        assert predicted == pytest.approx(len(re.sub(r"\s", "", policy)), rel=0.15)


@every_environment
def test_what_a_task_may_open_is_what_its_container_is_given(composed: Composed, stack: str) -> None:
    for name, each in catalog_of(stack).services.items():
        for process_name, process in each.processes.items():
            (definition,) = [
                item
                for item in composed(stack).of("TaskDefinition")
                if item.inputs["family"] == f"matchday-{stack}-{name}-{process_name}"
            ]
            own = json.loads(definition.inputs["containerDefinitions"])[-1]
            given_ = {entry["name"]: entry["value"] for entry in own["environment"]}
            assert given_["DATABASE_CONNECTIONS"] == str(process.pool)
            assert tasks(settings_of(stack), process) >= process.minimum


def test_what_the_bench_of_growth_deploys_fits_into_awss_quotas(tmp_path: Path) -> None:
    """Eight times as many services as today; a service more that ends this wants fewer multiples there, or another ingress."""
    project = growth.multiplied(tmp_path, 8)
    config = yaml.safe_load((project / "environments" / "Pulumi.prod.yaml").read_text())["config"]
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    chosen = load("prod", texts, project / "environments")
    catalog = load_catalog(project / "services", chosen.tier)
    assert len(catalog.services) == 8 * len(catalog_of("prod").services)
    check(chosen, catalog)
