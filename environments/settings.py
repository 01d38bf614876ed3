"""The typed form of an environment: the only place that knows what a Pulumi.<stack>.yaml may say."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from environments.compute import Compute, Image
from environments.edge import Edge
from environments.forms import (
    AccountNumber,
    Email,
    EndpointName,
    EndpointUrl,
    EventName,
    InstanceClass,
    IssuerName,
    NodeType,
    PostgresVersion,
    Reason,
    Region,
    SlackId,
    StackName,
    ValkeyVersion,
)
from environments.source import DIRECTORY, PINS_KEY, SettingsError, Source
from environments.tiers import TIERS
from model.cidr import private_block
from model.cost.usage import Usage
from model.egress import EGRESS
from model.limits import LOG_RETENTION_DAYS
from model.merge import merge
from model.pins import der, is_stand_in
from model.regions import ZONES
from model.vocabulary import DnsFirewallMode, Model, Nat, ServiceName, Tier, Upgrade

#: The one configuration key under which an environment's settings stand.
KEY = "matchday:environment"

#: A secure default that an environment may give up, if it says why.
Relaxation = Literal["tls_inside", "https", "deletion_protection", "high_availability"]


class Network(Model):
    """The VPC."""

    cidr: str
    """addresses of the VPC, /16 to /20 (`model.cidr` says why)"""
    zones: Annotated[tuple[Literal["a", "b", "c", "d", "e", "f"], ...], Field(min_length=2, max_length=6, strict=False)]
    """letters of availability zones; adding one renumbers nothing"""
    nat: Annotated[Nat, Field(strict=False)]
    """how private subnets reach the internet; built only where some service may leave (`egress`), or has to for AWS's APIs"""
    interface_endpoints: bool
    """endpoints of AWS services inside the VPC, so that traffic to them needs no NAT"""
    dual_stack: bool
    """IPv6 beside IPv4; by it, too, only services with `egress` leave (docs/adr/0203-dual-stack-is-an-option.md)"""
    flow_logs: Literal["cloudwatch", "s3"]
    """where the record of every connection goes: s3 costs a tenth and is read by Athena"""
    dns_firewall: Annotated[DnsFirewallMode, Field(strict=False)]
    """questions for names outside of AWS that no service's egress has: answered, counted or not answered"""
    bastion: bool
    """a host from which people reach the data stores, by recorded sessions alone (docs/runbooks/bastion.md)"""

    @field_validator("cidr")
    @classmethod
    def _private_block(cls, value: str) -> str:
        private_block(value)
        return value

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if len(set(self.zones)) != len(self.zones):
            raise ValueError("zones: a letter is there twice")
        if self.nat is Nat.NONE and not self.interface_endpoints:
            raise ValueError("nat none needs interface_endpoints true; without either no task can pull its image")
        return self


class Postgres(Model):
    """RDS for PostgreSQL."""

    instance_class: InstanceClass
    """size of the servers"""
    storage_gb: Annotated[int, Field(ge=20, le=65536)]
    """GiB at first"""
    max_storage_gb: Annotated[int, Field(ge=20, le=65536)]
    """GiB up to which it grows by itself"""
    max_connections: Annotated[int, Field(ge=25, le=8000)]
    """set rather than left to the size, so that its alarm is a plain number; takes effect at the next restart"""
    engine_version: PostgresVersion
    """major version; minor ones come by themselves in the maintenance window"""
    upgrade: Annotated[Upgrade, Field(strict=False)] = Upgrade.NONE
    """how another engine_version is reached; `none`: it is refused (docs/runbooks/postgres-upgrade.md)"""
    replicas: Annotated[int, Field(ge=0, le=5)]
    """read replicas; for services whose manifest says reads_replica, and refused where none does"""
    backup_days: Annotated[int, Field(ge=0, le=35)]
    """days of point-in-time recovery"""
    insights: Literal["off", "standard", "advanced"]
    """CloudWatch Database Insights: standard keeps 7 days, advanced 465"""
    monitoring_seconds: Literal[0, 1, 5, 10, 15, 30, 60]
    """interval of enhanced monitoring; 0 is off"""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.max_storage_gb <= self.storage_gb:
            raise ValueError(f"max_storage_gb {self.max_storage_gb} must be above storage_gb {self.storage_gb}")
        if self.replicas and not self.backup_days:
            raise ValueError("replicas need backup_days of at least 1; RDS makes a replica from a backup")
        return self


