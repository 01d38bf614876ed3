"""The quick reading of deliveries says what the careful one says, or leaves them to it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.engine.errors import SourceError
from scoring.sources import cricsheet
from scoring.sources.reading import Node
from tests.scoring.builders import CRICKET, NOON, ball, innings, match

SMALL = st.integers(-1, 45)
VALUES: st.SearchStrategy[Any] = st.one_of(
    SMALL, st.sampled_from(["", "H1", "H2", "A1", "A2", "nobody", None, True, [], {}, "4"])
)
PLACES = [
    ("batter",),
    ("bowler",),
    ("non_striker",),
    ("runs",),
    ("runs", "batter"),
    ("runs", "extras"),
    ("runs", "total"),
]
EXTRAS = [("extras",), *[("extras", name) for name in ("wides", "noballs", "byes", "legbyes", "penalty", "other")]]


def read(document: Any) -> Any:
    """Events of a match, or how it is refused."""
    try:
        found = cricsheet.from_node(Node(document, "x"), "1", NOON)
    except SourceError as error:
        return str(error)
    return found.events, found.findings.notes


def careful(document: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patched:
        patched.setattr(cricsheet, "plain", lambda *_: None)
        return read(document)


@pytest.mark.parametrize("path", CRICKET, ids=lambda path: path.stem)
def test_real_matches_are_read_alike(path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert read(document) == careful(document, monkeypatch)


@given(st.lists(st.tuples(st.sampled_from([*PLACES, *EXTRAS]), VALUES), max_size=4), st.integers(0, 6))
def test_odd_deliveries_are_read_or_refused_alike(changes: list[tuple[tuple[str, ...], Any]], runs: int) -> None:
    odd = ball(runs)
    for path, value in changes:
        place: Any = odd
        for name in path[:-1]:
            place = place.setdefault(name, {}) if isinstance(place, dict) else {}
        if isinstance(place, dict):
            place[path[-1]] = copy.deepcopy(value)
    document = match(innings("Home", [odd, *[ball() for _ in range(5)]]), outcome={"result": "no result"})
    with pytest.MonkeyPatch.context() as patched:
        assert read(document) == careful(document, patched)
