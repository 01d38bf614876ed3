"""Reads the pack's own tables: with libyaml, because Python's reader takes a second of each start of the pack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from model.documents import LOADER


def load(path: Path) -> Any:
    """The content of a YAML file of ours."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506 - a safe one
