"""No number of a settings file, a manifest or a container's environment is without bounds: a typo must not become a bill."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from environments.settings import EnvironmentSettings
from model.manifest import ServiceManifest
from services.common.settings import AppDatabaseSettings, BrokerSettings, CacheSettings, ProcessSettings, WebSettings

MODELS: tuple[type[BaseModel], ...] = (
    EnvironmentSettings, ServiceManifest, AppDatabaseSettings, BrokerSettings, CacheSettings, ProcessSettings, WebSettings,
)  # fmt: skip

#: Numbers of which only some are accepted, which a validator of the model says (tests/model and tests/environments show it).
CHOSEN = {"retention_days", "cpu", "memory"}


def numbers(schema: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Where a number may stand, with what its schema says of it."""
    if isinstance(schema, list):
        for each in schema:
            yield from numbers(each, where)
    elif isinstance(schema, dict):
        if schema.get("type") in ("integer", "number"):
            yield where, schema
        for name, each in schema.items():
            inside = name not in ("properties", "$defs", "items", "anyOf", "allOf", "additionalProperties")
            if name != "default":
                yield from numbers(each, f"{where}.{name}" if inside else where)


def _bounded(schema: dict[str, Any]) -> bool:
    below = {"minimum", "exclusiveMinimum"} & schema.keys()
    return bool(below and {"maximum", "exclusiveMaximum"} & schema.keys()) or "enum" in schema or "const" in schema


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_number_has_both_bounds(model: type[BaseModel]) -> None:
    unbounded = {
        where for where, schema in numbers(model.model_json_schema())
        if not _bounded(schema) and where.rsplit(".", 1)[-1] not in CHOSEN
    }  # fmt: skip
    assert not unbounded


def test_the_test_sees_a_number_without_bounds() -> None:
    class Loose(BaseModel):
        seconds: int

    assert [where for where, schema in numbers(Loose.model_json_schema()) if not _bounded(schema)] == [".seconds"]
