"""Boards of the scoring service on a real PostgreSQL and Valkey: a contest of 100,000 entries after a correction, and a match
ball by ball with 1,000 entries, both from what the feed says to the board; ranks of boards of one and ten million members.

Each figure stands beside what the same servers do for a bare query in the same minute. A machine that does other work beside
makes both slower.
"""

from __future__ import annotations

import asyncio
import functools
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import asyncpg
import yaml
from redis.exceptions import RedisError

from benchmarks.figures import Figure
from benchmarks.services.servers import MASTER, PASSWORD, cpu, database_of, free_ports
from localcloud.dataplane.stores.postgres import PostgresServer
from localcloud.dataplane.stores.valkey import ValkeyServer
from services.common import database
from services.common.cache import PAUSE_SECONDS, Cache, create_cache
from services.common.clock import SystemClock
from services.common.database import Sessions
from services.common.settings import AppDatabaseSettings, CacheSettings
from services.common.tokens import Caller
from services.scoring import boards, example, ingestion, payloads, rescoring, service
from services.scoring.rankings_repository import of_contest
from services.scoring.schemas import ContestRequest, ListedPlayer, PublishRequest, SlateRequest

ENTRIES, MEMBERS, QUERIES = 100_000, (1_000_000, 10_000_000), 2_000

#: A ball's time in a T20 match is half a minute: boards that follow within a second are right for nearly all of it.
BALLS, FOLLOWERS = 120, 1_000
RACE = Path(__file__).resolve().parent.parent / "tests/fixtures/f1db/seasons/2023/races/18-united-states"
MATCH = "f1db:1097"
FEED = Caller("bench", frozenset())


