"""Boards of the scoring service on a real PostgreSQL and Valkey: a contest of 100,000 entries after a correction, from what the
feed says to the board; and ranks of a board of a million members.

Each figure stands beside what the same servers do for a bare query in the same minute. A machine that does other work beside
makes both slower.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import yaml
from redis.exceptions import RedisError

from benchmarks.figures import Figure
from benchmarks.services.servers import MASTER, PASSWORD, database_of, free_ports
from localcloud.dataplane.stores.postgres import PostgresServer
from localcloud.dataplane.stores.valkey import ValkeyServer
from services.common import database
from services.common.cache import PAUSE_SECONDS, Cache, create_cache
from services.common.clock import SystemClock
from services.common.database import Sessions
from services.common.settings import AppDatabaseSettings, CacheSettings
from services.common.tokens import Caller
from services.scoring import boards, ingestion, payloads, rescoring, service
from services.scoring.rankings_repository import of_contest
from services.scoring.schemas import ContestRequest, ListedPlayer, PublishRequest, SlateRequest

ENTRIES, MEMBERS, QUERIES = 100_000, 1_000_000, 2_000
RACE = Path(__file__).resolve().parent.parent / "tests/fixtures/f1db/seasons/2023/races/18-united-states"
MATCH = "f1db:1097"
FEED = Caller("bench", frozenset())


@dataclass
class Servers:
    """What runs."""

    sessions: Sessions
    cache: Cache
    owner: asyncpg.Connection


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
        yield Servers(database.create_sessions(engine), cache, owner)


async def entered(run: Servers) -> tuple[UUID, UUID]:
    """A contest of ENTRIES teams of the race at the flag, scored and on its board: slate and contest."""
    clock = SystemClock()
    slate_id, contest_id = uuid4(), uuid4()
    drivers = drivers_of(RACE)
    async with run.sessions() as session, session.begin():
        rules = await service.publish(session, clock, FEED, PublishRequest(reference="f1-league@1.2.0"))
        players = [ListedPlayer(id=driver, role="driver") for driver in drivers]
        slate = SlateRequest(
            title="Bench",
            rules=rules.sha256,
            matches=[MATCH],
            players=players,
            locks_at=clock.now() + timedelta(hours=1),
        )
        await service.open_slate(session, clock, slate_id, slate)
        await service.open_contest(session, clock, contest_id, ContestRequest(slate=slate_id, title="Bench"))
    source, now = random.Random(2026), clock.now()
    teams, entries = [], []
    for number in range(1, ENTRIES + 1):
        chosen, team = source.sample(drivers, 5), UUID(int=source.getrandbits(128))
        roster = json.dumps({"players": chosen, "offices": {"captain": chosen[0]}, "bench": [], "chips": []})
        teams.append((team, slate_id, uuid4(), roster, sorted(chosen), 0, 0, now))
        entries.append((contest_id, team, number, now))
    columns = ["id", "slate_id", "owner_id", "roster", "members", "units", "changed_in", "created_at"]
    await run.owner.copy_records_to_table("teams", records=teams, columns=columns)
    columns = ["contest_id", "team_id", "number", "created_at"]
    await run.owner.copy_records_to_table("entries", records=entries, columns=columns)
    await run.owner.execute("UPDATE contests SET entered = $1", ENTRIES)
    await run.owner.execute("ANALYZE teams, entries")
    await said(run, contest_id, texts(RACE, swapped=True))
    return slate_id, contest_id


async def said(run: Servers, contest_id: UUID, files: dict[str, str]) -> None:
    """What a feed says, from its arrival until the contest's board is right: the web's part, the worker's and the board's."""
    clock = SystemClock()
    contents = {name: text.encode() for name, text in files.items()}
    objects = {name: payloads.named(content) for name, content in contents.items()}
    snapshot = payloads.Payload("f1db", "f1db", clock.now(), True, objects, contents, FEED.subject)
    async with run.sessions() as session, session.begin():
        await ingestion.ingest(session, clock, MATCH, snapshot)
    async with run.sessions() as session, session.begin():
        await rescoring.score_match(session, clock, MATCH)
    async with run.sessions() as session, session.begin():
        await boards.refresh(session, run.cache, of_contest(contest_id))


async def correction(run: Servers) -> None:
    """Two cars change places; most teams hold neither."""
    slate_id, contest_id = await entered(run)
    bare = await seconds(lambda: run.owner.execute("UPDATE teams SET units = units WHERE slate_id = $1", slate_id))
    taken = await seconds(lambda: said(run, contest_id, texts(RACE, swapped=False)))
    moved = await run.owner.fetchval("SELECT count(*) FROM teams WHERE changed_in = (SELECT max(revision) FROM slates)")
    against = f"one UPDATE of all {ENTRIES} rows; here {moved} teams move, with lines, notifications and the board"
    Figure(name="boards.correction", value=round(taken, 2), unit="s", reference=round(bare, 2), against=against).emit()


async def ranks(run: Servers) -> None:
    """Pages and single places of a board of MEMBERS."""
    contest_id, source = uuid4(), random.Random(7)
    board, _, mark = boards.keys(contest_id)
    members = [UUID(int=source.getrandbits(128)) for _ in range(MEMBERS)]
    for start in range(0, MEMBERS, 1_000):
        batch = {str(member): source.randrange(10**9) for member in members[start : start + 1_000]}
        await filled(run.cache, board, batch)
    await run.cache.set(mark, 1)
    async with run.sessions() as session:
        reader = boards.BoardReader(run.cache, session, of_contest(contest_id))
        pings = [await seconds(run.cache.ping) for _ in range(QUERIES)]
        asked: dict[str, Callable[[], Awaitable[object]]] = {
            "place": lambda: reader.places([source.choice(members)]),
            "page": lambda: reader.page(source.randrange(MEMBERS - 50), 50),
        }
        for name, query in asked.items():
            times = sorted([await seconds(query) for _ in range(QUERIES)])
            Figure(
                name=f"boards.{name}_p99",
                value=round(1000 * times[QUERIES * 99 // 100], 3),
                unit="ms",
                reference=round(1000 * sorted(pings)[QUERIES * 99 // 100], 3),
                against=f"p99 of PING; here of a board of {MEMBERS} members, median {1000 * times[QUERIES // 2]:.2f} ms",
            ).emit()


async def filled(cache: Cache, board: str, batch: dict[str, int]) -> None:
    """Members put on the board, however long that takes: the client gives up after a second, which a busy machine exceeds."""
    while True:
        try:
            await cache.zadd(board, batch)
            return
        except RedisError:
            await asyncio.sleep(PAUSE_SECONDS)


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
        await correction(run)
        await ranks(run)


def main() -> None:
    """Emit every figure."""
    asyncio.run(_main())
