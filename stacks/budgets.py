"""What an environment can carry, held against what its settings and manifests ask for, before anything is registered; pure.

A quota that is met half-way through a deployment leaves half a deployment; connections that run out leave a platform that
answers until the first busy evening. So every sum that grows with the services is made here, at its worst, with each consumer.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from components.compute import iam, log_events, service_plan
from components.compute.containers import BOOTSTRAP_PROCESS
from components.edge import balancer_signals
from components.edge.routes import listener_rules
from components.observability.signals import Severity, Signal
from components.security.flows import SecurityGroupRule, rules
from environments.settings import KEY, EnvironmentSettings
from model import limits
from model.catalog import Catalog
from model.manifest import Process, ServiceManifest
from model.names import APP_PASSWORD, DATABASES, IMAGE_REPOSITORY, OWNER_PASSWORD, log_group_name, secret_name
from model.validation import DocumentError
from model.vocabulary import Datastore
from stacks.flows import CLOUDFRONT, ENDPOINTS, S3, flows, groups, routes

#: Alarms of an environment that do not grow with its services (network, data stores, edge): a test holds this against the
#: largest environment there is.
FIXED_ALARMS = 100

#: Likewise of log groups: flow logs, firewall, servers, shells.
FIXED_LOG_GROUPS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """One sum. `consumers`: who takes how much; `source`: where `limit` comes from; `remedy`: what to change."""

    name: str
    limit: int
    source: str
    consumers: Mapping[str, int]
    remedy: str

    @property
    def used(self) -> int:
        """What all consumers take together."""
        return sum(self.consumers.values())

    @property
    def sentence(self) -> str:
        """Why it is overdrawn, each consumer named, the largest first."""
        largest = sorted(self.consumers.items(), key=lambda item: (-item[1], item[0]))
        named = ", ".join(f"{name} {amount:,}" for name, amount in largest if amount)
        return f"{self.name}: {self.used:,} of {self.limit:,} ({self.source}): {named}; {self.remedy}"


class BudgetError(DocumentError):
    """The plan cannot be carried; one sentence for each budget that is overdrawn."""


def check(settings: EnvironmentSettings, catalog: Catalog) -> None:
    """Raises BudgetError."""
    overdrawn = [budget for budget in budgets(settings, catalog) if budget.used > budget.limit]
    if overdrawn:
        shown = f"environments/Pulumi.{settings.stack}.yaml"
        raise BudgetError(*(f"{shown}: {budget.sentence}" for budget in overdrawn))


def budgets(settings: EnvironmentSettings, catalog: Catalog) -> list[Budget]:
    """Every budget of an environment."""
    return [
        _connections(settings, catalog),
        *_fargate(settings, catalog),
        _listener_rules(catalog),
        *_group_rules(settings, catalog),
        _cache_behaviors(catalog),
        *_alarms(settings, catalog),
        _log_groups(catalog),
        *_execution_policies(settings, catalog),
    ]


def tasks(settings: EnvironmentSettings, process: Process) -> int:
    """The most tasks of `process` that this environment runs at rest: its maximum, or its minimum where nothing scales."""
    return process.maximum if settings.compute.scaling else process.minimum


def _processes(catalog: Catalog) -> Iterator[tuple[str, ServiceManifest, Process]]:
    """Every process with a name for messages: `wallet web`."""
    for service in catalog.services.values():
        for name, process in service.processes.items():
            yield f"{service.name} {name}", service, process


def _connections(settings: EnvironmentSettings, catalog: Catalog) -> Budget:
    """Connections to PostgreSQL with every pool full.

    A deployment runs a service's old and new tasks side by side, and pools fill only under load: not every service has both
    full at once. The largest one is counted a second time.
    """
    most = settings.postgres.max_connections
    steady = {
        f"{name} ({tasks(settings, process)} × {process.pool})": tasks(settings, process) * process.pool
        for name, service, process in _processes(catalog)
        if Datastore.POSTGRES in service.datastores
    }
    return Budget(
        name="connections to PostgreSQL",
        limit=most - limits.RESERVED_CONNECTIONS,
        source=f"postgres.max_connections {most} less {limits.RESERVED_CONNECTIONS} in reserve",
        consumers={**steady, "a deployment of the largest": max(steady.values(), default=0)},
        remedy=f"raise {KEY}.postgres.max_connections, or lower scaling.maximum or connections in a service.yaml",
    )


def _fargate(settings: EnvironmentSettings, catalog: Catalog) -> Iterator[Budget]:
    """vCPUs, on-demand and on Spot, which AWS counts apart; with one deployment of the largest process under way."""
    quota = settings.compute.vcpu_quota
    units: dict[str, dict[str, int]] = {"on-demand": {}, "Spot": {}}
    for name, _, process in _processes(catalog):
        most = tasks(settings, process)
        interruptible = service_plan.DEPLOYMENTS[process.kind].interruptible
        spot = math.floor((most - 1) * settings.compute.spot_percent / 100) if interruptible else 0
        for kind, count in (("on-demand", most - spot), ("Spot", spot)):
            units[kind][f"{name} ({count} × {process.cpu / 1024:g} vCPU)"] = count * process.cpu
    units["on-demand"][f"the {DATABASES}"] = BOOTSTRAP_PROCESS.cpu
    for kind, consumers in units.items():
        yield Budget(
            name=f"CPU units on Fargate {kind}",
            limit=quota * 1024,
            source=f"compute.vcpu_quota {quota}, of 1024 units each",
            consumers={**consumers, "a deployment of the largest": max(consumers.values(), default=0)},
            remedy=f"have the quota raised and say so in {KEY}.compute.vcpu_quota, or lower scaling.maximum or cpu",
        )


def _listener_rules(catalog: Catalog) -> Budget:
    consumers: dict[str, int] = {}
    for rule in listener_rules(routes(catalog)):
        consumers[rule.route] = consumers.get(rule.route, 0) + 1
    return Budget(
        name="rules of the load balancer's listener",
        limit=limits.LISTENER_RULES,
        source="Elastic Load Balancing's quota",
        consumers=consumers,
        remedy="join paths of a service under one pattern",
    )


def _group_rules(settings: EnvironmentSettings, catalog: Catalog) -> Iterator[Budget]:
    """Rules of each security group and direction; a prefix list counts as many rules as it weighs.

    AWS counts rules for IPv4 and for IPv6 apart; here they are one sum, which is never less than either.
    """
    endpoints = settings.network.interface_endpoints
    bastion = settings.network.bastion
    named = {*groups(catalog, bastion=bastion), *([ENDPOINTS] if endpoints else [])}
    found: dict[tuple[str, str], dict[str, int]] = {}
    opened = flows(
        catalog,
        behind_cdn=settings.behind_cdn,
        interface_endpoints=endpoints,
        bastion=bastion,
        dual_stack=settings.network.dual_stack,
    )
    for rule in rules(opened, named, {S3, CLOUDFRONT}):
        consumers = found.setdefault((rule.group, rule.direction), {})
        consumers[f"{rule.peer}:{rule.port}"] = _weight(rule)
    for (group, direction), consumers in found.items():
        yield Budget(
            name=f"{direction} rules of the security group {group}",
            limit=limits.GROUP_RULES,
            source="Amazon VPC's quota; CloudFront's prefix list counts as 55",
            consumers=consumers,
            remedy="have services share a group, or reach the store through another service",
        )


def _weight(rule: SecurityGroupRule) -> int:
    return limits.PREFIX_LIST_WEIGHTS.get(rule.peer, 1)


def _cache_behaviors(catalog: Catalog) -> Budget:
    return Budget(
        name="cache behaviors of the CDN",
        limit=limits.CACHE_BEHAVIORS,
        source="Amazon CloudFront's quota",
        consumers={name: len(service.paths) for name, service in catalog.services.items()},
        remedy="join paths of a service under one pattern",
    )


def _alarms(settings: EnvironmentSettings, catalog: Catalog) -> Iterator[Budget]:
    """Alarms in all, and those under the load balancer's one page, which looks at every service."""
    watched: dict[str, list[Signal]] = {
        name: [
            *log_events.signals(name, "namespace"),
            *log_events.job_signals(name, "stack", service.schedules),
            *log_events.measure_signals(name, "stack", service.measures),
        ]
        for name, service in catalog.services.items()
    }
    insights = settings.compute.insights != "disabled"
    for _, service, process in _processes(catalog):
        watched[service.name] += service_plan.signals(
            "cluster", service.name, process.kind, minimum_tasks=process.minimum, insights=insights
        )
    paging = {}
    for route in routes(catalog):
        signals = balancer_signals.of_route(route, "balancer", ["group", "other"] if route.shifts else ["group"])
        watched[route.name] += signals
        paging[route.name] = _pages(signals)
    yield Budget(
        name="alarms",
        limit=limits.ALARMS,
        source="Amazon CloudWatch's quota for an account and Region",
        consumers={"network, data and edge": FIXED_ALARMS, **{name: len(signals) for name, signals in watched.items()}},
        remedy="watch fewer things of each service, or give the environment an account of its own",
    )
    yield Budget(
        name="alarms under the load balancer's page",
        limit=limits.COMPOSITE_CHILDREN,
        source="what one composite alarm of Amazon CloudWatch may look at",
        consumers={"the load balancer": _pages(balancer_signals.of_balancer("balancer")), **paging},
        remedy="let objectives of less important services make tickets, not pages",
    )


