"""What stands in the access logs of AWS's services, as tables of Athena read it; pure.

Partition projection: Athena works out from the day that is asked for where its files are, so nobody adds partitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Column → type of Glue.
Columns = Mapping[str, str]

#: Hive's classes by which Athena reads text and Parquet.
TEXT = ("org.apache.hadoop.mapred.TextInputFormat", "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat")
PARQUET = (
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """How one kind of log is read.

    - formats: classes for input and output. serde: the class that reads a line, with its parameters.
    - partitions: column → type; projection: how Athena enumerates them; path: of a partition, below the log's own folder. None
      of the three: all files lie in the one folder.
    """

    description: str
    columns: Columns
    formats: tuple[str, str]
    serde: str
    serde_parameters: Mapping[str, str]
    partitions: Columns = field(default_factory=dict)
    projection: Mapping[str, str] = field(default_factory=dict)
    path: str = ""


def _days(kept: int) -> dict[str, str]:
    """Folders by day, such as 2026/11/27: those that the bucket still has."""
    return {
        "projection.day.type": "date",
        "projection.day.format": "yyyy/MM/dd",
        "projection.day.range": f"NOW-{kept}DAYS,NOW",
        "projection.day.interval": "1",
        "projection.day.interval.unit": "DAYS",
    }


def _strings(names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), "string")


#: "Access log entries" (User Guide for Application Load Balancers). A group for each column, in their order.
_BALANCER_COLUMNS: Columns = {
    **_strings("type time elb client_ip"), "client_port": "int", "target_ip": "string", "target_port": "int",
    "request_processing_time": "double", "target_processing_time": "double", "response_processing_time": "double",
    "elb_status_code": "int", "target_status_code": "string", "received_bytes": "bigint", "sent_bytes": "bigint",
    **_strings(
        "request_verb request_url request_proto user_agent ssl_cipher ssl_protocol target_group_arn trace_id domain_name"
        " chosen_cert_arn matched_rule_priority request_creation_time actions_executed redirect_url lambda_error_reason"
        " target_port_list target_status_code_list classification classification_reason conn_trace_id"
    ),
}  # fmt: skip
_BALANCER_LINE = (
    r"([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*):([0-9]*) ([^ ]*)[:-]([0-9]*) ([-.0-9]*) ([-.0-9]*) ([-.0-9]*) (|[-0-9]*) (-|[-0-9]*)"
    r' ([-0-9]*) ([-0-9]*) "([^ ]*) (.*) (- |[^ ]*)" "([^"]*)" ([A-Z0-9-_]+) ([A-Za-z0-9.-]*) ([^ ]*) "([^"]*)" "([^"]*)"'
    r' "([^"]*)" ([-.0-9]*) ([^ ]*) "([^"]*)" "([^"]*)" "([^ ]*)" "([^\s]+?)" "([^\s]+)" "([^ ]*)" "([^ ]*)"'
    r" ?([^ ]*)?(?: .*)?"
)

#: Of the JSON that CloudFront's standard logging (v2) writes ("Standard logging reference", CloudFront Developer Guide): each
#: value is a text. Glue's columns are in lower case, and the reader does not look at case.
_CDN_FIELDS = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent)"
    " x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken ssl-protocol ssl-cipher"
    " x-edge-response-result-type cs-protocol-version time-to-first-byte x-edge-detailed-result-type sc-content-type"
)

#: Version 2, which flow logs have where no format is given ("Flow log records", VPC User Guide).
_FLOW_COLUMNS: Columns = {
    "version": "int", **_strings("account_id interface_id srcaddr dstaddr"), "srcport": "int", "dstport": "int",
    "protocol": "bigint", "packets": "bigint", "bytes": "bigint", "start": "bigint", "end": "bigint",
    **_strings("action log_status"),
}  # fmt: skip


def load_balancer(kept_days: int) -> Format:
    """Lines of text, a folder for each day."""
    return Format(
        description="Requests at the load balancer",
        columns=_BALANCER_COLUMNS,
        formats=TEXT,
        serde="org.apache.hadoop.hive.serde2.RegexSerDe",
        serde_parameters={"serialization.format": "1", "input.regex": _BALANCER_LINE},
        partitions={"day": "string"},
        projection=_days(kept_days),
        path="${day}",
    )


def distribution() -> Format:
    """JSON, all in one folder.

    Folders by day would take a suffix path, which AWS writes in another way when it is changed than when it is made
    (terraform-provider-aws#46328, cloudformation-coverage-roadmap#2274).
    """
    return Format(
        description="Requests at CloudFront",
        columns=_strings(_CDN_FIELDS.lower()),
        formats=TEXT,
        serde="org.openx.data.jsonserde.JsonSerDe",
        serde_parameters={"paths": ",".join(_CDN_FIELDS.split())},
    )


def flows(first_year: int) -> Format:
    """Parquet, folders named as Hive does; in each day's one for each hour."""
    number = {"type": "integer", "digits": "2"}
    projected = {
        "year": {"type": "integer", "range": f"{first_year},{first_year + 50}"},
        "month": {**number, "range": "1,12"},
        "day": {**number, "range": "1,31"},
    }
    return Format(
        description="Connections of the network",
        columns=_FLOW_COLUMNS,
        formats=PARQUET,
        serde="org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        serde_parameters={"serialization.format": "1"},
        partitions=_strings("year month day"),
        projection={
            f"projection.{column}.{key}": value for column, keys in projected.items() for key, value in keys.items()
        },
        path="year=${year}/month=${month}/day=${day}",
    )
