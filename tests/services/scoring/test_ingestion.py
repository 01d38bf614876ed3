"""Snapshots: what repeats, corrects, contradicts or is no match at all; each is one clear answer and nothing is half kept."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from sqlalchemy import text

from services.common.bodies import MAX_BODY_BYTES
from services.scoring import reading
from services.scoring.store import Store
from tests.scoring.builders import CRICKET, ball, innings, match
from tests.scoring.test_fpl_source import LIVE, gameweek
from tests.services.scoring.fixtures import Scoring
from tests.services.scoring.races import AUSTIN, RULES, STEADY, drivers, picks, texts
from tests.services.support import OUTSIDE

pytestmark = pytest.mark.postgres

SMALL = "cricsheet:1"


def small(runs: int = 4, **more: Any) -> dict[str, str]:
    """A match of one over, as Cricsheet writes it."""
    over = [ball(runs), *[ball() for _ in range(5)]]
    return {"1.json": json.dumps(match(innings("Home", over), outcome={"result": "no result"}, **more))}


async def rows(scoring: Scoring) -> dict[str, int]:
    """How many rows each table of what was taken in has."""
    async with scoring.app.state.sessions() as session:
        tables = ("matches", "snapshots", "match_events", "lines", "outbox")
        return {table: await session.scalar(text(f"SELECT count(*) FROM {table}")) for table in tables}


async def test_the_same_again_adds_nothing_and_a_correction_what_it_changes(scoring: Scoring) -> None:
    first = await scoring.snapshot(SMALL, "cricsheet", small())
    assert (first["revision"], first["events"] > 20) == (1, True)
    before = await rows(scoring)
    assert (await scoring.snapshot(SMALL, "cricsheet", small()))["events"] == 0
    assert await rows(scoring) == before
    corrected = await scoring.snapshot(SMALL, "cricsheet", small(6))
    assert (corrected["revision"], corrected["events"]) == (2, 1)
    back = await scoring.snapshot(SMALL, "cricsheet", small())
    assert (back["revision"], back["events"]) == (3, 1), "a correction may be taken back"


async def test_what_is_no_match_is_refused_whole(scoring: Scoring) -> None:
    html = {"1.json": "<!doctype html><title>502</title>"}
    twice = {"1.json": small()["1.json"], "2.json": small()["1.json"]}
    cases: list[tuple[str, str, dict[str, str], tuple[int, str]]] = [
        (SMALL, "cricsheet", html, (422, "snapshot_refused")),
        (SMALL, "cricsheet", twice, (422, "snapshot_refused")),
        (SMALL, "f1db", texts("final"), (422, "wrong_match")),
        (AUSTIN, "cricsheet", small(), (422, "wrong_match")),
        (AUSTIN, "f1db", {"race.yml": "id: 1097"}, (422, "snapshot_refused")),
        (SMALL, "cricsheet", {"../1.json": "{}"}, (422, "invalid")),
        (SMALL, "cricsheet", {"1.json": "x" * 300_000}, (413, "body_too_large")),
    ]
    for match_id, source, files, expected in cases:
        assert await scoring.refused("POST", *scoring.call(match_id, source, files)) == expected, files.keys()
    assert set((await rows(scoring)).values()) == {0}


async def test_what_is_older_than_what_is_stored_is_refused(scoring: Scoring) -> None:
    earlier = scoring.clock.now()
    scoring.clock.move(minutes=5)
    await scoring.snapshot(SMALL, "cricsheet", small())
    late = scoring.call(SMALL, "cricsheet", small(6), seen_at=earlier.isoformat())
    assert await scoring.refused("POST", *late) == (409, "snapshot_stale")


async def test_two_feeds_that_differ_wait_for_a_reviewer(scoring: Scoring) -> None:
    rules = await scoring.rules("cricket-t20-b@1.1.0")
    await scoring.slate(rules, SMALL)
    await scoring.snapshot(SMALL, "cricsheet", small(4))
    assert (await scoring.snapshot(SMALL, "cricsheet", small(6), provider="other"))["disputed"]
    person = await scoring.auth.person()
    assert (await scoring.ok("GET", f"/scoring/matches/{SMALL}", person.bearer))["label"] == "disputed"
    path = f"/scoring/internal/matches/{SMALL}"
    found = (await scoring.ok("GET", f"{path}/disputes", scoring.staff))["disputes"]
    assert {"event": "delivery:1.000.01", "attribute": "runs", "values": {"cricsheet": 4, "other": 6}} in found
    decided = await scoring.ok("POST", f"{path}/decision", scoring.staff, {"providers": ["other", "cricsheet"]})
    assert not decided["disputed"]
    await scoring.work()
    lines = await scoring.ok("GET", f"/scoring/matches/{SMALL}/lines?rules={rules}&of=h1", person.bearer)
    assert {line["rule"] for line in lines["lines"] if line["points"] != "0"} >= {"six"}


async def test_a_role_is_the_operators_word(scoring: Scoring) -> None:
    rules = await scoring.rules("cricket-t20-b@1.1.0")
    out = {"kind": "bowled", "player_out": "H1"}
    over = [ball(wickets=[out]), *[ball(batter="H3") for _ in range(5)]]
    files = {"1.json": json.dumps(match(innings("Home", over), outcome={"result": "no result"}))}
    await scoring.snapshot(SMALL, "cricsheet", files)
    person = await scoring.auth.person()

    async def total() -> str:
        await scoring.work()
        answer = await scoring.ok("GET", f"/scoring/matches/{SMALL}/points?rules={rules}", person.bearer)
        return next(each["points"] for each in answer["players"] if each["player"] == "h1")

    await scoring.slate(rules, SMALL)
    assert await total() == "2"  # took part, and out for nothing
    await scoring.slate(rules, SMALL, players=[{"id": "h1", "role": "bowler"}])
    assert await total() == "4"  # a bowler's duck costs nothing


async def test_duplicates_at_once_are_one(scoring: Scoring) -> None:
    path, token, body = scoring.call(SMALL, "cricsheet", small())
    answers = await asyncio.gather(*[scoring.client.post(path, headers=token, json=body) for _ in range(8)])
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["events"] > 0 for answer in answers) == [False] * 7 + [True]
    assert (await rows(scoring))["snapshots"] == 1


async def test_totals_are_sums_of_lines_that_nobody_changes(scoring: Scoring) -> None:
    rules = await scoring.rules(RULES)
    slate = await scoring.slate(rules, AUSTIN, players=drivers())
    person = await scoring.auth.person()
    team = await scoring.team(person.bearer, slate, picks(*STEADY))
    for when in ("flag", "final"):
        await scoring.snapshot(AUSTIN, "f1db", texts(when))
        await scoring.work()
    assert (await scoring.ok("GET", f"/scoring/teams/{team}", person.bearer))["points"] not in ("0", "")
    app = await scoring.auth.cloud.connect(scoring.database, role="app", service="scoring")
    owner = await scoring.auth.cloud.connect(scoring.database, role="owner", service="scoring")
    for connection in (app, owner):
        for statement in ("UPDATE lines SET units = 1", "DELETE FROM match_events", "TRUNCATE snapshots"):
            with pytest.raises(Exception, match=r"permission denied|append-only"):
                await connection.execute(statement)
        await connection.close()
    path = f"/scoring/matches/{AUSTIN}/lines"
    table = await scoring.client.get(f"{path}.csv?rules={rules}", headers=person.bearer)
    assert table.headers["content-type"].startswith("text/plain") or "csv" in table.headers["content-type"]
    lines = (await scoring.ok("GET", f"{path}?rules={rules}&of=lewis-hamilton", person.bearer))["lines"]
    taken_back = [line["points"] for line in lines if line["rule"] == "race-2023"]
    assert taken_back == ["18", "-18"]


async def test_feeds_and_staff_ask_from_inside_and_each_its_own(scoring: Scoring) -> None:
    path, token, body = scoring.call(SMALL, "cricsheet", small())
    assert await scoring.refused("POST", path, scoring.staff, body) == (403, "forbidden")
    assert await scoring.refused("POST", path, token | OUTSIDE, body) == (404, "not_found")
    person = await scoring.auth.person()
    assert await scoring.refused("POST", path, person.bearer, body) == (403, "forbidden")


@pytest.mark.parametrize("file", CRICKET[:2], ids=lambda path: path.stem)
async def test_real_matches_come_to_what_the_library_says(scoring: Scoring, file: Any) -> None:
    from scoring.engine import load, scorecard, to_decimal
    from scoring.sources import open_match

    rules = await scoring.rules("cricket-t20-b@1.1.0")
    match_id = f"cricsheet:{file.stem}"
    await scoring.slate(rules, match_id)
    await scoring.snapshot(match_id, "cricsheet", {"match.json": file.read_text(encoding="utf-8")})
    await scoring.work()
    person = await scoring.auth.person()
    answer = await scoring.ok("GET", f"/scoring/matches/{match_id}/points?rules={rules}", person.bearer)
    card = scorecard(load("cricket-t20-b@1.1.0"), open_match(file, scoring.clock.now()).events)
    expected = {player: to_decimal(total) for player, total in card.totals.items() if card.by_player.get(player)}
    assert {each["player"]: each["points"] for each in answer["players"]} == expected


async def upload(scoring: Scoring, content: bytes, *, sent: bytes | None = None) -> tuple[str, int]:
    """Announce a file and send it, or other bytes; its SHA-256 and what S3 answered."""
    sha256 = hashlib.sha256(content).hexdigest()
    body = {"sha256": sha256, "size": len(content)}
    told = await scoring.ok("POST", "/scoring/internal/uploads", scoring.feed, body)
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.put(told["url"], content=content if sent is None else sent, headers=told["headers"])
    return sha256, answer.status_code


async def test_a_test_match_is_sent_by_a_signed_url(scoring: Scoring) -> None:
    """Five days of cricket: 2,700 deliveries, far above what a request may have."""
    overs = [[ball(1), *[ball() for _ in range(5)]] for _ in range(450)]
    played = match(innings("Home", *overs), outcome={"result": "draw"}, match_type="Test")
    content = json.dumps(played).encode()
    assert len(content) > MAX_BODY_BYTES
    sha256, status = await upload(scoring, content)
    assert status == 200
    answer = await scoring.snapshot(SMALL, "cricsheet", {}, stored={"match.json": sha256})
    assert answer["events"] > 2700
    again = await scoring.snapshot(SMALL, "cricsheet", {}, stored={"match.json": sha256})
    assert again["events"] == 0


async def test_a_fixture_of_the_premier_league_is_three_files(scoring: Scoring, tmp_path: Path) -> None:
    week = gameweek(tmp_path, LIVE, {})
    files = {name: (tmp_path / name).read_text() for name in ("fixtures.json", "bootstrap-static.json")}
    files["live.json"] = (week / "live.json").read_text()
    first = await scoring.snapshot("fpl:1001", "fpl", files)
    assert first["events"] > 5
    async with scoring.app.state.sessions() as session:
        complete = await session.scalar(text("SELECT complete FROM snapshots"))
    assert complete, "the fixture is finished"
    await scoring.snapshot("fpl:1002", "fpl", files)
    async with scoring.app.state.sessions() as session:
        results = (await session.execute(text("SELECT id, result_at IS NOT NULL FROM matches ORDER BY id"))).all()
    assert [tuple(row) for row in results] == [("fpl:1001", True), ("fpl:1002", False)]
    assert await scoring.refused("POST", *scoring.call("fpl:7", "fpl", files)) == (422, "snapshot_refused")
    short = {name: content for name, content in files.items() if name != "fixtures.json"}
    assert await scoring.refused("POST", *scoring.call("fpl:1001", "fpl", short)) == (422, "snapshot_refused")


async def test_what_was_not_sent_or_is_something_else_is_refused(scoring: Scoring) -> None:
    absent = "0" * 64
    assert await scoring.refused("POST", *scoring.call(SMALL, "cricsheet", {}, stored={"match.json": absent})) == (
        422,
        "snapshot_refused",
    )
    assert await scoring.refused("POST", *scoring.call(SMALL, "cricsheet", {})) == (422, "snapshot_refused")
    wrong = {"sha256": absent, "size": 50_000_000}
    assert await scoring.refused("POST", "/scoring/internal/uploads", scoring.feed, wrong) == (422, "invalid")
    assert await scoring.refused("POST", "/scoring/internal/uploads", scoring.staff, wrong) == (403, "forbidden")
    content = f"no match {scoring.database}".encode()
    for wanted in (content, content.upper()):  # other bytes, the emulator takes; S3 would not
        sha256, _ = await upload(scoring, wanted, sent=content)
        call = scoring.call(SMALL, "cricsheet", {}, stored={"match.json": sha256})
        assert await scoring.refused("POST", *call) == (422, "snapshot_refused")
    assert set((await rows(scoring)).values()) == {0}


async def test_published_rules_have_a_copy_out_of_the_databases_reach_or_are_not_published(scoring: Scoring) -> None:
    scoring.app.state.rules, kept = Store("no-such-bucket"), scoring.app.state.rules
    call = "POST", "/scoring/internal/rules", scoring.staff, {"reference": RULES}
    assert await scoring.refused(*call) == (503, "busy")
    async with scoring.app.state.sessions() as session:
        assert await session.scalar(text("SELECT count(*) FROM rules")) == 0
    scoring.app.state.rules = kept
    sha256 = (await scoring.ok(*call))["sha256"]
    found = boto3.client("s3").get_object(Bucket=scoring.s3["BUCKET_RULES"], Key=f"published/{sha256}.json")
    copy = json.loads(found["Body"].read())
    assert reading.read_rules(copy["document"], copy["parameters"]).sha256 == sha256
    assert (await scoring.ok(*call))["sha256"] == sha256, "the same again, whose copy is there"


async def test_what_came_is_in_s3_before_it_is_read_and_what_s3_does_not_take_is_not_read(scoring: Scoring) -> None:
    store = Store(scoring.s3["BUCKET_SNAPSHOTS"])
    files = small()
    await scoring.snapshot(SMALL, "cricsheet", files)
    kept = await store.read(hashlib.sha256(files["1.json"].encode()).hexdigest())
    assert kept == files["1.json"].encode()
    html = f"<!doctype html> {scoring.database}"
    await scoring.refused("POST", *scoring.call(SMALL, "cricsheet", {"1.json": html}))
    assert await store.read(hashlib.sha256(html.encode()).hexdigest()) == html.encode(), "to see what was refused"
    before = await rows(scoring)
    scoring.app.state.store = Store("no-such-bucket")
    assert await scoring.refused("POST", *scoring.call(SMALL, "cricsheet", small(6))) == (503, "busy")
    assert await rows(scoring) == before
