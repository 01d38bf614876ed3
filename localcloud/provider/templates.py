"""Filling of the templates in rows: JMESPath expressions over a row's environment."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import jmespath

_PLACE = re.compile(r"\{([^}]+)\}")


@functools.cache
def _compiled(expression: str) -> Any:
    return jmespath.compile(expression)


def search(expression: str, data: Any) -> Any:
    """The value of a JMESPath expression."""
    return _compiled(expression).search(data)


def fill(template: Any, environment: Mapping[str, Any]) -> Any:
    """`template` with its expressions evaluated (see localcloud/provider/row.py)."""
    if isinstance(template, str):
        if template.startswith("$"):
            return search(template[1:], environment)
        if template.startswith("="):
            return _PLACE.sub(lambda place: text(search(place.group(1), environment)), template[1:])
        return template
    if isinstance(template, Mapping):
        filled = {key: fill(value, environment) for key, value in template.items()}
        return {key: value for key, value in filled.items() if value is not None}
    if isinstance(template, (list, tuple)):
        return [value for value in (fill(item, environment) for item in template) if value is not None]
    return template


def text(value: Any) -> str:
    """As AWS writes values in attribute lists: true, false, 30."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
