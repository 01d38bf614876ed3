"""What changed between two sets of inputs, by property and by path, as the official provider would see it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.provider.comparing import same_json
from localcloud.provider.wire import ASSET, SIGNATURE

Field = Mapping[str, Any]
_ANY: Field = {}
#: What Terraform takes for "not set".
_EMPTY: tuple[Any, ...] = (None, "", [], {}, False, 0)


@dataclass(frozen=True)
class Leaf:
    """One difference: its path as the engine shows it, the property names on the way, ADD, DELETE or UPDATE."""

    path: str
    names: tuple[str, ...]
    kind: str


def same(old: Any, new: Any) -> bool:
    """Equality of property values: JSON texts by meaning, numbers by value, assets by hash."""
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


def names(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Every property of two sets of inputs."""
    return [name for name in {**old, **new} if not name.startswith("__")]


def changed(old: Mapping[str, Any], new: Mapping[str, Any], ignored: frozenset[str]) -> list[str]:
    """Names of the top-level properties whose values differ in any way."""
    return [name for name in names(old, new) if name not in ignored and not same(old.get(name), new.get(name))]


def leaves(old: Any, new: Any, field: Field, way: tuple[str, ...], path: str) -> Iterator[Leaf]:
    """Every leaf that differs, under the field's rules: defaults, computed values that stay, sets without an order."""
    if old is None and "def" in field:
        old = field["def"]
    if new is None:
        if "def" in field:
            new = field["def"]
        elif field.get("comp") or (old in _EMPTY and not isinstance(old, bool)):
            return  # what AWS chose, or what was nothing, stays
    if same(old, new) or (old is None and field and new in ([], {})):
        return
    if field.get("nocase") and str(old).lower() == str(new).lower():
        return
    if old is None or new is None:
        yield Leaf(path, way, "ADD" if old is None else "DELETE")
    elif isinstance(old, dict) and isinstance(new, dict) and SIGNATURE not in old:
        yield from _of_objects(old, new, field, way, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_lists(old, new, field, way, path)
    else:
        yield Leaf(path, way, "UPDATE")


def _of_objects(
    old: dict[str, Any], new: dict[str, Any], field: Field, way: tuple[str, ...], path: str
) -> Iterator[Leaf]:
    inner = field.get("f", {})
    for key in names(old, new):
        where = f"{path}.{key}" if "." not in key else f'{path}["{key}"]'
        yield from leaves(old.get(key), new.get(key), inner.get(key, _ANY), (*way, key), where)


def _of_lists(old: list[Any], new: list[Any], field: Field, way: tuple[str, ...], path: str) -> Iterator[Leaf]:
    element: Field = {"f": field["f"]} if "f" in field else _ANY
    if field.get("set"):
        left = list(old)
        for item in new:
            match = next((i for i, had in enumerate(left) if not list(leaves(had, item, element, way, path))), None)
            if match is not None:
                del left[match]
            else:
                break
        else:
            if not left:
                return
        new = _aligned(old, new, element, way, path)
    for index in range(max(len(old), len(new))):
        before, after = (side[index] if index < len(side) else None for side in (old, new))
        yield from leaves(before, after, element, way, f"{path}[{index}]")


def _aligned(old: list[Any], new: list[Any], element: Field, way: tuple[str, ...], path: str) -> list[Any]:
    """The elements of a set with the unchanged ones in their old places."""
    rest, placed = list(new), []
    for had in old:
        match = next((i for i, item in enumerate(rest) if not list(leaves(had, item, element, way, path))), None)
        placed.append(rest.pop(match) if match is not None else None)
    return [item if item is not None else (rest.pop(0) if rest else None) for item in placed] + rest


_STEP = re.compile(r'\["([^"]+)"\]|\[(\d+|\*)\]|([^.\[\]]+)')


def steps(path: str) -> list[str]:
    """The keys, indices and `*` that a path of the engine's goes through."""
    return [quoted or index or plain for quoted, index, plain in _STEP.findall(path)]


def kept(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> dict[str, Any]:
    """`new` with the value at `path` (a.b, a[0].c, a["x.y"], a[*].b) as it is in `old`."""
    made = copy.deepcopy(dict(new))
    _keep(dict(old), made, steps(path))
    return made


def _keep(old: Any, new: Any, way: list[str]) -> None:
    if not way:
        return
    step, rest = way[0], way[1:]
    if isinstance(new, list):
        places = range(len(new)) if step == "*" else [int(step)] if step.isdigit() else []
        for place in places:
            before = old[place] if isinstance(old, list) and place < len(old) else None
            if place < len(new) and rest:
                _keep(before, new[place], rest)
            elif place < len(new) and before is not None:
                new[place] = copy.deepcopy(before)
    elif isinstance(new, dict):
        before = old.get(step) if isinstance(old, dict) else None
        if rest and step in new:
            _keep(before, new[step], rest)
        elif rest and before is not None and isinstance(before, dict) and len(rest) >= 1:
            new[step] = {}
            _keep(before, new[step], rest)
            if not new[step]:
                del new[step]
        elif not rest and before is None:
            new.pop(step, None)
        elif not rest:
            new[step] = copy.deepcopy(before)
