"""The file backend's records of its runs: the newest are kept, each with a copy of the state that it left.

Nothing else takes one away, and each `up` writes one of megabytes.
"""

from __future__ import annotations

from pathlib import Path

#: How many runs are kept.
KEPT = 20


def records(backend: Path, stack: str) -> list[Path]:
    """The records of the runs, oldest first."""
    return sorted((backend / ".pulumi" / "history").glob(f"*/{stack}/*.history.json"))


def checkpoint(record: Path) -> Path:
    """The copy of the state that the run left."""
    return record.with_name(record.name.replace(".history.", ".checkpoint."))


def trim(backend: Path, stack: str) -> None:
    """Take away all but the newest. Cut off, it leaves a record without its copy, and the next call takes that, too."""
    for record in records(backend, stack)[:-KEPT]:
        for file in (checkpoint(record), record):
            for each in (file.with_name(f"{file.name}.attrs"), file):
                each.unlink(missing_ok=True)
