"""Real PostgreSQL and Valkey for the tests of the services; each test has databases of its own, copied from a migrated one."""

from __future__ import annotations

import asyncio
import functools
import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from _pytest.fixtures import FixtureFunctionDefinition as Fixture
from redis._parsers import AsyncCommandsParser
from redis.asyncio.cluster import ClusterNode, NodesManager
from redis.cluster import PRIMARY
from redis.crc import REDIS_CLUSTER_HASH_SLOTS
from redis.utils import get_lib_version
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import LRUCache

from localcloud.dataplane.model import CacheUser
from localcloud.dataplane.stores.postgres import PostgresServer
from localcloud.dataplane.stores.valkey import ValkeyServer
from model.cache import access_string
from services.common import cache
from services.common.bootstrap import Passwords, bootstrap
from services.common.migrate import migrate
from services.common.settings import load
from tests.ports import free_port
from tests.services.support import MASTER, SERVICES, Clock, Cloud, environ


@contextmanager
def commands_once(server: ValkeyServer) -> Iterator[None]:
    """The answer of COMMAND, thousands of elements that are always the same, is read once and not by each client anew."""
    plain, known = AsyncCommandsParser.initialize, dict[str, Any]()

    async def initialize(self: AsyncCommandsParser, node: ClusterNode | None = None) -> None:
        if node is None or (node.host, node.port) != (server.host, server.port):
            await plain(self, node)
        elif known:
            self.node, self.commands = node, known
        else:
            await plain(self, node)
            known.update(self.commands)

    with patch.object(AsyncCommandsParser, "initialize", initialize):
        yield


@contextmanager
def slots_at_once(server: ValkeyServer) -> Iterator[None]:
    """A client of the cache takes its only node for the one of every slot; others count to 16,384 three times for that.

    Ten times in each test of a service, 2 ms each. The server is asked all the same; whatever it says else is for the client.
    """
    plain = NodesManager.initialize

    async def initialize(self: NodesManager, *given: Any, **more: Any) -> None:
        nodes = list(self.startup_nodes.values())
        if [(node.host, node.port) for node in nodes] != [(server.host, server.port)]:
            await plain(self, *given, **more)
            return
        try:
            ((first, last, _),) = await nodes[0].execute_command("CLUSTER SLOTS")
            assert (first, last) == (0, REDIS_CLUSTER_HASH_SLOTS - 1)
        except Exception:
            await plain(self, *given, **more)
            return
        async with self._initialize_lock:
            node = ClusterNode(server.host, server.port, PRIMARY, **self.connection_kwargs)
            self.set_nodes(self.nodes_cache, {node.name: node}, remove_old=True)
            self.set_nodes(self.startup_nodes, self.nodes_cache, remove_old=True)
            only = self.nodes_cache[node.name]
            slots = dict.fromkeys(range(REDIS_CLUSTER_HASH_SLOTS), (only,))
            known = {"default_node": only, "slots_cache": slots, "_epoch": self._epoch + 1}
            for name, value in known.items():
                setattr(self, name, value)

    with patch.object(NodesManager, "initialize", initialize):
        yield


@contextmanager
def statements_once() -> Iterator[None]:
    """A statement is compiled once for all engines: each test makes several, and they differ in nothing but the address."""
    compiled: LRUCache[Any, Any] = LRUCache(5000)

    def create(*arguments: Any, **more: Any) -> AsyncEngine:
        engine = create_async_engine(*arguments, **more)
        vars(engine.sync_engine)["_compiled_cache"] = compiled
        return engine

    # What is compiled is kept by dialect, of which each engine has its own; those of inserts and updates by the mapper.
    alike: dict[str, Any] = {
        "__eq__": lambda one, other: type(one) is type(other),
        "__hash__": lambda one: id(type(one)),
    }
    with patch("services.common.database.create_async_engine", create), patch.multiple(PGDialect_asyncpg, **alike):
        yield


#: Where files are memory, and what has to be free there: a worker's data are about 300 MB.
MEMORY, ENOUGH = Path("/dev/shm"), 4 << 30
_FOLDER = "matchday-tests-{pid}"


@contextmanager
def quick_folder(otherwise: Path) -> Iterator[Path]:
    """A folder for a server's data in memory where there is room: to copy and drop a database for each test is mostly files.

    What a killed test process left there is removed by the next.
    """
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ENOUGH:
        yield otherwise
        return
    for left in MEMORY.glob(_FOLDER.format(pid="*")):
        if not Path("/proc", left.name.rsplit("-", 1)[1]).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = MEMORY / _FOLDER.format(pid=os.getpid())
    shutil.rmtree(folder, ignore_errors=True)  # of a process that had our number
    folder.mkdir(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The servers, with the databases of the services made as their init containers make them."""
    directory = tmp_path_factory.mktemp("cloud")
    # At the cache each service is who it is on the platform, with the rights that it has there.
    users = [
        CacheUser(name="default", access="off -@all"),
        *(CacheUser(name=name, access=access_string(name), passwords=["cache-password"]) for name in SERVICES),
    ]
    # Nor is anything replicated, and what dozens of databases of a second would have vacuumed goes with them.
    unsafe = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
    unsafe |= {"wal_level": "minimal", "max_wal_senders": "0"}
    with (
        quick_folder(directory) as quick,
        PostgresServer(quick / "postgres", "127.0.0.1", free_port(), settings=unsafe) as postgres,
        ValkeyServer(directory / "broker", "127.0.0.1", free_port(), password="broker-password") as broker,
        ValkeyServer(
            directory / "cache", "127.0.0.1", free_port(), password="cache-password", cluster=True, users=users
        ) as cache,
    ):
        cloud = Cloud(postgres, broker, cache)
        postgres.set_master(MASTER, cloud.secrets["master"])
        for service in SERVICES:
            with environ(cloud.environment(service, service, role="master")):
                given = load(Passwords)
            # Each of thousands of connections would compute the hash of its password, 4096 times over.
            with patch("services.common.bootstrap.ITERATIONS", 1):
                asyncio.run(bootstrap(service, cloud.settings(service, service, "master"), given))
            asyncio.run(migrate(service, cloud.settings(service, service, "owner")))
        # Certificates of authorities are read once, too; nothing here is asked over TLS.
        contexts = patch("httpx._transports.default.create_ssl_context", functools.cache(httpx.create_ssl_context))
        # Each client of the cache would read the list of its own files anew, to say its version.
        version = patch("redis.utils.get_lib_version", functools.cache(get_lib_version))
        with commands_once(cache), slots_at_once(cache), statements_once(), contexts, version:
            yield cloud
        cloud.close()
        postgres.remove()


@pytest.fixture
def clock() -> Clock:
    return Clock()


# A service's own fixtures: tests/services/<service>/fixtures.py, found by its name.
for _file in sorted(Path(__file__).parent.glob("*/fixtures.py")):
    _module = importlib.import_module(f"tests.services.{_file.parent.name}.fixtures")
    globals().update({name: value for name, value in vars(_module).items() if isinstance(value, Fixture)})


@pytest.fixture(autouse=True)
def patient_with_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command may take a second, and afterwards nobody asks for another: little where a busy machine has fifty at once.

    Tests of that bound set one of their own.
    """
    monkeypatch.setattr(cache, "COMMAND_SECONDS", 30.0)
