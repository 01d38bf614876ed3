"""The engine's event log as typed events: what happened to which resource, what it said, how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The engine's step operations (pkg/resource/deploy/step.go) as a reader counts them. Steps of a replacement other than
#: "replace" itself are left out, so that one replaced resource counts once.
OPERATIONS: Mapping[str, str] = {
    "create": "create",
    "update": "update",
    "replace": "replace",
    "delete": "delete",
    "same": "same",
    "refresh": "same",
    "read": "same",
    "import": "create",
}


@dataclass(frozen=True, kw_only=True)
class ResourceEvent:
    """One step of one resource. `stage`: "started", "done" or "failed"; `changed`: the property paths that differ."""

    stage: str
    operation: str
    urn: str
    type: str
    changed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The logical name: the last part of the URN."""
        return self.urn.rsplit("::", 1)[-1]


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """What the program, a provider or the engine said. `severity`: "info", "warning" or "error"."""

    severity: str
    message: str
    urn: str = ""


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A policy's finding. `level`: "advisory" or "mandatory"."""

    policy: str
    level: str
    urn: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The end of a run: seconds by the engine's clock and how many resources each operation touched."""

    seconds: int
    changes: Mapping[str, int]
    result: str


Event = ResourceEvent | Diagnostic | Violation | Summary

_STAGES = {"resourcePreEvent": "started", "resOutputsEvent": "done", "resOpFailedEvent": "failed"}


def parse(line: str) -> Event | None:
    """One line of the event log; None for what a reader does not need (debug messages, prelude, unknown kinds)."""
    event: dict[str, Any] = json.loads(line)
    for kind, stage in _STAGES.items():
        if kind in event:
            metadata = event[kind]["metadata"]
            return ResourceEvent(
                stage=stage,
                operation=metadata["op"],
                urn=metadata["urn"],
                type=metadata["type"],
                changed=tuple(sorted(metadata.get("detailedDiff") or metadata.get("diffs") or ())),
            )
    if "diagnosticEvent" in event:
        body = event["diagnosticEvent"]
        severity = body["severity"].removesuffix("#err")
        if severity == "debug" or body.get("ephemeral"):
            return None
        return Diagnostic(severity=severity, message=_plain(body["message"]), urn=body.get("urn", ""))
    if "policyEvent" in event:
        body = event["policyEvent"]
        return Violation(
            policy=body["policyName"],
            level=body["enforcementLevel"],
            urn=body.get("resourceUrn", ""),
            message=_plain(body["message"]),
        )
    if "summaryEvent" in event:
        body = event["summaryEvent"]
        return Summary(
            seconds=body["durationSeconds"], changes=body["resourceChanges"] or {}, result=body.get("result", "")
        )
    return None


def read(path: Path) -> Iterator[Event]:
    """Every event of a finished run's log."""
    with path.open() as log:
        for line in log:
            event = parse(line)
            if event is not None:
                yield event


def _plain(message: str) -> str:
    """Without the engine's colour tags (`<{%reset%}>`)."""
    while (start := message.find("<{%")) >= 0 and (end := message.find("%}>", start)) >= 0:
        message = message[:start] + message[end + 3 :]
    return message.strip()
