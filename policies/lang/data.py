"""Reads the pack's own tables: with libyaml, because Python's reader takes a second of each start of the pack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

#: PyYAML's own wheels have it; both build the same plain values and nothing else.
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(path: Path) -> Any:
    """The content of a YAML file of ours."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe one
