"""Alarms from signals, one page per component, and who may publish them."""

from __future__ import annotations

import json

import pytest

from components.base import Component
from components.observability.monitoring import Monitoring, MonitoringArgs, SlackChannel
from components.observability.signals import Comparison, Query, Severity, Signal

ACCOUNT = "123456789012"


class Watched(Component):
    """A component that makes nothing and has signals."""

    __module__ = "components.edge.example"

    def __init__(self, name, *signals):
        super().__init__(name)
        self.signals = list(signals)
        self.register_outputs({})


def signal(name, severity=Severity.PAGE, **changes):
    return Signal(
        **{
            "name": name,
            "summary": f"{name} is wrong",
            "namespace": "AWS/ApplicationELB",
            "metric": "HTTPCode_ELB_5XX_Count",
            "dimensions": {"LoadBalancer": "app/edge/1"},
            "threshold": 10,
            "severity": severity,
            "runbook": "load-balancer-errors",
            **changes,
        }
    )


def monitoring(*watched, **changes):
    def program():
        for name, signals in watched:
            Watched(name, *signals)
        args = {
            "account_id": ACCOUNT,
            "region": "ap-south-1",
            "key_arn": "arn:key",
            **changes,
        }
        return Monitoring("monitoring", MonitoringArgs(**args))

    return program


EDGE = ("edge", [signal("errors"), signal("broken"), signal("slow", Severity.TICKET, statistic="p99")])
DATA = ("data", [signal("full", Severity.TICKET)])


def test_every_signal_is_an_alarm_that_acts(run, resolved):
    recorded = run(monitoring(EDGE, DATA, ("quiet", [])))
    alarms = recorded.of("MetricAlarm")
    assert {item.name for item in alarms} == {
        "monitoring-edge-errors",
        "monitoring-edge-broken",
        "monitoring-edge-slow",
        "monitoring-data-full",
    }
    assert recorded.result.alarm_count == len(alarms)
    ticket = resolved(recorded.result.ticket_topic_arn)
    assert all(item.inputs["alarmActions"] == [ticket] for item in alarms)
    slow = recorded.named("monitoring-edge-slow").inputs
    assert slow["extendedStatistic"] == "p99" and "statistic" not in slow
    errors = recorded.named("monitoring-edge-errors").inputs
    assert errors["statistic"] == "Average" and "extendedStatistic" not in errors
    assert (errors["evaluationPeriods"], errors["datapointsToAlarm"], errors["threshold"]) == (5, 5, 10)
    assert errors["alarmDescription"] == "errors is wrong. Runbook: docs/runbooks/load-balancer-errors.md"


def test_two_monitorings_would_ring_twice(run):
    def program():
        for name in ("monitoring", "second"):
            Monitoring(name, MonitoringArgs(account_id=ACCOUNT, region="ap-south-1", key_arn="arn:key"))

    with pytest.raises(ValueError, match="'monitoring' watches this stack already"):
        run(program)


def test_signals_that_come_after_the_monitoring_are_refused(run):
    def program():
        monitoring(EDGE)()
        Watched("late-and-quiet")
        Watched("late", signal("errors"))

    with pytest.raises(ValueError, match="'late' carries signals but is made after the monitoring 'monitoring'"):
        run(program)


def test_stacks_in_one_process_do_not_watch_each_other(run):
    first, second = run(monitoring(EDGE)), run(monitoring(DATA))
    assert {item.name for item in second.of("MetricAlarm")} == {"monitoring-data-full"}
    assert {item.name.split("-")[1] for item in first.of("MetricAlarm")} == {"edge"}


def test_one_page_per_component_that_pages(run, resolved):
    recorded = run(monitoring(EDGE, DATA))
    (page,) = recorded.of("CompositeAlarm")
    assert page.name == "monitoring-edge-pages"
    names = [f"matchday-dev-monitoring-edge-{what}" for what in ("errors", "broken")]
    assert page.inputs["alarmRule"] == " OR ".join(f'ALARM("{name}")' for name in names)
    assert page.inputs["alarmActions"] == [resolved(recorded.result.page_topic_arn)]
    children = {recorded.named(f"monitoring-edge-{what}").urn for what in ("errors", "broken")}
    assert children <= set(page.dependencies), "CloudWatch refuses a rule that names alarms which do not exist yet"


