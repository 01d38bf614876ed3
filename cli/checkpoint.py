"""The way back from a run of the engine that was cut off: what it made is undone, what anybody else wrote since stays.

The emulator keeps every write by itself (localcloud/emulator/keeper.py); Pulumi keeps in a file what it believes is there, and
writes it only at the end of a run. So a copy of Pulumi's file and of the provider's store is made before each run, with the
place that the emulator's journal had reached. After a run that did not end, these two go back to the copy, and the engine's
writes after that place are taken out of the journal; those of tasks and people are not.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cli import console
from localcloud.runtime.state import StateDirectory, copy_tree, write_atomically

#: What is copied, below the state directory.
PROVIDER = StateDirectory(Path()).provider.as_posix()
COPIED = (StateDirectory(Path()).backend.as_posix(), PROVIDER)


class Phase(StrEnum):
    """Whether the engine's file and the emulator may speak of different moments."""

    SETTLED = "settled"  #: they do not
    APPLYING = "applying"  #: the engine runs; should it be cut off, it has not written down what it made


@dataclass(frozen=True)
class Checkpoint:
    """The copies of one clone's state directory."""

    state: Path

    @property
    def _places(self) -> StateDirectory:
        return StateDirectory(self.state)

    @property
    def phase(self) -> Phase:
        """What was going on when this was last written."""
        try:
            return Phase(self._places.phase.read_text())
        except (FileNotFoundError, ValueError):
            return Phase.SETTLED

    def enter(self, phase: Phase) -> None:
        """Write down what is going on from now."""
        self._places.make()
        write_atomically(self._places.phase, phase)

    def take(self, position: Mapping[str, int] | None) -> None:
        """Copy what belongs together; the old copy stays until the new one is whole.

        `position` is the emulator's (`GET /_matchday/health`): "generation" and "offset" of its journal; None when the emulator
        is not ours to take back.
        """
        draft = self._places.checkpoint.with_name("checkpoint.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        for part in COPIED:
            if (self.state / part).exists():
                _copy(self.state / part, draft / part)
        if position is not None:
            _keep(self._places.snapshot, draft / "emulator", position["generation"])
            write_atomically(draft / "offset", str(position["offset"]))
        shutil.rmtree(self._places.checkpoint, ignore_errors=True)
        draft.rename(self._places.checkpoint)

    def restore(self) -> list[str]:
        """Undo the cut-off run; returns sentences about what could not be undone. May itself be cut off and begun again."""
        copy = self._places.checkpoint
        notes = []
        if copy.exists():
            for part in COPIED:
                shutil.rmtree(self.state / part, ignore_errors=True)
                if (copy / part).exists():
                    _copy(copy / part, self.state / part)
            if (copy / "offset").exists():
                notes = self._take_back_the_emulator()
        else:
            notes = [f"{copy} is gone: what the run made stays where it is"]
        self.enter(Phase.SETTLED)
        return notes

    def missing(self) -> list[str]:
        """The parts that somebody deleted, or that cannot be read any more, and that the copy has.

        A provider that is started again after its store was deleted begins another.
        """
        from localcloud.provider.kept import KeptProperties

        copy, unreadable = self._places.checkpoint, self.unreadable()
        known = KeptProperties.identity(copy / PROVIDER)
        lost = [
            part
            for part in COPIED
            if not (self.state / part).exists()
            or any(file.is_relative_to(self.state / part) for file in unreadable)
            or (part == PROVIDER and known not in (None, KeptProperties.identity(self.state / part)))
        ]
        return [part for part in lost if (copy / part).exists()]

    def unreadable(self) -> list[Path]:
        """Pulumi's files of stacks that are damaged: a disk that lost its last writes, somebody's hand."""
        return [file for file in _stacks(self._places.backend) if not _is_json(file)]

    def require_repairable(self) -> None:
        """End the command if one of them is lacking in the copy, or damaged there, too."""
        for file in self.unreadable():
            if not _is_json(self._places.checkpoint / file.relative_to(self.state)):
                console.fail(
                    f"{file} cannot be read, and there is no copy of it that can; nothing was changed",
                    f"Put a copy of your own there; or `{console.command('reset')}` forgets the platform and its data.",
                )

    def complete(self) -> list[str]:
        """Put back from the copy what somebody deleted of the state directory; returns a sentence for each part."""
        copy, emulator = self._places.checkpoint, self._places.emulator
        unreadable, missing = self.unreadable(), self.missing()
        for part in missing:
            if (self.state / part).exists():
                aside = (self.state / part).with_name(f"{Path(part).name}.refused")
                shutil.rmtree(aside, ignore_errors=True)
                (self.state / part).rename(aside)
            _copy(copy / part, self.state / part)
        if (copy / "emulator").exists() and not any(emulator.glob("snapshot*")):
            missing.append("emulator")
            emulator.mkdir(exist_ok=True, mode=0o700)
            for linked in (copy / "emulator").iterdir():
                shutil.copyfile(linked, emulator / linked.name)
        return [
            f"{file} cannot be read: all beside it goes back to the last run of the engine" for file in unreadable
        ] + [
            f"{self.state / part} was missing: put back as it was after the last run of the engine"
            for part in missing
            if not any(file.is_relative_to(self.state / part) for file in unreadable)
        ]

    def _take_back_the_emulator(self) -> list[str]:
        """The snapshot of before the run, and all journals since without the engine's writes."""
        from localcloud.emulator import journal

        file, copy = self._places.snapshot, self._places.checkpoint
        begun = _journals(copy / "emulator" / file.name)[0]
        offset = int((copy / "offset").read_text())
        present = [number for number in _journals(file) if number > begun]
        missing = sorted(set(range(begun + 1, max(present, default=begun))) - set(present))
        for later in (file, file.with_name(file.name + ".previous")):
            later.unlink(missing_ok=True)
        for kept in (copy / "emulator").iterdir():
            target = file.with_name(kept.name)
            if not (target.exists() and target.samefile(kept)):
                shutil.copyfile(kept, target)
        for number in (begun, *present):
            journal.drop(
                file.with_name(f"{file.name}.journal-{number}"), offset if number == begun else 0, journal.ENGINE
            )
        return (
            [f"writes to the emulator between its snapshots {missing[0]} and {missing[-1] + 1} are lost"]
            if missing
            else []
        )


def _copy(source: Path, target: Path) -> None:
    copy_tree(source, target, written_once="history")


def _stacks(backend: Path) -> list[Path]:
    return sorted((backend / ".pulumi" / "stacks").glob("*/*.json"))


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_bytes())
    except (ValueError, FileNotFoundError):
        return False
    return True


def _journals(file: Path) -> list[int]:
    """The generations of the journals beside an emulator's snapshot, in order."""
    return sorted(int(path.name.rpartition("-")[2]) for path in file.parent.glob(f"{file.name}.journal-*[0-9]"))


def _keep(file: Path, directory: Path, generation: int) -> None:
    """A copy of the snapshot, and a link to the journal, which is written only at its end: the copy should see that, too."""
    directory.mkdir()
    if file.exists():
        shutil.copyfile(file, directory / file.name)
    journal = file.with_name(f"{file.name}.journal-{generation}")
    os.link(journal, directory / journal.name)


def put_back(emulator: Path) -> None:
    """Undo the emulator's setting aside of what it could not read."""
    for file in emulator.glob("snapshot*"):
        if file.suffix != ".refused":
            file.unlink()
    for file in emulator.glob("snapshot*.refused"):
        file.replace(file.with_suffix(""))
