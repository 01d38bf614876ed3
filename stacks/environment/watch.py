"""What watches an environment: alarms for the signals of everything made before, and RDS's own events."""

from __future__ import annotations

from components.data.database_events import DatabaseEvents, DatabaseEventsArgs
from components.observability.canaries import RUNS, Canaries, CanariesArgs
from components.observability.monitoring import Monitoring, MonitoringArgs, SlackChannel
from components.observability.queries import Queries, QueriesArgs
from components.recovery.backup_events import BackupEvents, BackupEventsArgs
from environments.settings import EnvironmentSettings
from model.names import MONITORING
from model.vocabulary import Tier
from stacks.environment.edge import Edge
from stacks.environment.foundation import Foundation
from stacks.environment.services import Services


class Watch:
    """Attributes are the components. Made last: a component with signals that comes later is refused."""

    def __init__(
        self,
        settings: EnvironmentSettings,
        foundation: Foundation,
        edge: Edge,
        services: Services,
        pager: str | None = None,
    ) -> None:
        slack = settings.alarms.slack
        if settings.behind_cdn and settings.compute.hours is None:  # who has no tasks at night would page at night
            Canaries(
                "canary",
                CanariesArgs(
                    account_id=foundation.account_id,
                    region=settings.region,
                    url=edge.public_url,
                    bucket=foundation.bucket("canary-runs", expire_days=30, expire_prefix=RUNS),
                    key_arn=foundation.keys.data,
                ),
            )
        self.monitoring = Monitoring(
            MONITORING,
            MonitoringArgs(
                account_id=foundation.account_id,
                region=settings.region,
                key_arn=foundation.keys.logs,
                edge_key_arn=foundation.keys.edge_logs,
                page_emails=settings.alarms.page,
                ticket_emails=settings.alarms.ticket,
                pager=pager,
                chat=None if slack is None else SlackChannel(team_id=slack.team, channel_id=slack.channel),
                # A laptop's are looked at by `matchday status`.
                services=() if settings.tier is Tier.LAPTOP else sorted(services.applications),
            ),
        )
        if settings.tier is not Tier.LAPTOP:
            logs = [services.applications[name].log_group_name for name in sorted(services.applications)]
            logs.append(services.databases.application.log_group_name)
            Queries("queries", QueriesArgs(log_group_names=logs))
        if settings.recovery is not None:
            BackupEvents("backup-events", BackupEventsArgs(ticket_topic_arn=self.monitoring.ticket_topic_arn))
        DatabaseEvents(
            "database-events",
            DatabaseEventsArgs(
                page_topic_arn=self.monitoring.page_topic_arn, ticket_topic_arn=self.monitoring.ticket_topic_arn
            ),
        )
