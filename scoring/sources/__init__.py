"""Sources: what turns a provider's files into normalised match events; `open_match` tells which source a path is of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from scoring.engine.errors import SourceError
from scoring.sources import cricsheet, f1db, normalised
from scoring.sources.match import Match
from scoring.sources.reading import Node, parse_json, read_bytes


def open_match(path: Path, seen_at: datetime, accept: str | None = None) -> Match:
    """The match in a file (Cricsheet, or an event log of our own) or in a directory (an f1db race).

    `accept`: why an operator, having looked, scores it although it contradicts itself.
    """
    if path.is_dir():
        return f1db.read(path, seen_at, accept)
    root = Node(parse_json(read_bytes(path), str(path)), str(path))
    if "info" in root:
        return cricsheet.from_node(root, path.stem, seen_at, accept)
    if "events" in root:
        return normalised.from_node(root)
    raise SourceError(str(path), "neither a Cricsheet match (which has 'info') nor an event log (which has 'events')")


def find_matches(path: Path) -> Iterator[Path]:
    """The matches that a path holds: itself, or every f1db race and JSON file below a directory, in order of their names."""
    if not path.is_dir() or (path / "race.yml").is_file():
        yield path
        return
    found = {race.parent for race in path.rglob("race.yml")} | set(path.rglob("*.json"))
    if not found:
        raise SourceError(str(path), "holds no match: no race.yml and no .json file")
    yield from sorted(found)
