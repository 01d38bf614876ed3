"""One figure of `make bench`: what was measured, beside what it is to be compared with."""

from __future__ import annotations

import functools
import json
import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

#: Figures of an earlier commit: {"against": which commit, on what machine, "figures": {name: value}}.
REFERENCE = Path(__file__).with_name("reference.json")


@functools.cache
def _earlier() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(REFERENCE.read_text())
    return content


def cpu_of_children() -> float:
    """Seconds of CPU of the processes that this one has started and waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True, kw_only=True)
class Figure:
    """`value` in `unit`; `reference` is the other run's value in the same unit, `ratio` = value / reference.

    `against` says which other run: one of the same minute, or the earlier commit's.
    """

    name: str
    value: float
    unit: str
    reference: float | None = None
    against: str = ""

    @classmethod
    def compared(cls, name: str, value: float, unit: str) -> Self:
        """Beside the earlier commit's figure of this name, if it has one."""
        reference = _earlier()["figures"].get(name)
        against = _earlier()["against"] if reference is not None else ""
        return cls(name=name, value=value, unit=unit, reference=reference, against=against)

    def emit(self) -> None:
        """One JSON line on standard output."""
        ratio = round(self.value / self.reference, 4) if self.reference else None
        sys.stdout.write(json.dumps({**asdict(self), "ratio": ratio}) + "\n")
        sys.stdout.flush()
