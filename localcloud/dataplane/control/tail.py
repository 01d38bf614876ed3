"""Reads the tasks' log files for `matchday logs`: the newest task of each process, and what comes after."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from localcloud.runtime.errors import SupervisorError, last_lines

_LINES, _PAUSE = 50, 0.3


def tail(directory: Path, service: str | None, *, follow: bool) -> Iterator[tuple[str, str]]:
    """(`service/process`, line) of the newest tasks; `service` may name a process too: `wallet/web`."""
    if service is not None and not _logs(directory, service):
        have = sorted({path.parent.parent.name for path in directory.glob("*/*/*.log")})
        raise SupervisorError("logs", f"no service {service!r} has logs; there are: {', '.join(have) or 'none'}")
    places = {path: path.stat().st_size for path in _logs(directory, service)}
    for path in _newest(directory, service):
        yield from ((_name(path), line) for line in last_lines(path, _LINES))
    while follow:
        time.sleep(_PAUSE)
        for path in _logs(directory, service):
            yield from ((_name(path), line) for line in _fresh(path, places))


def _fresh(path: Path, places: dict[Path, int]) -> Iterator[str]:
    """The complete lines that a file has got since the last time."""
    with path.open("rb") as file:
        start = places.get(path, 0)
        if path.stat().st_size < start:  # it was turned over
            start = 0
        file.seek(start)
        text = file.read()
    complete = text[: text.rfind(b"\n") + 1]
    places[path] = start + len(complete)
    yield from complete.decode(errors="replace").splitlines()


def _logs(directory: Path, service: str | None) -> list[Path]:
    name, _, process = (service or "*").partition("/")
    return sorted(directory.glob(f"{name}/{process or '*'}/*.log"))


def _newest(directory: Path, service: str | None) -> list[Path]:
    newest: dict[Path, Path] = {}
    for path in sorted(_logs(directory, service), key=lambda path: path.stat().st_mtime):
        newest[path.parent] = path
    return list(newest.values())


def _name(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.parent.name}"
