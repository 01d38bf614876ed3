"""What a project is judged by: its own policies/exceptions.yaml and policies/levels.yaml, never those of another project."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from cli import local

if TYPE_CHECKING:
    from policies.exceptions import Register
    from policies.levels import Levels


def register_path() -> Path:
    """The project's exception register, or the empty one."""
    return _own("exceptions.yaml")


def levels_path() -> Path:
    """The project's levels (environments, frameworks, single controls), or those that make everything mandatory."""
    return _own("levels.yaml")


def register(today: date | None = None) -> Register:
    """The register; raises policies.exceptions.RegisterError."""
    from policies import exceptions
    from policies.catalog import all_controls

    return exceptions.load(register_path(), known={control.id for control in all_controls()}, today=today)


def levels() -> Levels:
    """The levels; raises policies.levels.LevelsError."""
    from policies import levels as rules

    return rules.load(levels_path())


def _own(name: str) -> Path:
    import policies

    file = local.PROJECT / "policies" / name
    return file if file.exists() else Path(policies.__path__[0]) / "plain" / name
