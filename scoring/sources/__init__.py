"""Sources: what turns a provider's files into normalised match events; `open_match` tells which source a path is of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from scoring.engine.errors import SourceError
from scoring.sources import cricsheet, cricsheet_columns, f1db, fpl, normalised
from scoring.sources.match import Match
from scoring.sources.reading import Node, parse_json, parse_quickly, read_bytes


def open_match(path: Path, seen_at: datetime, accept: str | None = None) -> Match:
    """The match in a file (Cricsheet, or an event log of our own), in a directory (an f1db race) or below a file (a fixture of
    the Fantasy Premier League: `live.json/7`).

    `accept`: why an operator, having looked, scores it although it contradicts itself.
    """
    if path.parent.name == fpl.LIVE:
        return fpl.read(path, seen_at, accept)
    if path.is_dir():
        return f1db.read(path, seen_at, accept)
    data = read_bytes(path)
    value, colons = parse_quickly(data, str(path))
    if not cricsheet_columns.matches_its_text(value, colons):
        value = parse_json(data, str(path))
    root = Node(value, str(path))
    if "info" in root:
        return cricsheet.from_node(root, path.stem, seen_at, accept)
    if "events" in root:
        return normalised.from_node(root)
    raise SourceError(str(path), "neither a Cricsheet match (which has 'info') nor an event log (which has 'events')")


def find_matches(path: Path) -> Iterator[Path]:
    """The matches that a path holds: itself, or every f1db race, fixture and JSON file below a directory, in order of their
    names."""
    if path.name == fpl.LIVE and path.is_file():
        yield from fpl.fixtures_of(path)
        return
    if not path.is_dir() or (path / "race.yml").is_file():
        yield path
        return
    weeks = set(path.rglob(fpl.LIVE))
    tables = {directory / name for week in weeks for directory in week.parents[:2] for name in fpl.TABLES}
    found = {race.parent for race in path.rglob("race.yml")} | set(path.rglob("*.json")) - tables
    if not found:
        raise SourceError(str(path), "holds no match: no race.yml and no .json file")
    for place in sorted(found):
        yield from fpl.fixtures_of(place) if place in weeks else [place]
