"""How a container reaches a data store: what data components hand to compute components."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True, slots=True)
class SecretReference:
    """A value in Secrets Manager: `json_key` when the secret is a JSON object and the value one of its members."""

    arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    json_key: str | None = None

    @property
    def value_from(self) -> pulumi.Output[str]:
        """What an ECS container definition says in `valueFrom`: `arn[:json-key:stage:version]`."""
        suffix = "" if self.json_key is None else f":{self.json_key}::"
        return pulumi.Output.concat(self.arn, suffix)


@dataclass(frozen=True, kw_only=True, slots=True)
class PostgresConnection:
    """The primary server.

    read_host: a replica, for services that read from one; the primary itself where there is none.
    """

    host: pulumi.Input[str]
    read_host: pulumi.Input[str]
    port: int
    tls: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MasterUser:
    """Who may do everything on a server: for what makes databases and roles, and for nothing else."""

    user: str
    password: SecretReference


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisConnection:
    """The primary endpoint (broker) or the configuration endpoint (cache), and who logs in; no `user`: with an AUTH token."""

    host: pulumi.Input[str]
    port: int
    tls: bool
    password: SecretReference
    user: str | None = None
