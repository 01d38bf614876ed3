"""Evidence: a report as files that an auditor takes away (JSON, CSV, SARIF, HTML), all of them or none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from policies.audit import csv_file, html_file, json_file, sarif_file
from policies.audit.report import Report

#: File name → how it is written.
FILES: Mapping[str, Callable[[Report], str]] = {
    "audit.json": json_file.render,
    "audit.csv": csv_file.render,
    "audit.sarif": sarif_file.render,
    "audit.html": html_file.render,
}


class EvidenceError(OSError):
    """The evidence cannot be written where it is wanted."""


def check(directory: Path) -> None:
    """Refuse a place that holds anything but earlier evidence, before an audit is made for it."""
    if directory.exists() and not directory.is_dir():
        raise EvidenceError(
            f"{directory} is a file; --out takes a directory that is new, empty or holds earlier evidence"
        )
    foreign = sorted(item.name for item in directory.iterdir() if item.name not in FILES) if directory.exists() else []
    if foreign:
        raise EvidenceError(
            f"{directory} holds {foreign[0]!r}; --out takes a directory that is new, empty or holds earlier evidence"
        )


def write(report: Report, directory: Path) -> list[Path]:
    """Write all files into `directory`. What stood there before is replaced only when the new evidence is complete."""
    check(directory)
    contents = {name: render(report) for name, render in FILES.items()}
    draft = directory.with_name(f".{directory.name}.draft")
    old = directory.with_name(f".{directory.name}.old")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for name, content in contents.items():
            (draft / name).write_text(content, encoding="utf-8", newline="")
        if directory.exists():
            shutil.rmtree(old, ignore_errors=True)
            directory.rename(old)
        draft.rename(directory)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        if old.exists() and not directory.exists():
            old.rename(directory)
        raise EvidenceError(f"{directory} cannot be written: {error.strerror or error}") from error
    return [directory / name for name in FILES]
