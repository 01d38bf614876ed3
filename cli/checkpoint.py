"""Keeps the engine's state, the provider's store and the emulator's snapshot together: all three of one moment, or none.

The emulator holds its resources in memory and Pulumi holds in a file what it believes is there. If one is of another
moment than the other, every later `up` is wrong. So after each successful run all three are copied; a run that did not
end, or a platform that died instead of being stopped, is followed by a return to the last copy, from which `up` converges.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

#: What belongs together, below the state directory.
PARTS = ("pulumi/backend", "provider", "emulator")


class Phase(StrEnum):
    """Since when the parts may be of different moments."""

    SETTLED = "settled"  #: they are not: the platform was stopped, or never ran
    RUNNING = "running"  #: the platform runs; should it die instead of being stopped, the emulator's memory is lost
    APPLYING = "applying"  #: the engine runs; should it be cut off, it may not have written down what it made


@dataclass(frozen=True)
class Checkpoint:
    """The copies of one clone's state directory."""

    state: Path

    @property
    def _copy(self) -> Path:
        return self.state / "checkpoint"

    @property
    def _mark(self) -> Path:
        return self.state / "phase"

    @property
    def phase(self) -> Phase:
        """What was going on when this was last written."""
        return Phase(self._mark.read_text()) if self._mark.exists() else Phase.SETTLED

    def enter(self, phase: Phase) -> None:
        """Write down what is going on from now."""
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._mark.with_suffix(".new")
        draft.write_text(phase)
        draft.replace(self._mark)

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
        self.enter(Phase.SETTLED)
        return self._copy.exists()
