"""What the data plane reads back from AWS's API, as plain values: the desired state that everything else follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localcloud.dataplane.cdn.distribution import Distribution

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Permission:
    """One permission of a security group: ports (None: all) to or from groups, addresses (IPv4) and prefix lists."""

    protocol: str  #: `tcp`, a number, or `-1` for every one
    first: int | None = None
    last: int | None = None
    groups: Sequence[str] = ()
    ranges: Sequence[str] = ()
    prefix_lists: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class SecurityGroup:
    """What a security group lets in and out."""

    ingress: Sequence[Permission] = ()
    egress: Sequence[Permission] = ()


@dataclass(frozen=True, kw_only=True)
class Database:
    """An RDS instance of PostgreSQL."""

    identifier: str
    port: int
    user: str
    password: str
    database: str | None = None
    groups: Sequence[str] = ()  #: its security groups


@dataclass(frozen=True, kw_only=True)
class CacheUser:
    """An ElastiCache user: its access string, and the passwords that are good (none: no password is asked for)."""

    name: str
    access: str
    passwords: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Cache:
    """An ElastiCache replication group; with `users` (those of its user groups) nobody else logs in."""

    identifier: str
    port: int
    cluster: bool
    password: str | None
    settings: Mapping[str, str] = field(default_factory=dict)
    users: Sequence[CacheUser] = ()
    groups: Sequence[str] = ()  #: its security groups


@dataclass(frozen=True, kw_only=True)
class TargetGroup:
    """An ELBv2 target group with the attributes that matter here."""

    arn: str
    name: str
    port: int  #: that its targets are registered with: a container's, or for those that name none the group's own
    path: str = "/"
    matcher: str = "200"
    interval: float = 30
    timeout: float = 5
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2
    deregistration_delay: float = 300
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class ListenerRule:
    """A listener rule; the default rule has no conditions and the priority `default`."""

    priority: str
    conditions: Sequence[Json]
    actions: Sequence[Json]


@dataclass(frozen=True, kw_only=True)
class Firewall:
    """A web ACL, as WAFv2 words it, with the sets that its rules name (by ARN)."""

    name: str  #: of its metrics
    rules: Sequence[Json]
    default_action: Json
    bodies: Mapping[str, Json] = field(default_factory=dict)  #: of custom responses
    addresses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    patterns: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A listener of a load balancer, and the web ACL that protects that."""

    arn: str
    load_balancer: str
    port: int
    protocol: str
    rules: Sequence[ListenerRule]
    idle_timeout: float = 60  #: of its load balancer
    groups: Sequence[str] = ()  #: its load balancer's security groups
    firewall: Firewall | None = None

    def forwarded(self) -> list[str]:
        """The ARNs of the target groups that its rules forward to."""
        actions = [action for rule in self.rules for action in rule.actions]
        named = [(action.get("ForwardConfig") or {}).get("TargetGroups") or [action] for action in actions]
        return [group["TargetGroupArn"] for groups in named for group in groups if group.get("TargetGroupArn")]


@dataclass(frozen=True, kw_only=True)
class TaskDefinition:
    """One revision of a task definition: immutable, so its containers are kept as AWS words them."""

    arn: str
    family: str
    containers: Sequence[Json]
    cpu: int = 0  #: of the task, in units (1024 a processor); 0: none is said
    memory: int = 0  #: of the task, in MiB; 0: none is said
    role_arn: str = ""  #: of the task's role; empty: it has none
    execution_role_arn: str = ""  #: of the role in whose name secrets are read; empty: it has none

    @property
    def revision(self) -> str:
        """`family:revision`."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """An ECS deployment circuit breaker."""

    enable: bool = False
    rollback: bool = False


@dataclass(frozen=True, kw_only=True)
class Alias:
    """A name that a service is reached by through Service Connect: `http://<name>:<port>` to a container's port."""

    name: str
    port: int
    container_port: int


@dataclass(frozen=True, kw_only=True)
class LoadBalancerTarget:
    """Which container port of a service is registered with which target group."""

    target_group: str
    container_port: int


@dataclass(frozen=True, kw_only=True)
class Service:
    """An ECS service."""

    arn: str
    name: str
    cluster: str
    desired: int
    definition: TaskDefinition
    deployment: str  #: changes with everything that makes ECS begin a new deployment, forced ones too
    minimum_percent: int = 100
    maximum_percent: int = 200
    grace: float = 0
    breaker: Breaker = field(default_factory=Breaker)
    targets: Sequence[LoadBalancerTarget] = ()
    aliases: Sequence[Alias] = ()
    groups: Sequence[str] = ()  #: its tasks' security groups


@dataclass(frozen=True, kw_only=True)
class DesiredState:
    """Everything at one moment."""

    databases: Sequence[Database] = ()
    caches: Sequence[Cache] = ()
    target_groups: Mapping[str, TargetGroup] = field(default_factory=dict)
    listeners: Sequence[Listener] = ()
    distributions: Sequence[Distribution] = ()
    services: Sequence[Service] = ()
    groups: Mapping[str, SecurityGroup] = field(default_factory=dict)  #: security groups by id
    refused: Sequence[str] = ()  #: what is there and cannot be run, each in one sentence
