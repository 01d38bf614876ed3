"""Questions to the logs that are asked again and again, saved where people look for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch

from components.base import Component, Transforms

#: Name → question, in the language of CloudWatch Logs Insights. Services log JSON (docs/services.md).
QUERIES: Mapping[str, str] = {
    "errors": """fields @timestamp, service, level, message, exception, request_id
| filter level in ["ERROR", "CRITICAL"]
| sort @timestamp desc
| limit 200""",
    "by-request": """fields @timestamp, service, level, message
| filter request_id = "PUT THE ID HERE"
| sort @timestamp asc
| limit 1000""",
    "by-runbook": """filter ispresent(runbook)
| stats count(*) as lines, latest(@timestamp) as last by runbook, service, message
| sort lines desc""",
    "slow-requests": """filter message = "request"
| stats count(*) as requests, pct(milliseconds, 50) as p50, pct(milliseconds, 99) as p99, max(milliseconds) as longest
  by service, method, route
| sort p99 desc
| limit 50""",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class QueriesArgs:
    """log_group_names: the services' log groups, which every question is asked of; AWS takes 50 in one question."""

    log_group_names: Sequence[pulumi.Input[str]]


class Queries(Component):
    """Saved questions.

    Makes: an ``aws:cloudwatch:QueryDefinition`` for each of QUERIES.
    """

    def __init__(
        self,
        name: str,
        args: QueriesArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        for query, text in QUERIES.items():
            self.make(
                query,
                cloudwatch.QueryDefinition,
                cloudwatch.QueryDefinitionArgs(
                    # The console shows what is before a slash as a folder.
                    name=f"{pulumi.get_project()}-{pulumi.get_stack()}/{query}",
                    log_group_names=list(args.log_group_names[:50]),
                    query_string=text,
                ),
            )
        self.register_outputs({})
