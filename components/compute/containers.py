"""The containers of a task, as docs/contracts.md describes them; pure, though values may be Pulumi Outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.compute import collector
from components.data.connections import MasterUser, PostgresConnection, RedisConnection, SecretReference
from model.manifest import Process
from model.names import BOOTSTRAP
from model.vocabulary import ProcessKind

#: Who the process is in its container, and where alone it may write: the image makes both (services/Dockerfile).
USER = "10001:10001"
TEMPORARY = "/tmp"  # noqa: S108 - a volume of the task's own
VOLUME = "tmp"

PORT_NAME = "http"

#: Always there, belongs to no service.
MAINTENANCE_DATABASE = "postgres"

#: Makes the services' databases and roles (services/common/bootstrap.py), then waits for its end; more is small for Python.
BOOTSTRAP_PROCESS = Process(
    kind=ProcessKind.WORKER, command=("python", "-m", f"services.common.{BOOTSTRAP}"), cpu=256, memory=512
)

_HEALTH_COMMAND = ["CMD", "python", "-m", "services.common.healthcheck"]
_HEALTH = {"command": _HEALTH_COMMAND, "interval": 5, "timeout": 5, "retries": 3, "startPeriod": 60}


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerContext:
    """What the containers of a service have in common.

    - drain_seconds: from SIGTERM to SIGKILL. trusted_proxies: how many proxies of ours append to X-Forwarded-For.
    - public_url: where people reach the platform.
    - traces: what is recorded, and the collector beside each process; default None, neither.
    """

    service: str
    environment: str
    log_level: str
    log_group: Any
    region: str
    image: Any
    drain_seconds: int
    public_url: Any
    trusted_proxies: int = 1
    traces: collector.Traces | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """A service's database: the server, whether it reads from a replica too, and the passwords of its two roles."""

    server: PostgresConnection
    reads_replica: bool = False
    owner_password: SecretReference
    app_password: SecretReference


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependencies:
    """What a service's processes reach.

    - calls: name of another service → its URL. buckets: a manifest's bucket name → the bucket's own.
    - endpoints: variable → URL of a partner outside of AWS, or certificates that partners' messages are believed by.
    - data_key: ARN of the KMS key that the service encrypts with itself, if it does.
    - secrets: name of a variable → the secret that it holds. variables: what else is given, as it is.
    """

    database: Database | None = None
    broker: RedisConnection | None = None
    cache: RedisConnection | None = None
    calls: Mapping[str, str] = field(default_factory=dict)
    endpoints: Mapping[str, str] = field(default_factory=dict)
    buckets: Mapping[str, Any] = field(default_factory=dict)
    data_key: Any = None
    secrets: Mapping[str, SecretReference] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)

    def references(self) -> list[SecretReference]:
        """Every secret that some container of the service is given."""
        found = list(self.secrets.values())
        if self.database is not None:
            found += [self.database.owner_password, self.database.app_password]
        found += [redis.password for redis in (self.broker, self.cache) if redis is not None]
        return found


@dataclass(frozen=True, slots=True)
class _Variables:
    """Environment and secrets of one container."""

    plain: Mapping[str, Any] = field(default_factory=dict)
    secret: Mapping[str, SecretReference] = field(default_factory=dict)

    def __or__(self, other: _Variables) -> _Variables:
        return _Variables({**self.plain, **other.plain}, {**self.secret, **other.secret})


def definitions(
    context: ContainerContext, dependencies: Dependencies, *, name: str, process: Process, port: int | None
) -> list[dict[str, Any]]:
    """The container definitions of the process `name`: `migrate` where it has a database, then itself.

    Where it is traced the collector is beside it. `port` is where a web process listens, None for the others.
    """
    common = _Variables(
        {
            "SERVICE": context.service,
            "PROCESS": name,
            "ENVIRONMENT": context.environment,
            "LOG_LEVEL": context.log_level,
        }
    )
    initial = _initial(context, dependencies.database, common, name)
    own = _container(
        context,
        name,
        name,
        process.command,
        common | _process_variables(context, dependencies, process, port),
        after=[container["name"] for container in initial[-1:]],
    )
    own |= {"healthCheck": _HEALTH, "stopTimeout": context.drain_seconds}
    beside = _collector(context, name)
    if beside:
        # ECS stops in the opposite order: the collector is there for the last spans. It need not become healthy.
        order = {"containerName": collector.NAME, "condition": "START"}
        own["dependsOn"] = [*own.get("dependsOn", ()), order]
    if port is not None:
        own["portMappings"] = [
            {"name": PORT_NAME, "containerPort": port, "hostPort": port, "protocol": "tcp", "appProtocol": PORT_NAME}
        ]
    return [*initial, *beside, own]


def _collector(context: ContainerContext, process: str) -> list[dict[str, Any]]:
    if context.traces is None:
        return []
    settings = _Variables({collector.CONFIGURATION: collector.configuration(context.region)})
    made = _container(context, process, collector.NAME, [], settings, after=[])
    del made["command"]  # the image's own
    return [made | {"image": context.traces.image} | collector.own()]


