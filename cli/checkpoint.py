"""Keeps the engine's state, the provider's store and the emulator's snapshot together: all three of one moment, or none.

The emulator holds its resources in memory and Pulumi holds in a file what it believes is there. If one is of another moment than
the other, every later `up` is wrong. So after each successful run all three are copied; a run that did not end, or a
platform that died instead of being stopped, is followed by a return to the last copy, from which `up` converges.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

#: What belongs together, below the state directory.
PARTS = ("pulumi/backend", "provider", "emulator")


@dataclass(frozen=True)
class Checkpoint:
    """The copies of one clone's state directory."""

    state: Path

    @property
    def _copy(self) -> Path:
        return self.state / "checkpoint"

    @property
    def _mark(self) -> Path:
        return self.state / "unsettled"

    @property
    def unsettled(self) -> bool:
        """Whether the parts may be of different moments: a run or a running platform has not ended properly."""
        return self._mark.exists()

    def unsettle(self) -> None:
        """Before anything of the three changes."""
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._mark.touch()

    def settle(self) -> None:
        """After a clean stop: the parts as they lie there are of one moment."""
        self._mark.unlink(missing_ok=True)

    def take(self) -> None:
        """Copy the parts, which the caller knows to be of one moment; the old copy stays until the new one is whole."""
        draft = self.state / "checkpoint.new"
        shutil.rmtree(draft, ignore_errors=True)
        for part in PARTS:
            if (self.state / part).exists():
                shutil.copytree(self.state / part, draft / part)
        shutil.rmtree(self._copy, ignore_errors=True)
        draft.rename(self._copy)

    def restore(self) -> bool:
        """Go back to the last copy; with none, to nothing. True when there was one."""
        for part in PARTS:
            shutil.rmtree(self.state / part, ignore_errors=True)
            if (self._copy / part).exists():
                shutil.copytree(self._copy / part, self.state / part)
        self.settle()
        return self._copy.exists()
