"""What a change does to a stack, from the engine's own plan (`pulumi preview --json` on the state of before). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

#: The engine's operations, by what they mean for who reads; in the order in which they are shown.
OPERATIONS = {
    "replace": "replace", "create-replacement": "replace", "delete-replaced": "replace",
    "delete": "delete", "discard": "delete",
    "update": "update",
    "create": "create", "import": "create",
}  # fmt: skip
ORDER = ("replace", "delete", "update", "create")

_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
HIDDEN, LATER = "[secret]", "[known after the change]"


def resources(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The changed resources of a plan: replacements and deletions first, each with the properties that differ.

    `forced_by` are the properties that make it a replacement; empty for every other operation.
    """
    found: dict[str, dict[str, Any]] = {}
    for step in plan.get("steps", ()):
        operation = OPERATIONS.get(step["op"])
        if operation is None or (step["urn"] in found and not step.get("detailedDiff")):
            continue
        before, after = (step.get(side) or {} for side in ("oldState", "newState"))
        forced = list(dict.fromkeys(step.get("replaceReasons") or ())) if operation == "replace" else []
        found[step["urn"]] = {
            "urn": step["urn"],
            "type": step["urn"].split("::")[2].split("$")[-1],
            "name": step["urn"].rsplit("::", 1)[1],
            "operation": operation,
            "forced_by": forced,
            "properties": properties(before.get("inputs") or {}, after.get("inputs") or {}) if before and after else [],
        }
    return sorted(found.values(), key=lambda entry: (ORDER.index(entry["operation"]), entry["type"], entry["name"]))


def properties(before: Any, after: Any) -> list[dict[str, Any]]:
    """The leaves that differ between two documents of inputs: `path`, `before` and `after` (None where it is not there)."""
    olds, news = dict(_leaves(before, "")), dict(_leaves(after, ""))
    return [
        {"path": path, "before": olds.get(path), "after": news.get(path)}
        for path in sorted({*olds, *news})
        if olds.get(path) != news.get(path) or (path in olds) != (path in news)
    ]


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value.get(_SIGNATURE) == _SECRET:
        # Two secrets are compared by what is told of them; neither is shown.
        yield path, HIDDEN
    elif isinstance(value, dict) and value:
        for name, inner in value.items():
            if not name.startswith("__"):
                yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for position, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{position}]")
    elif isinstance(value, str) and value[:1] in "{[" and (parsed := _json(value)) is not None:
        # A policy document: which statement changed, not two pages of text.
        yield from _leaves(parsed, path)
    else:
        yield path, LATER if value == _UNKNOWN else value


def _json(text: str) -> Any:
    try:
        return json.loads(text) or None
    except ValueError:
        return None


def after(before: list[dict[str, Any]], plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The resources of a state as the plan would leave them: what only AWS knows is as it was before."""
    by_urn = {resource["urn"]: resource for resource in before}
    for step in plan.get("steps", ()):
        operation, new = OPERATIONS.get(step["op"]), step.get("newState")
        if operation == "delete":
            by_urn.pop(step["urn"], None)
        elif operation is not None and new:
            old = by_urn.get(step["urn"], {})
            outputs = {**(old.get("outputs") or {}), **(new.get("inputs") or {})}
            by_urn[step["urn"]] = {**old, **new, "outputs": outputs if old else new.get("outputs") or outputs}
    return list(by_urn.values())


def counts(changed: list[dict[str, Any]], before: int) -> dict[str, int]:
    """How many resources are created, updated, replaced, deleted, and, of the `before` that there were, stay the same."""
    found = {
        name: sum(entry["operation"] == name for entry in changed) for name in ("create", "update", "replace", "delete")
    }
    return {**found, "same": before - found["update"] - found["replace"] - found["delete"]}
