"""Redis on ElastiCache (engine Valkey): the broker of the job queues, and the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pulumi
from pulumi_aws import elasticache
from pulumi_random import RandomId, RandomIdArgs

from components.base import Component, Transforms
from components.data import redis_plan
from components.data.connections import RedisConnection, SecretReference
from components.data.redis_plan import Mode
from components.observability.log_group import LogGroup, LogGroupArgs
from components.security.secrets import GeneratedSecret, GeneratedSecretArgs
from model.names import log_group_name, secret_name

PORT = 6379
#: What ElastiCache delivers of a node.
_LOGS = {"slow-log": "slow", "engine-log": "engine"}


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisArgs:
    """What a Redis is made from.

    - mode: what it is for; decides cluster mode and eviction.
    - subnet_ids: data subnets in two zones or more. security_group_id: its rules say who may connect.
    - data_key_arn, secrets_key_arn, logs_key_arn: KMS keys of the data at rest, the AUTH token and the logs.
    - node_type: such as ``cache.r7g.large``. shards: 1–90, CACHE only; default 1.
    - replicas: per shard, 0–5; default 1, in another zone, to which ElastiCache fails over. 0 must be relaxed as ``failover``.
    - engine_version: of Valkey when the group is made. ElastiCache upgrades minor versions by itself, and a program that asked
      for the older one again would replace the group: afterwards only `upgrade` changes it.
    - upgrade: move the group to `engine_version` at once (docs/runbooks/redis-upgrade.md); default False.
    - snapshot_days: 0–35; default 7. log_retention_days: default 365.
    - deletion_protection: the program refuses to delete or replace it, a final snapshot is made, and changes wait for the
      maintenance window; default True; False must be relaxed as ``deletion_protection``.
    - users: name → access string of each who may log in, and nobody else; empty: an AUTH token that may do everything.
    - password_rotation: how often the users' passwords were changed; default 0. With n each user has the passwords n and n-1,
      and its secret holds n (docs/runbooks/rotate-secrets.md). An AUTH token does not rotate.
    - tls: default True; False must be relaxed as ``tls``: it is then offered and not required (no users without it).
    - relaxed: what of the above is relaxed → why.
    """

    mode: Mode
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    data_key_arn: pulumi.Input[str]
    secrets_key_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    node_type: str
    engine_version: str = "8.1"
    upgrade: bool = False
    shards: int = 1
    replicas: int = 1
    snapshot_days: int = 7
    log_retention_days: int = 365
    deletion_protection: bool = True
    users: Mapping[str, str] = field(default_factory=dict)
    password_rotation: int = 0
    tls: bool = True
    relaxed: Mapping[str, str] = field(default_factory=dict)


class Redis(Component):
    """A Valkey replication group.

    Makes: ``aws:elasticache:SubnetGroup``, ``aws:elasticache:ParameterGroup``, a `GeneratedSecret` (the AUTH token), a
    `LogGroup` each for slow and engine log, and the ``aws:elasticache:ReplicationGroup`` (role ``""``). With users, in place of
    the AUTH token: a `GeneratedSecret` and an ``aws:elasticache:User`` for each, one more user that takes every right from
    ``default``, and the ``aws:elasticache:UserGroup`` (role ``users``). With deletion protection a ``random:RandomId``
    (``final``), which ends the last snapshot's name.
    """

    RELAXABLE: ClassVar[Mapping[str, str]] = {
        "failover": "there is no replica to fail over to",
        "deletion_protection": "it can be deleted with no snapshot left",
        "tls": "what clients send and read can be read on the network",
    }

    group_id: str
    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: RedisArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform, relaxed=args.relaxed)
        self.require("failover", args.replicas > 0)
        self.require("deletion_protection", args.deletion_protection)
        self.require("tls", args.tls)
        if args.mode is Mode.BROKER and args.shards != 1:
            raise ValueError(
                f"Redis {name!r}: {args.shards} shards; a broker has one, because Celery's keys span slots"
            )
        self.group_id = self.physical_name(kind="elasticache")
        subnets = self.make(
            "subnets",
            elasticache.SubnetGroup,
            elasticache.SubnetGroupArgs(
                name=self.group_id, description=f"Data subnets of the {args.mode}", subnet_ids=args.subnet_ids
            ),
        )
        parameters = self._parameter_group(args)
        self._passwords: dict[str, GeneratedSecret] = {}
        access: dict[str, Any]
        if args.users:
            access = {"user_group_ids": [self._user_group(args).user_group_id]}
        else:
            token = self._passwords[""] = self._secret(args, "auth-token", f"AUTH token of the {args.mode}")
            access = {"auth_token": token.value}
        logs = {log: self._log_group(args, short) for log, short in _LOGS.items()}
        group = self.make(
            "",
            elasticache.ReplicationGroup,
            elasticache.ReplicationGroupArgs(
                replication_group_id=self.group_id,
                description=f"{args.mode.capitalize()} of {pulumi.get_project()} {pulumi.get_stack()}",
                engine="valkey",
                engine_version=args.engine_version,
                node_type=args.node_type,
                port=PORT,
                parameter_group_name=parameters.name,
                subnet_group_name=subnets.name,
                security_group_ids=[args.security_group_id],
                multi_az_enabled=args.replicas > 0,
                at_rest_encryption_enabled=True,
                kms_key_id=args.data_key_arn,
                transit_encryption_enabled=args.tls or bool(args.users),
                transit_encryption_mode="required" if args.tls else "preferred" if args.users else None,
                auto_minor_version_upgrade=True,
                snapshot_retention_limit=args.snapshot_days,
                snapshot_window="20:00-21:00",
                maintenance_window="sun:21:30-sun:22:30",  # UTC; as PostgreSQL's
                final_snapshot_identifier=self._final_snapshot() if args.deletion_protection else None,
                apply_immediately=args.upgrade or not args.deletion_protection,
                log_delivery_configurations=[
                    elasticache.ReplicationGroupLogDeliveryConfigurationArgs(
                        destination=logs[log].log_group_name,
                        destination_type="cloudwatch-logs",
                        log_format="json",
                        log_type=log,
                    )
                    for log in _LOGS
                ],
                **access,
                **_shape(args),
            ),
            pulumi.ResourceOptions(
                depends_on=list(logs.values()),
                protect=args.deletion_protection,
                ignore_changes=[] if args.upgrade else ["engineVersion"],
            ),
        )
        self.arn = group.arn
        endpoint = group.primary_endpoint_address if args.mode is Mode.BROKER else group.configuration_endpoint_address
        self.host: pulumi.Output[str] = endpoint
        self._args = args
        node_ids = redis_plan.nodes(self.group_id, args.mode, shards=args.shards, replicas=args.replicas)
        self.signals = redis_plan.signals(self.group_id, args.mode, node_ids=node_ids, replicas=args.replicas)
        self.register_outputs({"group_id": self.group_id, "arn": self.arn, "host": endpoint})

    def connection(self, user: str | None = None) -> RedisConnection:
        """How to log in: as one of the users, or with the AUTH token where there are none."""
        password = self._passwords[user or ""]
        return RedisConnection(
            host=self.host,
            port=PORT,
            tls=self._args.tls,
            password=SecretReference(arn=password.arn, key_arn=self._args.secrets_key_arn),
            user=user,
        )

    def _secret(self, args: RedisArgs, role: str, description: str, **more: Any) -> GeneratedSecret:
        variable = role.upper().replace("-", "_")
        return GeneratedSecret(
            self.child_name(role),
            GeneratedSecretArgs(
                secret_name=secret_name(pulumi.get_project(), pulumi.get_stack(), self.name, variable),
                description=description,
                key_arn=args.secrets_key_arn,
                length=64,
                recovery_window_days=30 if args.deletion_protection else 0,
                **more,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _user_group(self, args: RedisArgs) -> Any:
        """The users; ElastiCache's own `default` may do everything without a password, so another one takes its name."""
        nobody = self._user("default", "off -@all", no_password_required=True)
        users = [self._user_with_password(args, user, access) for user, access in sorted(args.users.items())]
        return self.make(
            "users",
            elasticache.UserGroup,
            elasticache.UserGroupArgs(
                engine="valkey", user_group_id=self.group_id, user_ids=[each.user_id for each in (nobody, *users)]
            ),
        )

    def _user_with_password(self, args: RedisArgs, user: str, access: str) -> Any:
        """One who is let in with the newest password and the one before; the newest is handed out once it is."""
        made: list[Any] = []

        def accept(passwords: Sequence[pulumi.Output[str]]) -> Any:
            made.append(self._user(user, access, passwords=list(passwords)))
            return made[0]

        self._passwords[user] = self._secret(
            args,
            f"{user}-password",
            f"{user} at the {args.mode}",
            rotation=args.password_rotation,
            accepted_by=accept,
        )
        return made[0]

    def _user(self, user: str, access: str, **proof: Any) -> Any:
        return self.make(
            f"{user}-user",
            elasticache.User,
            elasticache.UserArgs(
                engine="valkey", user_id=f"{self.group_id}-{user}", user_name=user, access_string=access, **proof
            ),
        )

    def _parameter_group(self, args: RedisArgs) -> Any:
        major = args.engine_version.split(".")[0]
        return self.make(
            "parameters",
            elasticache.ParameterGroup,
            elasticache.ParameterGroupArgs(
                # A new major version needs a group of its family, while the old one is still in use: hence in the name.
                name=f"{self.group_id}-{major}",
                family=f"valkey{major}",
                description=f"Settings of the {args.mode}",
                parameters=[
                    elasticache.ParameterGroupParameterArgs(name=key, value=value)
                    for key, value in sorted(redis_plan.PARAMETERS[args.mode].items())
                ],
            ),
        )

    def _final_snapshot(self) -> pulumi.Output[str]:
        """A name that no earlier group's last snapshot has."""
        return pulumi.Output.concat(
            f"{self.group_id}-final-", self.make("final", RandomId, RandomIdArgs(byte_length=4)).hex
        )

    def _log_group(self, args: RedisArgs, short: str) -> LogGroup:
        return LogGroup(
            self.child_name(f"{short}-log"),
            LogGroupArgs(
                log_group_name=log_group_name(pulumi.get_project(), pulumi.get_stack(), self.name, short),
                key_arn=args.logs_key_arn,
                retention_days=args.log_retention_days,
            ),
            pulumi.ResourceOptions(parent=self),
        )


def _shape(args: RedisArgs) -> dict[str, Any]:
    """How many nodes in which mode; the two modes take different arguments."""
    if args.mode is Mode.BROKER:
        return {"num_cache_clusters": args.replicas + 1, "automatic_failover_enabled": args.replicas > 0}
    return {
        "cluster_mode": "enabled",
        "num_node_groups": args.shards,
        "replicas_per_node_group": args.replicas,
        # Cluster mode cannot do without, even where there is no replica yet.
        "automatic_failover_enabled": True,
    }