class Broker(Model):
    """Celery's Redis: one shard, nothing evicted."""

    node_type: NodeType
    """size of a node"""
    engine_version: ValkeyVersion = "8.1"
    """of Valkey when it is made; AWS takes it to newer minor versions by itself"""
    upgrade: bool = False
    """move it to engine_version at once (docs/runbooks/redis-upgrade.md); off: engine_version is not looked at again"""
    replicas: Annotated[int, Field(ge=0, le=5)]
    """standbys"""
    snapshot_days: Annotated[int, Field(ge=0, le=35)]
    """days that daily snapshots are kept; 0 makes none"""
    password_rotation: Annotated[int, Field(ge=0, le=10_000)] = 0
    """how often the services' passwords were changed: one more is a new one for each, beside the one before"""


class Cache(Model):
    """Cluster-mode Redis: cache, leaderboards, rate limits, pub/sub."""

    node_type: NodeType
    """size of a node"""
    engine_version: ValkeyVersion = "8.1"
    """of Valkey when it is made; AWS takes it to newer minor versions by itself"""
    upgrade: bool = False
    """move it to engine_version at once (docs/runbooks/redis-upgrade.md); off: engine_version is not looked at again"""
    shards: Annotated[int, Field(ge=1, le=90)]
    """parts that the keys are spread over"""
    replicas: Annotated[int, Field(ge=0, le=5)]
    """standbys of each shard"""
    snapshot_days: Annotated[int, Field(ge=0, le=35)]
    """days that daily snapshots are kept; 0 makes none"""
    password_rotation: Annotated[int, Field(ge=0, le=10_000)] = 0
    """how often the services' passwords were changed: one more is a new one for each, beside the one before"""


class Logs(Model):
    """What is kept of logs."""

    retention_days: int
    """days that every log group keeps its events; a number that CloudWatch Logs offers"""

    @field_validator("retention_days")
    @classmethod
    def _offered(cls, value: int) -> int:
        if value not in LOG_RETENTION_DAYS:
            raise ValueError(f"CloudWatch Logs accepts {', '.join(map(str, LOG_RETENTION_DAYS))}")
        return value


class Slack(Model):
    """A channel in Slack; its workspace is joined once in the console (docs/environments.md)."""

    team: SlackId
    """the workspace"""
    channel: SlackId
    """the channel"""


class Alarms(Model):
    """Whom alarms reach."""

    page: Annotated[tuple[Email, ...], Field(strict=False)] = ()
    """addresses that are mailed when somebody must look now"""
    ticket: Annotated[tuple[Email, ...], Field(strict=False)] = ()
    """addresses that are mailed when it is for working hours"""
    slack: Slack | None = None
    """the channel that gets both, with graphs; left out: none"""


class Mail(Model):
    """By whom e-mails to players are sent: SES, for a domain that it has verified (docs/runbooks/auth-partners.md)."""

    sender: Email
    """the address that they come from: of the identity in SES that is its domain"""
    configuration_set: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    """the configuration set that they go by: its suppression list, its metrics"""


class OtherAccount(Model):
    """An account of AWS beside the environment's, of the same organization (docs/recovery.md)."""

    number: AccountNumber
    """its number"""
    stack: StackName = "archive"
    """the stack of the kind recovery there, in the environment's own Region, whose vault takes copies"""


class Recovery(Model):
    """What survives the loss of the Region, and of the account."""

    region: Region
    """where backups are copied to; another than the environment's own"""
    stack: StackName = "recovery"
    """the stack of that Region whose vault takes them; it has to be deployed first (docs/recovery.md)"""
    account: OtherAccount | None = None
    """another account that backups are copied to besides; left out: none"""


class Event(Model):
    """A time of many players, known before: a final, a deadline."""

    start: Annotated[AwareDatetime, Field(strict=False)]
    """when the crowd comes, with its offset: 2026-12-06T19:30:00+05:30"""
    end: Annotated[AwareDatetime, Field(strict=False)]
    """when it has gone"""
    peak: Annotated[dict[ServiceName, Annotated[int, Field(ge=1, le=1_000_000)]], Field(min_length=1)]
    """service → most requests per second that are expected"""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"end: {self.end.isoformat()} is not after the start, {self.start.isoformat()}")
        return self


