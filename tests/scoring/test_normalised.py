"""Our own event logs: written and read back, and refused when broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scoring.engine.errors import EventError, RulesError, SourceError
from scoring.sources import find_matches, normalised, open_match
from tests.scoring.builders import CRICKET, NOON, RACES


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Any], Path]:
    def save(document: Any) -> Path:
        path = tmp_path / "log.json"
        path.write_text(json.dumps(document))
        return path

    return save


@pytest.mark.parametrize("source", [CRICKET[0], RACES[0]], ids=["cricket", "f1"])
def test_a_log_survives_the_way_to_a_file_and_back(source: Path, saved: Callable[[Any], Path]) -> None:
    match = open_match(source, NOON)
    again = open_match(saved(normalised.to_document(match)), NOON)
    assert again.events == match.events
    assert (again.id, again.sport, again.title, again.date, again.teams, again.facts) == (
        match.id, match.sport, match.title, match.date, match.teams, match.facts,
    )  # fmt: skip


def log(**changes: Any) -> dict[str, Any]:
    event = {
        "provider": "desk", "id": "goal:1", "seen_at": "2026-01-01T12:00:00+00:00", "kind": "goal",
        "attributes": {"scorer": "a", "own": False, "minute": 7, "mood": "happy"},
    }  # fmt: skip
    return {"match": {"id": "m1", "sport": "football"}, "events": [{**event, **changes}]}


def test_the_smallest_log(saved: Callable[[Any], Path]) -> None:
    match = open_match(saved(log()), NOON)
    assert (match.title, match.date, match.teams, match.events[0].version) == ("m1", "unknown", (), 1)
    assert match.events[0].attributes["mood"] == "happy"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "try"}, r"events\[0\]\.kind: 'try' is no event of football"),
        ({"version": 0}, r"version: 0 is not between 1"),
        ({"seen_at": "yesterday"}, r"seen_at: 'yesterday' is no time"),
        ({"seen_at": "2026-01-01T12:00:00"}, r"seen_at: .* has no time zone"),
        ({"attributes": {"minute": "7"}}, r"attributes\.minute: expected integer, found '7'"),
        ({"attributes": {"minute": True}}, r"attributes\.minute: expected integer, found True"),
        ({"attributes": {"minute": 10**13}}, r"attributes\.minute: .* is not between"),
        ({"attributes": {"own": 1}}, r"attributes\.own: expected boolean, found 1"),
        ({"attributes": {"scorer": ["a"]}}, r"attributes\.scorer: an attribute is a whole number, a text"),
        ({"kind": "card", "attributes": {"colour": "blue"}}, r"attributes\.colour: 'blue' is none of yellow, red"),
        ({"retracted": "no"}, r"retracted: expected true or false"),
        ({"sha256": "0" * 64}, r"sha256: does not match the content, which hashes to [0-9a-f]{64}"),
        ({"id": ""}, r"id: expected a short text"),
    ],
)
def test_a_broken_log_is_refused_with_the_place(
    changes: dict[str, Any], message: str, saved: Callable[[Any], Path]
) -> None:
    with pytest.raises(SourceError, match=message):
        open_match(saved(log(**changes)), NOON)


def test_a_log_that_contradicts_itself_is_refused(saved: Callable[[Any], Path]) -> None:
    document = log()
    document["events"] += log(attributes={"scorer": "b", "own": False})["events"]
    with pytest.raises(EventError, match="desk gives version 1 with two contents"):
        open_match(saved(document), NOON)


def test_an_unknown_sport_is_refused(saved: Callable[[Any], Path]) -> None:
    with pytest.raises(RulesError, match="'chess' is not one of cricket, f1, football"):
        open_match(saved({"match": {"id": "m", "sport": "chess"}, "events": []}), NOON)


def test_a_file_of_no_source_is_refused(saved: Callable[[Any], Path]) -> None:
    documents: tuple[object, ...] = ({"x": 1}, [], "text", None, 7)
    for document in documents:
        with pytest.raises(SourceError, match="neither a Cricsheet match"):
            open_match(saved(document), NOON)


def test_find_matches(tmp_path: Path) -> None:
    assert list(find_matches(CRICKET[0])) == [CRICKET[0]]
    assert list(find_matches(RACES[0])) == [RACES[0]]
    assert list(find_matches(CRICKET[0].parent)) == CRICKET
    assert list(find_matches(RACES[0].parents[2])) == RACES
    with pytest.raises(SourceError, match="holds no match"):
        list(find_matches(tmp_path))
