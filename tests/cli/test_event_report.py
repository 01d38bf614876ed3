"""What `matchday event-report` makes of CloudWatch: asked of a stand-in for AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from moto import mock_aws
from typer.testing import CliRunner, Result

from cli import documents, event_report, local
from cli.main import build

REGION = "ap-south-1"

#: A moment that is over, and one that CloudWatch still has minutes of.
BEGINS = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=5)
ENDS = BEGINS + timedelta(hours=2)


def call(*words: str) -> Result:
    return CliRunner().invoke(build(["event-report"]), ["event-report", "--stack", "dev", *words])


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    event = {"start": BEGINS, "end": ENDS, "peak": {"wallet": 500}}
    monkeypatch.setattr(event_report, "_planned", lambda _, name: event if name == "final" else {})
    base: Any = BaseClient  # its types have no private names
    ask = base._make_api_call

    def history(client: Any, operation: str, arguments: Any) -> Any:
        """What moto has not: a history of alarms, in the form of CloudWatch's API reference."""
        if operation != "DescribeAlarmHistory":
            return ask(client, operation, arguments)
        assert (arguments["StartDate"], arguments["EndDate"]) == (BEGINS, ENDS)
        changes = [("matchday-dev-wallet-5xx", "OK to ALARM"), ("matchday-dev-wallet-5xx", "ALARM to OK")]
        changes.append(("matchday-prod-wallet-5xx", "OK to ALARM"))
        return {
            "AlarmHistoryItems": [
                {"AlarmName": name, "Timestamp": BEGINS, "HistorySummary": f"Alarm updated from {change}"}
                for name, change in changes
            ]
        }

    monkeypatch.setattr(base, "_make_api_call", history)
    with mock_aws():
        yield lambda service: boto3.client(service, region_name=REGION)


def balanced(aws: Any, service: str) -> list[dict[str, str]]:
    """A target group of the service behind a load balancer: the dimensions of its metrics."""
    ec2, elb = aws("ec2"), aws("elbv2")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"][:2]]
    (vpc,) = {subnet["VpcId"] for subnet in ec2.describe_subnets(SubnetIds=subnets)["Subnets"]}
    balancer = elb.create_load_balancer(Name="matchday-dev-balancer", Subnets=subnets)["LoadBalancers"][0]
    group = elb.create_target_group(Name=f"matchday-dev-{service}-8080", Protocol="HTTP", Port=8080, VpcId=vpc)
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    action = {"Type": "forward", "TargetGroupArn": arn}
    elb.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[action])
    return [
        {"Name": "TargetGroup", "Value": arn.rpartition(":")[2]},
        {"Name": "LoadBalancer", "Value": balancer["LoadBalancerArn"].partition("loadbalancer/")[2]},
    ]


def counted(aws: Any, dimensions: list[dict[str, str]], metric: str, values: dict[datetime, float]) -> None:
    data = [
        {"MetricName": metric, "Dimensions": dimensions, "Timestamp": when, "Value": value}
        for when, value in values.items()
    ]
    aws("cloudwatch").put_metric_data(Namespace="AWS/ApplicationELB", MetricData=data)


def test_it_says_what_came_what_failed_and_what_was_planned(aws: Any) -> None:
    dimensions = balanced(aws, "wallet")
    minute = timedelta(minutes=1)
    requests = {
        BEGINS - 5 * minute: 9e6,
        BEGINS + minute: 6000.0,
        BEGINS + 2 * minute: 24_000.0,
        ENDS + 5 * minute: 9e6,
    }
    counted(aws, dimensions, "RequestCount", requests)
    counted(aws, dimensions, "HTTPCode_Target_5XX_Count", {BEGINS + 2 * minute: 7.0})
    done = call("final", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    documents.check("event-report", document)
    found = {(each["of"], each["metric"]): each for each in document["measured"]}
    assert found["wallet", "requests"] == {
        "of": "wallet", "metric": "requests", "total": 30_000, "worst": 400, "planned": 500,
    }  # fmt: skip
    assert (found["wallet", "errors"]["total"], found["wallet", "errors"]["worst"]) == (7, 7)
    assert ("wallet", "tasks") not in found, "what CloudWatch does not have is left out"
    assert (document["start"], document["end"]) == (BEGINS.isoformat(), ENDS.isoformat())
    assert document["rang"] == [{"alarm": "matchday-dev-wallet-5xx", "at": BEGINS.isoformat()}]
    assert "400" in call("final").stdout


def test_a_window_without_requests_is_a_no(aws: Any) -> None:
    done = call("any", "--start", BEGINS.isoformat(), "--end", ENDS.isoformat())
    assert done.exit_code == 1
    assert "no request that is still known between" in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("semi",), "no event 'semi'"),
        (("final", "--start", BEGINS.isoformat()), "go together"),
        (("final", "--start", "yesterday", "--end", "today"), "accepted: ISO 8601"),
        (("final", "--start", "2026-01-01T10:00:00", "--end", "2026-01-01T11:00:00"), "with an offset"),
        (("final", "--start", ENDS.isoformat(), "--end", BEGINS.isoformat()), "is not after"),
    ],
)
def test_a_window_that_is_none_is_refused(aws: Any, words: tuple[str, ...], sentence: str) -> None:
    done = call(*words)
    assert done.exit_code == 2
    assert sentence in " ".join(done.stderr.split())


def test_the_local_clouds_minutes_are_those_of_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the running platform answers is in tests/e2e/test_platform_operations.py; here the window's edges."""
    minute = int(datetime.now(UTC).timestamp()) // 60

    class Running:
        def history(self, namespace: str, statistic: str, minutes: int) -> list[dict[str, Any]]:
            points = [None, 1.0, 2.0, None, 4.0, 5.0, 6.0][-minutes:]
            series = [{"name": "DatabaseConnections", "dimensions": {"DBInstanceIdentifier": "x"}, "points": points}]
            return series if (namespace, statistic) == ("AWS/RDS", "Maximum") else []

        def alarms(self) -> list[dict[str, Any]]:
            moments = [datetime.fromtimestamp((minute - back) * 60, UTC) for back in (6, 4, 2)]
            return [{"name": "b", "rang": [each.isoformat() for each in moments]}, {"name": "a", "rang": []}]

    monkeypatch.setattr(local, "require_running", Running)
    source = event_report._watched()
    begins, ends = (datetime.fromtimestamp((minute - back) * 60, UTC) for back in (6, 3))
    dimensions = [{"Name": "DBInstanceIdentifier", "Value": "x"}]
    query = ("postgres", "connections", "AWS/RDS", "DatabaseConnections", "Maximum", dimensions)
    other: event_report.Query = ("postgres", "connections", "AWS/RDS", "DatabaseConnections", "Maximum", [])
    # A clock that has gone on to the next minute meanwhile shows one point less at the front, none else.
    found = source.series([query, other], begins, ends)
    assert found in ([[1.0, 2.0, 4.0], []], [[1.0, 2.0], []])
    assert [each["alarm"] for each in source.rang(begins, ends)] == ["b", "b"]


def test_the_stacks_file_has_the_event(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config:\n  matchday:environment:\n    events:\n      final: {start: 2026-12-06T19:30:00+05:30, "
        "end: 2026-12-06T23:30:00+05:30, peak: {wallet: 500}}\n"
    )
    monkeypatch.setattr(local, "stack_files", lambda: tmp_path)
    planned = event_report._planned("dev", "final")
    assert event_report._window("final", planned, None, None)[0] == datetime(2026, 12, 6, 14, tzinfo=UTC)
    assert event_report._planned("dev", "semi") == {}