def _log_groups(catalog: Catalog) -> Budget:
    return Budget(
        name="log groups",
        limit=limits.LOG_GROUPS,
        source="Amazon CloudWatch Logs' quota for an account and Region",
        consumers={"network, data and edge": FIXED_LOG_GROUPS, **dict.fromkeys(catalog.services, 1)},
        remedy="give the environment an account of its own",
    )


def _pages(signals: list[Signal]) -> int:
    return sum(signal.severity is Severity.PAGE for signal in signals)


def _execution_policies(settings: EnvironmentSettings, catalog: Catalog) -> Iterator[Budget]:
    """Each execution role lists every secret that its tasks are given."""
    account, project = "0" * 12, "matchday"
    for name, named in (*_given(catalog), (DATABASES, _made_by_databases(catalog))):
        prefix = f"arn:aws:secretsmanager:{settings.region}:{account}:secret:"
        document = iam.execution(
            region=settings.region,
            repository_arn=f"arn:aws:ecr:{settings.region}:{account}:repository/{IMAGE_REPOSITORY}",
            log_group_arn=f"arn:aws:logs:{settings.region}:{account}:log-group:{log_group_name(project, settings.stack, name)}",
            # AWS ends a secret's ARN with a dash and six characters; the position keeps equal names apart.
            secret_arns=[
                f"{prefix}{secret_name(project, settings.stack, owner, variable)}-{position:06}"
                for position, (owner, variable) in enumerate(named)
            ],
            key_arns=[f"arn:aws:kms:{settings.region}:{account}:key/{'0' * 36}"],
        )
        consumers = {}
        for statement in document["Statement"]:
            consumers[statement["Sid"]] = len(re.sub(r"\s", "", json.dumps(statement)))
        yield Budget(
            name=f"characters in the policy of the execution role of {name}",
            limit=limits.ROLE_POLICY_CHARACTERS,
            source="IAM's quota for the inline policies of a role",
            consumers=consumers,
            remedy="keep several values in one secret",
        )


