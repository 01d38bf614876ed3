"""Who owns a control: the team that is asked when it fails (data/owners.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from policies.lang import data

_OWNERS = Path(__file__).parents[1] / "data" / "owners.yaml"


@cache
def _owners() -> Mapping[str, Any]:
    found: Mapping[str, Any] = data.load(_OWNERS)
    return found


def owner_of(service: str) -> str:
    """The team that owns the controls of an AWS service ("kms")."""
    owners: Mapping[str, str] = _owners()["services"]
    return owners.get(service, str(_owners()["default"]))
