"""The pack as the engine runs it and the audit give the same answers for the same resources: prod, with an empty register."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2 as wire

from policies import exceptions, levels
from policies.audit.report import audit
from policies.exceptions import Register
from policies.lang.values import Sensitive
from policies.pack.server import SELF, Analyzer
from tests.policies.platform import platform

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def _wire(value: Any) -> Any:
    """A value as the engine sends it; a secret in the wrapper that marks one."""
    if isinstance(value, Sensitive):
        return {
            "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
            "value": _wire(value.value),
        }
    if isinstance(value, Mapping):
        return {key: _wire(item) for key, item in value.items()}
    return [_wire(item) for item in value] if isinstance(value, list) else value


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(_wire(values), struct_pb2.Struct())


def test_pack_and_audit_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    state = platform("prod")
    monkeypatch.setattr(exceptions, "load", lambda **_: Register())
    monkeypatch.setenv("PULUMI_STACK", "prod")
    pack = Analyzer(NOW.date())
    context: Any = None
    said: set[tuple[str, str]] = set()
    resources = []
    for item in state.stack.resources:
        properties = _struct({**item.values, "id": item.id} if item.id else item.values)
        region = wire.AnalyzerProviderResource(properties=_struct({"region": item.provider_region}))
        before = wire.AnalyzeRequest(
            type=item.token, name=item.name, urn=item.urn, properties=properties, provider=region
        )
        said |= {(d.policyName, d.urn) for d in pack.Analyze(before, context).diagnostics}
        made = wire.AnalyzerResource(
            type=item.token, name=item.name, urn=item.urn, properties=properties, parent=item.parent, provider=region
        )
        made.dependencies.extend(item.dependencies)
        for key, urns in item.property_dependencies.items():
            made.propertyDependencies[key].urns.extend(urns)
        resources.append(made)
    after = pack.AnalyzeStack(wire.AnalyzeStackRequest(resources=resources), context)
    said |= {(d.policyName, d.urn) for d in after.diagnostics if d.policyName != SELF}
    report = audit(state, source="prod", levels=levels.load(), register=Register(), now=NOW)
    judged = {(answer.control.id, answer.urn) for answer in report.violations}
    assert len(judged) >= 20
    assert said == judged
