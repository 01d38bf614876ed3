"""Monitoring: the signals of a whole stack as alarms, the topics that carry them, and one dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.base import Component, Transforms


@dataclass(frozen=True, kw_only=True, slots=True)
class MonitoringArgs:
    """What is watched and who hears of it.

    - components: every component of the stack; those without signals are skipped.
    - account_id, region: of the stack.
    - key_arn: KMS key of the topics; its policy must admit CloudWatch (`security.Keys.logs`).
    - page_emails, ticket_emails: addresses that are subscribed to the topics; each must confirm by mail.
    """

    components: Sequence[Component]
    account_id: pulumi.Input[str]
    region: str
    key_arn: pulumi.Input[str]
    page_emails: Sequence[str] = ()
    ticket_emails: Sequence[str] = ()


class Monitoring(Component):
    """Alarms, topics and dashboard. (resources listed when filled)"""

    page_topic_arn: pulumi.Output[str]
    ticket_topic_arn: pulumi.Output[str]
    alarm_count: int
    dashboard_name: str

    def __init__(
        self,
        name: str,
        args: MonitoringArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        raise NotImplementedError
