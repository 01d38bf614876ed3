"""What a reader notes about a file that can be scored all the same: odd optional tables, accepted contradictions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from scoring.engine.errors import SourceError
from scoring.engine.needs import Need
from scoring.sources.reading import Node


@dataclass
class Findings:
    """Collected while a match is read.

    - accept: an operator has looked at the file's contradictions and says why it may be scored; None refuses them.
    - notes: what a reader of the points should know.
    - faults: what cannot be relied on (event kind and attribute, "" for the whole kind), and why. Rules that read it are
      refused; others are not concerned.
    - contradictions: what would have been refused without `accept`.
    """

    accept: str | None = None
    notes: list[str] = field(default_factory=list)
    faults: dict[Need, str] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)

    def contradicts(self, node: Node, reason: str) -> None:
        """The file contradicts itself here: SourceError, unless an operator has accepted it."""
        if self.accept is None:
            node.fail(reason)
        self.contradictions.append(f"{node.place}: {reason}")

    def note(self, node: Node, reason: str) -> None:
        """Something odd that changes no points."""
        self.notes.append(f"{node.place}: {reason}")

    @contextmanager
    def optional(self, *needs: Need) -> Iterator[None]:
        """A part that only some rules read: what is wrong in it is kept as the fault of `needs`, not raised."""
        try:
            yield
        except SourceError as error:
            for need in needs:
                self.faults.setdefault(need, str(error))
