"""The frameworks that controls are mapped to: one dated data file each (requirement → controls), apart from the controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from policies.lang import data

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class FrameworkMapping:
    """One framework's file: what it is, where its text was read and when, and what decides each requirement.

    controls: requirement → ids of the controls that decide it, none where the pack has none. elsewhere: requirement that no
    stack can tell → where to look.
    """

    key: str
    name: str
    version: str
    source: str
    read: str
    controls: Mapping[str, tuple[str, ...]]
    elsewhere: Mapping[str, str]


@dataclass(frozen=True)
class Coverage:
    """How much of a framework the pack covers."""

    name: str
    version: str
    source: str
    read: str
    covered: tuple[str, ...]
    not_assessable: tuple[str, ...]
    missing: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "framework": self.name,
            "version": self.version,
            "source": self.source,
            "read": self.read,
            "covered": list(self.covered),
            "not_assessable_from_iac": list(self.not_assessable),
            "missing": list(self.missing),
        }


@cache
def mappings() -> Mapping[str, FrameworkMapping]:
    """Every framework by its key ("fsbp"): the name of its file."""
    return {path.stem: _read(path) for path in sorted(_HERE.glob("*.yaml"))}


def _read(path: Path) -> FrameworkMapping:
    content: Mapping[str, Any] = data.load(path)
    rows: Mapping[str, Any] = content["requirements"]
    return FrameworkMapping(
        path.stem,
        str(content["name"]),
        str(content["version"]),
        str(content["source"]),
        str(content["read"]),
        {name: tuple(row) for name, row in rows.items() if isinstance(row, list)},
        {name: str(row["elsewhere"]) for name, row in rows.items() if isinstance(row, dict)},
    )


@cache
def _by_control() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for key, mapping in mappings().items():
        for requirement, controls in mapping.controls.items():
            for control in controls:
                found.setdefault(control, {}).setdefault(key, []).append(requirement)
    return {
        control: {key: tuple(requirements) for key, requirements in rows.items()} for control, rows in found.items()
    }


def references(control_id: str) -> Mapping[str, tuple[str, ...]]:
    """Framework key → the requirements that a control decides; empty for a control that no file names."""
    return _by_control().get(control_id, {})


@cache
def coverage(key: str) -> Coverage:
    """How much of a framework is covered, cannot be told from a stack, or is missing."""
    found = mappings()[key]
    return Coverage(
        found.name,
        found.version,
        found.source,
        found.read,
        tuple(name for name, controls in found.controls.items() if controls),
        tuple(found.elsewhere),
        tuple(name for name, controls in found.controls.items() if not controls),
    )
