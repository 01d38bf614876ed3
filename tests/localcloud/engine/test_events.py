"""The engine's event log: lines as the CLI v3.259.0 writes them become typed events."""

from __future__ import annotations

import json

import pytest

from localcloud.engine import events
from localcloud.engine.run import _Collected

URN = "urn:pulumi:local::matchday::matchday:network:Vpc$aws:ec2/vpc:Vpc::network-vpc"


def _step(kind: str, operation: str, urn: str = URN, **metadata: object) -> str:
    return json.dumps(
        {"sequence": 1, kind: {"metadata": {"op": operation, "urn": urn, "type": "aws:ec2/vpc:Vpc", **metadata}}}
    )


@pytest.mark.parametrize(
    ("kind", "stage"), [("resourcePreEvent", "started"), ("resOutputsEvent", "done"), ("resOpFailedEvent", "failed")]
)
def test_steps(kind: str, stage: str) -> None:
    event = events.parse(_step(kind, "update", detailedDiff={"tags.Name": {"kind": "update"}}))
    assert event == events.ResourceEvent(
        stage=stage, operation="update", urn=URN, type="aws:ec2/vpc:Vpc", changed=("tags.Name",)
    )
    assert event.name == "network-vpc"


def test_diagnostics_lose_their_colours_and_debug_is_dropped() -> None:
    line = {"diagnosticEvent": {"severity": "error", "message": "<{%fg 1%}>no such VPC<{%reset%}>\n", "urn": URN}}
    assert events.parse(json.dumps(line)) == events.Diagnostic(severity="error", message="no such VPC", urn=URN)
    line["diagnosticEvent"]["severity"] = "debug"
    assert events.parse(json.dumps(line)) is None


def test_policy_and_summary() -> None:
    violation = {
        "policyEvent": {"policyName": "ECS.5", "enforcementLevel": "mandatory", "resourceUrn": URN, "message": "m"}
    }
    assert events.parse(json.dumps(violation)) == events.Violation(
        policy="ECS.5", level="mandatory", urn=URN, message="m"
    )
    summary = {"summaryEvent": {"durationSeconds": 3, "resourceChanges": {"create": 2}, "result": "succeeded"}}
    assert events.parse(json.dumps(summary)) == events.Summary(seconds=3, changes={"create": 2}, result="succeeded")
    assert events.parse(json.dumps({"preludeEvent": {"config": {}}})) is None


def test_a_replacement_counts_once() -> None:
    collected = _Collected(lambda _event: None)
    for operation in ("create-replacement", "replace", "delete-replaced"):
        event = events.parse(_step("resourcePreEvent", operation))
        assert event is not None
        collected.add(event)
    assert collected.changes() == {"create": 0, "update": 0, "replace": 1, "delete": 0, "same": 0}
    assert [event.operation for event in collected.resources] == ["replace"]