def _initial(
    context: ContainerContext, database: Database | None, common: _Variables, process: str
) -> list[dict[str, Any]]:
    if database is None:
        return []
    as_owner = _Variables(
        server_variables(database.server, context.service, role_name(context.service, "owner")),
        {"DATABASE_PASSWORD": database.owner_password},
    )
    command = ["python", "-m", "services.common.migrate"]
    migrate = _container(context, process, "migrate", command, common | as_owner, after=[])
    return [migrate | {"essential": False}]


def _process_variables(
    context: ContainerContext, dependencies: Dependencies, process: Process, port: int | None
) -> _Variables:
    found = _Variables(dependencies.variables, dependencies.secrets)
    if context.traces is not None:
        found |= _Variables(collector.variables(context.traces))
    if port is not None:
        found |= _Variables(
            {
                "PORT": str(port),
                "TRUSTED_PROXIES": str(context.trusted_proxies),
                "DRAIN_SECONDS": str(context.drain_seconds),
                "PUBLIC_URL": context.public_url,
            }
        )
    if (database := dependencies.database) is not None:
        found |= _Variables(
            server_variables(database.server, context.service, role_name(context.service, "app")),
            {"DATABASE_PASSWORD": database.app_password},
        )
        found |= _Variables({"DATABASE_CONNECTIONS": str(process.pool)})
        if database.reads_replica:
            found |= _Variables({"DATABASE_READ_HOST": database.server.read_host})
    for prefix, redis in (("BROKER", dependencies.broker), ("CACHE", dependencies.cache)):
        if redis is not None:
            found |= _redis_variables(prefix, redis)
    urls = {f"{variable(service)}_URL": url for service, url in dependencies.calls.items()}
    buckets = {f"BUCKET_{variable(name)}": bucket for name, bucket in dependencies.buckets.items()}
    data_key = {} if dependencies.data_key is None else {"DATA_KEY": dependencies.data_key}
    return found | _Variables({**urls, **dependencies.endpoints, **buckets, **data_key})


def role_name(service: str, role: str) -> str:
    """A service's role in PostgreSQL: `<service>_owner` for migrations, `<service>_app` at run time."""
    return f"{service}_{role}"


def variable(name: str) -> str:
    """`name` as a part of an environment variable's name."""
    return name.upper().replace("-", "_")


def server_variables(server: PostgresConnection, database: str, user: str) -> dict[str, Any]:
    """Where PostgreSQL is, and as whom to log in to which database."""
    return {
        "DATABASE_HOST": server.host,
        "DATABASE_PORT": str(server.port),
        "DATABASE_NAME": database,
        "DATABASE_USER": user,
        "DATABASE_TLS": "verify-full" if server.tls else "disable",
    }


def bootstrapping(
    server: PostgresConnection, master: MasterUser, passwords: Mapping[str, tuple[SecretReference, SecretReference]]
) -> Dependencies:
    """What the process is given that makes the services' databases; `passwords`: service → its owner's, its run-time role's."""
    secrets = {"DATABASE_PASSWORD": master.password}
    for service, (owner, app) in passwords.items():
        secrets |= {f"{variable(service)}_OWNER_PASSWORD": owner, f"{variable(service)}_APP_PASSWORD": app}
    known = server_variables(server, MAINTENANCE_DATABASE, master.user)
    return Dependencies(secrets=secrets, variables={**known, "SERVICES": ",".join(sorted(passwords))})


def _redis_variables(prefix: str, redis: RedisConnection) -> _Variables:
    return _Variables(
        {
            f"{prefix}_HOST": redis.host,
            f"{prefix}_PORT": str(redis.port),
            f"{prefix}_TLS": "true" if redis.tls else "false",
            **({} if redis.user is None else {f"{prefix}_USER": redis.user}),
        },
        {f"{prefix}_PASSWORD": redis.password},
    )


def _container(
    context: ContainerContext,
    process: str,
    name: str,
    command: Sequence[str],
    variables: _Variables,
    *,
    after: Sequence[str],
) -> dict[str, Any]:
    """One container; lists are sorted by name, so that a definition changes only when what it says does."""
    container: dict[str, Any] = {
        "name": name,
        "image": context.image,
        "essential": True,
        "command": list(command),
        "environment": [{"name": key, "value": value} for key, value in sorted(variables.plain.items())],
        "secrets": [
            {"name": key, "valueFrom": reference.value_from} for key, reference in sorted(variables.secret.items())
        ],
        "user": USER,
        "readonlyRootFilesystem": True,
        "mountPoints": [{"sourceVolume": VOLUME, "containerPath": TEMPORARY, "readOnly": False}],
        "linuxParameters": {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}},
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": context.log_group,
                "awslogs-region": context.region,
                "awslogs-stream-prefix": process,
                # A log service that does not answer must not stop a player's request.
                "mode": "non-blocking",
                "max-buffer-size": "4m",
            },
        },
    }
    if after:
        container["dependsOn"] = [{"containerName": other, "condition": "SUCCESS"} for other in after]
    return container
