"""Other values of what a resource is given, of the same form: to change it behind the engine's back."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

#: Of one property, so that a long document does not take the whole test.
_MOST = 2


def others(value: Any) -> Iterator[Any]:
    """The value with one part changed, a few parts one after the other."""
    for number, changed in enumerate(_changed(value)):
        if number == _MOST:
            return
        yield changed


def _changed(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield value + 1
        yield max(value - 1, 0)
    elif isinstance(value, str):
        yield from _texts(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            for changed in _changed(item):
                yield {**value, key: changed}
                break
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for changed in _changed(item):
                copied = copy.deepcopy(value)
                copied[index] = changed
                yield copied
                break
        if len(value) > 1:
            yield value[:-1]


def _texts(value: str) -> Iterator[str]:
    if value[:1] in ("{", "["):
        document = json.loads(value)
        if isinstance(document, dict) and document.get("Statement"):
            first = document["Statement"][0]
            yield json.dumps({**document, "Statement": [{**first, "Sid": "ByHand"}, *document["Statement"][1:]]})
        else:
            yield from map(json.dumps, _changed(document))
        return
    if value.isdigit():
        yield str(int(value) + 1)
        return
    yield f"{value}x"
