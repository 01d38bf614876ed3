"""What the bench of the services runs: PostgreSQL, the wallet, a bare service, an echo, and players with tokens and money."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import jwt
import psutil
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from localcloud.dataplane.stores.postgres import PostgresServer
from services.common.bootstrap import Passwords, bootstrap
from services.common.ids import uuid7
from services.common.migrate import migrate
from services.common.settings import DatabaseSettings
from services.common.tokens import ALGORITHM, AUDIENCE, TYPE, issuer

ROOT = Path(__file__).resolve().parents[2]
MASTER, PASSWORD = "master", "bench-password"  # of a server that lives for the bench

#: What RDS gives development's db.t4g.medium, a quarter of its memory; production's has four times that, a laptop's 32 MB.
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "4GB"}

#: Of players: batches of a hundred hardly ever meet, as on a platform of some size. The first PLAYERS of them ask over HTTP.
ACCOUNTS = 20_000
PLAYERS = 500


def cpu(pid: int) -> float:
    """Seconds of CPU that a process and its children, those that have ended too, have used."""
    process = psutil.Process(pid)
    spent = sum(process.cpu_times()[:4])
    for each in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended, and is among its parent's children's times
            spent += sum(each.cpu_times()[:2])
    return spent


@contextmanager
def process(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process, ended at the end."""
    variables = {"PATH": os.environ["PATH"]} | environment
    made = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=variables, stdout=subprocess.DEVNULL)
    try:
        yield made
    finally:
        made.terminate()
        made.wait(15)


class Issuer:
    """Signs tokens, and serves the key they are checked with."""

    def __init__(self, environment: str = "bench") -> None:
        self._environment = environment
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = json.loads(ECAlgorithm.to_jwk(self._key.public_key()))
        self._jwks = json.dumps({"keys": [{**public, "kid": "bench", "alg": ALGORITHM, "use": "sig"}]}).encode()
        self.port = 0

    def token(self, subject: UUID | str, client: str = "matchday", scope: str = "player player:verified") -> str:
        """A player's token, or a client's."""
        now = int(time.time())
        claims = {"iss": issuer(self._environment), "aud": AUDIENCE, "sub": str(subject), "iat": now, "exp": now + 3600}
        more = {"jti": str(uuid4()), "client_id": client, "scope": scope}
        return jwt.encode(claims | more, self._key, ALGORITHM, headers={"kid": "bench", "typ": TYPE})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        body = self._machine() if asked.startswith(b"POST /auth/token ") else self._jwks
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        writer.close()

    def _machine(self) -> bytes:
        """A token for whatever client asks, for all that payments asks of the wallet."""
        scope = "wallet:deposit wallet:payout wallet:refund wallet:reverse wallet:dispute wallet:play wallet:settle wallet:read"
        return json.dumps({"access_token": self.token("bench", "bench", scope), "expires_in": 3600}).encode()

    async def start(self, stack: AsyncExitStack) -> None:
        """Serve until the stack ends."""
        server = await stack.enter_async_context(await asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]


@dataclass
class Bench:
    """What runs: ports and processes of the servers, tokens and accounts of players."""

    postgres: PostgresServer
    postmaster: int
    wallet: tuple[int, int]
    shared: tuple[int, int]
    echo: tuple[int, int]
    tokens: list[str]
    players: list[UUID]
    accounts: list[UUID]
    signer: Issuer = field(default_factory=Issuer)

    def pin(self, cores: list[int]) -> None:
        """Have the servers run on some cores only."""
        postmaster = psutil.Process(self.postmaster)
        servers = [psutil.Process(pid) for _, pid in (self.wallet, self.shared, self.echo)]
        for each in (postmaster, *postmaster.children(recursive=True), *servers):
            each.cpu_affinity(cores)


