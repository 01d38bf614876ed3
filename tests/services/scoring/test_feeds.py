"""Feeds that are asked: hourly until there is a result, conditionally, with pauses; what providers do wrong changes nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from localcloud.partners.feeds import FeedStandIn
from localcloud.partners.wire import Answer, PartnerCall, serve
from localcloud.partners.world import Fault, Scenario, World
from services.scoring import example
from services.scoring import feeds as scoring_feeds
from services.scoring.tasks import jobs
from tests.scoring.test_us_gp_2023 import MOVED
from tests.services.scoring.fixtures import Paying, Scoring, tokens
from tests.services.scoring.races import AUSTIN, MOVING, RULES, STEADY, drivers, picks, texts
from tests.services.scoring.test_ingestion import SMALL, rows, small

pytestmark = pytest.mark.postgres

HOUR = 3600
FOLDER = "/src/data/seasons/2023/races/18-united-states"


class Providers:
    """Stand-ins for the four, on one address, at the service's time. `asked` counts requests; `handler` takes their place."""

    def __init__(self, scoring: Scoring) -> None:
        self._scoring = scoring
        self.of = {name: FeedStandIn(World(name, Scenario(), self.now)) for name in ("f1db", "cricsheet", "scorer")}
        self.asked: list[PartnerCall] = []
        self.answer: Answer | None = None

    def now(self) -> float:
        return self._scoring.clock.now().timestamp()

    async def handle(self, request: PartnerCall) -> Answer:
        self.asked.append(request)
        if self.answer is not None:
            return self.answer
        name = "f1db" if request.path.startswith("/src/") else "scorer" if "live" in request.path else "cricsheet"
        return await self.of[name].handle(request)

    def race(self, **versions: Mapping[str, str]) -> dict[str, str]:
        """Publish the race's files: `after_0={...}` names the hours after which they are as given; their paths by name."""
        names = {name for files in versions.values() for name in files}
        for name in names:
            told = [{"at": int(when[6:]) * HOUR, "text": files.get(name)} for when, files in versions.items()]
            self.of["f1db"].publish({"path": f"{FOLDER}/{name}", "versions": told})
        return {name: f"{FOLDER}/{name}" for name in sorted(names)}

    def match(self, number: int, *versions: tuple[int, str]) -> dict[str, str]:
        """Publish a match of Cricsheet's."""
        path = f"/matches/{number}.json"
        told = [{"at": at, "text": each} for at, each in versions]
        self.of["cricsheet"].publish({"path": path, "versions": told})
        return {"match.json": path}


@pytest.fixture
async def providers(scoring: Scoring) -> AsyncIterator[Providers]:
    made = Providers(scoring)
    server = await serve("127.0.0.1", 0, made.handle)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    scoring.providers |= dict.fromkeys(("F1DB_URL", "CRICSHEET_URL", "SCORER_URL", "FPL_URL"), address)
    yield made
    server.close()


async def ask(scoring: Scoring, provider: str, match: str, files: Mapping[str, str], **more: Any) -> Any:
    """Have a provider asked for a match."""
    path = f"/scoring/internal/feeds/{provider}/matches/{match}"
    return await scoring.ok("PUT", path, scoring.staff, {"files": files, **more})


async def later(scoring: Scoring, **by: float) -> None:
    """The clock goes on, the scheduler hands out what is due, the worker does it; what has stood becomes final."""
    scoring.clock.move(**by)
    for job in ("scoring.poll_feeds", "scoring.finish_matches"):
        assert await jobs.run_scheduled(scoring.app.state.sessions, scoring.clock, job)
    await scoring.work()


async def feed(scoring: Scoring, provider: str, match: str) -> Any:
    """How a feed stands."""
    scoring.feed, scoring.staff = await tokens(scoring.auth)
    found = (await scoring.ok("GET", f"/scoring/internal/feeds/{provider}", scoring.staff))["feeds"]
    return next(each for each in found if each["match"] == match)


