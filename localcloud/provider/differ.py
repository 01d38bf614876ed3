"""What changed between two sets of inputs, by property and by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.provider.translate import same_json
from localcloud.provider.wire import ASSET, SIGNATURE


def same(old: Any, new: Any) -> bool:
    """Equality of property values: JSON texts by meaning, assets by hash."""
    if isinstance(old, str) and isinstance(new, str):
        return old == new or same_json(old, new)
    if isinstance(old, dict) and isinstance(new, dict):
        if old.get(SIGNATURE) == ASSET == new.get(SIGNATURE):
            return bool(old.get("hash") == new.get("hash"))
        return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(same, old, new))
    if isinstance(old, bool) or isinstance(new, bool):
        return str(old).lower() == str(new).lower()
    return bool(old == new) or (old is not None and new is not None and str(old) == str(new))


def changed(old: Mapping[str, Any], new: Mapping[str, Any], ignored: frozenset[str]) -> list[str]:
    """Names of the top-level properties that differ."""
    return [
        name
        for name in {**old, **new}
        if not name.startswith("__") and name not in ignored and not same(old.get(name), new.get(name))
    ]


def paths(old: Any, new: Any, path: str) -> Iterator[tuple[str, str]]:
    """(path, "ADD" | "DELETE" | "UPDATE") of each leaf that differs."""
    if old is None or new is None:
        yield path, "ADD" if old is None else "DELETE"
    elif isinstance(old, dict) and isinstance(new, dict) and SIGNATURE not in old:
        for key in {**old, **new}:
            if not same(old.get(key), new.get(key)):
                yield from paths(old.get(key), new.get(key), f"{path}.{key}" if "." not in key else f'{path}["{key}"]')
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before, after = (side[index] if index < len(side) else None for side in (old, new))
            if not same(before, after):
                yield from paths(before, after, f"{path}[{index}]")
    else:
        yield path, "UPDATE"
