"""The typed form of every service.yaml: all that infrastructure and the delivery scripts know of the services."""

from __future__ import annotations

import itertools
import re
from collections.abc import Hashable, Mapping
from enum import StrEnum
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

Tier = Literal["production", "development", "laptop"]
Datastore = Literal["postgres", "broker", "cache"]
TIERS: tuple[Tier, ...] = ("production", "development", "laptop")

#: Memory (MiB) that Fargate offers for each CPU size (Amazon ECS Developer Guide, "Fargate task sizes").
FARGATE_SIZES: Mapping[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}

#: Names that a service may not have, because security groups, prefix lists and secrets of the platform itself go by them.
RESERVED_SERVICES = frozenset(
    {"broker", "cache", "cloudfront", "endpoints", "internet", "load-balancer", "postgres", "s3"}
)

#: Containers that stand before every process with a database (docs/contracts.md, "A task definition").
RESERVED_PROCESSES = frozenset({"bootstrap", "migrate"})

#: Variables that a container gets from the platform (docs/contracts.md, "A container's environment"); no secret may hide one.
RESERVED_VARIABLES = re.compile(
    r"(SERVICE|PROCESS|ENVIRONMENT|PORT|TRUSTED_PROXIES|DRAIN_SECONDS|LOG_LEVEL|OWNER_PASSWORD|APP_PASSWORD"
    r"|(DATABASE|BROKER|CACHE|BUCKET)_.*|.*_URL|AWS_.*|ECS_.*)"
)

ServiceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,18}[a-z0-9]$")]
ProcessName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,19}$")]
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,19}$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{1,39}$")]
#: What an ALB takes in a path pattern: at most 128 of these characters, `*` and `?` being wildcards.
PathPattern = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9_\-.$/~\"'@:+&*?]{0,127}$")]
#: The beginning of a path, without wildcards.
PathPrefix = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9_\-./]{1,99}$")]
#: Requests from one address in five minutes; WAF counts from 10.
RateLimit = Annotated[int, Field(ge=10, le=1_000_000)]