async def column(scoring: Scoring, statement: str) -> list[Any]:
    async with scoring.app.state.sessions() as session:
        return list((await session.scalars(text(statement))).all())


async def test_a_race_is_asked_for_hourly_then_three_times_and_is_final_after_72_hours(
    paying_wallet: Paying, scoring: Scoring, providers: Providers
) -> None:
    """2023 United States: results after eight hours, the disqualifications four hours later; four days in seconds."""
    rules = await scoring.rules(RULES)
    slate = await scoring.slate(rules, AUSTIN, players=drivers())
    contest = await scoring.contest(slate, 60_000)
    steady, moving = [await scoring.auth.person() for _ in range(2)]
    await scoring.team(steady.bearer, slate, picks(*STEADY), contest)
    await scoring.team(moving.bearer, slate, picks(*MOVING), contest)
    before = {name: content for name, content in texts("flag").items() if name == "race.yml"}
    files = providers.race(after_0=before, after_8=texts("flag"), after_12=texts("final"))
    await ask(scoring, "f1db", AUSTIN, files)
    for hour in range(8):
        await later(scoring, hours=min(hour, 1))
    assert await column(scoring, "SELECT phase FROM matches") == ["scheduled"]
    looks = [request for request in providers.asked if request.path.endswith("/race.yml")]
    assert len(looks) == 8, "once an hour"
    providers.asked.clear()
    await later(scoring, hours=1)
    assert await column(scoring, "SELECT phase FROM matches") == ["provisional"]
    at_the_flag = await totals(scoring)

    for day in range(4):
        assert await column(scoring, "SELECT state FROM contests") == ["open"], day
        assert await column(scoring, "SELECT count(*) FROM payouts") == [0] and await paying_wallet.postings() == 0
        await later(scoring, hours=23)  # not yet
        await later(scoring, hours=1)
    after = await totals(scoring)
    moved = {player: total - at_the_flag[player] for player, total in after.items() if total != at_the_flag[player]}
    assert moved == {driver: 252_000 * (last - first) for driver, (first, last) in MOVED.items()}
    assert await column(scoring, "SELECT owner_id FROM notifications") == [moving.id], "who is concerned, once"
    assert await column(scoring, "SELECT confirmed FROM matches") == [3]
    looks = [request for request in providers.asked if request.path.endswith("/race.yml")]
    assert len(looks) == 5, "the result, the correction, and three that confirmed it"
    await later(scoring, minutes=1)
    assert await column(scoring, "SELECT phase FROM matches") == ["final"]
    assert await column(scoring, "SELECT state FROM contests") == ["ordered"]
    assert await column(scoring, "SELECT state FROM payouts") == ["paid"] and await paying_wallet.postings() == 1
    await later(scoring, hours=24)
    assert await paying_wallet.postings() == 1, "once"
    assert (await feed(scoring, "f1db", AUSTIN))["state"] == "ended"
    assert len([request for request in providers.asked if request.path.endswith("/race.yml")]) == 5, "asked no more"


async def totals(scoring: Scoring) -> dict[str, int]:
    """Units of every driver."""
    async with scoring.app.state.sessions() as session:
        found = await session.execute(text("SELECT player, sum(units)::bigint AS units FROM lines GROUP BY player"))
        return {driver["id"]: 0 for driver in drivers()} | {row.player: row.units for row in found}


