"""Broken files never raise anything but the documented error, whatever is broken about them."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scoring.engine import parsing, registry
from scoring.engine.errors import ScoringError, SourceError
from scoring.engine.scoring import scorecard
from scoring.sources import open_match, reading, roster_file
from scoring.sources.reading import parse_json, parse_yaml
from tests.scoring.builders import FIXTURES, NOON, RACES, ball, innings, match, wicket

#: Values that files of strangers have been known to hold.
STRANGE: list[Any] = [
    None, True, False, 0, -1, 7, 10**11, 10**30, 1.5, "", "0", "-", "--5", "²", "١", "PL", "\x00", "a\nb", "x" * 500, "Ünïcode",
    [], {}, [[]], [{}], {"": None}, ["H1"], {"balls": "x"}, "2026-01-01", "DNF", "1:2.3",
]  # fmt: skip


@contextmanager
def nothing_but_the_documented_error() -> Iterator[None]:
    try:
        yield
    except ScoringError as error:
        assert error.place and error.reason
        assert len(str(error)) < 1500


SWAPS = {
    "match": [{"in": "Sub", "out": "H1", "team": "Home", "reason": "concussion_substitute"}],
    "role": [{"in": "A2", "out": "A1", "role": "bowler", "reason": "injury"}],
}


@cache
def small_match() -> str:
    everything = [
        ball(4), ball(extras={"wides": 1}), ball(extras={"noballs": 1, "byes": 1}), ball(1, extras={"penalty": 5}),
        ball(wickets=[wicket("caught", "H1", "A3")], replacements=SWAPS),
        ball(batter="H3"), ball(batter="H3", wickets=[wicket("run out", "H2", "A4", "A5")]),
    ]  # fmt: skip
    document = match(
        innings(
            "Home",
            everything,
            penalty_runs={"pre": 5, "post": 0},
            miscounted_overs={"0": {"balls": 6}},
            absent_hurt=["H9"],
        ),
        innings("Away", [ball(batter="A1", non_striker="A2", bowler="H4")], super_over=True),
        outcome={"winner": "Home", "by": {"runs": 17}, "method": "D/L"},
    )
    return json.dumps(document)


def paths(node: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    children: list[tuple[Any, Any]] = []
    if isinstance(node, dict):
        children = list(node.items())
    elif isinstance(node, list):
        children = list(enumerate(node))
    return [here, *(path for key, child in children for path in paths(child, (*here, key)))]


def mutated(document: Any, source: random.Random, changes: int) -> Any:
    """A copy with some places replaced, removed or doubled."""
    root = [deepcopy(document)]
    for _ in range(changes):
        *steps, last = (0, *source.choice(paths(root[0])))
        node: Any = root
        for step in steps:
            node = node[step]
        action = source.choice(["replace", "replace", "remove", "double"])
        if action == "remove" and steps:
            del node[last]
        elif action == "double" and isinstance(node, list) and steps:
            node.append(deepcopy(node[last]))
        elif action == "replace":
            node[last] = source.choice(STRANGE)
    return root[0]


@pytest.mark.slow
@settings(max_examples=120)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_cricsheet_files_with_strange_values(tmp_path_factory: pytest.TempPathFactory, seed: int, changes: int) -> None:
    path = tmp_path_factory.getbasetemp() / "strange.json"
    path.write_text(json.dumps(mutated(json.loads(small_match()), random.Random(seed), changes)))
    with nothing_but_the_documented_error():
        scorecard(registry.load("cricket-t20-b"), open_match(path, NOON).events)


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_cricsheet_files_with_broken_bytes(tmp_path_factory: pytest.TempPathFactory, seed: int, changes: int) -> None:
    source = random.Random(seed)
    data = bytearray(small_match().encode())
    for _ in range(changes):
        start = source.randrange(len(data))
        action = source.choice(["flip", "cut", "insert", "truncate"])
        if action == "flip":
            data[start] = source.randrange(256)
        elif action == "cut":
            del data[start : start + source.randrange(1, 40)]
        elif action == "insert":
            data[start:start] = source.randbytes(source.randrange(1, 5))
        else:
            del data[max(1, start) :]
    path = tmp_path_factory.getbasetemp() / "broken.json"
    path.write_bytes(bytes(data))
    with nothing_but_the_documented_error():
        open_match(path, NOON)


TABLES = [
    "race",
    "race-results",
    "starting-grid-positions",
    "qualifying-results",
    "fastest-laps",
    "driver-of-the-day-results",
    "pit-stops",
    "sprint-race-results",
]


@pytest.mark.slow
@settings(max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 3), st.sampled_from(TABLES))
def test_f1db_files_with_strange_values(
    tmp_path_factory: pytest.TempPathFactory, seed: int, changes: int, table: str
) -> None:
    source = random.Random(seed)
    folder = tmp_path_factory.getbasetemp() / "strange-race"
    shutil.copytree(RACES[0], folder, dirs_exist_ok=True)
    path = folder / f"{table}.yml"
    document = mutated(parse_yaml(path.read_bytes(), "x"), source, changes)
    path.write_text(json.dumps(document))  # JSON is YAML
    with nothing_but_the_documented_error():
        scorecard(registry.load("f1-fantasy-2026"), open_match(folder, NOON).events)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from(TABLES))
def test_f1db_files_with_broken_bytes(tmp_path_factory: pytest.TempPathFactory, seed: int, table: str) -> None:
    source = random.Random(seed)
    folder = tmp_path_factory.getbasetemp() / "broken-race"
    shutil.copytree(RACES[0], folder, dirs_exist_ok=True)
    path = folder / f"{table}.yml"
    data = bytearray(path.read_bytes())
    for _ in range(source.randrange(1, 4)):
        data[source.randrange(len(data))] = source.randrange(256)
    path.write_bytes(bytes(data[: source.randrange(1, len(data))] if source.random() < 0.3 else data))
    with nothing_but_the_documented_error():
        open_match(folder, NOON)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 3), st.sampled_from(["cricket-t20-b", "f1-fantasy-2026", "fpl"]))
def test_rules_documents_with_strange_values(
    tmp_path_factory: pytest.TempPathFactory, seed: int, changes: int, rules: str
) -> None:
    document = json.loads((parsing.RULES_DIRECTORY / f"{rules}@1.0.0.json").read_text())
    path = tmp_path_factory.getbasetemp() / "strange-rules.json"
    path.write_text(json.dumps(mutated(document, random.Random(seed), changes)))
    with nothing_but_the_documented_error():
        loaded = registry.load(str(path))
        events = open_match(FIXTURES / "cricket" / "ipl" / "1178424.json", NOON).events
        if loaded.sport == "cricket":
            scorecard(loaded, events)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_rosters_with_strange_values(tmp_path_factory: pytest.TempPathFactory, seed: int, changes: int) -> None:
    roster = {
        "players": [{"id": f"h{n}", "role": "bowler", "price": "9.5", "team": "Home"} for n in range(1, 4)],
        "offices": {"captain": "h1"}, "bench": ["h2"], "chips": ["x"],
    }  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "roster.json"
    path.write_text(json.dumps(mutated(roster, random.Random(seed), changes)))
    rules = registry.load("cricket-t20-b")
    with nothing_but_the_documented_error():
        read = roster_file.read(path)
        listed = roster_file.read_players(path)
        card = scorecard(rules, roster_file.role_events(rules, listed, NOON))
        roster_file.complete(read, card.profiles, listed, "roster.json")


@settings(max_examples=100)
@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbf{}")
@example(b"[" * 100_000)
@example(b'{"a":' * 50_000)
@example(b"1" * 5000)
@example(b"NaN")
@example(b"-Infinity")
@example(b"1e999")
@example(b'"\\ud800"')
def test_any_bytes_as_json(data: bytes) -> None:
    with nothing_but_the_documented_error():
        parse_json(data, "file")


@settings(max_examples=100)
@given(st.binary(max_size=200))
@example(b"&a [*a]")
@example(b"a: &a [1]\nb: *a")
@example(b"!!python/object/apply:os.system ['true']")
@example(b"? [a]\n: b")
@example(b"a: 1\na: 2")
@example(b"--- 1\n--- 2")
@example(b"[" * 3000)
@example(b"- " * 3000)
@example(b"\x00")
@example(b"%YAML 9.9\n---\n")
@example(b"")
def test_any_bytes_as_yaml(data: bytes) -> None:
    with nothing_but_the_documented_error():
        parse_yaml(data, "file")


def test_yaml_tags_make_nothing_but_text() -> None:
    assert parse_yaml(b"!!python/name:os.system x", "file") == "x"
    assert parse_yaml(b"time: 07:00\nday: 2023-10-22\nn: 1.5", "file") == {
        "time": "07:00",
        "day": "2023-10-22",
        "n": "1.5",
    }


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff", r"file: not UTF-8 \(byte 0\)"),
        (b'{"a": 1', r"file: not JSON: .* \(line 1, column 8\)"),
        (b'{"a": 1, "a": 2}', "file: the key 'a' stands twice"),
        (b"[" * 100_000, "file: nested too deeply"),
        (b"1" * 5000, "file: a number is too long"),
        (b"NaN", "file: NaN is not JSON"),
    ],
)
def test_what_is_no_json_is_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        parse_json(data, "file")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(SourceError, match=r"huge\.json: 200 MB; the largest file that is read has 32 MB"):
        open_match(huge, NOON)
    with pytest.raises(SourceError, match=r"missing\.json: No such file or directory"):
        open_match(tmp_path / "missing.json", NOON)
    with pytest.raises(SourceError, match="/dev/zero: not a file"):
        open_match(Path("/dev/zero"), NOON)


def test_a_file_of_exactly_the_largest_size_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST", 10)
    (tmp_path / "ten").write_bytes(b"x" * 10)
    (tmp_path / "eleven").write_bytes(b"x" * 11)
    assert reading.read_bytes(tmp_path / "ten") == b"x" * 10
    with pytest.raises(SourceError, match="the largest file"):
        reading.read_bytes(tmp_path / "eleven")