class CatalogError(ValueError):
    """A manifest says what cannot be; the message is one sentence with file and key path."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ProcessKind(StrEnum):
    """How a process runs: behind the load balancer, from the queue, or alone by the clock."""

    WEB = "web"
    WORKER = "worker"
    SCHEDULER = "scheduler"


class Scaling(_Model):
    """Bounds of target tracking: number of tasks, percent CPU and (web only) requests per task and minute."""

    minimum: Annotated[int, Field(ge=1, le=500)]
    maximum: Annotated[int, Field(ge=1, le=500)]
    cpu: Annotated[int, Field(ge=10, le=90)] | None = None
    requests: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        if self.minimum < self.maximum and self.cpu is None and self.requests is None:
            raise ValueError(
                "nothing to scale by between minimum and maximum; give cpu (percent) or requests (per minute)"
            )
        return self


class Process(_Model):
    """One kind of task of a service; `cpu` in CPU units (1024 = one vCPU), `memory` in MiB."""

    kind: ProcessKind = Field(strict=False)
    command: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1, strict=False)]
    cpu: int
    memory: int
    scaling: Scaling | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.cpu not in FARGATE_SIZES:
            raise ValueError(f"cpu {self.cpu} is no Fargate size; accepted: {', '.join(map(str, FARGATE_SIZES))}")
        sizes = FARGATE_SIZES[self.cpu]
        if self.memory not in sizes:
            step = (
                f"{', '.join(map(str, sizes))}"
                if len(sizes) <= 8
                else f"{sizes[0]} to {sizes[-1]} by {sizes[1] - sizes[0]}"
            )
            raise ValueError(f"memory {self.memory} does not go with cpu {self.cpu} on Fargate; accepted: {step}")
        if self.kind is ProcessKind.SCHEDULER and self.scaling is not None:
            raise ValueError("a scheduler is a singleton and takes no scaling")
        if self.kind is not ProcessKind.WEB and self.scaling is not None and self.scaling.requests is not None:
            raise ValueError(f"a {self.kind} has no requests to scale by; only a web process has")
        return self


class ManifestSecret(_Model):
    """A random secret that is generated once; `length` in characters."""

    name: VariableName
    length: Annotated[int, Field(ge=16, le=128)]


class Slo(_Model):
    """A service-level objective in percent of requests: `latency` also says within how many milliseconds.

    Below 95 % no rate of failure would be worth a page by how fast it spends what the objective allows.
    """

    name: Literal["availability", "latency"]
    objective: Annotated[float, Field(ge=95, lt=100, strict=False)]
    milliseconds: Annotated[int, Field(ge=1, le=60_000)] | None = None

    @model_validator(mode="after")
    def _threshold(self) -> Self:
        if (self.name == "latency") != (self.milliseconds is not None):
            wanted = "needs" if self.name == "latency" else "takes no"
            raise ValueError(f"the {self.name} objective {wanted} milliseconds")
        return self


class ServiceManifest(_Model):
    """One service.yaml after the overrides of one tier."""

    name: ServiceName
    summary: Annotated[str, Field(min_length=1, max_length=120)]
    port: Annotated[int, Field(ge=1024, le=65535)] = 8080
    paths: Annotated[tuple[PathPattern, ...], Field(strict=False)] = ()
    rate_limits: dict[PathPrefix, RateLimit] = Field(default_factory=dict)
    datastores: Annotated[tuple[Datastore, ...], Field(strict=False)] = ()
    secrets: Annotated[tuple[ManifestSecret, ...], Field(strict=False)] = ()
    calls: Annotated[tuple[ServiceName, ...], Field(strict=False)] = ()
    buckets: Annotated[tuple[BucketName, ...], Field(strict=False)] = ()
    processes: Annotated[dict[ProcessName, Process], Field(min_length=1)]
    drain_seconds: Annotated[int, Field(ge=5, le=120)] = 30
    slos: Annotated[tuple[Slo, ...], Field(strict=False)] = ()

    @property
    def web(self) -> Process | None:
        """The process that listens, if the service has one."""
        return next((process for process in self.processes.values() if process.kind is ProcessKind.WEB), None)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.name in RESERVED_SERVICES:
            raise ValueError(
                f"name: {self.name!r} is a name of the platform's own; reserved: {', '.join(sorted(RESERVED_SERVICES))}"
            )
        for key in ("paths", "datastores", "calls", "buckets"):
            _once(key, getattr(self, key))
        _once("secrets", [secret.name for secret in self.secrets])
        _once("slos", [slo.name for slo in self.slos])
        if self.slos and not self.paths:
            raise ValueError("slos: the load balancer sees no request of a service without paths")
        for secret in self.secrets:
            if RESERVED_VARIABLES.fullmatch(secret.name):
                raise ValueError(
                    f"secrets: {secret.name!r} would hide a variable that the platform sets; choose another name"
                )
        for process in RESERVED_PROCESSES & set(self.processes):
            raise ValueError(f"processes: {process!r} is the name of an init container; choose another name")
        webs = [name for name, process in self.processes.items() if process.kind is ProcessKind.WEB]
        if len(webs) > 1:
            raise ValueError(
                f"processes: {' and '.join(webs)} would both answer at http://{self.name}:{self.port}; "
                "a service has one web process"
            )
        if self.paths and not webs:
            raise ValueError("paths: there is no web process to route them to")
        for prefix in self.rate_limits:
            if not any(overlap(prefix, pattern) for pattern in self.paths):
                under = ", ".join(self.paths) or "none, as the service has no paths"
                raise ValueError(f"rate_limits: {prefix!r} is no path of the service; accepted: what begins as {under}")
        if self.name in self.calls:
            raise ValueError(f"calls: {self.name!r} is the service itself")
        return self


class Catalog(_Model):
    """Every service of the platform, by name, as one tier runs them."""

    tier: Tier
    services: dict[ServiceName, ServiceManifest]

    @property
    def deployment_order(self) -> list[ServiceManifest]:
        """The services, each after those that it calls: a task knows the Service Connect names that existed when it started."""
        order = TopologicalSorter({name: service.calls for name, service in sorted(self.services.items())})
        return [self.services[name] for name in order.static_order()]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for service in self.services.values():
            for called in service.calls:
                if called not in self.services:
                    known = ", ".join(sorted(self.services))
                    raise ValueError(f"{service.name}: calls: there is no service {called!r}; accepted: {known}")
                if self.services[called].web is None:
                    raise ValueError(f"{service.name}: calls: {called!r} has no web process that could answer")
        try:
            assert self.deployment_order
        except CycleError as error:
            circle = " → ".join(reversed(error.args[1]))
            raise ValueError(
                f"calls: {circle} is a circle; a service can only call services that are deployed before it"
            ) from None
        routed = [(service.name, path) for service in self.services.values() for path in service.paths]
        for (one, path), (other, another) in itertools.combinations(routed, 2):
            if one != other and overlap(path, another):
                raise ValueError(
                    f"{other}: paths: {another!r} takes requests that {path!r} of the service {one!r} takes; "
                    "a path belongs to one service"
                )
        for service in self.services.values():
            for prefix, (other, path) in itertools.product(service.rate_limits, routed):
                if other != service.name and overlap(f"{prefix}*", path):
                    raise ValueError(
                        f"{service.name}: rate_limits: {prefix!r} would limit {path!r} of the service {other!r} too"
                    )
        return self


def overlap(one: str, other: str) -> bool:
    """Whether some path matches both ALB patterns (`*`: any characters, also none; `?`: exactly one).

    >>> overlap("/auth/*", "/auth/login"), overlap("/auth/*", "/wallet/*")
    (True, False)
    """

    @cache
    def meet(i: int, j: int) -> bool:
        """Whether some text matches both one[i:] and other[j:]."""
        mine, theirs = one[i : i + 1], other[j : j + 1]
        if not mine and not theirs:
            return True
        # A star stands for nothing, or for whatever the other pattern's next character stands for.
        if mine == "*" and (meet(i + 1, j) or (theirs and meet(i, j + 1))):
            return True
        if theirs == "*" and (meet(i, j + 1) or (mine and meet(i + 1, j))):
            return True
        if not mine or not theirs or "*" in (mine, theirs):
            return False
        return (mine == theirs or "?" in (mine, theirs)) and meet(i + 1, j + 1)

    return meet(0, 0)


def load_catalog(directory: Path, tier: Tier) -> Catalog:
    """Read `directory`/*/service.yaml and apply the overrides of `tier`.

    The overrides of every tier are validated, whichever is asked for: a mistake in production's shows on a laptop. Two
    services may listen on one port number, since each task has an address of its own and Service Connect tells services
    apart by name; what is refused is a second web process of one service, which would share name and port with the first.

    Raises CatalogError.
    """
    if tier not in TIERS:
        raise CatalogError(f"tier {tier!r} is unknown; accepted: {', '.join(TIERS)}")
    files = sorted(directory.glob("*/service.yaml"))
    if not files:
        raise CatalogError(f"{directory} holds no <service>/service.yaml")
    chosen: Catalog | None = None
    documents = {file: _read(file) for file in files}
    for each in TIERS:
        manifests = {file: _manifest(file, document, each) for file, document in documents.items()}
        try:
            catalog = Catalog(tier=each, services={manifest.name: manifest for manifest in manifests.values()})
        except ValidationError as error:
            where = f"{directory.name} (tier {each})"
            raise CatalogError(f"{where}: {_sentence(error)}") from None
        if each == tier:
            chosen = catalog
    assert chosen is not None
    return chosen