def test_signals_that_page_together_are_one_term(run):
    both = [signal("hour", together="fast"), signal("minutes", together="fast")]
    recorded = run(monitoring(("edge", [signal("down"), *both])))
    (page,) = recorded.of("CompositeAlarm")
    down, hour, minutes = (f'ALARM("matchday-dev-monitoring-edge-{name}")' for name in ("down", "hour", "minutes"))
    assert page.inputs["alarmRule"] == f"{down} OR ({hour} AND {minutes})"


def test_an_expression_is_watched_with_its_inputs(run):
    inputs = {"bad": Query("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", {"LoadBalancer": "app/edge/1"}, "Sum")}
    failing = signal("failing", metric="", namespace="", dimensions={}, expression="FILL(bad, 0)", inputs=inputs)
    alarm = run(monitoring(("edge", [failing]))).named("monitoring-edge-failing").inputs
    assert alarm["metricQueries"] == [
        {"id": "value", "expression": "FILL(bad, 0)", "label": "failing", "returnData": True},
        {
            "id": "bad",
            "metric": {
                "namespace": "AWS/ApplicationELB",
                "metricName": "HTTPCode_Target_5XX_Count",
                "dimensions": {"LoadBalancer": "app/edge/1"},
                "stat": "Sum",
                "period": 60,
            },
        },
    ]
    assert not alarm.keys() & {"metricName", "namespace", "statistic", "period"}, "CloudWatch takes one or the other"


def test_signals_elsewhere_have_their_alarms_and_topics_there(run):
    cdn = ("cdn", [signal("errors", region="us-east-1")])
    recorded = run(monitoring(EDGE, cdn, edge_key_arn="arn:edge-key"))
    alarm, page = recorded.named("monitoring-cdn-errors"), recorded.named("monitoring-cdn-pages-us-east-1")
    topic = recorded.named("monitoring-ticket-us-east-1")
    assert {item.inputs["region"] for item in (alarm, page, topic)} == {"us-east-1"}
    assert topic.inputs["kmsMasterKeyId"] == "arn:edge-key"
    assert topic.urn in alarm.dependencies
    assert "region" not in recorded.named("monitoring-edge-errors").inputs


def test_signals_elsewhere_need_a_key_there(run):
    with pytest.raises(ValueError, match="there are signals in us-east-1; edge_key_arn must be a key there"):
        run(monitoring(("cdn", [signal("errors", region="us-east-1")])))


def test_topics_are_encrypted_and_only_alarms_of_this_account_publish(run):
    recorded = run(monitoring(EDGE))
    assert {item.inputs["kmsMasterKeyId"] for item in recorded.of("Topic")} == {"arn:key"}
    for policy in recorded.of("TopicPolicy"):
        allow, deny = json.loads(policy.inputs["policy"])["Statement"]
        assert allow["Principal"] == {
            "Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com", "events.rds.amazonaws.com"]
        }
        assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
        assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_people_are_subscribed(run):
    recorded = run(monitoring(EDGE, page_emails=["on.call@example.com"], ticket_emails=["team@example.com"]))
    found = {item.name: item.inputs["endpoint"] for item in recorded.of("TopicSubscription")}
    assert found == {
        "monitoring-page-on-call-example-com": "on.call@example.com",
        "monitoring-ticket-team-example-com": "team@example.com",
    }


def test_the_dashboard_shows_what_pages_first_and_every_signal(run):
    recorded = run(monitoring(EDGE, DATA))
    (dashboard,) = recorded.of("Dashboard")
    widgets = json.loads(dashboard.inputs["dashboardBody"])["widgets"]
    assert widgets[0]["type"] == "alarm"
    assert widgets[0]["properties"]["alarms"] == [
        "arn:aws:cloudwatch:ap-south-1:123456789012:alarm:matchday-dev-monitoring-edge-pages"
    ]
    assert sum(widget["type"] == "metric" for widget in widgets) == 4


