"""The parameters of a PostgreSQL server and what of it is watched, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from components.observability.signals import Comparison, MissingData, Severity, Signal, on
from model.vocabulary import Upgrade

#: Parameters that RDS applies at a restart only; all others take effect at once. `rds.force_ssl` could, but 1 is its default
#: from PostgreSQL 15 on: RDS reports such a row as applied at a restart and refuses to change that alone, so that `immediate`
#: would be a difference in every plan (terraform-provider-aws#39252). A new server starts with it either way.
STATIC = frozenset({"max_connections", "rds.force_ssl", "rds.logical_replication", "shared_preload_libraries"})

#: The part of the storage that is free when RDS makes it larger (RDS User Guide, "Managing capacity automatically").
GROWS_BELOW = 0.10

GIBIBYTE = 1024**3

#: Days that performance data is kept, by mode of CloudWatch Database Insights: what each mode includes.
INSIGHTS_DAYS = {"standard": 7, "advanced": 465}

#: Logs that RDS for PostgreSQL exports to CloudWatch.
LOG_EXPORTS = ("postgresql", "upgrade", "iam-db-auth-error")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row of a parameter group."""

    name: str
    value: str

    @property
    def apply_method(self) -> str:
        """When RDS applies it."""
        return "pending-reboot" if self.name in STATIC else "immediate"


def parameters(*, tls: bool, max_connections: int, upgrade: Upgrade = Upgrade.NONE) -> list[Parameter]:
    """The parameter group's rows.

    A blue/green upgrade to another major version copies by logical replication, which must be on before.

    `log_statement` stays `none`: it would write the `ALTER ROLE … PASSWORD` of each start of a task into the log. Bound
    values of slow statements are left out of the log too, because they are players' data.
    """
    values = {
        "idle_in_transaction_session_timeout": "60000",
        "log_connections": "1",
        "log_disconnections": "1",
        "log_lock_waits": "1",
        "log_min_duration_statement": "1000",
        "log_parameter_max_length": "0",
        "log_statement": "none",
        "log_temp_files": "10240",
        "max_connections": str(max_connections),
        "pg_stat_statements.track": "top",
        "rds.force_ssl": "1" if tls else "0",
        "shared_preload_libraries": "pg_stat_statements",
        "track_io_timing": "1",
    }
    if upgrade is Upgrade.BLUE_GREEN:
        values["rds.logical_replication"] = "1"
    return [Parameter(name, value) for name, value in sorted(values.items())]


def signals(
    identifier: str, *, instance_class: str, storage_gb: int, max_connections: int, replicas: Sequence[str]
) -> list[Signal]:
    """What is watched on the primary `identifier` and on its replicas."""

    def of(instance: str) -> Callable[..., Signal]:
        return on("AWS/RDS", {"DBInstanceIdentifier": instance})

    primary = of(identifier)

    found = [
        primary(
            name="cpu",
            summary="The database server's CPU has been above 85 % for ten minutes; statements wait.",
            metric="CPUUtilization",
            threshold=85,
            periods=10,
            severity=Severity.TICKET,
            runbook="postgres-load",
        ),
        primary(
            name="storage",
            summary="The database's storage should have grown and has not; when none is free it stops.",
            metric="FreeStorageSpace",
            statistic="Minimum",
            comparison=Comparison.BELOW,
            # RDS grows it below GROWS_BELOW of what there is, which is never less than at first.
            threshold=storage_gb * GIBIBYTE * GROWS_BELOW * 0.8,
            period=300,
            periods=3,
            severity=Severity.PAGE,
            runbook="postgres-storage",
            unit_hint="bytes",
        ),
        primary(
            name="connections",
            summary="More than 80 % of the database's connections are taken; soon new ones are refused.",
            metric="DatabaseConnections",
            statistic="Maximum",
            threshold=max_connections * 0.8,
            severity=Severity.PAGE,
            runbook="postgres-connections",
        ),
        primary(
            name="transaction-ids",
            summary="Vacuum does not keep up: half of the transaction ids before wraparound are used.",
            metric="MaximumUsedTransactionIDs",
            statistic="Maximum",
            threshold=1_000_000_000,
            period=300,
            periods=3,
            severity=Severity.TICKET,
            runbook="postgres-vacuum",
        ),
    ]
    found.append(
        primary(
            name="silent",
            summary="The database server reports nothing any more: it is down, or cut off.",
            metric="CPUUtilization",
            statistic="SampleCount",
            comparison=Comparison.BELOW,
            threshold=1,
            severity=Severity.PAGE,
            runbook="postgres-down",
            # Five minutes: a failover to the standby takes one or two.
            missing=MissingData.BREACHING,
        )
    )
    if instance_class.startswith("db.t"):
        found.append(
            primary(
                name="cpu-credits",
                summary="The burstable database server has nearly used up its CPU credits and is about to slow down.",
                metric="CPUCreditBalance",
                comparison=Comparison.BELOW,
                threshold=20,
                period=300,
                periods=3,
                severity=Severity.TICKET,
                runbook="postgres-load",
            )
        )
    found += [
        of(replica)(
            name=f"lag-{number}",
            summary=f"The read replica {replica} is more than 30 seconds behind.",
            metric="ReplicaLag",
            statistic="Maximum",
            threshold=30,
            severity=Severity.TICKET,
            runbook="postgres-replica-lag",
            unit_hint="seconds",
        )
        for number, replica in enumerate(replicas, start=1)
    ]
    return found
