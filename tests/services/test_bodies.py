"""The firewall refuses bodies above 8 KiB: what may be larger by a service's own documents is among its `large_bodies`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.services.support import CATALOG, ROOT

#: What AWS's common rules let pass (SizeRestrictions_BODY).
MOST = 8192
#: Of a value whose length a document does not bound by itself: a number, a date, an id.
_PLAIN = 40


def longest(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> int:
    """The bytes that a document of `schema` may have at most; letters count once, as they are mostly ASCII."""
    if "$ref" in schema:
        *_, name = schema["$ref"].split("/")
        return longest(whole["components"]["schemas"][name], whole)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return max(longest(each, whole) for each in schema[key])
    match schema.get("type"):
        case "object":
            return 2 + sum(
                len(name) + 4 + longest(value, whole) for name, value in schema.get("properties", {}).items()
            )
        case "array":
            return 2 + int(schema.get("maxItems", 1)) * (1 + longest(schema.get("items", {}), whole))
        case "string":
            return 2 + int(schema.get("maxLength", _PLAIN))
        case _:
            return _PLAIN


def bodies(service: str) -> Iterator[tuple[str, int]]:
    """Each path of a service that the load balancer lets in, and the bytes of the largest body there."""
    document = json.loads((ROOT / "services" / service / "openapi.json").read_text())
    internal = CATALOG.services[service].internal
    for path, operations in document["paths"].items():
        if not any(fnmatchcase(path, pattern) for pattern in internal):
            for operation in operations.values():
                for content in operation.get("requestBody", {}).get("content", {}).values():
                    yield path, longest(content["schema"], document)


@pytest.mark.parametrize("service", sorted(CATALOG.services))
def test_what_may_be_large_is_let_in(service: str) -> None:
    exceptions = CATALOG.services[service].large_bodies
    large = {path for path, size in bodies(service) if size > MOST}
    assert {path for path in large if not path.startswith(tuple(exceptions))} == set()


def test_lengths_are_added_up() -> None:
    item = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 10}}}
    whole = {"components": {"schemas": {"Item": item}}}
    assert longest({"type": "array", "maxItems": 3, "items": {"$ref": "#/components/schemas/Item"}}, whole) == 71
    assert longest({"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 9000}]}, whole) == 9002
    assert max(size for _, size in bodies("kyc")) > MOST
