"""PostgreSQL on RDS: one primary for every service's database, and its read replicas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pulumi
from pulumi_aws import iam, rds
from pulumi_random import RandomId, RandomIdArgs

from components.base import Component, Transforms
from components.data import postgres_plan
from components.data.connections import MasterUser, PostgresConnection, SecretReference
from components.observability.log_group import LogGroup, LogGroupArgs
from components.security.secrets import GeneratedSecret, GeneratedSecretArgs
from components.security.trust import taken_for
from model.names import secret_name
from model.vocabulary import Upgrade

PORT = 5432
MASTER_USER = "matchday_master"


@dataclass(frozen=True, kw_only=True, slots=True)
class PostgresArgs:
    """What a PostgreSQL server is made from.

    - subnet_ids: data subnets in two zones or more. security_group_id: its rules say who may connect.
    - account_id: the account's number, on whose behalf alone RDS may take the role of enhanced monitoring.
    - data_key_arn, secrets_key_arn, logs_key_arn: KMS keys of the storage, the master password and the logs.
    - instance_class: such as ``db.r7g.large``. storage_gb, max_storage_gb: GiB at first, and how far it may grow by itself.
    - max_connections: set, not derived from memory, so that its alarm is a plain number.
    - engine_version: the major version; minor ones come by themselves in the maintenance window.
    - upgrade: how another major version is reached (docs/runbooks/postgres-upgrade.md); default NONE: AWS refuses it.
    - multi_az: a standby in another zone; default True; False must be relaxed as ``multi_az``.
    - replicas: read replicas, 0–5; default 0.
    - backup_days: 0–35; default 35. insights: CloudWatch Database Insights (``off``, ``standard``, ``advanced``).
    - monitoring_seconds: interval of enhanced monitoring, 0 is off; default 60.
    - log_retention_days: of the exported logs; default 365.
    - deletion_protection: the program and RDS refuse to delete or replace it, a final snapshot is made, backups are kept and
      changes wait for the maintenance window; default True; False must be relaxed as ``deletion_protection``.
    - tls: whether clients must use TLS; default True; False must be relaxed as ``tls``.
    - relaxed: what of the above is relaxed → why.
    """

    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    account_id: pulumi.Input[str]
    data_key_arn: pulumi.Input[str]
    secrets_key_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    instance_class: str
    storage_gb: int
    max_storage_gb: int
    max_connections: int
    engine_version: str = "17"
    upgrade: Upgrade = Upgrade.NONE
    multi_az: bool = True
    replicas: int = 0
    backup_days: int = 35
    insights: str = "standard"
    monitoring_seconds: int = 60
    log_retention_days: int = 365
    deletion_protection: bool = True
    tls: bool = True
    relaxed: Mapping[str, str] = field(default_factory=dict)


class Postgres(Component):
    """A PostgreSQL server.

    Makes: ``aws:rds:SubnetGroup``, ``aws:rds:ParameterGroup``, an ``aws:iam:Role`` for enhanced monitoring with its
    ``RolePolicyAttachment``, a `LogGroup` per exported log, the ``aws:rds:Instance`` (role ``""``) and one per replica
    (``replica-1`` …). With deletion protection a ``random:RandomId`` (``final``), which ends the last snapshot's name.

    RDS makes and rotates the master password itself, except where there are replicas: RDS for PostgreSQL takes no replica of a
    server whose password it manages (RDS User Guide, "Limitations for Secrets Manager integration"). A `GeneratedSecret` holds
    it then.
    """

    RELAXABLE: ClassVar[Mapping[str, str]] = {
        "multi_az": "the database stops with its zone",
        "deletion_protection": "the database can be deleted with all its data",
        "tls": "what clients send and read can be read on the network",
    }

    identifier: str
    connection: PostgresConnection
    master: MasterUser
    arn: pulumi.Output[str]
    replica_hosts: list[pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        args: PostgresArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform, relaxed=args.relaxed)
        self.require("multi_az", args.multi_az)
        self.require("deletion_protection", args.deletion_protection)
        self.require("tls", args.tls)
        if args.upgrade is Upgrade.BLUE_GREEN and args.replicas:
            raise ValueError(
                f"Postgres {name!r}: blue/green with {args.replicas} replicas; the copy would have none: take them away first"
            )
        self._args = args
        self.identifier = self.physical_name(kind="db-instance")
        self._subnets = self.make(
            "subnets",
            rds.SubnetGroup,
            rds.SubnetGroupArgs(
                name=self.identifier, description="Data subnets of the platform's database", subnet_ids=args.subnet_ids
            ),
        )
        self._parameters = self._parameter_group()
        self._monitoring = self._monitoring_role() if args.monitoring_seconds else None
        generated = self._generated_password() if args.replicas else None
        primary = self._primary(generated)
        self.arn = primary.arn
        self.replica_hosts = []
        replica_ids = []
        for number in range(1, args.replicas + 1):
            replica_ids.append(self.physical_name(f"replica-{number}", "db-instance"))
            self.replica_hosts.append(self._replica(number, replica_ids[-1], primary).address)
        self.connection = PostgresConnection(
            host=primary.address,
            read_host=self.replica_hosts[0] if self.replica_hosts else primary.address,
            port=PORT,
            tls=args.tls,
        )
        self.master = MasterUser(user=MASTER_USER, password=self._master_password(primary, generated))
        self.signals = postgres_plan.signals(
            self.identifier,
            instance_class=args.instance_class,
            storage_gb=args.storage_gb,
            max_connections=args.max_connections,
            replicas=replica_ids,
        )
        self.register_outputs({"identifier": self.identifier, "arn": self.arn, "host": self.connection.host})

    def _parameter_group(self) -> Any:
        args = self._args
        rows = postgres_plan.parameters(tls=args.tls, max_connections=args.max_connections, upgrade=args.upgrade)
        return self.make(
            "parameters",
            rds.ParameterGroup,
            rds.ParameterGroupArgs(
                # A new major version needs a group of its family, while the old one is still in use: hence in the name.
                name=f"{self.identifier}-{self._args.engine_version}",
                family=f"postgres{self._args.engine_version}",
                description="TLS, logs that hold no secrets, statistics of statements",
                parameters=[
                    rds.ParameterGroupParameterArgs(name=row.name, value=row.value, apply_method=row.apply_method)
                    for row in rows
                ],
            ),
        )

    def _monitoring_role(self) -> Any:
        role = self.make(
            "monitoring",
            iam.Role,
            iam.RoleArgs(
                name=self.physical_name("monitoring", "iam-role"),
                description="RDS enhanced monitoring writes operating-system metrics",
                assume_role_policy=pulumi.Output.json_dumps(taken_for("monitoring.rds", self._args.account_id)),
            ),
        )
        self.make(
            "monitoring-policy",
            iam.RolePolicyAttachment,
            iam.RolePolicyAttachmentArgs(
                role=role.name, policy_arn="arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
            ),
        )
        return role

    def _generated_password(self) -> GeneratedSecret:
        return GeneratedSecret(
            self.child_name("master-password"),
            GeneratedSecretArgs(
                secret_name=secret_name(pulumi.get_project(), pulumi.get_stack(), self.name, "MASTER_PASSWORD"),
                description="Master user of the database server; only the task that makes databases reads it",
                key_arn=self._args.secrets_key_arn,
                recovery_window_days=30 if self._args.deletion_protection else 0,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _log_groups(self, role: str, identifier: str) -> list[LogGroup]:
        # RDS would make these groups by itself, without a key and for ever.
        return [
            LogGroup(
                self.child_name(f"{role}-{log}" if role else log),
                LogGroupArgs(
                    log_group_name=f"/aws/rds/instance/{identifier}/{log}",
                    key_arn=self._args.logs_key_arn,
                    retention_days=self._args.log_retention_days,
                ),
                pulumi.ResourceOptions(parent=self),
            )
            for log in postgres_plan.LOG_EXPORTS
        ]

    def _shared(self) -> dict[str, Any]:
        """What a primary and its replicas have in common."""
        args = self._args
        insights = args.insights in postgres_plan.INSIGHTS_DAYS
        return {
            "instance_class": args.instance_class,
            "storage_type": "gp3",
            "storage_encrypted": True,
            "max_allocated_storage": args.max_storage_gb,
            "vpc_security_group_ids": [args.security_group_id],
            "parameter_group_name": self._parameters.name,
            "port": PORT,
            "publicly_accessible": False,
            "copy_tags_to_snapshot": True,
            "deletion_protection": args.deletion_protection,
            "auto_minor_version_upgrade": True,
            "iam_database_authentication_enabled": True,
            "ca_cert_identifier": "rds-ca-rsa2048-g1",
            "enabled_cloudwatch_logs_exports": list(postgres_plan.LOG_EXPORTS),
            "database_insights_mode": "advanced" if args.insights == "advanced" else "standard",
            "performance_insights_enabled": insights,
            "performance_insights_kms_key_id": args.data_key_arn if insights else None,
            "performance_insights_retention_period": postgres_plan.INSIGHTS_DAYS.get(args.insights),
            "monitoring_interval": args.monitoring_seconds,
            "monitoring_role_arn": self._monitoring.arn if self._monitoring else None,
            "maintenance_window": "sun:21:30-sun:22:30",  # UTC; 03:00 on Monday in India, when no match is played
            "apply_immediately": not args.deletion_protection or args.upgrade is not Upgrade.NONE,
            "allow_major_version_upgrade": args.upgrade is not Upgrade.NONE,
        }

    def _primary(self, password: GeneratedSecret | None) -> Any:
        args = self._args
        master: dict[str, Any] = (
            {"password": password.value}
            if password
            else {"manage_master_user_password": True, "master_user_secret_kms_key_id": args.secrets_key_arn}
        )
        return self.make(
            "",
            rds.Instance,
            rds.InstanceArgs(
                identifier=self.identifier,
                engine="postgres",
                engine_version=args.engine_version,
                allocated_storage=args.storage_gb,
                kms_key_id=args.data_key_arn,
                username=MASTER_USER,
                db_subnet_group_name=self._subnets.name,
                multi_az=args.multi_az,
                backup_retention_period=args.backup_days,
                backup_window="20:00-21:00",
                delete_automated_backups=not args.deletion_protection,
                skip_final_snapshot=not args.deletion_protection,
                final_snapshot_identifier=self._final_snapshot() if args.deletion_protection else None,
                blue_green_update=rds.InstanceBlueGreenUpdateArgs(enabled=True)
                if args.upgrade is Upgrade.BLUE_GREEN
                else None,
                **master,
                **self._shared(),
            ),
            pulumi.ResourceOptions(depends_on=self._log_groups("", self.identifier), protect=args.deletion_protection),
        )

    def _final_snapshot(self) -> pulumi.Output[str]:
        """A name that no earlier server's last snapshot has."""
        return pulumi.Output.concat(
            f"{self.identifier}-final-", self.make("final", RandomId, RandomIdArgs(byte_length=4)).hex
        )

    def _replica(self, number: int, identifier: str, primary: Any) -> Any:
        role = f"replica-{number}"
        return self.make(
            role,
            rds.Instance,
            rds.InstanceArgs(
                identifier=identifier,
                replicate_source_db=primary.identifier,
                skip_final_snapshot=True,
                **self._shared(),
            ),
            pulumi.ResourceOptions(depends_on=self._log_groups(role, identifier)),
        )

    def _master_password(self, primary: Any, password: GeneratedSecret | None) -> SecretReference:
        if password is not None:
            return SecretReference(arn=password.arn, key_arn=self._args.secrets_key_arn)
        managed = primary.master_user_secrets.apply(lambda secrets: secrets[0].secret_arn)
        return SecretReference(arn=managed, key_arn=self._args.secrets_key_arn, json_key="password")
