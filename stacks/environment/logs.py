"""The access logs of an environment as tables: what asked, who answered, which connections there were."""

from __future__ import annotations

import pulumi

from components.observability import log_formats
from components.observability.log_tables import LogTable, LogTables, LogTablesArgs
from environments.settings import EnvironmentSettings
from model.vocabulary import Tier
from stacks.environment.foundation import ACCESS_LOG_DAYS, Foundation

#: No environment has flow logs from before.
_FIRST_YEAR = 2026


def log_tables(settings: EnvironmentSettings, foundation: Foundation) -> None:
    """Nothing on a laptop, which has no such logs."""
    if settings.tier is Tier.LAPTOP:
        return
    logs = pulumi.Output.concat("s3://", foundation.access_logs.bucket_name, "/AWSLogs/")
    own = pulumi.Output.concat(logs, foundation.account_id)
    tables = {
        "load_balancer": LogTable(
            format=log_formats.load_balancer(ACCESS_LOG_DAYS),
            location=pulumi.Output.concat(own, f"/elasticloadbalancing/{settings.region}"),
        ),
        "cdn": LogTable(format=log_formats.distribution(), location=pulumi.Output.concat(own, "/CloudFront")),
    }
    if settings.network.flow_logs == "s3":
        place = f"/aws-service=vpcflowlogs/aws-region={settings.region}"
        tables["flows"] = LogTable(
            format=log_formats.flows(_FIRST_YEAR),
            location=pulumi.Output.concat(logs, "aws-account-id=", foundation.account_id, place),
        )
    LogTables("logs", LogTablesArgs(tables=tables))