class EnvironmentSettings(Model):
    """One environment."""

    stack: str
    """the stack's name: in the file's name"""
    region: Region
    """the AWS provider's own key"""
    tier: Annotated[Tier, Field(strict=False)]
    """what the settings start from (environments/tiers.py)"""
    network: Network
    postgres: Postgres
    broker: Broker
    cache: Cache
    compute: Compute
    image: Image
    edge: Edge
    logs: Logs
    alarms: Alarms = Alarms()
    recovery: Recovery | None = None
    """where backups are copied to; left out: there are none but RDS's own"""
    mail: Mail | None = None
    """SES for e-mails to players; left out: the messaging gateway sends them, as it does text messages"""
    events: dict[EventName, Event] = Field(default_factory=dict)
    """name → a time of many players, for which tasks are there before the crowd (docs/events.md)"""
    usage: Usage = Usage()
    """what `matchday cost` reckons a month with where the plan does not say it (docs/cost.md)"""
    endpoints: dict[EndpointName, EndpointUrl] = Field(default_factory=dict)
    """variable of a partner (`endpoints` in model/egress.py) → its URL here: a sandbox's; on a laptop, a stand-in's"""
    pins: dict[IssuerName, list[str]] = Field(default_factory=dict)
    """issuer of `model/pins.py` → certificates (PEM) that its messages are believed by; none: nothing is believed"""
    relaxed: Mapping[Relaxation, Reason] = Field(default_factory=dict)
    """secure defaults that it gives up → the reason of each, 15 to 300 characters"""

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

    def reasons(self, **relaxations: str) -> dict[str, str]:
        """What a component relaxes, and why: its own name for it → the settings' name, as far as these settings relax that."""
        found: Mapping[str, str] = {str(name): reason for name, reason in self.relaxed.items()}
        return {default: found[name] for default, name in relaxations.items() if name in found}

    @property
    def availability_zones(self) -> tuple[str, ...]:
        """The zones' full names, such as `ap-south-1a`."""
        return tuple(f"{self.region}{letter}" for letter in self.network.zones)

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        for issuer, certificates in self.pins.items():
            for place, pem in enumerate(certificates):
                try:
                    found = der(pem)
                except ValueError as error:
                    raise ValueError(f"pins.{issuer}[{place}]: {pem[:40]!r}: {error}") from None
                if is_stand_in(found) and self.tier is not Tier.LAPTOP:
                    raise ValueError(
                        f"pins.{issuer}[{place}]: a certificate of a stand-in's; accepted: one of the issuer's own"
                    )
        return self

    @model_validator(mode="after")
    def _secure(self) -> Self:
        if (self.edge.domain is None) != ("https" in self.relaxed):
            raise ValueError(
                "edge.domain: give it with its certificates, or the reason for plain HTTP in relaxed.https, and not both"
            )
        unknown = [letter for letter in self.network.zones if letter not in ZONES[self.region]]
        if unknown:
            raise ValueError(
                f"network.zones: {unknown[0]!r}: {self.region} has no such zone; accepted: {', '.join(ZONES[self.region])}"
            )
        if self.recovery is not None and self.recovery.region == self.region:
            raise ValueError(
                f"recovery.region: {self.region!r} is the environment's own and would be lost with it; accepted: another one"
            )
        if not self.image.pinned and self.tier is not Tier.LAPTOP:
            raise ValueError(
                f"image.tag: {self.image.tag!r} may name another image tomorrow; accepted: image.digest, or a tag of one build,"
                " a commit (7 to 40 hexadecimal digits) or a version such as 1.4.2"
            )
        for name, url in self.endpoints.items():
            groups = [group for group in EGRESS.values() if name in group.endpoints]
            if not groups:
                known = sorted(name for group in EGRESS.values() for name in group.endpoints)
                raise ValueError(f"endpoints: {name!r} is no partner's variable; accepted: {', '.join(known)}")
            scheme, _, host = url.partition("://")
            own = groups[0].endpoints[name] is None  # the environment's own host, whichever it is
            if self.tier is not Tier.LAPTOP and (scheme != "https" or not (own or host in groups[0].domains)):
                accepted = "its host" if own else f"one of {', '.join(groups[0].domains)}"
                raise ValueError(f"endpoints.{name}: {url!r}; accepted: https:// and {accepted}")
        if self.events and self.compute.hours is not None:
            raise ValueError(
                f"events: {min(self.events)!r} may be out of compute.hours; accepted: events where tasks always run"
            )
        bystart = sorted(self.events.items(), key=lambda item: item[1].start)
        for (first, one), (second, other) in itertools.pairwise(bystart):
            if other.start < one.end:
                raise ValueError(
                    f"events: {second!r} begins at {other.start.isoformat()}, before {first!r} ends at {one.end.isoformat()}; "
                    "accepted: events one after the other, or one with the sum of both"
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
    source = Source.find(stack, KEY, config, directory)
    document = source.document
    tier = document.get("tier")
    if not isinstance(tier, str) or tier not in TIERS:
        raise SettingsError(f"{source.shown}: {KEY}.tier: {tier!r} is no tier; accepted: {', '.join(TIERS)}")
    if tier == Tier.PRODUCTION and document.get("relaxed"):
        raise SettingsError(f"{source.shown}: {KEY}.relaxed: nothing may be relaxed in the tier production")
    if PINS_KEY in config:
        if tier != Tier.LAPTOP:
            raise SettingsError(f"{source.shown}: {PINS_KEY}: no such key in the tier {tier}; accepted: {KEY}.pins")
        document = {**document, "pins": json.loads(config[PINS_KEY])}
    return source.validated(EnvironmentSettings, merge(TIERS[tier], document))
