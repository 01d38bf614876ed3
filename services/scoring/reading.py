"""A feed's files read by the library's adapters, and rules documents checked; no database."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from scoring.engine import Rules, ScoringError, SourceError, load, registry
from scoring.sources import fpl, open_match
from scoring.sources.match import Match
from scoring.sources.reading import Node, parse_json

Found = TypeVar("Found")


def read_match(source: str, match_id: str, files: Mapping[str, bytes], seen_at: datetime) -> Match:
    """The match that a feed's files tell of. Raises ScoringError, whose places begin with a file's name.

    A race of f1db is a folder of files; a fixture of the Fantasy Premier League is among others in three files; of the others a
    match is one file, and Cricsheet's has its id for a name.
    """
    if source == "f1db":
        return _in_a_directory(files, lambda directory: open_match(directory, seen_at))
    if source == "fpl":
        place = f"{fpl.LIVE}/{_fixture(match_id, files)}"
        return _in_a_directory(files, lambda directory: open_match(directory / place, seen_at))
    if len(files) != 1:
        raise SourceError(source, f"{len(files)} files; a match of this source is one")
    name = f"{match_id.partition(':')[2]}.json"
    return _in_a_directory(
        dict.fromkeys([name], *files.values()), lambda directory: open_match(directory / name, seen_at)
    )


def _fixture(match_id: str, files: Mapping[str, bytes]) -> int:
    """The number that this season's files give to a fixture, whose id is the code that it has for good."""
    name, code = "fixtures.json", match_id.partition(":")[2]
    if name not in files:
        raise SourceError(name, "is missing")
    for fixture in Node(parse_json(files[name], name), name).each():
        if str(fixture.get("code").whole(1)) == code:
            return fixture.get("id").whole(1)
    raise SourceError(name, f"has no fixture with the code {code!r:.60}")


@lru_cache(maxsize=64)
def _rules(document: str, parameters: tuple[tuple[str, str | int], ...]) -> Rules:
    return _in_a_directory(
        {"rules.json": document.encode()}, lambda directory: load(str(directory / "rules.json"), dict(parameters))
    )


def read_rules(document: str, parameters: Mapping[str, Any]) -> Rules:
    """Rules ready to score with, linted. Raises ScoringError."""
    return _rules(document, tuple(sorted(parameters.items())))


def shipped(reference: str) -> str:
    """The text of a document that ships with the platform. Raises ScoringError."""
    return registry.path_of(reference).read_text(encoding="utf-8")


def _in_a_directory(files: Mapping[str, bytes], read: Callable[[Path], Found]) -> Found:
    """What `read` makes of a directory with these files, which is gone afterwards and named by no message."""
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        for name, content in files.items():
            (directory / name).write_bytes(content)
        try:
            return read(directory)
        except ScoringError as error:
            place = error.place.replace(f"{directory}/", "").replace(str(directory), "")
            raise type(error)(place or "the files", error.reason.replace(f"{directory}/", "")) from None