def test_two_components_of_one_name_are_refused(run):
    with pytest.raises(ValueError, match="makes the child 'edge-errors' twice"):
        run(lambda: (_Other("edge", signal("errors")), monitoring(EDGE)()))


class _Other(Watched):
    """Another class: the same name is no duplicate URN."""

    __module__ = "components.edge.example"


def test_what_is_unusual_is_held_against_a_band_and_not_a_number(run):
    low = signal("traffic", Severity.TICKET, comparison=Comparison.UNUSUALLY_LOW, threshold=3)
    alarm = run(monitoring(("edge", [low]))).named("monitoring-edge-traffic").inputs
    assert (alarm["comparisonOperator"], alarm["thresholdMetricId"]) == ("LessThanLowerThreshold", "usual")
    assert "threshold" not in alarm and "metricName" not in alarm
    value, band = alarm["metricQueries"]
    assert value["metric"]["metricName"] == "HTTPCode_ELB_5XX_Count" and value["returnData"]
    assert (band["id"], band["expression"]) == ("usual", "ANOMALY_DETECTION_BAND(value, 3)")


def test_each_service_has_a_dashboard_of_what_concerns_it(run):
    wallet = ("wallet-web", [signal("cpu")])
    edge = ("edge", [signal("wallet-errors"), signal("auth-errors"), signal("broken")])
    recorded = run(monitoring(wallet, ("wallets", [signal("x")]), edge, services=["wallet"]))
    widgets = json.loads(recorded.named("monitoring-wallet-dashboard").inputs["dashboardBody"])["widgets"]
    assert [each["properties"]["title"] for each in widgets if each["type"] == "metric"] == ["cpu", "wallet-errors"]


def test_the_channel_gets_every_topic_and_may_change_nothing(run):
    chat = SlackChannel(team_id="T07EA123LEP", channel_id="C07EZ1ABC23")
    far = ("cdn", [signal("errors", region="us-east-1")])
    recorded = run(monitoring(EDGE, far, chat=chat, edge_key_arn="arn:edge"))
    made = recorded.named("monitoring-chat").inputs
    topics = {item.outputs["arn"] for item in recorded.of("Topic")}
    assert len(topics) == 4 and set(made["snsTopicArns"]) == topics
    assert made["guardrailPolicyArns"] == ["arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"], "else: administrator"
    assert made["userAuthorizationRequired"]
    role = recorded.named("monitoring-chat-role").inputs
    assert role["managedPolicyArns"] == made["guardrailPolicyArns"]
    (statement,) = json.loads(role["assumeRolePolicy"])["Statement"]
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    assert not run(monitoring(EDGE)).of("SlackChannelConfiguration")


PAGER = "https://events.example/integration/0123456789abcdef/enqueue"


def test_a_paging_service_gets_every_page_of_every_region_and_its_address_stays_secret(run):
    far = ("far", [signal("far-errors", region="us-east-1")])
    recorded = run(monitoring(EDGE, far, pager=PAGER, edge_key_arn="arn:edge"))
    found = {item.name: item for item in recorded.of("TopicSubscription")}
    assert set(found) == {"monitoring-page-pager", "monitoring-page-us-east-1-pager"}
    for name, item in found.items():
        assert (item.inputs["protocol"], item.inputs["endpoint"]) == ("https", PAGER)
        assert "endpoint" in item.secrets, "it holds the service's key"
        assert item.inputs["endpointAutoConfirms"] is True
        assert item.inputs["topic"] == recorded.named(name.removesuffix("-pager")).outputs["arn"]
        retry = json.loads(item.inputs["deliveryPolicy"])["healthyRetryPolicy"]
        spent = retry["numNoDelayRetries"] + retry["numMinDelayRetries"] + retry["numMaxDelayRetries"]
        assert spent <= retry["numRetries"] <= 100
        assert retry["numMaxDelayRetries"] * retry["maxDelayTarget"] < 3600, "SNS gives up after an hour"
    assert not [item for item in run(monitoring(EDGE)).of("TopicSubscription") if item.inputs["protocol"] == "https"]
