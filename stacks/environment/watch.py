"""What watches an environment: alarms for the signals of everything made before, and RDS's own events."""

from __future__ import annotations

from components.data.database_events import DatabaseEvents, DatabaseEventsArgs
from components.observability.monitoring import Monitoring, MonitoringArgs
from components.recovery.backup_events import BackupEvents, BackupEventsArgs
from environments.settings import EnvironmentSettings
from model.names import MONITORING
from stacks.environment.foundation import Foundation


class Watch:
    """Attributes are the components. Made last: a component with signals that comes later is refused."""

    def __init__(self, settings: EnvironmentSettings, foundation: Foundation) -> None:
        self.monitoring = Monitoring(
            MONITORING,
            MonitoringArgs(
                account_id=foundation.account_id,
                region=settings.region,
                key_arn=foundation.keys.logs,
                edge_key_arn=foundation.keys.edge_logs,
                page_emails=settings.alarms.page,
                ticket_emails=settings.alarms.ticket,
            ),
        )
        if settings.recovery is not None:
            BackupEvents("backup-events", BackupEventsArgs(ticket_topic_arn=self.monitoring.ticket_topic_arn))
        DatabaseEvents(
            "database-events",
            DatabaseEventsArgs(
                page_topic_arn=self.monitoring.page_topic_arn, ticket_topic_arn=self.monitoring.ticket_topic_arn
            ),
        )
