"""SQS, SNS, EventBridge, Scheduler, Firehose. Sources: SetQueueAttributes, CreateTopic, Subscribe, PutRule, CreateSchedule."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from localcloud.provider.constraints.combinations.given import Failure, Given

_RATE = re.compile(r"rate\((?:1 (?:minute|hour|day)|(?:[2-9]|[1-9]\d+) (?:minutes|hours|days))\)")
_FIELDS = 6
_PATTERN_WORDS = frozenset(
    {"prefix", "suffix", "anything-but", "numeric", "cidr", "exists", "equals-ignore-case", "wildcard", "string-length"}
)


def _document(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return None


def queue(given: Given) -> Iterator[Failure]:
    """A queue: FIFO by its name, redrive and encryption."""
    fifo, name = given.on("fifoQueue"), given.text("name")
    if fifo and name and not name.endswith(".fifo"):
        yield "name", f"name is {name!r}; the name of a FIFO queue ends with .fifo"
    if not fifo and name and name.endswith(".fifo") and given.off("fifoQueue"):
        yield "name", f"name is {name!r}; only a FIFO queue's name ends with .fifo (fifoQueue)"
    if given.off("fifoQueue"):
        for prop in ("contentBasedDeduplication", "deduplicationScope", "fifoThroughputLimit"):
            if given.has(prop) and not given.off(prop):
                yield prop, f"{prop} is for FIFO queues (fifoQueue)"
    if (
        given.text("fifoThroughputLimit") == "perMessageGroupId"
        and given.text("deduplicationScope", "queue") == "queue"
    ):
        yield "fifoThroughputLimit", "fifoThroughputLimit perMessageGroupId needs deduplicationScope messageGroup"
    if given.has("kmsMasterKeyId") and given.on("sqsManagedSseEnabled"):
        yield "sqsManagedSseEnabled", "kmsMasterKeyId and sqsManagedSseEnabled exclude each other"
    yield from _redrive(given, "redrivePolicy", fifo)
    allow = _document(given.get("redriveAllowPolicy"))
    if isinstance(allow, dict):
        yield from _allow(allow)


def _redrive(given: Given, prop: str, fifo: bool) -> Iterator[Failure]:
    redrive = _document(given.get(prop))
    if redrive is None and given.has(prop) and given.get(prop) is not None:
        yield prop, f"{prop} is not JSON"
    if not isinstance(redrive, dict) or not redrive:
        return
    for key in ("deadLetterTargetArn", "maxReceiveCount"):
        if key not in redrive:
            yield prop, f"{prop} lacks {key}"
    count = redrive.get("maxReceiveCount")
    if count is not None and not (str(count).isdigit() and 1 <= int(count) <= 1000):
        yield prop, f"{prop}.maxReceiveCount is {count!r}; accepted is 1 to 1000"
    target = str(redrive.get("deadLetterTargetArn", ""))
    if target and not re.fullmatch(r"arn:[\w-]+:sqs:[\w-]+:\d{12}:[\w-]+(\.fifo)?", target):
        yield prop, f"{prop}.deadLetterTargetArn is {target!r}; accepted is the ARN of a queue"
    elif target and target.endswith(".fifo") != fifo:
        yield (
            prop,
            f"{prop}.deadLetterTargetArn {target!r}: the dead-letter queue of a FIFO queue is FIFO, and only its",
        )
    for key in redrive:
        if key not in ("deadLetterTargetArn", "maxReceiveCount"):
            yield prop, f"{prop} has the unknown member {key!r}"


def _allow(allow: dict[str, Any]) -> Iterator[Failure]:
    permission, sources = allow.get("redrivePermission"), allow.get("sourceQueueArns")
    if permission not in ("allowAll", "denyAll", "byQueue"):
        yield "redriveAllowPolicy", f"redrivePermission is {permission!r}; accepted are allowAll, denyAll, byQueue"
    if permission == "byQueue" and not sources:
        yield "redriveAllowPolicy", "redrivePermission byQueue needs sourceQueueArns"
    if permission in ("allowAll", "denyAll") and sources:
        yield "redriveAllowPolicy", f"sourceQueueArns has no place with redrivePermission {permission}"
    if isinstance(sources, list) and len(sources) > 10:
        yield "redriveAllowPolicy", f"sourceQueueArns has {len(sources)} elements; accepted are at most 10"


def redrive_allow(given: Given) -> Iterator[Failure]:
    """Who may name a queue as its dead-letter queue."""
    found = _document(given.get("redriveAllowPolicy"))
    if isinstance(found, dict):
        yield from _allow(found)


def topic(given: Given) -> Iterator[Failure]:
    """A topic: FIFO by its name."""
    fifo, name = given.on("fifoTopic"), given.text("name")
    if fifo and name and not name.endswith(".fifo"):
        yield "name", f"name is {name!r}; the name of a FIFO topic ends with .fifo"
    if given.off("fifoTopic") and name and name.endswith(".fifo"):
        yield "name", f"name is {name!r}; only a FIFO topic's name ends with .fifo (fifoTopic)"
    if given.off("fifoTopic"):
        for prop in ("contentBasedDeduplication", "archivePolicy", "fifoThroughputScope"):
            if given.has(prop) and not given.off(prop):
                yield prop, f"{prop} is for FIFO topics (fifoTopic)"
    if given.has("displayName") and len(given.text("displayName") or "") > 100:
        yield "displayName", "displayName: accepted are at most 100 characters"


def subscription(given: Given) -> Iterator[Failure]:
    """A subscription: the endpoint fits the protocol."""
    protocol, endpoint = given.text("protocol"), given.text("endpoint")
    forms = {
        "sqs": (r"arn:[\w-]+:sqs:.+", "the ARN of a queue"),
        "lambda": (r"arn:[\w-]+:lambda:.+", "the ARN of a function"),
        "firehose": (r"arn:[\w-]+:firehose:.+", "the ARN of a delivery stream"),
        "http": (r"http://.+", "a URL that begins with http://"),
        "https": (r"https://.+", "a URL that begins with https://"),
        "email": (r"[^@\s]+@[^@\s]+", "an address"),
        "email-json": (r"[^@\s]+@[^@\s]+", "an address"),
        "sms": (r"\+?[\d ()-]{5,20}", "a telephone number"),
    }
    if protocol in forms and endpoint and not re.fullmatch(forms[protocol][0], endpoint):
        yield "endpoint", f"endpoint is {endpoint!r}; the protocol {protocol} accepts {forms[protocol][1]}"
    if protocol == "firehose" and given.lacks("subscriptionRoleArn"):
        yield "subscriptionRoleArn", "subscriptionRoleArn is required with the protocol firehose"
    if given.has("subscriptionRoleArn") and protocol and protocol != "firehose":
        yield "subscriptionRoleArn", f"subscriptionRoleArn is for the protocol firehose, not {protocol}"
    if given.on("rawMessageDelivery") and protocol not in ("sqs", "http", "https", "firehose", None):
        yield "rawMessageDelivery", f"rawMessageDelivery is for sqs, http, https and firehose, not {protocol}"
    policy = _document(given.get("filterPolicy"))
    if given.has("filterPolicy") and given.get("filterPolicy") is not None and not isinstance(policy, dict):
        yield "filterPolicy", "filterPolicy is not a JSON object"
    if given.has("filterPolicyScope") and given.lacks("filterPolicy"):
        yield "filterPolicyScope", "filterPolicyScope needs filterPolicy"
    redrive = _document(given.get("redrivePolicy"))
    wrong = not isinstance(redrive, dict) or ":sqs:" not in str(redrive.get("deadLetterTargetArn", ""))
    if given.has("redrivePolicy") and given.get("redrivePolicy") is not None and wrong:
        yield "redrivePolicy", "redrivePolicy needs deadLetterTargetArn, the ARN of a queue"


def schedule_expression(text: str, *, at: bool) -> str | None:
    """Why a schedule expression is wrong: rate(…), cron(…) of six fields and, where allowed, at(…)."""
    if text.startswith("rate("):
        return (
            None
            if _RATE.fullmatch(text)
            else "rate(…) has a whole number and minute(s), hour(s) or day(s), in the right number"
        )
    if text.startswith("cron(") and text.endswith(")"):
        return cron(text[5:-1])
    if at and text.startswith("at("):
        return (
            None
            if re.fullmatch(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)", text)
            else "at(…) has a time such as 2026-01-31T12:00:00"
        )
    return "accepted are rate(…) and cron(…)" + (" and at(…)" if at else "")


def cron(text: str) -> str | None:
    """Why a cron expression of AWS is wrong: minutes, hours, day of month, month, day of week, year."""
    fields = text.split()
    if len(fields) != _FIELDS:
        return f"cron has {len(fields)} fields; accepted are 6 (minutes hours day-of-month month day-of-week year)"
    if ("?" in (fields[2], fields[4])) is False or fields[2] == fields[4] == "?":
        return "cron: exactly one of day-of-month and day-of-week is ?"
    limits = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
    for field, (least, most) in zip(fields, limits, strict=True):
        for part in field.split(","):
            base = part.split("/")[0].split("#")[0].rstrip("LW")
            for number in base.split("-"):
                if number.isdigit() and not least <= int(number) <= most:
                    return f"cron: {number} in {field!r}; accepted is {least} to {most}"
        if not re.fullmatch(r"[\w*,/?#-]+", field):
            return f"cron: {field!r} is no field"
    return None


def event_rule(given: Given) -> Iterator[Failure]:
    """A rule: a schedule or a pattern; a schedule on the default bus only."""
    expression = given.text("scheduleExpression")
    if expression and (reason := schedule_expression(expression, at=False)):
        yield "scheduleExpression", f"scheduleExpression is {expression!r}; {reason}"
    bus = given.text("eventBusName", "default")
    if expression and bus and bus != "default" and not bus.endswith("event-bus/default"):
        yield "scheduleExpression", f"a schedule works on the default bus only, not on {bus!r}"
    if given.has("eventPattern") and given.get("eventPattern") is not None:
        pattern = _document(given.get("eventPattern"))
        reason = _pattern(pattern, top=True)
        if reason:
            yield "eventPattern", f"eventPattern: {reason}"
    if given.has("isEnabled") and given.has("state"):
        yield "state", "isEnabled and state exclude each other"


def _pattern(pattern: Any, *, top: bool = False) -> str | None:
    if not isinstance(pattern, dict) or not pattern:
        return "a JSON object that is not empty is accepted"
    for key, value in pattern.items():
        if key == "$or":
            continue
        if isinstance(value, dict):
            if reason := _pattern(value):
                return reason
        elif not isinstance(value, list):
            return f"{key!r} is {value!r}; a list of values or an object is accepted"
        elif not value:
            return f"{key!r} is an empty list"
        else:
            for item in value:
                if isinstance(item, dict) and not set(item) <= _PATTERN_WORDS:
                    return f"{key!r} has the unknown matcher {next(iter(set(item) - _PATTERN_WORDS))!r}"
    return None


def event_target(given: Given) -> Iterator[Failure]:
    """A target: one way of shaping the input, parameters that fit the target."""
    found = [name for name in ("input", "inputPath", "inputTransformer") if given.has(name)]
    if len(found) > 1:
        yield found[1], f"one of input, inputPath and inputTransformer is accepted; given: {', '.join(found)}"
    arn = given.text("arn")
    unsaid = given.inner("sqsTarget").lacks("messageGroupId") and given.get("sqsTarget", {}) is not None
    if arn and ":sqs:" in arn and arn.endswith(".fifo") and unsaid:
        yield "sqsTarget", "sqsTarget.messageGroupId is required for a FIFO queue"
    for name, service in (
        ("ecsTarget", ":ecs:"),
        ("sqsTarget", ":sqs:"),
        ("kinesisTarget", ":kinesis:"),
        ("batchTarget", ":batch:"),
    ):
        if arn and given.has(name) and service not in arn:
            yield name, f"{name} has no place with the target {arn!r}"
    if arn and ":ecs:" in arn and given.lacks("roleArn"):
        yield "roleArn", "roleArn is required for a target of ECS"
    if given.has("input") and given.get("input") is not None and _document(given.get("input")) is None:
        yield "input", "input is not JSON"


def schedule(given: Given) -> Iterator[Failure]:
    """A schedule of EventBridge Scheduler."""
    expression = given.text("scheduleExpression")
    if expression and (reason := schedule_expression(expression, at=True)):
        yield "scheduleExpression", f"scheduleExpression is {expression!r}; {reason}"
    window = given.inner("flexibleTimeWindow")
    if window.text("mode") == "FLEXIBLE" and window.lacks("maximumWindowInMinutes"):
        yield "flexibleTimeWindow", "flexibleTimeWindow.maximumWindowInMinutes is required with the mode FLEXIBLE"
    if window.text("mode") == "OFF" and window.has("maximumWindowInMinutes"):
        yield "flexibleTimeWindow", "flexibleTimeWindow.maximumWindowInMinutes has no place with the mode OFF"


def firehose(given: Given) -> Iterator[Failure]:
    """A delivery stream: the configuration of its destination."""
    needs = {
        "extended_s3": "extendedS3Configuration", "redshift": "redshiftConfiguration",
        "http_endpoint": "httpEndpointConfiguration",
        "elasticsearch": "elasticsearchConfiguration", "opensearch": "opensearchConfiguration", "splunk": "splunkConfiguration",
        "snowflake": "snowflakeConfiguration", "iceberg": "icebergConfiguration",
    }  # fmt: skip
    kind = given.text("destination")
    if kind in needs and given.lacks(needs[kind]):
        yield needs[kind], f"{needs[kind]} is required with the destination {kind}"
    if given.inner("serverSideEncryption").text("keyType") == "CUSTOMER_MANAGED_CMK" and given.inner(
        "serverSideEncryption"
    ).lacks("keyArn"):
        yield "serverSideEncryption", "serverSideEncryption.keyArn is required with CUSTOMER_MANAGED_CMK"
    if given.has("kinesisSourceConfiguration") and given.inner("serverSideEncryption").on("enabled"):
        yield "serverSideEncryption", "serverSideEncryption has no place with kinesisSourceConfiguration"


def stream(given: Given) -> Iterator[Failure]:
    """A Kinesis stream: shards where they are provisioned; a key where it is encrypted."""
    mode = given.inner("streamModeDetails").text("streamMode", "PROVISIONED")
    if mode == "ON_DEMAND" and given.has("shardCount"):
        yield "shardCount", "shardCount has no place with the stream mode ON_DEMAND"
    if mode == "PROVISIONED" and given.lacks("shardCount"):
        yield "shardCount", "shardCount is required with the stream mode PROVISIONED"
    if given.text("encryptionType") == "KMS" and given.lacks("kmsKeyId"):
        yield "kmsKeyId", "kmsKeyId is required with the encryptionType KMS"


CHECKS = {
    "aws:sqs/queue:Queue": (queue,),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": (redrive_allow,),
    "aws:sns/topic:Topic": (topic,),
    "aws:sns/topicSubscription:TopicSubscription": (subscription,),
    "aws:cloudwatch/eventRule:EventRule": (event_rule,),
    "aws:cloudwatch/eventTarget:EventTarget": (event_target,),
    "aws:scheduler/schedule:Schedule": (schedule,),
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": (firehose,),
    "aws:kinesis/stream:Stream": (stream,),
}