def _made_by_databases(catalog: Catalog) -> list[tuple[str, str]]:
    """The secrets of the task that makes databases: the master's, and both passwords of each service."""
    owners = [name for name, service in catalog.services.items() if Datastore.POSTGRES in service.datastores]
    return [
        ("postgres", "MASTER_PASSWORD"),
        *((owner, variable) for owner in owners for variable in (OWNER_PASSWORD, APP_PASSWORD)),
    ]


def _given(catalog: Catalog) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each service's name, and the secrets that its tasks are given: who made each, and its variable."""
    for name, service in catalog.services.items():
        issuer = catalog.token_issuer
        owned = [secret.name for secret in service.secrets]
        if Datastore.POSTGRES in service.datastores:
            owned += [OWNER_PASSWORD, APP_PASSWORD]
        passwords = dict.fromkeys((Datastore.BROKER, Datastore.CACHE), f"{name.upper()}_PASSWORD")
        owned += [passwords[store] for store in service.datastores if store in passwords]
        if service.token_issuer:
            owned += [client.variable for client in catalog.clients]
        named = [(name, variable) for variable in owned]
        if (
            issuer is not None and issuer is not service
        ):  # it made the secrets of the clients that this service's tasks use
            named += [(issuer.name, client.variable) for client in service.clients if client.processes]
        yield name, named
