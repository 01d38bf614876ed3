"""Evidence: a report as files that an auditor takes away, with the documents that its hashes are of; all of them or none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from policies.audit import csv_file, html_file, json_file, oscal_file, sarif_file, subject_file
from policies.audit.provenance import digest, pack_list
from policies.audit.report import Report

#: File name → how it is written: the report in each form, then what it refers to.
FILES: Mapping[str, Callable[[Report], str]] = {
    "audit.json": json_file.render,
    "audit.csv": csv_file.render,
    "audit.sarif": sarif_file.render,
    "audit.oscal.json": oscal_file.render,
    "audit.html": html_file.render,
    "subject.json": lambda report: subject_file.render(report.state),
    "exceptions.yaml": lambda report: report.provenance.register_path.read_text(encoding="utf-8"),
    "levels.yaml": lambda report: report.provenance.levels_path.read_text(encoding="utf-8"),
    "pack.sha256": lambda report: pack_list(),
}
#: The digests of all files, as `sha256sum -c` reads them; what is signed is this list.
SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
PUBLIC_KEY = "audit.pub"

#: A signature of some bytes, and the public key in PEM.
Sign = Callable[[bytes], tuple[bytes, bytes]]


class EvidenceError(OSError):
    """The evidence cannot be written where it is wanted."""


def check(directory: Path) -> None:
    """Refuse a place that holds anything but earlier evidence, before an audit is made for it."""
    if directory.exists() and not directory.is_dir():
        raise EvidenceError(
            f"{directory} is a file; --out takes a directory that is new, empty or holds earlier evidence"
        )
    ours = {*FILES, SUMS, SIGNATURE, PUBLIC_KEY}
    foreign = sorted(item.name for item in directory.iterdir() if item.name not in ours) if directory.exists() else []
    if foreign:
        raise EvidenceError(
            f"{directory} holds {foreign[0]!r}; --out takes a directory that is new, empty or holds earlier evidence"
        )


def write(report: Report, directory: Path, sign: Sign | None = None) -> list[Path]:
    """Write all files into `directory`. What stood there before is replaced only when the new evidence is complete."""
    check(directory)
    contents = {name: render(report) for name, render in FILES.items()}
    contents[SUMS] = "".join(f"{digest(content.encode())}  {name}\n" for name, content in contents.items())
    signed = dict(zip((SIGNATURE, PUBLIC_KEY), sign(contents[SUMS].encode()), strict=True)) if sign else {}
    draft = directory.with_name(f".{directory.name}.draft")
    old = directory.with_name(f".{directory.name}.old")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for name, content in contents.items():
            (draft / name).write_text(content, encoding="utf-8", newline="")
        for name, data in signed.items():
            (draft / name).write_bytes(data)
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
    return [directory / name for name in (*contents, *signed)]