@dataclass
class Servers:
    """What runs."""

    sessions: Sessions
    cache: Cache
    owner: asyncpg.Connection
    postmaster: int


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """PostgreSQL with scoring's tables, and a Valkey in cluster mode, for the time of the bench."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = free_ports(2)
        postgres = stack.enter_context(PostgresServer(directory / "postgres", "127.0.0.1", ports[0]))
        stack.callback(postgres.remove)
        postgres.set_master(MASTER, PASSWORD)
        place = await database_of(postgres, "scoring")
        valkey = stack.enter_context(
            ValkeyServer(directory / "cache", "127.0.0.1", ports[1], password=PASSWORD, cluster=True)
        )
        settings = {"host": valkey.host, "port": valkey.port, "password": PASSWORD, "tls": False}
        cache = create_cache(CacheSettings.model_validate(settings))
        stack.push_async_callback(cache.aclose)
        app = AppDatabaseSettings.model_validate({**place, "user": "scoring_app"})
        engine = database.create_engine(app, "bench", limits=False)
        stack.push_async_callback(engine.dispose)
        owner = await asyncpg.connect(
            host=postgres.host,
            port=postgres.port,
            user="scoring_owner",
            password=PASSWORD,
            database="scoring",
            ssl=False,
        )
        stack.push_async_callback(owner.close)
        yield Servers(database.create_sessions(engine), cache, owner, postgres.pid or 0)


async def opened(run: Servers, rules: str, match: str, players: Sequence[ListedPlayer]) -> tuple[UUID, UUID]:
    """A slate of one match, with a contest."""
    clock = SystemClock()
    slate_id, contest_id = uuid4(), uuid4()
    async with run.sessions() as session, session.begin():
        linted = await service.linted(PublishRequest(reference=rules))
        published = await service.publish(session, clock, FEED, linted)
        slate = SlateRequest(
            title="Bench",
            rules=published.sha256,
            matches=[match],
            players=list(players),
            locks_at=clock.now() + timedelta(hours=1),
        )
        await service.open_slate(session, clock, slate_id, slate)
        await service.open_contest(session, clock, contest_id, ContestRequest(slate=slate_id, title="Bench"))
    return slate_id, contest_id


def drawn(names: Sequence[str], size: int, count: int) -> Iterator[list[str]]:
    """Random picks, the same at every run."""
    source = random.Random(2026)
    for _ in range(count):
        yield source.sample(names, size)


async def enter(
    run: Servers, slate_id: UUID, contest_id: UUID, picked: Iterable[tuple[list[str], dict[str, str]]]
) -> None:
    """Teams in a contest, by the database."""
    teams, entries, now = [], [], SystemClock().now()
    for number, (chosen, offices) in enumerate(picked, start=1):
        team = uuid5(slate_id, str(number))
        roster = json.dumps({"players": chosen, "offices": offices, "bench": [], "chips": []})
        teams.append((team, slate_id, uuid4(), roster, sorted(chosen), 0, 0, now))
        entries.append((contest_id, team, number, now))
    columns = ["id", "slate_id", "owner_id", "roster", "members", "units", "changed_in", "created_at"]
    await run.owner.copy_records_to_table("teams", records=teams, columns=columns)
    columns = ["contest_id", "team_id", "number", "created_at"]
    await run.owner.copy_records_to_table("entries", records=entries, columns=columns)
    await run.owner.execute("UPDATE contests SET entered = $1 WHERE id = $2", len(teams), contest_id)
    await run.owner.execute("ANALYZE teams, entries")


async def said(run: Servers, contest_id: UUID, files: dict[str, str], source: str = "f1db", match: str = MATCH) -> None:
    """What a feed says, from its arrival until the contest's board is right: the web's part, the worker's and the board's."""
    clock = SystemClock()
    contents = {name: text.encode() for name, text in files.items()}
    objects = {name: payloads.named(content) for name, content in contents.items()}
    snapshot = payloads.Payload(source, source, clock.now(), True, objects, contents, FEED.subject)
    async with run.sessions() as session, session.begin():
        await ingestion.ingest(session, clock, match, snapshot)
    async with run.sessions() as session, session.begin():
        await rescoring.score_match(session, clock, match)
    async with run.sessions() as session, session.begin():
        await boards.refresh(session, run.cache, of_contest(contest_id))


async def correction(run: Servers) -> None:
    """Two cars change places; most teams hold neither."""
    drivers = drivers_of(RACE)
    listed = [ListedPlayer(id=driver, role="driver") for driver in drivers]
    slate_id, contest_id = await opened(run, "f1-league@1.2.0", MATCH, listed)
    await enter(run, slate_id, contest_id, ((chosen, {"captain": chosen[0]}) for chosen in drawn(drivers, 5, ENTRIES)))
    await said(run, contest_id, texts(RACE, swapped=True))
    figures = {}
    for name, step in (
        ("bare", lambda: run.owner.execute("UPDATE teams SET units = units WHERE slate_id = $1", slate_id)),
        ("correction", lambda: said(run, contest_id, texts(RACE, swapped=False))),
    ):
        before = cpu_seconds(run)
        figures[name] = await seconds(step), cpu_seconds(run) - before
    moved = await run.owner.fetchval(
        "SELECT count(*) FROM teams t JOIN slates s ON s.id = t.slate_id AND t.changed_in = s.revision WHERE s.id = $1",
        slate_id,
    )
    against = f"one UPDATE of all {ENTRIES} rows; here {moved} teams move, with lines, notifications and the board"
    for name, (value, bare) in zip(
        ("correction", "correction_cpu"), zip(*reversed(figures.values()), strict=True), strict=True
    ):
        Figure(name=f"boards.{name}", value=round(value, 2), unit="s", reference=round(bare, 2), against=against).emit()


def cpu_seconds(run: Servers) -> float:
    """What this process and PostgreSQL's have used so far; beside other work it says more than the clock."""
    return time.process_time() + cpu(run.postmaster)


