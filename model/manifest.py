"""The typed form of a service.yaml: all that infrastructure and the delivery scripts know of a service."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from model.clients import Client, ScopeName
from model.deployment import GRADUAL, Deployment
from model.egress import EGRESS
from model.limits import FARGATE_SIZES
from model.measures import Measure, MetricName
from model.names import RESERVED_PROCESSES, RESERVED_SERVICES, RESERVED_VARIABLES
from model.patterns import overlap
from model.validation import described
from model.vocabulary import Datastore, Model, ProcessKind, Scaling, ServiceName, Slo

ProcessName = Annotated[
    str,
    StringConstraints(
        pattern=described(r"^[a-z][a-z0-9-]{0,19}$", "1 to 20 lower-case letters, digits and dashes, a letter first")
    ),
]
BucketName = Annotated[
    str,
    StringConstraints(
        pattern=described(r"^[a-z][a-z0-9-]{1,19}$", "2 to 20 lower-case letters, digits and dashes, a letter first")
    ),
]
VariableName = Annotated[
    str,
    StringConstraints(
        pattern=described(r"^[A-Z][A-Z0-9_]{1,39}$", "2 to 40 capitals, digits and underscores, a capital first")
    ),
]
#: What an ALB takes in a path pattern.
PathPattern = Annotated[
    str,
    StringConstraints(
        pattern=described(
            r"^/[A-Za-z0-9_\-.$/~\"'@:+&*?]{0,127}$",
            "/ and up to 127 letters, digits and _-.$/~\"'@:+&, with the wildcards * and ?",
        )
    ),
]
#: The beginning of a path, without wildcards.
PathPrefix = Annotated[
    str,
    StringConstraints(
        pattern=described(r"^/[A-Za-z0-9_\-./]{1,99}$", "/ and up to 99 letters, digits and _-./, without wildcards")
    ),
]
#: A place in a JSON document (RFC 6901), of plain names.
JsonPointer = Annotated[
    str, StringConstraints(pattern=described(r"^(/[A-Za-z0-9_]{1,40}){1,5}$", "a JSON pointer, such as /email"))
]
#: A route that answers without authentication: `POST /auth/login`.
PublicRoute = Annotated[
    str,
    StringConstraints(
        pattern=described(r"^(GET|HEAD|POST|PUT|PATCH|DELETE) /[A-Za-z0-9_\-./{}]{0,127}$", "a method and a path")
    ),
]
#: Connections to PostgreSQL that one task of each kind holds at most, where its manifest names no other number. A web process
#: has a pool with one for each request that runs, one to ask for readiness, and an engine with the rest; a worker runs jobs,
#: relays the outbox and watches; a scheduler watches.
CONNECTIONS: Mapping[ProcessKind, int] = {ProcessKind.WEB: 18, ProcessKind.WORKER: 12, ProcessKind.SCHEDULER: 2}

#: The fewest that each kind works with.
FEWEST_CONNECTIONS: Mapping[ProcessKind, int] = {ProcessKind.WEB: 10, ProcessKind.WORKER: 8, ProcessKind.SCHEDULER: 2}

#: Requests from one address in five minutes; WAF counts from 10.
RateLimit = Annotated[int, Field(ge=10, le=1_000_000)]


class Process(Model):
    """One kind of task of a service."""

    kind: ProcessKind = Field(strict=False)
    """how it runs: `web` behind the load balancer, `worker` from the queue, `scheduler` once, by the clock"""
    command: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1, strict=False)]
    """what the container runs, word by word"""
    cpu: int
    """CPU units of Fargate, 1024 to a vCPU"""
    memory: int
    """MiB; a size that Fargate offers with `cpu`"""
    scaling: Scaling | None = None
    """how many tasks run; left out: exactly one"""
    throughput: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """requests per second that one task answers within its objectives, as measured (`make bench`); web, for planned events"""
    deployment: Deployment = Deployment()
    """how a new version takes over; left out: task by task"""
    connections: Annotated[int, Field(ge=1, le=100)] | None = None
    """most connections to PostgreSQL that a task holds; left out: by kind (`CONNECTIONS` in model/manifest.py)"""

    @property
    def minimum(self) -> int:
        """Tasks that always run."""
        return 1 if self.scaling is None else self.scaling.minimum

    @property
    def maximum(self) -> int:
        """Tasks at most."""
        return 1 if self.scaling is None else self.scaling.maximum

    @property
    def pool(self) -> int:
        """Most connections to PostgreSQL that one task holds."""
        return CONNECTIONS[self.kind] if self.connections is None else self.connections

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
        if self.kind is not ProcessKind.WORKER and self.scaling is not None and self.scaling.backlog is not None:
            raise ValueError(f"a {self.kind} works no outbox off; only a worker has a backlog to scale by")
        if self.kind is ProcessKind.SCHEDULER and self.deployment.shifts:
            raise ValueError("deployment: a scheduler never runs twice; accepted: rolling")
        if self.kind is ProcessKind.WORKER and self.deployment.strategy in GRADUAL:
            raise ValueError(
                "deployment: a worker is sent no requests that could move in parts; accepted: rolling, blue-green"
            )
        if self.deployment.shifts and self.scaling is not None and self.scaling.requests is not None:
            raise ValueError(
                f"deployment: {self.deployment.strategy} has two target groups, and Auto Scaling counts the requests of one; "
                "accepted: scaling by cpu or memory, or rolling"
            )
        if self.kind is not ProcessKind.WEB and self.throughput is not None:
            raise ValueError(f"a {self.kind} answers no requests and has no throughput")
        if self.pool < FEWEST_CONNECTIONS[self.kind]:
            fewest = FEWEST_CONNECTIONS[self.kind]
            raise ValueError(f"connections {self.pool}: a {self.kind} process needs at least {fewest}")
        return self


class LoginForm(Model):
    """The request by which players log in, for the firewall's search for stolen passwords (JSON in, 200 or 401 out)."""

    path: PathPrefix
    """its path, under `paths`"""
    username: JsonPointer
    """where the body has the name of the account"""
    password: JsonPointer
    """where the body has the password"""


