"""S3's notifications. Source: PutBucketNotificationConfiguration, "Configuring event notifications"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from localcloud.provider.constraints.combinations.given import Failure, Given

_EVENT = re.compile(
    r"s3:((ObjectCreated|ObjectRemoved|ObjectRestore|Replication|LifecycleExpiration|ObjectTagging|ObjectAcl):\S+"
    r"|ReducedRedundancyLostObject|LifecycleTransition|IntelligentTiering|TestEvent)"
)
_DESTINATIONS = (
    ("queues", "queueArn", ":sqs:"),
    ("topics", "topicArn", ":sns:"),
    ("lambdaFunctions", "lambdaFunctionArn", ":lambda:"),
)


def _same(one: str, other: str) -> bool:
    """Whether some event is both: s3:ObjectCreated:* holds s3:ObjectCreated:Put."""
    return one == other or any(
        wide.endswith("*") and narrow.startswith(wide[:-1]) for wide, narrow in ((one, other), (other, one))
    )


def _meet(one: str, other: str) -> bool:
    """Whether some key begins with both."""
    return one.startswith(other) or other.startswith(one)


def notification(given: Given) -> Iterator[Failure]:
    """Notifications: events, one id each, no overlap of prefixes for one event."""
    held: list[tuple[str, str, str]] = []
    for name, arn, service in _DESTINATIONS:
        for item in given.each(name):
            text = item.text(arn)
            if text and service not in text:
                yield name, f"{name}: {arn} is {text!r}; accepted is an ARN of {service.strip(':')}"
            filters = (item.text("filterPrefix") or "", item.text("filterSuffix") or "")
            for event in map(str, item.items("events") or ()):
                for other, prefix, suffix in held:
                    if _same(event, other) and _meet(filters[0], prefix) and _meet(filters[1][::-1], suffix[::-1]):
                        yield (
                            name,
                            f"InvalidArgument: configurations overlap: {event} and {other} go to two destinations; "
                            "configurations on the same bucket cannot share a common event type",
                        )
            held += [(str(event), *filters) for event in item.items("events") or ()]
            for event in item.items("events") or ():
                if not _EVENT.fullmatch(str(event)):
                    yield name, f"{name}: the event {event!r} is none of S3's, such as s3:ObjectCreated:*"


CHECKS = {"aws:s3/bucketNotification:BucketNotification": (notification,)}