async def database_of(server: PostgresServer, service: str) -> dict[str, Any]:
    """Make a service's database and its tables, after `set_master`; the settings of a connection to it, but for the user."""
    place = {"host": server.host, "port": server.port, "name": service, "password": PASSWORD, "tls": "disable"}
    given = Passwords.model_validate({"owner_password": PASSWORD, "app_password": PASSWORD})
    await bootstrap(service, DatabaseSettings.model_validate({**place, "user": MASTER}), given)
    await migrate(service, DatabaseSettings.model_validate({**place, "user": f"{service}_owner"}))
    return place


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """Servers with their databases, for the time of the bench."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = free_ports(4)
        server = stack.enter_context(PostgresServer(directory / "postgres", "127.0.0.1", ports[0], settings=SETTINGS))
        stack.callback(server.remove)
        server.set_master(MASTER, PASSWORD)
        await database_of(server, "wallet")
        players = [uuid7() for _ in range(ACCOUNTS)]
        owner = await asyncpg.connect(
            host=server.host, port=server.port, user="wallet_owner", password=PASSWORD, database="wallet", ssl=False
        )
        accounts = await open_accounts(owner, players)
        signer = Issuer()
        await signer.start(stack)
        environment = {
            "SERVICE": "wallet", "PROCESS": "web", "ENVIRONMENT": "bench", "DATABASE_HOST": server.host,
            "DATABASE_PORT": str(server.port), "DATABASE_NAME": "wallet", "DATABASE_USER": "wallet_app",
            "DATABASE_PASSWORD": PASSWORD, "DATABASE_TLS": "disable", "AUTH_URL": f"http://127.0.0.1:{signer.port}",
            "PORT": str(ports[1]),
        }  # fmt: skip
        wallet = stack.enter_context(process(["-m", "services.common.web"], environment))
        jwks = f"http://127.0.0.1:{signer.port}/"
        shared = stack.enter_context(
            process(["-m", "benchmarks.services.bare", "shared", str(ports[2]), jwks], environment)
        )
        echo = stack.enter_context(process(["-m", "benchmarks.services.bare", "echo", str(ports[3])], environment))
        yield Bench(
            server, postmaster_of(server), (ports[1], wallet.pid), (ports[2], shared.pid), (ports[3], echo.pid),
            [signer.token(player) for player in players[:PLAYERS]], players, accounts, signer,
        )  # fmt: skip


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses, below the ephemeral ones; drawn, so that two runs at once do not both begin at the first."""
    used = {each.laddr.port for each in psutil.net_connections("tcp") if each.laddr}
    return random.sample([port for port in range(22_300, 23_000) if port not in used], count)


def postmaster_of(server: PostgresServer) -> int:
    """The process whose children serve the connections."""
    (line, *_) = (server.data_dir / "postmaster.pid").read_text().splitlines()
    return int(line)


async def open_accounts(owner: asyncpg.Connection, players: list[UUID]) -> list[UUID]:
    """Accounts with money in them, put there as the owner may; the connection is closed."""
    accounts = [uuid7() for _ in players]
    house, credit = UUID("00000000-0000-7000-8000-000000000001"), uuid7()
    amount = 10**9
    async with owner.transaction():
        await owner.execute("INSERT INTO transactions VALUES ($1, 'credit', 'bench', '', 'bench', now())", credit)
        await owner.execute(
            "INSERT INTO accounts SELECT account, player, now() FROM unnest($1::uuid[], $2::uuid[]) AS given (account, player)",
            accounts,
            players,
        )
        await owner.execute("INSERT INTO balances SELECT unnest($1::uuid[]), true, $2, 1", accounts, amount)
        await owner.execute(
            "INSERT INTO entries SELECT unnest($1::uuid[]), 1, $2::uuid, $3, $3, now()", accounts, credit, amount
        )
        total = -amount * len(players)
        await owner.execute("INSERT INTO entries VALUES ($1, 1, $2, $3, $3, now())", house, credit, total)
        await owner.execute("UPDATE balances SET amount = $2, entries = 1 WHERE account_id = $1", house, total)
    await owner.close()
    return accounts
