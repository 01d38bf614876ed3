"""Monitoring: the signals of a whole stack as alarms, the topics that carry them, and one dashboard."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import chatbot, cloudwatch, iam, sns

from components.base import Component, Transforms
from components.observability.dashboards import Panel, body, dashboards, of_service
from components.observability.signals import BANDS, PLAIN_STATISTICS, Severity, Signal
from components.register import register
from components.security.trust import taken_for


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackChannel:
    """A channel of a workspace that was joined to the account once, in the console of Amazon Q in chat applications."""

    team_id: str
    channel_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MonitoringArgs:
    """Whom the alarms reach.

    - account_id, region: of the stack.
    - key_arn: KMS key of the topics; its policy must admit CloudWatch (`security.Keys.logs`).
    - edge_key_arn: the same in us-east-1 (`security.Keys.edge_logs`); needed where a signal is there (CloudFront and its ACL).
    - page_emails, ticket_emails: addresses that are subscribed to the topics; each must confirm by mail.
    - pager: the address of a paging service that confirms subscriptions by itself; a secret, as it holds the service's key.
      Default None.
    - chat: the channel in Slack that gets what the topics carry; default None.
    - services: names of which each has a dashboard of its own; default none.
    """

    account_id: pulumi.Input[str]
    region: str
    key_arn: pulumi.Input[str]
    edge_key_arn: pulumi.Input[str] | None = None
    page_emails: Sequence[str] = ()
    ticket_emails: Sequence[str] = ()
    pager: str | None = None
    chat: SlackChannel | None = None
    services: Sequence[str] = ()


#: How often a page is sent again that the paging service did not take: for half an hour (SNS Developer Guide, "Message delivery
#: retries"); by itself SNS gives up after a minute.
PAGED_AGAIN: Mapping[str, Any] = {
    "healthyRetryPolicy": {
        "minDelayTarget": 1,
        "maxDelayTarget": 60,
        "numRetries": 40,
        "numNoDelayRetries": 3,
        "numMinDelayRetries": 2,
        "numMaxDelayRetries": 25,
        "backoffFunction": "exponential",
    }
}


class Monitoring(Component):
    """Alarms for the signals of every component made before it, the topics that they reach people by, and a dashboard of them.

    An alarm of severity PAGE pages nobody by itself: one composite alarm per component does, so that one incident is one
    page however many of the component's alarms it trips; signals that page `together` are one term of it. Every alarm is
    also a message on the ticket topic.

    Makes, per Region in which there are signals: ``aws:sns:Topic`` and ``TopicPolicy`` (``page``, ``ticket``, with
    ``-<region>`` outside the stack's; ``…-policy``) and ``TopicSubscription`` (``<topic>-<address>``, ``page-pager``); per
    signal ``aws:cloudwatch:MetricAlarm`` (``<component>-<signal>``); per component that pages ``CompositeAlarm``
    (``<component>-pages``); ``Dashboard`` (``dashboard``; ``dashboard-2`` and on where it is full; ``<service>-dashboard``);
    with a channel ``aws:iam:Role`` (``chat-role``) and ``aws:chatbot:SlackChannelConfiguration`` (``chat``).

    `watched`: the components whose signals these are.
    """

    def __init__(
        self,
        name: str,
        args: MonitoringArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        self.watched = watched = register().watch(name)
        regions = {args.region, *(signal.region or args.region for item in watched for signal in item.signals)}
        topics = {region: self._topics(region, args) for region in sorted(regions)}

        pages: list[pulumi.Output[str]] = []
        self.alarm_count = 0
        for component in watched:
            paging: dict[str, dict[str, list[pulumi.Output[str]]]] = {}
            for signal in component.signals:
                region = signal.region or args.region
                alarm = self._alarm(component, signal, topics[region][Severity.TICKET])
                self.alarm_count += 1
                if signal.severity is Severity.PAGE:
                    terms = paging.setdefault(region, {})
                    terms.setdefault(signal.together or signal.name, []).append(alarm.name)
            for region, terms in paging.items():
                pages.append(self._page(component, terms, region, topics[region][Severity.PAGE], args))

        self.page_topic_arn = topics[args.region][Severity.PAGE]
        self.ticket_topic_arn = topics[args.region][Severity.TICKET]
        self.dashboard_name = self.physical_name()
        panels = [Panel(component.name, component.signals, component.graphs) for component in watched]
        for number, document in enumerate(dashboards(args.region, pages, panels), 1):
            self.make(
                "dashboard" if number == 1 else f"dashboard-{number}",
                cloudwatch.Dashboard,
                cloudwatch.DashboardArgs(
                    dashboard_name=self.dashboard_name if number == 1 else self.physical_name(str(number)),
                    dashboard_body=pulumi.Output.json_dumps(document),
                ),
            )
        for service in args.services:
            self.make(
                f"{service}-dashboard",
                cloudwatch.Dashboard,
                cloudwatch.DashboardArgs(
                    dashboard_name=self.physical_name(service),
                    dashboard_body=pulumi.Output.json_dumps(body(args.region, [], of_service(service, panels))),
                ),
            )
        if args.chat is not None:
            self._chat(args.chat, args.account_id, [arn for each in topics.values() for arn in each.values()])
        self.register_outputs(
            {
                "page_topic_arn": self.page_topic_arn,
                "ticket_topic_arn": self.ticket_topic_arn,
                "alarm_count": self.alarm_count,
                "dashboard_name": self.dashboard_name,
            }
        )

    def _topics(self, region: str, args: MonitoringArgs) -> dict[Severity, pulumi.Output[str]]:
        """The topics of one Region: an alarm can only reach one in its own."""
        elsewhere = None if region == args.region else region
        key = args.key_arn if elsewhere is None else args.edge_key_arn
        if key is None:
            raise ValueError(
                f"monitoring {self.name!r}: there are signals in {region}; edge_key_arn must be a key there"
            )
        addresses = {Severity.PAGE: args.page_emails, Severity.TICKET: args.ticket_emails}
        arns: dict[Severity, pulumi.Output[str]] = {}
        for severity in Severity:
            role = str(severity) if elsewhere is None else f"{severity}-{region}"
            topic = self.make(
                role,
                sns.Topic,
                sns.TopicArgs(name=self.physical_name(role, "sns"), kms_master_key_id=key, region=elsewhere),
            )
            self.make(
                f"{role}-policy",
                sns.TopicPolicy,
                sns.TopicPolicyArgs(
                    arn=topic.arn,
                    policy=pulumi.Output.json_dumps(topic_policy(topic.arn, args.account_id)),
                    region=elsewhere,
                ),
            )
            for address in addresses[severity]:
                self.make(
                    f"{role}-{re.sub('[^a-z0-9]+', '-', address.lower())}",
                    sns.TopicSubscription,
                    sns.TopicSubscriptionArgs(topic=topic.arn, protocol="email", endpoint=address, region=elsewhere),
                )
            if severity is Severity.PAGE and args.pager is not None:
                self.make(
                    f"{role}-pager",
                    sns.TopicSubscription,
                    sns.TopicSubscriptionArgs(
                        topic=topic.arn,
                        protocol="https",
                        endpoint=pulumi.Output.secret(args.pager),
                        # `up` waits for the confirmation: an address that never answers would never page.
                        endpoint_auto_confirms=True,
                        confirmation_timeout_in_minutes=5,
                        delivery_policy=json.dumps(PAGED_AGAIN),
                        region=elsewhere,
                    ),
                )
            arns[severity] = topic.arn
        return arns

    def _chat(self, channel: SlackChannel, account_id: pulumi.Input[str], topics: Sequence[pulumi.Output[str]]) -> None:
        """The channel reads graphs and logs by a role that may change nothing, whoever types there."""
        role = self.make(
            "chat-role",
            iam.Role,
            iam.RoleArgs(
                name=self.physical_name("chat", "iam-role"),
                description="Graphs of alarms for the channel in Slack",
                assume_role_policy=pulumi.Output.json_dumps(chat_trust(account_id)),
                managed_policy_arns=[CHAT_MAY],
            ),
        )
        self.make(
            "chat",
            chatbot.SlackChannelConfiguration,
            chatbot.SlackChannelConfigurationArgs(
                configuration_name=self.physical_name("chat"),
                iam_role_arn=role.arn,
                slack_team_id=channel.team_id,
                slack_channel_id=channel.channel_id,
                sns_topic_arns=list(topics),
                guardrail_policy_arns=[CHAT_MAY],
                logging_level="ERROR",
                user_authorization_required=True,
            ),
        )

    def _alarm(self, component: Component, signal: Signal, topic: pulumi.Output[str]) -> cloudwatch.MetricAlarm:
        role = f"{component.name}-{signal.name}"
        return self.make(
            role,
            cloudwatch.MetricAlarm,
            cloudwatch.MetricAlarmArgs(
                name=self.physical_name(role),
                alarm_description=f"{signal.summary}. Runbook: docs/runbooks/{signal.runbook}.md",
                **_watched(signal),
                comparison_operator=str(signal.comparison),
                **({"threshold_metric_id": _BAND} if signal.comparison in BANDS else {"threshold": signal.threshold}),
                evaluation_periods=signal.periods,
                datapoints_to_alarm=signal.datapoints or signal.periods,
                treat_missing_data=str(signal.missing),
                alarm_actions=[topic],
                region=signal.region,
            ),
        )

    def _page(
        self,
        component: Component,
        terms: Mapping[str, Sequence[pulumi.Output[str]]],
        region: str,
        topic: pulumi.Output[str],
        args: MonitoringArgs,
    ) -> pulumi.Output[str]:
        """The composite alarm that pages for `component`; its ARN."""
        elsewhere = None if region == args.region else region
        role = f"{component.name}-pages" if elsewhere is None else f"{component.name}-pages-{region}"
        composite = self.make(
            role,
            cloudwatch.CompositeAlarm,
            cloudwatch.CompositeAlarmArgs(
                alarm_name=self.physical_name(role),
                alarm_description=f"{component.name} needs a person now; the alarms that tripped name their runbooks",
                alarm_rule=pulumi.Output.all(*terms.values()).apply(_rule),
                alarm_actions=[topic],
                ok_actions=[topic],
                region=elsewhere,
            ),
        )
        arn: pulumi.Output[str] = composite.arn
        return arn


#: The id of the band that a metric is held against.
_BAND = "usual"


def _rule(terms: Sequence[Sequence[str]]) -> str:
    """A composite alarm's rule: some term, of which all alarms ring."""
    written = [" AND ".join(f'ALARM("{name}")' for name in names) for names in terms]
    return " OR ".join(f"({term})" if len(names) > 1 else term for term, names in zip(written, terms, strict=True))


def _watched(signal: Signal) -> dict[str, Any]:
    """What of a metric alarm says which numbers it looks at."""
    if signal.expression:
        of_value = cloudwatch.MetricAlarmMetricQueryArgs(
            id="value", expression=signal.expression, label=signal.name, return_data=True
        )
        of_inputs = [
            cloudwatch.MetricAlarmMetricQueryArgs(
                id=name,
                metric=cloudwatch.MetricAlarmMetricQueryMetricArgs(
                    namespace=query.namespace,
                    metric_name=query.metric,
                    dimensions=dict(query.dimensions),
                    stat=query.statistic,
                    period=signal.period,
                ),
            )
            for name, query in signal.inputs.items()
        ]
        return {"metric_queries": [of_value, *of_inputs]}
    if signal.comparison in BANDS:
        of_value = cloudwatch.MetricAlarmMetricQueryArgs(
            id="value",
            metric=cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace=signal.namespace,
                metric_name=signal.metric,
                dimensions=dict(signal.dimensions),
                stat=signal.statistic,
                period=signal.period,
            ),
            return_data=True,
        )
        band = f"ANOMALY_DETECTION_BAND(value, {signal.threshold:g})"
        usual = cloudwatch.MetricAlarmMetricQueryArgs(id=_BAND, expression=band, label="usual", return_data=True)
        return {"metric_queries": [of_value, usual]}
    plain = signal.statistic in PLAIN_STATISTICS
    return {
        "namespace": signal.namespace,
        "metric_name": signal.metric,
        "dimensions": dict(signal.dimensions),
        "statistic": signal.statistic if plain else None,
        "extended_statistic": None if plain else signal.statistic,
        "period": signal.period,
    }


#: What a channel may do at most: look at graphs.
CHAT_MAY = "arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"


def chat_trust(account_id: pulumi.Input[str]) -> dict[str, Any]:
    """Who may take the channel's role: the chat service, for this account."""
    return taken_for("chatbot", account_id)


#: AWS services that publish to the topics: alarms, EventBridge's rules, and what RDS has to say of its databases.
PUBLISHERS = ("cloudwatch.amazonaws.com", "events.amazonaws.com", "events.rds.amazonaws.com")


def topic_policy(topic_arn: pulumi.Input[str], account_id: pulumi.Input[str]) -> dict[str, Any]:
    """Who may publish: PUBLISHERS for this account, over TLS."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ServicesPublish",
                "Effect": "Allow",
                "Principal": {"Service": list(PUBLISHERS)},
                "Action": "sns:Publish",
                "Resource": topic_arn,
                "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
            },
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sns:Publish",
                "Resource": topic_arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }
