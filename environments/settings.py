"""The typed form of an environment: the only place that knows what a Pulumi.<stack>.yaml may say."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from environments.tiers import TIERS

#: The one configuration key under which an environment's settings stand; the Region is the AWS provider's own.
KEY = "matchday:environment"
REGION_KEY = "aws:region"

#: Where the files of the stacks are.
DIRECTORY = Path(__file__).parent

#: Retention that CloudWatch Logs takes, in days (API reference of PutRetentionPolicy), as far as it makes sense here.
LOG_RETENTION = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)

InstanceClass = Annotated[str, StringConstraints(pattern=r"^db\.[a-z0-9-]+\.[a-z0-9]+$")]
NodeType = Annotated[str, StringConstraints(pattern=r"^cache\.[a-z0-9-]+\.[a-z0-9]+$")]
CertificateArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+$")
]
DomainName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Reason = Annotated[str, StringConstraints(min_length=15, max_length=300)]
#: A secure default that an environment may give up, if it says why.
Relaxation = Literal["tls_inside", "https", "deletion_protection", "high_availability"]


class SettingsError(ValueError):
    """An environment cannot be what its file says; the message names file, key path, value and what is accepted."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Tier(StrEnum):
    """How much an environment is worth: what it starts from and which overrides of the services' manifests it takes."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"
    LAPTOP = "laptop"


class Nat(StrEnum):
    """How private subnets reach the internet."""

    NONE = "none"
    SINGLE = "single"
    PER_ZONE = "per-zone"


class Network(_Model):
    """`zones` are the letters of availability zones in the Region; `interface_endpoints` keep AWS traffic off NAT."""

    cidr: str
    zones: Annotated[tuple[Literal["a", "b", "c", "d", "e", "f"], ...], Field(min_length=2, max_length=6, strict=False)]
    nat: Annotated[Nat, Field(strict=False)]
    interface_endpoints: bool

    @field_validator("cidr")
    @classmethod
    def _private_block(cls, value: str) -> str:
        try:
            block = ipaddress.IPv4Network(value)
        except ValueError:
            block = None
        if block is None or not block.is_private or not 16 <= block.prefixlen <= 20:
            raise ValueError("a private IPv4 block from /16 to /20 is accepted, such as 10.30.0.0/16")
        return value

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if len(set(self.zones)) != len(self.zones):
            raise ValueError("zones: a letter is there twice")
        if self.nat is Nat.NONE and not self.interface_endpoints:
            raise ValueError("nat none needs interface_endpoints true; without either no task can pull its image")
        return self


class Postgres(_Model):
    """RDS for PostgreSQL; storage in GiB. `insights`: CloudWatch Database Insights, standard keeps 7 days, advanced 465.

    `max_connections` is set rather than left to the instance's size, so that its alarm is a plain number.
    """

    instance_class: InstanceClass
    storage_gb: Annotated[int, Field(ge=20, le=65536)]
    max_storage_gb: Annotated[int, Field(ge=20, le=65536)]
    max_connections: Annotated[int, Field(ge=25, le=8000)]
    replicas: Annotated[int, Field(ge=0, le=5)]
    backup_days: Annotated[int, Field(ge=0, le=35)]
    insights: Literal["off", "standard", "advanced"]
    monitoring_seconds: Literal[0, 1, 5, 10, 15, 30, 60]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.max_storage_gb <= self.storage_gb:
            raise ValueError(f"max_storage_gb {self.max_storage_gb} must be above storage_gb {self.storage_gb}")
        if self.replicas and not self.backup_days:
            raise ValueError("replicas need backup_days of at least 1; RDS makes a replica from a backup")
        return self


class Broker(_Model):
    """Celery's Redis: one shard, nothing evicted."""

    node_type: NodeType
    replicas: Annotated[int, Field(ge=0, le=5)]
    snapshot_days: Annotated[int, Field(ge=0, le=35)]


class Cache(_Model):
    """Cluster-mode Redis: cache, leaderboards, rate limits, pub/sub."""

    node_type: NodeType
    shards: Annotated[int, Field(ge=1, le=90)]
    replicas: Annotated[int, Field(ge=0, le=5)]
    snapshot_days: Annotated[int, Field(ge=0, le=35)]


class Compute(_Model):
    """ECS on Fargate. `spot_percent`: share of the tasks above the first of each service that may run on Fargate Spot."""

    scaling: bool
    spot_percent: Annotated[int, Field(ge=0, le=100)]
    insights: Literal["disabled", "enabled", "enhanced"]
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Image(_Model):
    """The image of every service is `<registry>/matchday/services:<tag>`; no registry means the account's own ECR."""

    registry: Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(:\d+)?$")] | None = None
    tag: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")] = "current"


class Edge(_Model):
    """What faces the internet. `certificate_arn` is for the load balancer (own Region); the CDN's is in us-east-1."""

    domain: DomainName | None = None
    certificate_arn: CertificateArn | None = None
    cdn_certificate_arn: CertificateArn | None = None
    countries: Annotated[tuple[Country, ...], Field(strict=False)] = ()
    requests_per_five_minutes: Annotated[int, Field(ge=100, le=2_000_000_000)]
    price_class: Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"]

    @model_validator(mode="after")
    def _named(self) -> Self:
        if len({self.domain is None, self.certificate_arn is None, self.cdn_certificate_arn is None}) > 1:
            raise ValueError("domain, certificate_arn and cdn_certificate_arn go together; give all three or none")
        if self.cdn_certificate_arn is not None and self.cdn_certificate_arn.split(":")[3] != "us-east-1":
            raise ValueError(
                f"cdn_certificate_arn {self.cdn_certificate_arn!r}: CloudFront takes certificates of us-east-1 only"
            )
        return self