async def test_what_has_not_changed_is_not_sent_again_and_confirms(scoring: Scoring, providers: Providers) -> None:
    once, other = small()["1.json"], small(6)["1.json"]
    await ask(scoring, "cricsheet", SMALL, providers.match(1, (0, once), (5 * HOUR, other)))
    await later(scoring, minutes=0)
    for _ in range(4):
        await later(scoring, hours=1)
    tags = [request.headers.get("if-none-match") for request in providers.asked]
    assert tags[0] is None and len(set(tags[1:])) == 1
    assert await column(scoring, "SELECT count(*) FROM snapshots") == [1]
    assert await column(scoring, "SELECT confirmed FROM matches") == [4]
    await later(scoring, hours=1)
    assert await column(scoring, "SELECT revision FROM matches") == [2]
    providers.of["cricsheet"].world.follow(Scenario(reorder=1.0))
    await later(scoring, hours=1)
    assert await column(scoring, "SELECT revision FROM matches") == [2], "a cache on the way that is behind"
    assert (await feed(scoring, "cricsheet", SMALL))["failures"] == 0


WRONG: dict[str, tuple[Answer, str]] = {
    "a page": (Answer(200, b"<!doctype html>", {"Content-Type": "text/html"}), "HTML"),
    "a page by another name": (Answer(200, b"<!doctype html>", {"Content-Type": "application/json"}), "not JSON"),
    "elsewhere": (Answer(302, b"", {"Location": "http://169.254.169.254/latest/meta-data/"}), "redirect"),
    "an error": (Answer(500, b"{}"), "500"),
    "nothing": (Answer(200, b""), "empty"),
    "packed": (Answer(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}), "packed"),
    "50 MB": (Answer(200, b" " * 50_000_000), "more than 8388608 bytes"),
    "another match": (Answer(200, json.dumps({"match": {"id": "replay:1", "sport": "cricket"}, "events": []}).encode()),
                      "wrong_match"),
    "another sport": (Answer(200, json.dumps({"match": {"id": SMALL, "sport": "chess"}, "events": []}).encode()), "chess"),
    "no match at all": (Answer(200, b"[]"), "neither a Cricsheet match"),
    "keys that clash": (Answer(200, b'{"info": 1, "info": 2}'), "stands twice"),
}  # fmt: skip


async def test_what_is_no_match_is_one_clear_error_and_nothing_is_kept(scoring: Scoring, providers: Providers) -> None:
    for answer, wanted in WRONG.values():
        providers.answer = answer
        await ask(scoring, "cricsheet", SMALL, {"match.json": "/matches/1.json"})
        await later(scoring, minutes=0)
        found = await feed(scoring, "cricsheet", SMALL)
        assert wanted in found["error"] and found["failures"] == 1, found
    assert {table: count for table, count in (await rows(scoring)).items() if table != "outbox"} == dict.fromkeys(
        ("matches", "snapshots", "match_events", "lines"), 0
    )
    assert await column(scoring, "SELECT count(*) FROM outbox WHERE done_at IS NULL") == [0], "no dead letters"


async def test_an_answer_without_end_is_cut_off(scoring: Scoring, providers: Providers) -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while sent < 200_000_000:
                writer.write(b"100000\r\n" + b" " * 0x100000 + b"\r\n")
                await writer.drain()
                sent += 0x100000
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    scoring.providers["CRICSHEET_URL"] = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await ask(scoring, "cricsheet", SMALL, {"match.json": "/matches/1.json"})
    await later(scoring, minutes=0)
    assert "more than 8388608 bytes" in (await feed(scoring, "cricsheet", SMALL))["error"]
    assert sent < 50_000_000
    server.close()


async def test_a_path_leads_to_no_other_place(scoring: Scoring) -> None:
    for path in (
        "//169.254.169.254/x", "http://elsewhere/x", "/../x", "/a/./b", "/a/..", "/@elsewhere", "/x y", "/x#y", "x",
        "/%2e%2e/x", "/x?a=//b", "/:8080/x", "/x\\y", "/x\n", "",
    ):  # fmt: skip
        body = {"files": {"match.json": path}}
        refused = await scoring.refused(
            "PUT", f"/scoring/internal/feeds/cricsheet/matches/{SMALL}", scoring.staff, body
        )
        assert refused == (422, "invalid"), path


