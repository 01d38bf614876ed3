"""A container's environment (docs/contracts.md) in typed form; secrets stay out of every message."""

from __future__ import annotations

import hashlib
import os
import ssl
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BaseModel, Field, SecretStr, ValidationError, model_validator

from services.common.rotating import accepted

Port = Annotated[int, Field(ge=1, le=65535)]


class SettingsError(RuntimeError):
    """The environment lacks a variable or holds one that cannot be; the message names it."""


class Settings(BaseModel):
    """Part of the environment: where `prefix` is "DATABASE_", the field `port` is the variable DATABASE_PORT."""

    prefix: ClassVar[str] = ""

    @classmethod
    def name_of(cls, field: str) -> str:
        """The name of a field's variable."""
        return f"{cls.prefix}{field}".upper()


class ProcessSettings(Settings):
    """The variables of every container."""

    service: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,19}$")]
    process: str
    environment: str
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class TracingSettings(Settings):
    """Where the task's collector is, by OpenTelemetry's own names; empty is no traces. And which share of them is sampled.

    Only the loopback interface is taken: what is in the task. Spans are sent in the clear.
    """

    prefix = "OTEL_"

    exporter_otlp_endpoint: Annotated[str, Field(pattern=r"^(http://(127\.0\.0\.1|localhost):\d{1,5})?$")] = ""
    traces_sampler_arg: Annotated[float, Field(ge=0, le=1)] = 1.0


class WebSettings(Settings):
    """The variables that a web process has besides.

    `trusted_proxies` is how many proxies of ours append to X-Forwarded-For: 1 behind the load balancer, 2 with the CDN before
    it. The client's address is counted from the right by that number; what stands further left is the client's own claim.
    `drain_seconds` is how long after SIGTERM the process may still live.
    """

    port: Port = 8080
    trusted_proxies: Annotated[int, Field(ge=0, le=5)] = 1
    drain_seconds: Annotated[int, Field(ge=5, le=120)] = 30


class DatabaseSettings(Settings):
    """Where PostgreSQL is, as whom to log in, and how many connections one process may hold.

    The sum of `connections` over all tasks is held against the server's `max_connections` before anything is deployed
    (stacks/budgets.py): a process that opened more than it is given would take another's.
    """

    prefix = "DATABASE_"

    host: str
    port: Port = 5432
    name: str
    user: str
    password: SecretStr
    tls: Literal["disable", "verify-full"]
    connections: Annotated[int, Field(ge=1, le=100)] = 18

    def ssl_context(self) -> ssl.SSLContext | Literal[False]:
        """What asyncpg takes for TLS; the image's trust store holds Amazon RDS's authorities."""
        return False if self.tls == "disable" else ssl.create_default_context()


def login(user: str, password: str) -> str:
    """The role that logs in with `password` as a member of the group `user`: each password has its own.

    So two passwords are good at the same time while one takes the place of the other. The digest says nothing of a password
    that is random.
    """
    return f"{user}_{hashlib.sha256(f'{user} {password}'.encode()).hexdigest()[:10]}"


class AppDatabaseSettings(DatabaseSettings):
    """The same for a process: its variables name the group `<service>_app`; it logs in as the role of its password."""

    @model_validator(mode="after")
    def _log_in(self) -> AppDatabaseSettings:
        current, *_ = accepted(self.password, "DATABASE_PASSWORD")
        self.user, self.password = login(self.user, current), SecretStr(current)
        return self


class RedisSettings(Settings):
    """Where a Redis is, and as whom to log in; empty is Redis's `default` user, as with an AUTH token."""

    host: str
    port: Port = 6379
    user: str = ""
    tls: bool
    password: SecretStr


class BrokerSettings(RedisSettings):
    """Celery's Redis."""

    prefix = "BROKER_"


class CacheSettings(RedisSettings):
    """The Redis in cluster mode."""

    prefix = "CACHE_"


def variable(name: str) -> str:
    """A variable whose name depends on another service's. Raises SettingsError if it is not set."""
    value = os.environ.get(name)
    if not value:
        raise SettingsError(f"the variable {name} is not set")
    return value


S = TypeVar("S", bound=Settings)


def load(kind: type[S]) -> S:
    """`kind` from the environment. Raises SettingsError, naming each variable that is wrong, never the value of a secret."""
    variables = {field: kind.name_of(field) for field in kind.model_fields}
    given = {field: os.environ[name] for field, name in variables.items() if name in os.environ}
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(kind, problem) for problem in error.errors())) from None


def _sentence(kind: type[Settings], problem: object) -> str:
    assert isinstance(problem, dict)
    if not problem["loc"]:  # more than one variable, or part of one: the message says which
        return str(problem["msg"]).removeprefix("Value error, ")
    field = str(problem["loc"][0])
    variable = kind.name_of(field)
    if problem["type"] == "missing":
        return f"the variable {variable} is not set"
    known = kind.model_fields.get(field)
    secret = known is not None and known.annotation is SecretStr
    shown = "its value" if secret else repr(os.environ.get(variable))
    return f"the variable {variable}: {shown}: {problem['msg']}"
