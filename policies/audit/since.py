"""What changed since an earlier run: answers that are new, gone or different."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: One answer's place: control id, the resource's URN ("" for the stack).
Key = tuple[str, str]


class SinceError(ValueError):
    """The earlier evidence cannot be read."""


@dataclass(frozen=True)
class Since:
    """The earlier run's time, and (control, resource, result then, result now); "" where there was or is no answer."""

    time: str
    sha256: str
    changes: tuple[tuple[str, str, str, str], ...]


def read(directory: Path) -> Mapping[str, Any]:
    """The earlier evidence's audit.json. Raises `SinceError`."""
    path = directory / "audit.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SinceError(
            f"--since: {path} cannot be read: {error}; expected a directory of earlier evidence"
        ) from error
    if not isinstance(document, dict) or not str(document.get("format", "")).startswith("matchday-audit/"):
        raise SinceError(f"--since: {path} is no audit of this command; expected a directory of earlier evidence")
    return document


def compare(before: Mapping[str, Any], answers: Iterable[tuple[str, str, str, str]]) -> Since:
    """The changes from an earlier document to `answers`: (control id, resource name, URN, result)."""
    then: dict[Key, tuple[str, str]] = {
        (control["id"], answer["urn"]): (answer["resource"], answer["result"])
        for control in before["controls"]
        for answer in control["answers"]
    }
    now: dict[Key, tuple[str, str]] = {(control, urn): (name, result) for control, name, urn, result in answers}
    changes = []
    for key in sorted(then.keys() | now.keys()):
        old, new = then.get(key, ("", "")), now.get(key, ("", ""))
        if old[1] != new[1]:
            changes.append((key[0], new[0] or old[0], old[1], new[1]))
    return Since(str(before["time"]), str(before["subject"]["sha256"]), tuple(changes))