async def test_an_outage_is_asked_again_after_growing_pauses_and_a_person_is_called_once(
    scoring: Scoring, providers: Providers, caplog: pytest.LogCaptureFixture
) -> None:
    files = providers.match(1, (0, small()["1.json"]))
    world = providers.of["cricsheet"].world
    world.follow(Scenario(down=Fault.ERROR_BEFORE))
    await ask(scoring, "cricsheet", SMALL, files)
    pauses = []
    for _ in range(10):
        await later(scoring, minutes=0)
        (next_at,) = await column(scoring, "SELECT next_at FROM feeds")
        pauses.append(next_at - scoring.clock.now())
        scoring.clock.time = next_at
    for failures, pause in enumerate(pauses, start=1):
        full = min(timedelta(hours=2), timedelta(seconds=30) * 2 ** (failures - 1))
        assert full / 2 <= pause <= full
    called = [record for record in caplog.records if getattr(record, "runbook", "") == "scoring-feed"]
    assert len(called) == 1
    world.follow(Scenario())
    await later(scoring, hours=2)
    found = await feed(scoring, "cricsheet", SMALL)
    assert (found["failures"], found["error"]) == (0, None)
    assert await column(scoring, "SELECT count(*) FROM snapshots") == [1]


async def test_who_asks_us_to_wait_is_asked_nothing_until_then(scoring: Scoring, providers: Providers) -> None:
    providers.answer = Answer(429, b"", {"Retry-After": "5400"})
    one, other = providers.match(1, (0, small()["1.json"])), providers.match(2, (0, small()["1.json"]))
    await ask(scoring, "cricsheet", SMALL, one)
    await later(scoring, minutes=0)
    await ask(scoring, "cricsheet", "cricsheet:2", other)
    providers.answer = None
    await later(scoring, minutes=80)
    assert len(providers.asked) == 1, "neither match is asked for"
    state = await scoring.ok("GET", "/scoring/internal/feeds/cricsheet", (await tokens(scoring.auth))[1])
    assert state["paused_until"] is not None and state["states"] == {"active": 2}
    await later(scoring, minutes=20)
    assert len(providers.asked) == 3
    assert await column(scoring, "SELECT count(*) FROM snapshots") == [2]


async def test_a_backfill_goes_on_where_it_was_interrupted(scoring: Scoring, providers: Providers) -> None:
    wanted = {f"cricsheet:{n}": providers.match(n, (0, small()["1.json"])) for n in range(1, 8)}
    wanted["cricsheet:8"] = providers.match(8, (0, "<html>"))
    wanted["cricsheet:9"] = {"match.json": "/matches/9.json"}  # not there (yet)
    path = "/scoring/internal/feeds/cricsheet/backfill"
    first = dict(list(wanted.items())[:5])
    assert (await scoring.ok("POST", path, scoring.staff, {"matches": first}))["states"] == {"active": 5}
    await later(scoring, minutes=0)
    done = len(providers.asked)
    assert done == 5
    again = await scoring.ok("POST", path, scoring.staff, {"matches": wanted})
    assert again["states"] == {"active": 4, "ended": 5}
    await later(scoring, minutes=1)
    assert len(providers.asked) == done + 4, "what was taken in is not asked for again"
    state = await scoring.ok("GET", "/scoring/internal/feeds/cricsheet", scoring.staff)
    assert state["states"] == {"active": 1, "ended": 7, "refused": 1}
    assert await column(scoring, "SELECT count(*) FROM snapshots") == [7]


async def test_an_answer_that_comes_late_has_no_effect(scoring: Scoring, providers: Providers) -> None:
    """The feed was told to ask for other files while it was being asked."""
    await ask(scoring, "cricsheet", SMALL, providers.match(1, (0, small()["1.json"])))
    assert await jobs.run_scheduled(scoring.app.state.sessions, scoring.clock, "scoring.poll_feeds")
    await ask(scoring, "cricsheet", SMALL, {"match.json": "/matches/7.json"})
    await scoring.work()
    assert providers.asked == []
    await later(scoring, minutes=0)
    assert [request.path for request in providers.asked] == ["/matches/7.json"]
    ended = await scoring.ok("DELETE", f"/scoring/internal/feeds/cricsheet/matches/{SMALL}", scoring.staff)
    assert ended["state"] == "ended"
    await later(scoring, hours=2)
    assert len(providers.asked) == 1


