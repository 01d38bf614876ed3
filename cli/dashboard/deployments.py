"""The engine's last runs out of its own history: when, of which commit, and what each changed. Pure but for reading files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from cli.compare import ORDER, properties
from localcloud.engine import history

#: Runs that are shown, and resources of one that are named.
RUNS, NAMED = 8, 40


@dataclass(frozen=True, slots=True)
class ResourceDiff:
    """A resource that a run touched, and the paths of its inputs that differ."""

    operation: str
    type: str
    name: str
    paths: Sequence[str]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A run of the engine. `diff` is empty for the oldest that is kept, which has nothing before it to be compared with."""

    started: str
    seconds: int
    kind: str
    result: str
    commit: str
    message: str
    counts: dict[str, int]
    diff: Sequence[ResourceDiff]
    more: int


def state_file(backend: Path, stack: str) -> Path | None:
    """What the engine believes is deployed; None before the first run."""
    return next(iter(sorted((backend / ".pulumi" / "stacks").glob(f"*/{stack}.json"))), None)


def mark(records: Sequence[Path]) -> object:
    """Changes with each run."""
    return [record.name for record in records]


def recent(records: Sequence[Path]) -> list[Deployment]:
    """The last runs, the newest first."""
    pairs = list(zip([None, *records], records, strict=False))[-RUNS:]
    return [_deployment(before, record) for before, record in reversed(pairs)]


@lru_cache(maxsize=4 * RUNS)  # a record never changes
def _deployment(before: Path | None, record: Path) -> Deployment:
    found = json.loads(record.read_bytes())
    environment = found.get("environment") or {}
    counts = {name: count for name, count in (found.get("resourceChanges") or {}).items() if name != "same"}
    touched = diff(_resources(before), _resources(record)) if before and counts else []
    dirty = "+" if environment.get("git.dirty") == "true" else ""
    return Deployment(
        started=datetime.fromtimestamp(found["startTime"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        seconds=max(0, found.get("endTime", found["startTime"]) - found["startTime"]),
        kind=found.get("kind", ""),
        result=found.get("result", ""),
        commit=environment.get("git.head", "")[:8] + dirty,
        message=found.get("message", ""),
        counts=counts,
        diff=touched[:NAMED],
        more=max(0, len(touched) - NAMED),
    )


def diff(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> list[ResourceDiff]:
    """What differs between two states, deletions first. Another id is a replacement; what is hidden in a secret is not seen."""
    olds, news = ({each["urn"]: each for each in side} for side in (before, after))
    found = []
    for urn in {**olds, **news}:
        old, new = olds.get(urn), news.get(urn)
        if old is None or new is None:
            found.append(_change("create" if old is None else "delete", urn, ()))
            continue
        differ = properties(old.get("inputs") or {}, new.get("inputs") or {})
        paths = tuple(each["path"] for each in differ if each["path"])
        replaced = old.get("id") != new.get("id")
        if paths or replaced:
            found.append(_change("replace" if replaced else "update", urn, paths))
    return sorted(found, key=lambda change: (ORDER.index(change.operation), change.type, change.name))


def _change(operation: str, urn: str, paths: Sequence[str]) -> ResourceDiff:
    return ResourceDiff(operation, urn.split("::")[2].split("$")[-1], urn.rsplit("::", 1)[1], paths)


def _resources(record: Path) -> list[dict[str, Any]]:
    """The state that a run left; none where its copy is gone or was cut off."""
    try:
        return list(
            (json.loads(history.checkpoint(record).read_bytes())["checkpoint"].get("latest") or {}).get("resources")
            or []
        )
    except (OSError, ValueError, KeyError):
        return []