class ManifestSecret(Model):
    """A random secret that is generated once."""

    name: VariableName
    """the environment variable that the processes find it in"""
    length: Annotated[int, Field(ge=16, le=128)]
    """characters"""
    processes: Annotated[tuple[ProcessName, ...], Field(min_length=1, strict=False)] | None = None
    """the processes that are given it; left out: all"""


class Schedule(Model):
    """A job of the clock, as the alarm on it sees it: an alarm of its own says that it has not succeeded for too long."""

    job: Annotated[
        str, StringConstraints(pattern=described(r"^[a-z][a-z0-9-]*\.[a-z][a-z0-9_]{0,39}$", "<service>.<job>"))
    ]
    """the name of its task"""
    late_after: Annotated[int, Field(ge=2, le=10_080)]
    """minutes without a success"""
    runbook: Annotated[
        str, StringConstraints(pattern=described(r"^[a-z0-9]+(-[a-z0-9]+)*$", "lower case and dashes"))
    ] = "job-late"
    """what a person then does: a file in docs/runbooks/"""


class ServiceManifest(Model):
    """One service.yaml after the overrides of one tier."""

    name: ServiceName
    """the folder's name; also the name that other services reach it by"""
    summary: Annotated[str, Field(min_length=1, max_length=120)]
    """one line on what it does"""
    port: Annotated[int, Field(ge=1024, le=65535)] = 8080
    """what its web process listens on"""
    paths: Annotated[tuple[PathPattern, ...], Field(strict=False)] = ()
    """path patterns that the load balancer routes to it; no two services share one"""
    rate_limits: dict[PathPrefix, RateLimit] = Field(default_factory=dict)
    """path prefix (under `paths`) → requests per address in five minutes, at the firewall"""
    large_bodies: Annotated[tuple[PathPrefix, ...], Field(strict=False)] = ()
    """path prefixes (under `paths`) whose requests may have more than 8 KiB, of which the firewall sees only the beginning"""
    datastores: Annotated[tuple[Annotated[Datastore, Field(strict=False)], ...], Field(strict=False)] = ()
    """data stores that it uses, and no others"""
    reads_replica: bool = False
    """whether it reads from a replica of PostgreSQL: `DATABASE_READ_HOST`, the primary's where an environment has none"""
    secrets: Annotated[tuple[ManifestSecret, ...], Field(strict=False)] = ()
    """generated once, kept in Secrets Manager as `<project>/<stack>/<service>/<NAME>`"""
    calls: Annotated[tuple[ServiceName, ...], Field(strict=False)] = ()
    """services that it calls: a security-group rule and `<SERVICE>_URL` for each; no circles"""
    egress: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """groups of `model/egress.py` that it calls outside of AWS; none: it cannot leave"""
    buckets: Annotated[tuple[BucketName, ...], Field(strict=False)] = ()
    """S3 buckets of its own, by short names: `BUCKET_<NAME>`"""
    uploads: Annotated[tuple[BucketName, ...], Field(strict=False)] = ()
    """of `buckets`, those that the platform's own pages send objects to by signed URLs (CORS)"""
    image: Literal["services", "kyc"] = "services"
    """the set of requirements in the image that its containers run: every service's, or one with more packages"""
    data_key: bool = False
    """whether it encrypts data itself by KMS: `DATA_KEY`, the ARN of the key, to be used under the context `service=<name>`"""
    sends_mail: bool = False
    """whether it sends e-mail by SES where an environment names a sender: `MAIL_FROM` and `MAIL_CONFIGURATION_SET`"""
    processes: Annotated[dict[ProcessName, Process], Field(min_length=1)]
    """name → process; one web process at most"""
    schedules: Annotated[tuple[Schedule, ...], Field(strict=False)] = ()
    """its jobs of the clock; what they do, and when, is in its code"""
    measures: dict[MetricName, Measure] = Field(default_factory=dict)
    """metric → a figure of the business that its code writes, for dashboards and alarms"""
    drain_seconds: Annotated[int, Field(ge=5, le=120)] = 30
    """from SIGTERM to SIGKILL, and how long the load balancer lets open requests end"""
    public: Annotated[tuple[PublicRoute, ...], Field(strict=False)] = ()
    """routes that answer without authentication; every other refuses who brings no token"""
    internal: Annotated[tuple[PathPattern, ...], Field(strict=False)] = ()
    """patterns under `paths` that the load balancer refuses: only services of the platform ask them"""
    login: LoginForm | None = None
    """the request by which players log in, if it is this service's; one service has it"""
    scopes: dict[ScopeName, Annotated[str, Field(min_length=1, max_length=120)]] = Field(default_factory=dict)
    """what it asks of callers who are not players: `<name>:<act>` → what the act is"""
    clients: Annotated[tuple[Client, ...], Field(strict=False)] = ()
    """clients of its own, which ask the issuer for tokens"""
    token_issuer: bool = False
    """whether it issues the platform's access tokens: it is given CLIENTS and every client's secret; one service does"""
    slos: Annotated[tuple[Slo, ...], Field(strict=False)] = ()
    """objectives that burn-rate alarms watch; of services with `paths`"""

    @field_validator("egress")
    @classmethod
    def _known_egress(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in EGRESS:
                raise ValueError(f"there is no egress group {name!r}; accepted: {', '.join(sorted(EGRESS))}")
        return value

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
        for key in ("paths", "datastores", "calls", "egress", "buckets", "uploads", "public", "internal"):
            _once(key, getattr(self, key))
        _once("secrets", [secret.name for secret in self.secrets])
        _once("clients", [client.name for client in self.clients])
        _once("slos", [slo.name for slo in self.slos])
        _once("schedules", [schedule.job for schedule in self.schedules])
        for name in self.uploads:
            if name not in self.buckets:
                raise ValueError(
                    f"uploads: {name!r} is no bucket of this service; accepted: {', '.join(self.buckets) or 'none'}"
                )
        for schedule in self.schedules:
            if not schedule.job.startswith(f"{self.name}."):
                raise ValueError(f"schedules: {schedule.job!r} is no job of this service; accepted: {self.name}.<job>")
        schedulers = [process for process in self.processes.values() if process.kind is ProcessKind.SCHEDULER]
        if self.schedules and not schedulers:
            raise ValueError("schedules: there is no scheduler that could hand the jobs out")
        if self.reads_replica and Datastore.POSTGRES not in self.datastores:
            raise ValueError("reads_replica: the service has no postgres among its datastores")
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
        if self.web is not None and self.web.deployment.shifts and len(self.paths) != 1:
            raise ValueError(
                f"processes: {webs[0]}: deployment: ECS moves requests at one rule of the load balancer, and {len(self.paths)} "
                "paths may be several; accepted: one path, or rolling"
            )
        if self.paths and not webs:
            raise ValueError("paths: there is no web process to route them to")
        for name, prefixes in (("rate_limits", self.rate_limits), ("large_bodies", self.large_bodies)):
            for prefix in prefixes:
                if not any(overlap(prefix, pattern) for pattern in self.paths):
                    under = ", ".join(self.paths) or "none, as the service has no paths"
                    raise ValueError(f"{name}: {prefix!r} is no path of the service; accepted: what begins as {under}")
        if self.login is not None and not any(overlap(self.login.path, pattern) for pattern in self.paths):
            raise ValueError(f"login: {self.login.path!r} is no path of the service")
        if self.name in self.calls:
            raise ValueError(f"calls: {self.name!r} is the service itself")
        for pattern in self.internal:
            if not any(overlap(pattern, each) for each in self.paths):
                under = ", ".join(self.paths) or "none, as the service has no paths"
                raise ValueError(f"internal: {pattern!r} is no path of the service; accepted: what begins as {under}")
        for scope in self.scopes:
            if not scope.startswith(f"{self.name}:"):
                raise ValueError(f"scopes: {scope!r} is no scope of this service; accepted: {self.name}:<act>")
        if self.token_issuer and not webs:
            raise ValueError("token_issuer: there is no web process that could issue tokens")
        givers = [("secrets", secret.name, secret.processes or ()) for secret in self.secrets]
        givers += [("clients", client.name, client.processes) for client in self.clients]
        for key, name, processes in givers:
            for process in processes:
                if process not in self.processes:
                    known = ", ".join(self.processes)
                    raise ValueError(f"{key}: {name}: there is no process {process!r}; accepted: {known}")
        return self


def _once(key: str, values: Collection[Any]) -> None:
    for value in values:
        if list(values).count(value) > 1:
            raise ValueError(f"{key}: {value!r} is there twice")