async def ranks(run: Servers, count: int) -> None:
    """Pages and single places of a board of `count`."""
    ranking, source = of_contest(uuid4()), random.Random(7)
    board, _, mark = boards.keys(ranking.id)
    for start in range(0, count, _FILLED_AT_ONCE):
        await filled(run.cache, board, start, start + _FILLED_AT_ONCE)
    await run.cache.set(mark, 1)
    async with run.sessions() as session:
        reader = boards.BoardReader(run.cache, session, ranking)
        pings = [await seconds(run.cache.ping) for _ in range(QUERIES)]
        asked: dict[str, Callable[[], Awaitable[object]]] = {
            "place": lambda: reader.places([UUID(int=source.randrange(count))]),
            "page": lambda: reader.page(source.randrange(count - 50), 50),
        }
        for name, query in asked.items():
            times = sorted([await seconds(query) for _ in range(QUERIES)])
            Figure(
                name=f"boards.{name}_of_{count}_p99",
                value=round(1000 * times[QUERIES * 99 // 100], 3),
                unit="ms",
                reference=round(1000 * sorted(pings)[QUERIES * 99 // 100], 3),
                against=f"p99 of PING; here the median is {1000 * times[QUERIES // 2]:.2f} ms",
            ).emit()
    await run.cache.unlink(board)


#: Members whose ids are numbers, with scores that spread over a billion, made where they are kept.
_FILL = """
for number = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do
    local member = string.format('00000000-0000-0000-0000-%012x', number)
    redis.call('ZADD', KEYS[1], (number * 2654435761) % 1000000000, member)
end
"""
_FILLED_AT_ONCE = 5_000


async def filled(cache: Cache, board: str, first: int, end: int) -> None:
    """Members put on the board, however long that takes: the client gives up after a second, which a busy machine exceeds."""
    while True:
        try:
            await cache.eval(_FILL, 1, board, str(first), str(end))
            return
        except RedisError:
            await asyncio.sleep(PAUSE_SECONDS)


async def balls(run: Servers) -> None:
    """A match as a feed tells it, a ball a time: how long until the board is right, for the slowest of a hundred."""
    names = [player["id"] for player in example.players()]
    slate_id, contest_id = await opened(
        run, "cricket-t20-b@1.1.0", "bench:1", [ListedPlayer(id=name) for name in names]
    )
    picked = [(chosen, {"captain": chosen[0], "vice_captain": chosen[1]}) for chosen in drawn(names, 11, FOLLOWERS)]
    await enter(run, slate_id, contest_id, picked)
    taken, bare = [], []
    for ball in range(1, BALLS + 1):
        files = over_by_over(ball)
        taken.append(await seconds(functools.partial(said, run, contest_id, files, "events", "bench:1")))
        bare.append(
            await seconds(lambda: run.owner.execute("UPDATE teams SET units = units WHERE slate_id = $1", slate_id))
        )
    against = f"one UPDATE of all {FOLLOWERS} rows; here {BALLS} balls, each with the whole log so far; median "
    Figure(
        name="boards.ball_p99",
        value=round(sorted(taken)[BALLS * 99 // 100], 3),
        unit="s",
        reference=round(sorted(bare)[BALLS * 99 // 100], 3),
        against=f"{against}{sorted(taken)[BALLS // 2]:.3f} s",
    ).emit()


def over_by_over(balls_so_far: int) -> dict[str, str]:
    """The log of a match in which the first two batters hit in turn."""
    document = json.loads(example.log("bench:1", "2026-01-01T12:00:00+00:00", 4)["log.json"])
    *others, delivery = document["events"]
    for number in range(2, balls_so_far + 1):
        over, place = divmod(number, 6)
        runs = number % 5
        attributes = {**delivery["attributes"], "over": over, **dict.fromkeys(("runs", "total", "charged"), runs)}
        attributes["boundary"] = 4 if runs == 4 else 0
        others.append({**delivery, "id": f"delivery:1.{over:03d}.{place + 1:02d}x", "attributes": attributes})
    return {"log.json": json.dumps({**document, "events": others})}


def texts(race: Path, *, swapped: bool) -> dict[str, str]:
    """The race's files; `swapped`: the cars classified second and third are in each other's place."""
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(race.glob("*.yml"))}
    if swapped:
        rows = yaml.load(files["race-results.yml"], yaml.BaseLoader)
        for name in ("driverId", "constructorId", "driverNumber", "gridPosition"):
            rows[1][name], rows[2][name] = rows[2][name], rows[1][name]
        files["race-results.yml"] = yaml.safe_dump(rows, sort_keys=False)
    return files


def drivers_of(race: Path) -> list[str]:
    """Who is in the result."""
    return [row["driverId"] for row in yaml.load((race / "race-results.yml").read_text(), yaml.BaseLoader)]


async def seconds(run: Callable[[], Awaitable[object]]) -> float:
    """How long something takes."""
    begun = time.perf_counter()
    await run()
    return time.perf_counter() - begun


async def _main() -> None:
    async with servers() as run:
        await balls(run)
        await correction(run)
        for count in MEMBERS:
            await ranks(run, count)


def main() -> None:
    """Emit every figure."""
    asyncio.run(_main())