async def test_two_schedulers_and_two_workers_ask_once(scoring: Scoring, providers: Providers) -> None:
    await ask(scoring, "cricsheet", SMALL, providers.match(1, (0, small()["1.json"])))
    sessions = scoring.app.state.sessions
    ran = await asyncio.gather(*[jobs.run_scheduled(sessions, scoring.clock, "scoring.poll_feeds") for _ in range(4)])
    assert ran == [True] * 4
    waiting = await column(scoring, f"SELECT id FROM outbox WHERE task = '{scoring_feeds.PULL}'")
    assert len(waiting) == 1
    from tests.services.support import environ

    with environ(scoring.environment("worker")):
        done = await asyncio.gather(
            *[jobs.handle(sessions, scoring.clock, scoring_feeds.PULL, waiting) for _ in range(4)]
        )
    assert sum(each.done for each in done) == 1 and len(providers.asked) == 1


async def test_who_may_say_what_is_asked(scoring: Scoring) -> None:
    path, body = f"/scoring/internal/feeds/cricsheet/matches/{SMALL}", {"files": {"match.json": "/x.json"}}
    person = await scoring.auth.person()
    for bearer in (scoring.feed, person.bearer):
        assert await scoring.refused("PUT", path, bearer, body) == (403, "forbidden")
    assert await scoring.refused("DELETE", path, scoring.staff) == (404, "feed_unknown")
    nobody = "/scoring/internal/feeds/elsewhere"
    assert await scoring.refused("GET", nobody, scoring.staff) == (422, "invalid")


async def test_a_match_goes_ball_by_ball(scoring: Scoring, providers: Providers) -> None:
    """A scorer's log that grows: what is in play has no result; asked for again before the scheduler's next minute."""
    from tests.services.support import environ

    rules = await scoring.rules("cricket-t20-b@1.1.0")
    log = json.loads(example.log("live:1", scoring.clock.now().isoformat(), 6)["log.json"])
    await scoring.slate(rules, "live:1", players=example.players())
    balls = len(log["events"])
    cuts = [
        {"at": 0, "events": balls - 2, "stage": "in play"},
        {"at": 30, "events": balls - 1, "stage": "in play"},
        {"at": 60, "events": balls, "stage": "finished"},
    ]
    providers.of["scorer"].publish({"path": "/live/1.json", "log": log, "cuts": cuts})
    await ask(scoring, "scorer", "live:1", {"log.json": "/live/1.json"}, every=5)
    seen = []  # the first time at once: the next minute's look finds nothing that is due
    assert await jobs.run_scheduled(scoring.app.state.sessions, scoring.clock, "scoring.poll_feeds")
    for _ in range(3):
        waiting = await column(
            scoring, f"SELECT id FROM outbox WHERE task = '{scoring_feeds.PULL}' AND done_at IS NULL"
        )
        assert len(waiting) == 1
        with environ(scoring.environment("worker")):
            await jobs.handle(scoring.app.state.sessions, scoring.clock, scoring_feeds.PULL, waiting)
        async with scoring.app.state.sessions() as session:
            match = (await session.execute(text("SELECT revision, phase, result_at FROM matches"))).one()
        seen.append((match.revision, match.phase, match.result_at is not None))
        scoring.clock.move(seconds=30)
    first = seen[0][0]
    assert seen == [(first, "provisional", False), (first + 1, "provisional", False), (first + 2, "provisional", True)]
    assert await column(scoring, f"SELECT id FROM outbox WHERE task = '{scoring_feeds.PULL}' AND done_at IS NULL") == []