class Logs(_Model):
    """How long logs are kept, in days."""

    retention_days: int

    @field_validator("retention_days")
    @classmethod
    def _offered(cls, value: int) -> int:
        if value not in LOG_RETENTION:
            raise ValueError(f"CloudWatch Logs accepts {', '.join(map(str, LOG_RETENTION))}")
        return value


class Alarms(_Model):
    """Whom alarms mail: `page` now, `ticket` in working hours."""

    page: Annotated[tuple[Email, ...], Field(strict=False)] = ()
    ticket: Annotated[tuple[Email, ...], Field(strict=False)] = ()


class EnvironmentSettings(_Model):
    """One environment. `relaxed`: the secure defaults that it gives up, each with the reason."""

    stack: str
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    tier: Annotated[Tier, Field(strict=False)]
    network: Network
    postgres: Postgres
    broker: Broker
    cache: Cache
    compute: Compute
    image: Image = Image()
    edge: Edge
    logs: Logs
    alarms: Alarms = Alarms()
    relaxed: Mapping[Relaxation, Reason] = Field(default_factory=dict)

    @property
    def protected(self) -> bool:
        """Whether databases, load balancer and buckets that hold objects refuse deletion, and databases leave a snapshot."""
        return "deletion_protection" not in self.relaxed

    @property
    def highly_available(self) -> bool:
        """Whether every data store has a standby in another zone."""
        return "high_availability" not in self.relaxed

    @property
    def behind_cdn(self) -> bool:
        """Whether CloudFront alone reaches the load balancer: where the domain is the CDN's. Else players reach it directly."""
        return self.edge.domain is not None

    @property
    def availability_zones(self) -> tuple[str, ...]:
        """The zones' full names, such as `ap-south-1a`."""
        return tuple(f"{self.region}{letter}" for letter in self.network.zones)

    @model_validator(mode="after")
    def _secure(self) -> Self:
        if self.tier is Tier.PRODUCTION and self.relaxed:
            raise ValueError(f"relaxed: {', '.join(self.relaxed)}: nothing may be relaxed in the tier production")
        if (self.edge.domain is None) != ("https" in self.relaxed):
            raise ValueError(
                "edge.domain: give it with its certificates, or the reason for plain HTTP in relaxed.https, and not both"
            )
        for name, redis in (("broker", self.broker), ("cache", self.cache)):
            if redis.replicas == 0 and self.highly_available:
                raise ValueError(
                    f"{name}.replicas: 0: at least 1 is accepted, or a reason in relaxed.high_availability"
                )
        return self


def load(stack: str, config: Mapping[str, str], directory: Path = DIRECTORY) -> EnvironmentSettings:
    """The settings of `stack` from Pulumi's configuration (`namespace:key` to its text, objects as JSON).

    Raises SettingsError, whose message names the file, the key, the value and what is accepted.
    """
    file = directory / f"Pulumi.{stack}.yaml"
    shown = f"{directory.name}/{file.name}"
    if not file.exists():
        known = ", ".join(
            sorted(re.sub(r"^Pulumi\.|\.yaml$", "", each.name) for each in directory.glob("Pulumi.*.yaml"))
        )
        raise SettingsError(f"there is no environment {stack!r}: {shown} does not exist; accepted: {known}")
    for key in sorted(config):
        if key.startswith("matchday:") and key != KEY:
            raise SettingsError(f"{shown}: {key}: no such key; accepted: {KEY}")
    for key in (KEY, REGION_KEY):
        if key not in config:
            raise SettingsError(f"{shown}: {key} is missing")
    try:
        document = json.loads(config[KEY])
    except json.JSONDecodeError:
        document = config[KEY]
    if not isinstance(document, dict):
        raise SettingsError(f"{shown}: {KEY}: {document!r}: a mapping is accepted")
    for key in ("stack", "region"):
        if key in document:
            elsewhere = {"stack": "the stack's name is in the file's name", "region": f"the Region is {REGION_KEY}"}[
                key
            ]
            raise SettingsError(f"{shown}: {KEY}.{key}: no such key; {elsewhere}")
    tier = document.get("tier")
    if not isinstance(tier, str) or tier not in TIERS:
        raise SettingsError(f"{shown}: {KEY}.tier: {tier!r} is no tier; accepted: {', '.join(TIERS)}")
    merged = merge(TIERS[tier], document)
    try:
        return EnvironmentSettings.model_validate({**merged, "stack": stack, "region": config[REGION_KEY]})
    except ValidationError as error:
        raise SettingsError(f"{shown}: {_sentence(error)}") from None


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` on top: mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        under = merged.get(key)
        merged[key] = merge(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged


def _sentence(error: ValidationError) -> str:
    """The first problem as `key.path: value: what is accepted`."""
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"] if part != "[key]"]
    key = REGION_KEY if path == ["region"] else ".".join([KEY, *path])
    if first["type"] == "extra_forbidden":
        return f"{key}: no such key; accepted: {', '.join(_fields(first['loc'][:-1]))}"
    if first["type"] == "value_error":
        message = first["msg"].removeprefix("Value error, ")
    else:
        message = first["msg"][0].lower() + first["msg"][1:]
    # A rule about several keys names them itself; repeating the whole section would bury it.
    shown = "" if isinstance(first["input"], dict) else f"{first['input']!r}: "
    return f"{key}: {shown}{message}"


def _fields(path: tuple[int | str, ...]) -> list[str]:
    """The keys that the section at `path` has."""
    model: type[BaseModel] = EnvironmentSettings
    for part in path:
        section = model.model_fields[str(part)].annotation
        assert isinstance(section, type) and issubclass(section, BaseModel)
        model = section
    own = {"stack", "region"} if model is EnvironmentSettings else set()
    return [name for name in model.model_fields if name not in own]
