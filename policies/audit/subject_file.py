"""What was judged, as a document that can lie beside the evidence: every resource and property, secrets left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from policies.audit.state import State
from policies.lang.values import Sensitive, redact, show


def _plain(value: Any, secrets: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, secrets) for item in value]
    if isinstance(value, str):
        return redact(value, secrets)
    if value is None or isinstance(value, bool | int | float):
        return value
    return f"({show(value)})" if isinstance(value, Sensitive) or value is not None else None


def render(state: State) -> str:
    """The document's text: the same for the same state."""
    secrets = state.stack.secrets
    resources = [
        {
            "urn": resource.urn,
            "type": resource.token,
            "id": redact(resource.id, secrets),
            "region": resource.region,
            "properties": _plain(resource.values, secrets),
        }
        for resource in state.stack.resources
    ]
    document = {"stack": state.name, "project": state.project, "source_sha256": state.sha256, "resources": resources}
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
