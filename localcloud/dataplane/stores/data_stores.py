"""Keeps one PostgreSQL per RDS instance and one Valkey per replication group running, with the passwords AWS holds."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from localcloud.dataplane.control.events import Hub
from localcloud.dataplane.ecs.deployment import backoff
from localcloud.dataplane.model import Cache, Database, DesiredState
from localcloud.dataplane.settings import Config
from localcloud.dataplane.stores import copies
from localcloud.dataplane.stores.postgres import PostgresServer
from localcloud.dataplane.stores.valkey import ValkeyServer
from localcloud.runtime.addresses import AddressBook
from localcloud.runtime.errors import SupervisorError
from localcloud.runtime.state import StateDirectory


class DataStore(Protocol):
    """A data store of either kind, as this module handles it."""

    kind: str
    name: str
    address: str
    port: int
    log: Path

    @property
    def pid(self) -> int | None: ...

    def start(self) -> None:
        """Start and configure; blocks."""

    def update(self, wanted: Database | Cache) -> None:
        """Follow a change that needs no restart; blocks."""

    def stop(self) -> None:
        """Flush and end; blocks."""

    def remove(self) -> None:
        """End and forget the data; blocks."""


class _Postgres:
    kind = "rds"

    def __init__(self, config: Config, wanted: Database, address: str) -> None:
        self.name, self.address, self.port = wanted.identifier, address, wanted.port
        self.log = config.places.logs / "rds" / f"{wanted.identifier}.log"
        self._wanted = wanted
        self._server = PostgresServer(config.places.postgres / wanted.identifier, address, wanted.port, log=self.log)

    @property
    def pid(self) -> int | None:
        return self._server.pid

    def start(self) -> None:
        self._server.start()
        self.update(self._wanted)

    def update(self, wanted: Database | Cache) -> None:
        assert isinstance(wanted, Database)
        self._server.set_master(wanted.user, wanted.password)
        if wanted.database:
            self._server.create_database(wanted.database, wanted.user)
        self._wanted = wanted

    def fail_over(self, address: str, done: Callable[[str], None]) -> None:
        """As RDS's Multi-AZ does it: a synchronous standby at `address`, the primary dies, the standby is at its address.

        `done` hears of each step. Where one fails, the primary's data are as they were; blocks.
        """
        standby = PostgresServer(
            self._server.data_dir.with_name(f"{self.name}.standby"),
            address,
            self.port,
            log=self.log.with_name(f"{self.name}.standby.log"),
        )
        standby.remove()  # of a process that ended in the middle
        try:
            copies.standby_of(self._server, standby)
            done("a standby follows")
            with copies.synchronous(self._server):
                done("each commit is on both")
                self._server.crash()
                done("the primary is dead")
            copies.promote(standby)
            done("the standby is promoted")
            standby.stop()
            self._server.adopt(standby)
            self.update(self._wanted)
            done("the standby has the primary's address")
        finally:
            standby.remove()

    def stop(self) -> None:
        self._server.stop()

    def remove(self) -> None:
        self._server.remove()


class _Valkey:
    kind = "elasticache"

    def __init__(self, config: Config, wanted: Cache, address: str) -> None:
        self.name, self.address, self.port = wanted.identifier, address, wanted.port
        self.log = config.places.logs / "elasticache" / f"{wanted.identifier}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._server = ValkeyServer(
            config.places.valkey / wanted.identifier,
            address,
            wanted.port,
            password=wanted.password,
            cluster=wanted.cluster,
            users=wanted.users,
            settings=wanted.settings,
            log=self.log,
        )

    @property
    def pid(self) -> int | None:
        return self._server.pid

    def start(self) -> None:
        self._server.start()

    def update(self, wanted: Database | Cache) -> None:
        assert isinstance(wanted, Cache)
        self._server.set_access(wanted.password, wanted.users)
        self._server.configure(wanted.settings)

    def stop(self) -> None:
        self._server.stop()

    def remove(self) -> None:
        self._server.remove()


@dataclasses.dataclass(eq=False)
class _Kept:
    """A store, what it was last told, and how its starts went."""

    store: DataStore
    wanted: Database | Cache
    failures: int = 0
    retry_at: float = 0.0
    problem: SupervisorError | None = None
    #: Held while a fail-over has the store in hand.
    lock: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)


class DataStores:
    """All data stores of the local cloud."""

    def __init__(self, config: Config, book: AddressBook, hub: Hub) -> None:
        self._config, self._book, self._hub = config, book, hub
        self._kept: dict[tuple[str, str], _Kept] = {}

    @property
    def problems(self) -> list[SupervisorError]:
        """Stores that should run and do not."""
        return [kept.problem for kept in self._kept.values() if kept.problem]

    def status(self) -> list[dict[str, object]]:
        """What `matchday status` says of each."""
        return [
            {
                "kind": kept.store.kind,
                "name": kept.store.name,
                "address": f"{kept.store.address}:{kept.store.port}",
                "pid": kept.store.pid,
                "state": "failed" if kept.problem else "ready" if kept.store.pid else "stopped",
                "reason": kept.problem.cause if kept.problem else "",
                "log": str(kept.store.log),
            }
            for kept in self._kept.values()
        ]

    async def apply(self, desired: DesiredState) -> None:
        """Start what is missing or has died, follow changes, and remove what was deleted while we looked."""
        wanted: dict[tuple[str, str], Database | Cache] = {("rds", item.identifier): item for item in desired.databases}
        wanted |= {("elasticache", item.identifier): item for item in desired.caches}
        gone = [self._kept.pop(key) for key in list(self._kept) if key not in wanted]
        await asyncio.gather(*(self._remove(kept) for kept in gone))
        await asyncio.gather(*(self._follow(key, item) for key, item in wanted.items()))

    async def stop(self) -> None:
        """Flush and end all."""
        await asyncio.gather(*(self._end(kept) for kept in self._kept.values()))

    async def fail_over(self, name: str) -> list[dict[str, object]]:
        """Have a standby take over from a PostgreSQL server; each step with its seconds. Raises SupervisorError."""
        kept = self._kept.get(("rds", name))
        if kept is None or not isinstance(kept.store, _Postgres) or kept.store.pid is None:
            raise SupervisorError("fail-over", f"no PostgreSQL server {name!r} runs")
        if kept.lock.locked():
            raise SupervisorError("fail-over", f"{name} is failing over already")
        steps: list[dict[str, object]] = []
        begun = time.monotonic()

        def done(what: str) -> None:
            nonlocal begun
            now = time.monotonic()
            steps.append({"name": what, "seconds": round(now - begun, 3)})
            begun = now

        async with kept.lock:
            self._hub.emit("server", f"rds/{name}", "failing over")
            address = self._book.lease("rds-standby", name)
            try:
                await asyncio.to_thread(kept.store.fail_over, address, done)
            finally:
                self._book.release("rds-standby", name)
            self._hub.emit("server", f"rds/{name}", "ready", f"{kept.store.address}:{kept.store.port}")
        return steps

    def retry(self) -> None:
        """Try what has failed again at the next look."""
        for kept in self._kept.values():
            kept.retry_at = 0.0

    async def _follow(self, key: tuple[str, str], wanted: Database | Cache) -> None:
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Kept(self._make(wanted), wanted)
        elif kept.lock.locked():
            return
        elif _needs_restart(kept.wanted, wanted):
            await asyncio.to_thread(kept.store.stop)
            kept.store = self._make(wanted)
        name = f"{kept.store.kind}/{kept.store.name}"
        try:
            if kept.store.pid is None:
                if time.monotonic() < kept.retry_at:
                    return
                self._hub.emit("server", name, "starting", f"{kept.store.address}:{kept.store.port}")
                await asyncio.to_thread(kept.store.start)
                self._hub.emit("server", name, "ready", f"{kept.store.address}:{kept.store.port}")
            elif kept.wanted != wanted:
                await asyncio.to_thread(kept.store.update, wanted)
                self._hub.emit("server", name, "updated")
            kept.failures, kept.problem = 0, None
        except SupervisorError as problem:
            kept.failures, kept.problem = kept.failures + 1, problem
            timing = self._config.timing
            kept.retry_at = time.monotonic() + backoff(kept.failures, timing.backoff_first, timing.backoff_last)
            await asyncio.to_thread(kept.store.stop)
            self._hub.emit("server", name, "failed", str(problem))
        kept.wanted = wanted

    def _make(self, wanted: Database | Cache) -> DataStore:
        if isinstance(wanted, Database):
            return _Postgres(self._config, wanted, self._book.lease("rds", wanted.identifier))
        return _Valkey(self._config, wanted, self._book.lease("elasticache", wanted.identifier))

    async def _end(self, kept: _Kept) -> None:
        async with kept.lock:
            await asyncio.to_thread(kept.store.stop)

    async def _remove(self, kept: _Kept) -> None:
        async with kept.lock:
            await asyncio.to_thread(kept.store.remove)
        self._book.release(kept.store.kind, kept.store.name)
        self._hub.emit("server", f"{kept.store.kind}/{kept.store.name}", "deleted")


def _needs_restart(before: Database | Cache, now: Database | Cache) -> bool:
    if before.port != now.port:
        return True
    return isinstance(before, Cache) and isinstance(now, Cache) and before.cluster != now.cluster


def forget(state: Path) -> None:
    """Delete every data store's data below a state directory, also what is kept elsewhere for it. Nothing may be running."""
    places = StateDirectory(state)
    for directory in places.postgres.glob("*/"):
        PostgresServer(directory, "127.0.0.1").remove()
    for directory in (places.postgres, places.valkey):
        shutil.rmtree(directory, ignore_errors=True)
