"""One figure of `make bench`: what was measured, beside what it is to be compared with in the same minute."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Figure:
    """`value` in `unit`; `reference` is the other run's value in the same unit, `ratio` = value / reference."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    against: str = ""

    def emit(self) -> None:
        """One JSON line on standard output."""
        ratio = round(self.value / self.reference, 4) if self.reference else None
        sys.stdout.write(json.dumps({**asdict(self), "ratio": ratio}) + "\n")
        sys.stdout.flush()
