"""`supervisor.json`: how commands find the supervisor of a state directory. Readable by its owner alone: it holds the token."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Info:
    """The supervisor's process, where and with what token it is asked, and the ports of what it runs."""

    pid: int
    control: str
    token: str
    arguments: list[str]
    emulator: str = ""
    provider_port: int = 0
    ingress: str = ""
    network: str = ""
    snapshot: str = ""

    def save(self, state: Path) -> None:
        """Write it, all or nothing."""
        draft = state / "supervisor.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(dataclasses.asdict(self), file, indent=1)
        draft.replace(state / "supervisor.json")

    @classmethod
    def load(cls, state: Path) -> Self | None:
        """What the directory's supervisor has written; None if there is none."""
        try:
            return cls(**json.loads((state / "supervisor.json").read_text()))
        except FileNotFoundError:
            return None

    @staticmethod
    def remove(state: Path) -> None:
        """The supervisor has ended."""
        (state / "supervisor.json").unlink(missing_ok=True)
