"""Access logs as tables: lines as AWS's documentation has them are read, and every column is filled by its own piece."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from components.base import Component
from components.observability import log_formats
from components.observability.log_tables import MOST_BYTES, LogTable, LogTables, LogTablesArgs
from tests.components.conftest import Recorded
from tests.components.examples import Example

Run = Callable[..., Recorded]
TABLES = {
    "load_balancer": LogTable(
        format=log_formats.load_balancer(400), location="s3://logs/AWSLogs/1/elasticloadbalancing/r"
    ),
    "cdn": LogTable(format=log_formats.distribution(), location="s3://logs/AWSLogs/1/CloudFront"),
    "flows": LogTable(format=log_formats.flows(2026), location="s3://logs/AWSLogs/aws-account-id=1"),
}
EXAMPLES: Mapping[type[Component], Example] = {
    LogTables: lambda name, transform: LogTables(name, LogTablesArgs(tables=TABLES), transform=transform)
}

#: In the form of the examples in "Access log entries" (User Guide for Application Load Balancers).
_ARN = "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067"
ANSWERED = (
    "https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037"
    ' 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2'
    f' {_ARN} "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com"'
    ' "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012" 1 2018-07-02T22:22:48.364000Z'
    ' "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_123456'
)
NOBODY = (
    "http 2018-11-30T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 - 0.000 0.001 0.000 502 - 34 366"
    f' "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - {_ARN} "Root=1-58337364-23a8c76965a2ef7629b185e3" "-" "-" 0'
    ' 2018-11-30T22:22:48.364000Z "forward" "-" "LambdaInvalidResponse" "-" "-" "-" "-" TID_123456'
)


def read(line: str) -> dict[str, str]:
    form = log_formats.load_balancer(400)
    matched = re.fullmatch(form.serde_parameters["input.regex"], line)
    assert matched is not None and len(matched.groups()) == len(form.columns), "Athena wants a group for each column"
    return dict(zip(form.columns, matched.groups(), strict=True))


def test_a_line_of_the_load_balancer_is_read_into_its_columns() -> None:
    found = read(ANSWERED)
    assert (found["client_ip"], found["client_port"], found["target_ip"]) == ("192.168.131.39", "2817", "10.0.0.1")
    assert (found["elb_status_code"], found["request_verb"], found["request_url"]) == (
        "200",
        "GET",
        "https://www.example.com:443/",
    )
    assert (found["user_agent"], found["actions_executed"]) == ("curl/7.46.0", "authenticate,forward")
    assert (found["target_status_code_list"], found["conn_trace_id"]) == ("200", "TID_123456")


def test_a_request_that_no_task_answered_is_read_and_so_is_a_line_with_more_than_we_know() -> None:
    assert (read(NOBODY)["elb_status_code"], read(NOBODY)["target_status_code"]) == ("502", "-")
    assert read(NOBODY)["lambda_error_reason"] == "LambdaInvalidResponse"
    assert read(f'{ANSWERED} "new" "fields"') == read(ANSWERED), "AWS adds fields at the end"


def test_nobody_adds_partitions_and_no_question_reads_without_end(run: Run) -> None:
    recorded = run(lambda: LogTables("logs", LogTablesArgs(tables=TABLES)), stack_name="prod")
    found = {item.inputs["name"]: item.inputs for item in recorded.of("CatalogTable")}
    assert {table["databaseName"] for table in found.values()} == {"matchday_prod_logs"}
    balancer, flows, cdn = found["load_balancer"], found["flows"], found["cdn"]
    place = "s3://logs/AWSLogs/1/elasticloadbalancing/r/${day}"
    assert (balancer["parameters"]["projection.enabled"], balancer["parameters"]["storage.location.template"]) == (
        "true",
        place,
    )
    assert balancer["parameters"]["projection.day.range"] == "NOW-400DAYS,NOW", "as long as the bucket keeps them"
    assert flows["parameters"]["storage.location.template"].endswith("/year=${year}/month=${month}/day=${day}")
    assert [key["name"] for key in flows["partitionKeys"]] == ["year", "month", "day"]
    for table in (balancer, flows):
        for key in table["partitionKeys"]:
            assert f"projection.{key['name']}.type" in table["parameters"]
            assert f"${{{key['name']}}}" in table["parameters"]["storage.location.template"]
    assert "projection.enabled" not in cdn["parameters"] and not cdn.get("partitionKeys")
    columns = [column["name"] for table in found.values() for column in table["storageDescriptor"]["columns"]]
    assert all(column == column.lower() for column in columns), "Glue has no others"
    (workgroup,) = recorded.of("Workgroup")
    configuration = workgroup.inputs["configuration"]
    assert configuration["bytesScannedCutoffPerQuery"] == MOST_BYTES and configuration["enforceWorkgroupConfiguration"]
    assert configuration["managedQueryResultsConfiguration"] == {"enabled": True}
