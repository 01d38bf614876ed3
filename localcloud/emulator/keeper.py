"""What the emulator keeps on disk: a snapshot, the journal since, and the pair before as the way back from a damaged one.

    FILE                 the newest snapshot; its header names its generation n
    FILE.journal-n       every changing request since
    FILE.previous        the snapshot of generation n-1, which with its journal makes FILE again
    FILE.journal-(n-1)

A damaged FILE is therefore rebuilt without loss. When neither can be read, both are set aside (`*.refused`), never overwritten.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from localcloud.emulator import journal, snapshot
from localcloud.emulator.journal import Entry, Journal

#: What answers an entry again; returns the HTTP status, to be compared with a success.
Replay = Callable[[Entry], int]


class Keeper:
    """The files of one emulator.

    - loaded: what the start found: "none", "loaded", "loaded: what was mended" or "refused: why".
    - notes: what was mended or could not be, a sentence each.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.loaded = "none"
        self.notes: list[str] = []
        self.generation = 0
        self._oldest = 0  # the generation of the snapshot that was loaded or written last
        self._journal: Journal | None = None

    @property
    def previous(self) -> Path:
        return self.file.with_name(self.file.name + ".previous")

    def journal_file(self, generation: int) -> Path:
        return self.file.with_name(f"{self.file.name}.journal-{generation}")

    @property
    def journal(self) -> Journal:
        assert self._journal is not None, "open() comes first"
        return self._journal

    def open(self, replay: Replay) -> None:
        """Bring back what was kept, as far as it can be read, and begin to write the journal."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        refusals: list[snapshot.SnapshotRefused] = []
        for candidate in (self.file, self.previous):
            if candidate.exists() and self._load(candidate, refusals):
                break
        whole_since_nothing = self.journal_file(0).exists() and all(refusal.damaged for refusal in refusals)
        if refusals and self.loaded == "none" and not whole_since_nothing:
            for path in self.file.parent.glob(f"{self.file.name}*"):
                _set_aside(path)
            self.loaded = f"refused: {refusals[0]}"
        elif refusals:
            _set_aside(self.file)
            self.notes.append(f"{refusals[0]}; what it held was rebuilt from the journal")
        self._replay(replay)
        if self.notes:
            self.loaded = f"loaded: {'; '.join(self.notes)}"
        self._journal = Journal(self.journal_file(self.generation))

    def _load(self, candidate: Path, refusals: list[snapshot.SnapshotRefused]) -> bool:
        try:
            self.generation = self._oldest = snapshot.load(candidate)
        except snapshot.SnapshotRefused as refusal:
            refusals.append(refusal)
            return False
        self.loaded = "loaded"
        return True

    def _replay(self, replay: Replay) -> None:
        """Answer again what was asked since; a second journal follows where a snapshot was begun and not finished."""
        while (file := self.journal_file(self.generation)).exists():
            for _, entry in journal.read(file):
                self.loaded = "loaded"
                if (status := replay(entry)) >= 400:
                    self.notes.append(f"{entry.name} could not be repeated: it is answered with status {status} now")
            if not self.journal_file(self.generation + 1).exists():
                return
            self.generation += 1

    def save(self) -> None:
        """Write a snapshot of the next generation and begin its journal. The caller holds every request back."""
        draft = self.file.with_name(self.file.name + ".next")
        following = self.generation + 1
        try:
            snapshot.save(draft, following)
            fresh = Journal(self.journal_file(following))
        except OSError:
            draft.with_name(draft.name + ".new").unlink(missing_ok=True)
            draft.unlink(missing_ok=True)
            raise
        if self.file.exists():
            self.file.replace(self.previous)
        keep_from = self._oldest  # what the previous snapshot, or an empty emulator, is made this one from
        draft.replace(self.file)
        if self._journal is not None:
            self._journal.close()
        self._journal, self.generation, self._oldest = fresh, following, following
        for old in self.file.parent.glob(f"{self.file.name}.journal-*"):
            if int(old.name.rpartition("-")[2]) < keep_from:
                old.unlink()


def _set_aside(path: Path) -> None:
    if path.exists() and path.suffix != ".refused":
        path.replace(path.with_name(path.name + ".refused"))
