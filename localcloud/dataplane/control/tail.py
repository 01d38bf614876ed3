"""Reads the log files for `matchday logs`: tasks, data stores and servers, one list in order of time, and what comes after.

It needs no running platform: the files stay when everything is stopped.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from localcloud.runtime.errors import SupervisorError, last_lines

_LINES, _PAUSE = 50, 0.3

#: Folders of data stores, and what `matchday logs` calls them: by what runs there, and by AWS's name.
_STORES = {"rds": "postgres", "elasticache": "valkey"}

#: A moment near the beginning of a line: ISO 8601, as services and PostgreSQL print it, or Valkey's "26 Nov 2026 10:00:00.123".
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:[.,]\d{1,6})?) ?(Z|UTC|GMT|[+-]\d\d:?\d\d)?")
_VALKEY = re.compile(r"\b(\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d(?:\.\d+)?)\b")
_EPOCH = re.compile(r'"ts":(\d{9,}(?:\.\d+)?)')  # Caddy
_HEAD = 200


def tail(directory: Path, service: str | None, *, follow: bool) -> Iterator[tuple[str, str]]:
    """(where, line): the last lines of each process's newest log by time; with `follow`, new ones of all as they come.

    `service` is a service (`wallet`), one of its processes (`wallet/web`), a kind of data store (`postgres`, `valkey`), or a
    server (`ingress`, `emulator`, `provider`, `supervisor`); None for all.
    """
    files = _files(directory)
    chosen = [name for name in files if service is None or name == service or name.split("/")[0] == service]
    if service is not None and not chosen:
        have = sorted({name.split("/")[0] for name in files})
        raise SupervisorError("logs", f"no service {service!r} has logs; there are: {', '.join(have) or 'none'}")
    places = {path: _state(path)[0] for name in files for path in files[name]}
    lines: list[tuple[float, str, str]] = []
    for name in chosen:
        newest = max(files[name], key=lambda path: _state(path)[1])
        moment = 0.0
        for line in last_lines(newest, _LINES):
            moment = _moment(line) or moment  # a traceback's lines stay with their first
            lines.append((moment, name, line))
    for _, name, line in sorted(lines, key=lambda entry: entry[0]):
        yield name, line
    while follow:
        time.sleep(_PAUSE)
        for name, paths in _files(directory).items():
            if service is None or name == service or name.split("/")[0] == service:
                for path in paths:
                    yield from ((name, line) for line in _fresh(path, places))


def _moment(line: str) -> float | None:
    """When a line was printed, in seconds since 1970; None where it does not say."""
    head = line[:_HEAD]
    if found := _ISO.search(head):
        zone = (found[3] or "Z").replace("UTC", "Z").replace("GMT", "Z").replace("Z", "+00:00")
        return datetime.fromisoformat(f"{found[1]}T{found[2].replace(',', '.')}{zone}").timestamp()
    if found := _VALKEY.search(head):
        pattern = "%d %b %Y %H:%M:%S.%f" if "." in found[1] else "%d %b %Y %H:%M:%S"
        return datetime.strptime(found[1], pattern).replace(tzinfo=UTC).timestamp()
    return float(found[1]) if (found := _EPOCH.search(head)) else None


def _files(directory: Path) -> dict[str, list[Path]]:
    """Log files by what `matchday logs` calls them."""
    found: dict[str, list[Path]] = {}
    for path in sorted(directory.glob("*/*/*.log")):
        found.setdefault(f"{path.parent.parent.name}/{path.parent.name}", []).append(path)
    for folder, kind in _STORES.items():
        for path in sorted((directory / folder).glob("*.log")):
            found[f"{kind}/{path.stem}"] = [path]
    for path in sorted([*directory.glob("*.log"), *directory.parent.glob("supervisor.log")]):
        found[path.stem] = [path]
    return found


def _state(path: Path) -> tuple[int, float]:
    """A file's size and when it was written last; nothing of one that is just being turned over or taken away."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0.0
    return found.st_size, found.st_mtime


def _fresh(path: Path, places: dict[Path, int]) -> Iterator[str]:
    """The complete lines that a file has got since the last time; none of one that has just gone."""
    try:
        with path.open("rb") as file:
            start = places.get(path, 0)
            if os.fstat(file.fileno()).st_size < start:  # it was turned over
                start = 0
            file.seek(start)
            text = file.read()
    except FileNotFoundError:
        return
    complete = text[: text.rfind(b"\n") + 1]
    places[path] = start + len(complete)
    yield from complete.decode(errors="replace").splitlines()
