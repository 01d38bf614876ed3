"""The drills of `matchday drill`: what each does to a copy of the running PostgreSQL, or to the server itself, and measures.

Marks stand for what players commit: rows of a database of the drill's own on the same server, written all the time, each with
the moment at which its commit was answered. What is missing of them afterwards was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cli import journeys, local
from cli.operations_documents import Drill, DrillStep
from localcloud.dataplane.stores import copies
from localcloud.dataplane.stores.postgres import ADMIN, PostgresServer
from localcloud.runtime.addresses import AddressBook
from localcloud.runtime.errors import SupervisorError
from model.objectives import OBJECTIVES

if TYPE_CHECKING:
    from localcloud.dataplane.control.client import Client

#: The drill's own database.
_DATABASE = "matchday_drill"

#: Between two marks, in seconds; also how exactly a gap is measured.
_PACE = 0.02


def invariants() -> dict[str, Mapping[str, str]]:
    """Service → name → query whose rows are what is wrong in its database (services/<name>/invariants.py)."""
    found = {}
    for name in journeys.catalog().services:
        module = f"services.{name.replace('-', '_')}.invariants"
        if importlib.util.find_spec(module):
            found[name] = importlib.import_module(module).INVARIANTS
    return found


def broken(server: PostgresServer) -> list[str]:
    """The invariants that do not hold on a server, with how many rows break each."""
    wrong = []
    for service, queries in invariants().items():
        counts = (f"SELECT '{name}', count(*) FROM ({query}) f" for name, query in queries.items())  # noqa: S608 - our own
        for line in server.execute(" UNION ALL ".join(counts), database=service).splitlines():
            name, _, count = line.partition("|")
            if count != "0":
                wrong.append(f"{service}: {name}: {count} rows")
    return wrong


class Marks:
    """Rows written one by one, each known by number and by the moment (of this machine) at which its commit was answered."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._write()), daemon=True)
        self.answered: list[float] = []

    def __enter__(self) -> Marks:
        self._server.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
        self._server.execute(f"CREATE DATABASE {_DATABASE}")
        self._server.execute("CREATE TABLE marks (id int PRIMARY KEY)", database=_DATABASE)
        self._thread.start()
        self.more(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._server.execute(f"DROP DATABASE {_DATABASE} WITH (FORCE)")

    def more(self, count: int) -> None:
        """Wait until so many more were answered."""
        wanted = len(self.answered) + count
        copies.until(lambda: len(self.answered) >= wanted, "commits that are answered")

    @property
    def gap(self) -> float:
        """The longest time between two answers, in seconds."""
        moments = list(self.answered)
        return max((later - earlier for earlier, later in itertools.pairwise(moments)), default=0.0)

    async def _write(self) -> None:
        """Write until ended; what was not answered is written again."""
        import asyncpg

        while not self._ended.is_set():
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                server = self._server
                connection = await asyncpg.connect(
                    host=server.host,
                    port=server.port,
                    user=ADMIN,
                    password=server.password,
                    database=_DATABASE,
                    timeout=5,
                )
                try:
                    while not self._ended.is_set():
                        number = len(self.answered)
                        await connection.execute(
                            "INSERT INTO marks VALUES ($1) ON CONFLICT DO NOTHING", number, timeout=30
                        )
                        self.answered.append(time.monotonic())
                        await asyncio.sleep(_PACE)
                finally:
                    connection.terminate()
            await asyncio.sleep(_PACE)


def on(server: PostgresServer) -> int:
    """How many marks a server has; they have no holes, as each waits for the one before."""
    count, newest = server.execute("SELECT count(*), coalesce(max(id), -1) FROM marks", database=_DATABASE).split("|")
    if int(count) != int(newest) + 1:
        raise SupervisorError(f"PostgreSQL {server.data_dir.name}", f"{count} marks, the newest is {newest}")
    return int(count)


class Exercise:
    """A drill under way: the running server, a place for copies, and the steps so far."""

    def __init__(self, client: Client, say: Callable[[str], None]) -> None:
        self.client, self._say = client, say
        (database,) = [each for each in client.status()["databases"] if each["kind"] == "rds"]
        self.name: str = database["name"]
        host, _, port = database["address"].partition(":")
        self.server = PostgresServer(local.places().postgres / self.name, host, int(port))
        self.steps: list[DrillStep] = []
        self._begun = time.monotonic()

    def done(self, what: str) -> None:
        """The step that ends now."""
        self.add(what, round(time.monotonic() - self._begun, 3))

    def add(self, what: str, seconds: float) -> None:
        """A step that took so long and ends now."""
        self.steps.append({"name": what, "seconds": seconds})
        self._begun = time.monotonic()
        self._say(f"{what}: {seconds:.2f} s")

    @contextmanager
    def beside(self) -> Iterator[tuple[Path, str]]:
        """A folder and an address for a copy, which both go afterwards."""
        book = AddressBook(local.STATE)
        with copies.scratch() as place:
            try:
                yield place, book.lease("drill", self.name)
            finally:
                book.release("drill", self.name)

    def document(self, drill: str, lost: float, still: float, wrong: list[str]) -> Drill:
        """How it ended."""
        objective = OBJECTIVES[drill]
        met = lost <= objective.lost_seconds and still <= objective.still_seconds
        return {
            "drill": drill,
            "ok": met and not wrong,
            "server": self.name,
            "steps": self.steps,
            "lost": {"stated": objective.lost_seconds, "measured": round(lost, 3)},
            "still": {"stated": objective.still_seconds, "measured": round(still, 3)},
            "wrong": wrong,
        }


def _seconds_lost(marks: list[float], kept: int) -> float:
    """From the oldest answered commit that is missing to the newest that was answered."""
    return marks[-1] - marks[kept] if kept < len(marks) else 0.0


def restore(rehearsal: Exercise) -> Drill:
    """A mistake is committed; the moment before it is restored beside, from a base backup and the archived WAL."""
    server = rehearsal.server
    with rehearsal.beside() as (place, host), Marks(server) as marks:
        backup = PostgresServer(place / "restored", host)
        with copies.archive(server, place / "wal"):
            backup.copy_from(server, "--wal-method", "none")
            rehearsal.done("a base backup is taken, WAL is archived")
            marks.more(10)
            before = list(marks.answered)
            moment = server.execute("SELECT clock_timestamp()")
            server.execute("CREATE TABLE mistake AS SELECT 1 AS made", database=_DATABASE)
            mistaken = time.monotonic()
            copies.archived(server)
        rehearsal.done("a mistake is committed and archived")
        restored = copies.restored(place / "restored", host, place / "wal", moment)
        try:
            rehearsal.done(f"restored to {moment}")
            wrong = broken(restored)
            if restored.execute("SELECT to_regclass('mistake') IS NULL", database=_DATABASE) != "t":
                wrong.append("the mistake is in what was restored")
            lost = _seconds_lost(before, on(restored))
            rehearsal.done("looked through: marks, ledger, payments")
            still = time.monotonic() - mistaken
        finally:
            restored.remove()
        rehearsal.done("taken away")
    return rehearsal.document("restore", lost, still, wrong)


def promote(rehearsal: Exercise) -> Drill:
    """A standby follows the server and is promoted beside it, as in the Region of the stack `recovery`."""
    server = rehearsal.server
    with rehearsal.beside() as (place, host), Marks(server) as marks:
        standby = PostgresServer(place / "standby", host)
        try:
            copies.standby_of(server, standby)
            copies.followed(server)
            rehearsal.done("a standby follows")
            marks.more(10)
            before = list(marks.answered)
            lost_at = time.monotonic()
            copies.promote(standby)
            rehearsal.done("promoted")
            standby.execute("CREATE TABLE taken_over AS SELECT 1 AS made", database=_DATABASE)
            wrong = broken(standby)
            lost = _seconds_lost(before, on(standby))
            rehearsal.done("takes writes; looked through: marks, ledger, payments")
            still = time.monotonic() - lost_at
        finally:
            standby.remove()
        rehearsal.done("taken away")
    return rehearsal.document("promote", lost, still, wrong)


def failover(rehearsal: Exercise) -> Drill:
    """The platform's server ends without a goodbye; a synchronous standby takes its address."""
    server = rehearsal.server
    with Marks(server) as marks:
        rehearsal.done("commits are answered")
        for step in rehearsal.client.fail_over(rehearsal.name):
            rehearsal.add(step["name"], step["seconds"])
        marks.more(10)
        rehearsal.done("commits are answered again")
        for _ in rehearsal.client.converge():
            pass
        rehearsal.done("every task is healthy")
        before = list(marks.answered)
        lost = _seconds_lost(before, on(server))
        wrong = broken(server)
        rehearsal.done("looked through: marks, ledger, payments")
        still = marks.gap
    return rehearsal.document("failover", lost, still, wrong)


#: What the command's argument names.
DRILLS: Mapping[str, Callable[[Exercise], Drill]] = {"restore": restore, "promote": promote, "failover": failover}
