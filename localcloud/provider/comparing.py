"""Whether what is live is what was asked for: AWS fills in, orders and spells values in its own way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: How AWS writes that something is on, in texts.
TRUE = ("true", "enabled", "on")


def covers(wanted: Any, live: Any) -> bool:
    """Whether `live` says everything that `wanted` says: it may say more (defaults), lists may be in another order."""
    if isinstance(wanted, Mapping):
        if set(wanted) >= {"Quantity"} and not wanted.get("Quantity") and not (live or {}).get("Quantity"):
            return True
        if not isinstance(live, Mapping):
            return not any(wanted.values())
        return all(covers(value, live.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        if live is None:
            live = []
        if not isinstance(live, list) or len(live) != len(wanted):
            return False
        if all(covers(want, have) for want, have in zip(wanted, live, strict=True)):
            return True
        left = list(live)
        for want in wanted:
            found = next((i for i, have in enumerate(left) if covers(want, have)), None)
            if found is None:
                return False
            del left[found]
        return True
    return same_scalar(wanted, live)


def same_scalar(wanted: Any, live: Any) -> bool:
    """Equality across the ways in which APIs write a value: absent, text or number, JSON text, name or ARN."""
    if wanted == live:
        return True
    if live is None or wanted is None:  # not said is the same as off, empty or nothing
        return not wanted and not live
    if isinstance(wanted, bool) or isinstance(live, bool):
        return (str(wanted).lower() in TRUE) == (str(live).lower() in TRUE)
    if hasattr(live, "isoformat"):
        live = live.isoformat()
    if isinstance(wanted, (int, float)) or isinstance(live, (int, float)):
        try:
            return float(wanted) == float(live)
        except (TypeError, ValueError):
            return False
    if isinstance(live, Mapping | list):
        return same_json(wanted, json.dumps(live)) if isinstance(wanted, str) else False
    return same_text(str(wanted), str(live))


def same_text(one: str, other: str) -> bool:
    """Equal texts, equal JSON documents, or an ARN and the id or name that it ends with."""
    if one == other or same_json(one, other):
        return True
    for arn, name in ((one, other), (other, one)):
        if arn.startswith("arn:") and name and not name.startswith("arn:") and arn.endswith(("/" + name, ":" + name)):
            return True
    return False


def same_json(one: str, other: str) -> bool:
    if not (one[:1] in "{[" and other[:1] in "{["):
        return False
    try:
        return bool(_ordered(json.loads(one)) == _ordered(json.loads(other)))
    except ValueError:
        return False


def _ordered(document: Any) -> Any:
    """Policy documents may say "a" or ["a"], and lists of actions in any order."""
    if isinstance(document, dict):
        return {key: _ordered(value) for key, value in document.items()}
    if isinstance(document, list):
        items = [_ordered(item) for item in document]
        if all(isinstance(item, str) for item in items):
            return items[0] if len(items) == 1 else sorted(items)
        return items
    return document
