"""What events of a service look like: declared by the producer as models, published as JSON schemas, read by consumers' own.

The schemas stand in `services/<name>/events.json`, kept current by a test; `python -m services.common.events SERVICE` writes
it. A version never changes but by new fields; what else changes is a new version, emitted beside the old one until nobody reads
that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

#: What a consumer's model must not ask for more of than the producer's schema has.
_PLACES = ("type", "format", "enum", "const", "items", "anyOf")


class Event(BaseModel):
    """Base of a producer's events: `name` is `<service>.<what-happened>`, in the past tense."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ClassVar[str]
    version: ClassVar[int] = 1


class Events:
    """The events that one service emits."""

    def __init__(self, service: str, *kinds: type[Event]) -> None:
        self.service = service
        self.kinds = {task(kind.name, kind.version): kind for kind in kinds}
        for kind in kinds:
            assert kind.name.startswith(f"{service}."), kind.name
        assert len(self.kinds) == len(kinds), "two events have one name and version"

    def document(self) -> str:
        """The JSON schemas, by name and version."""
        schemas = {name: kind.model_json_schema() for name, kind in sorted(self.kinds.items())}
        return json.dumps(schemas, indent=2, ensure_ascii=False) + "\n"


def task(name: str, version: int) -> str:
    """An event's name with its version; also the name of the outbox task that handles it at a consumer."""
    return f"{name}.v{version}"


def broken_promises(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What `new` no longer keeps of the schemas that `old` promised: sentences."""
    found = []
    for name, schema in old.items():
        if name not in new:
            found.append(f"{name} is gone: consumers still read it")
            continue
        was, now = schema.get("properties", {}), new[name].get("properties", {})
        required = set(new[name].get("required", ()))
        found += [f"{name}: {field} is gone" for field in was if field not in now]
        found += [
            f"{name}: {field} is optional now"
            for field in schema.get("required", ())
            if field in now and field not in required
        ]
        found += [
            f"{name}: {field} changed" for field in was if field in now and _shape(was[field]) != _shape(now[field])
        ]
    return found


def unreadable(model: type[BaseModel], schema: Mapping[str, Any]) -> list[str]:
    """What a consumer's `model` needs and the producer's `schema` does not promise: sentences; for the consumer's own test."""
    wanted = model.model_json_schema()
    promised, always = schema.get("properties", {}), set(schema.get("required", ()))
    found = [f"{field} is not promised" for field in wanted.get("required", ()) if field not in always]
    return found + [
        f"{field} is {_shape(promised[field])}, read as {_shape(shape)}"
        for field, shape in wanted.get("properties", {}).items()
        if field in promised and _shape(promised[field]) != _shape(shape)
    ]


def _shape(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {place: schema[place] for place in _PLACES if place in schema}
