"""When backups are made, how long they are kept, and what is watched of them; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.observability.signals import Comparison, MissingData, Severity, Signal


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Recovery points by the clock (UTC), each kept for `days`, here and in the other Region."""

    name: str
    schedule: str
    days: int


#: RDS's own point-in-time backups reach back 35 days. These are for what those cannot bring back: a server that is deleted with
#: them, a Region that is gone, a mistake found late. Clear of RDS's backup and maintenance windows, in which a snapshot fails.
RULES: Sequence[Rule] = (
    Rule(name="half-day", schedule="cron(0 11,23 * * ? *)", days=35),
    Rule(name="month", schedule="cron(0 1 1 * ? *)", days=400),
)

#: Every Sunday morning in India, when no match is played, the latest recovery point is restored and thrown away again.
RESTORE_SCHEDULE = "cron(0 1 ? * SUN *)"

#: Hours for which a restored server stays, so that somebody, or a check, can look into it.
RESTORED_HOURS = 2

#: Half of what lies between two backups: of four such windows in a row one has a backup, however long it took.
_QUARTER_DAY = 6 * 3600


def signals(vault: str) -> list[Signal]:
    """What is watched on the vault of this name; jobs that fail are events (`BackupEvents`)."""
    return [
        Signal(
            name="stale",
            summary="No backup was completed for a day",
            namespace="AWS/Backup",
            metric="NumberOfBackupJobsCompleted",
            dimensions={"BackupVaultName": vault},
            statistic="Sum",
            comparison=Comparison.BELOW,
            threshold=1,
            period=_QUARTER_DAY,
            periods=4,
            severity=Severity.TICKET,
            runbook="backup-failed",
            missing=MissingData.BREACHING,
            unit_hint="jobs",
        )
    ]