def _manifest(file: Path, document: dict[str, Any], tier: Tier) -> ServiceManifest:
    shown = _shown(file)
    document = dict(document)
    tiers = document.pop("tiers", None) or {}
    if not isinstance(tiers, dict):
        raise CatalogError(f"{shown}: tiers: a mapping of tier to overrides is expected, not {tiers!r}")
    for name, overrides in tiers.items():
        if name not in TIERS:
            raise CatalogError(f"{shown}: tiers.{name}: no such tier; accepted: {', '.join(TIERS)}")
        if not isinstance(overrides, dict):
            raise CatalogError(f"{shown}: tiers.{name}: a mapping of overrides is expected, not {overrides!r}")
        if "name" in overrides:
            raise CatalogError(f"{shown}: tiers.{name}.name: a service has one name in every tier")
    if isinstance(document.get("name"), str) and document["name"] != file.parent.name:
        raise CatalogError(f"{shown}: name: {document['name']!r} is not the name of its folder, {file.parent.name!r}")
    try:
        return ServiceManifest.model_validate(_merge(document, tiers.get(tier, {})))
    except ValidationError as error:
        note = f" (with the overrides of tier {tier})" if tier in tiers else ""
        raise CatalogError(f"{shown}: {_sentence(error)}{note}") from None


def _shown(file: Path) -> str:
    """The manifest's path as a person in the repository would write it."""
    return "/".join(file.parts[-3:])


def _merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `overrides` on top: mappings are merged, everything else (also a list) is replaced."""
    merged = dict(base)
    for key, value in overrides.items():
        under = merged.get(key)
        merged[key] = _merge(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _sentence(error: ValidationError) -> str:
    """The first problem as `key.path: value: what is wrong and what is accepted`."""
    first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    shown = "" if first["type"] in ("value_error", "missing") else f"{first['input']!r}: "
    return f"{path}: {shown}{message}" if path else f"{shown}{message}"


def _once(key: str, values: Any) -> None:
    for value in values:
        if list(values).count(value) > 1:
            raise ValueError(f"{key}: {value!r} is there twice")


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key given twice, where PyYAML silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _read(file: Path) -> dict[str, Any]:
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CatalogError(f"{_shown(file)}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise CatalogError(f"{_shown(file)}: a mapping is expected at the top, not {type(document).__name__}")
    return document
