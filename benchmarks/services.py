"""What a request costs and what overload does: CPU per request by layer, transfers beside pgbench, a curve from 0.5× to 10×.

CPU time is a process's own, so other work on the machine hardly changes it. A layer is the difference between two servers: a
bare ASGI echo, a service's /healthz (middleware, routing), the shared read and write (benchmarks.bare_service), a balance and
a transfer of the real wallet.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import jwt
import psutil
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from benchmarks.figures import Figure
from benchmarks.load import Job
from localcloud.dataplane.stores.postgres import PostgresServer, installed_binaries
from services.common.bootstrap import Passwords, bootstrap
from services.common.ids import uuid7
from services.common.migrate import migrate
from services.common.settings import DatabaseSettings
from services.common.tokens import ALGORITHM, AUDIENCE, TYPE, issuer

ROOT = Path(__file__).resolve().parents[1]
MASTER, PASSWORD = "master", "bench-password"  # of a server that lives for the bench
FACTORS = (0.5, 1, 2, 5, 10)
ACCOUNTS = 200
SECONDS = 4.0
ROUNDS = 4

#: Before this bench existed (docs of the review, commit 12f03ad), on the same machines: milliseconds of CPU.
BEFORE = {"transfer": 7.0, "balance": 1.9, "health": 0.18}


@dataclass
class Outcome:
    """What became of the requests of one run."""

    statuses: Counter[int] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)  # of those that were accepted

    def percentile(self, share: float) -> float:
        """Of the accepted ones' time, in milliseconds."""
        found = sorted(self.milliseconds)
        return found[min(len(found) - 1, int(share * len(found)))] if found else 0.0


class Client:
    """HTTP as cheap as Python can: bytes over kept connections."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def send(self, request: bytes) -> int:
        """Send one request; its status."""
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if length:
            await reader.readexactly(length)
        self._idle.append((reader, writer))
        return int(head[9:12])

    def close(self) -> None:
        """End every connection."""
        for _, writer in self._idle:
            writer.close()


async def closed_loop(port: int, make: Callable[[], bytes], clients: int, seconds: float) -> Outcome:
    """`clients` send one request after the other."""
    client, outcome, end = Client(port), Outcome(), time.perf_counter() + seconds

    async def one() -> None:
        while (begun := time.perf_counter()) < end:
            status = await client.send(make())
            outcome.statuses[status] += 1
            if status < 400:
                outcome.milliseconds.append((time.perf_counter() - begun) * 1000)

    await asyncio.gather(*(one() for _ in range(clients)))
    client.close()
    return outcome


async def open_loop(run: Bench, rate: float, seconds: float) -> Outcome:
    """`rate` transfers a second at the wallet, whatever becomes of those before; from a process of its own."""
    job = Job(run.wallet[0], rate, seconds, run.tokens, [str(account) for account in run.accounts], uuid4().hex)
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.load", stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    answer, _ = await client.communicate(json.dumps(asdict(job)).encode())
    result = json.loads(answer)
    return Outcome(Counter({int(status): many for status, many in result["statuses"].items()}), result["milliseconds"])


def cpu(pid: int) -> float:
    """Seconds of CPU that a process and its children, those that have ended too, have used."""
    process = psutil.Process(pid)
    return sum(process.cpu_times()[:4]) + sum(sum(each.cpu_times()[:2]) for each in process.children(recursive=True))


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


async def ready(port: int, path: str) -> None:
    """Wait for a server."""
    for _ in range(600):
        try:
            client = Client(port)
            if await client.send(get(path)) == 200:
                client.close()
                return
        except OSError:
            pass
        await asyncio.sleep(0.1)
    raise TimeoutError(f"nothing answers at port {port}")


def get(path: str, token: str = "") -> bytes:
    """A request for `path`."""
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{authorization}\r\n".encode()


def post(path: str, token: str, body: object) -> bytes:
    """A request to `path` with a new idempotency key."""
    content = json.dumps(body)
    return (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {uuid4().hex}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n{content}"
    ).encode()


class Issuer:
    """Signs tokens, and serves the key they are checked with."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = json.loads(ECAlgorithm.to_jwk(self._key.public_key()))
        self._jwks = json.dumps({"keys": [{**public, "kid": "bench", "alg": ALGORITHM, "use": "sig"}]}).encode()
        self.port = 0

    def token(self, subject: UUID) -> str:
        """A player's token."""
        now = int(time.time())
        claims = {"iss": issuer("bench"), "aud": AUDIENCE, "sub": str(subject), "iat": now, "exp": now + 3600}
        more = {"jti": str(uuid4()), "client_id": "matchday", "scope": "player"}
        return jwt.encode(claims | more, self._key, ALGORITHM, headers={"kid": "bench", "typ": TYPE})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(self._jwks)}\r\n\r\n"
        writer.write(head.encode() + self._jwks)
        writer.close()

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
    accounts: list[UUID]
    turn: int = 0

    def transfer(self) -> bytes:
        """A transfer between two accounts, other ones each time."""
        self.turn += 1
        giver = self.turn % len(self.accounts)
        taker = (giver + 1 + self.turn // len(self.accounts)) % len(self.accounts)
        taker = taker if taker != giver else (giver + 1) % len(self.accounts)
        body = {"to_account": str(self.accounts[taker]), "amount": 1}
        return post("/wallet/transfers", self.tokens[giver], body)

    def token(self) -> str:
        """One after the other."""
        self.turn += 1
        return self.tokens[self.turn % len(self.tokens)]


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """Servers with their databases, for the time of the bench."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = free_ports(4)
        server = stack.enter_context(PostgresServer(directory / "postgres", "127.0.0.1", ports[0]))
        stack.callback(server.remove)
        server.set_master(MASTER, PASSWORD)
        place = {"host": server.host, "port": server.port, "name": "wallet", "password": PASSWORD, "tls": "disable"}
        given = Passwords.model_validate({"owner_password": PASSWORD, "app_password": PASSWORD})
        await bootstrap("wallet", DatabaseSettings.model_validate({**place, "user": MASTER}), given)
        await migrate("wallet", DatabaseSettings.model_validate({**place, "user": "wallet_owner"}))
        players = [uuid7() for _ in range(ACCOUNTS)]
        accounts = await open_accounts(server, players)
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
            process(["-m", "benchmarks.bare_service", "shared", str(ports[2]), jwks], environment)
        )
        echo = stack.enter_context(process(["-m", "benchmarks.bare_service", "echo", str(ports[3])], environment))
        for port, path in ((ports[1], "/readyz"), (ports[2], "/readyz"), (ports[3], "/")):
            await ready(port, path)
        yield Bench(
            server, postmaster_of(server), (ports[1], wallet.pid), (ports[2], shared.pid), (ports[3], echo.pid),
            [signer.token(player) for player in players], accounts,
        )  # fmt: skip


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses, below the ephemeral ones."""
    used = {each.laddr.port for each in psutil.net_connections("tcp") if each.laddr}
    return [port for port in range(22_300, 23_000) if port not in used][:count]


def postmaster_of(server: PostgresServer) -> int:
    """The process whose children serve the connections."""
    (line, *_) = (server.data_dir / "postmaster.pid").read_text().splitlines()
    return int(line)


async def open_accounts(server: PostgresServer, players: list[UUID]) -> list[UUID]:
    """Accounts with money in them, put there as the owner may."""
    owner = await asyncpg.connect(
        host=server.host, port=server.port, user="wallet_owner", password=PASSWORD, database="wallet", ssl=False
    )
    accounts = [uuid7() for _ in players]
    house, credit = UUID("00000000-0000-7000-8000-000000000001"), uuid7()
    amount = 10**9
    async with owner.transaction():
        await owner.execute("INSERT INTO transactions VALUES ($1, 'credit', 'bench', '', 'bench', now())", credit)
        for player, account in zip(players, accounts, strict=True):
            await owner.execute("INSERT INTO accounts VALUES ($1, $2, now())", account, player)
            await owner.execute("INSERT INTO balances VALUES ($1, true, $2, 1)", account, amount)
            await owner.execute("INSERT INTO entries VALUES ($1, 1, $2, $3, $3, now())", account, credit, amount)
        total = -amount * len(players)
        await owner.execute("INSERT INTO entries VALUES ($1, 1, $2, $3, $3, now())", house, credit, total)
        await owner.execute("UPDATE balances SET amount = $2, entries = 1 WHERE account_id = $1", house, total)
    await owner.close()
    return accounts


async def cost(port: int, pids: list[int], make: Callable[[], bytes]) -> tuple[list[float], Outcome]:
    """Milliseconds of CPU that each of `pids` uses for a request, and the run. Four clients: no waiting, little queueing.

    The cheapest of ROUNDS: other work on the machine takes caches and turns from a process, and so only adds to its time.
    """
    await closed_loop(port, make, 4, 1.0)  # statements prepared, tokens known
    found: list[list[float]] = []
    whole = Outcome()
    for _ in range(ROUNDS):
        before = [cpu(pid) for pid in pids]
        outcome = await closed_loop(port, make, 4, SECONDS / ROUNDS)
        done = sum(outcome.statuses.values())
        assert not any(status >= 400 for status in outcome.statuses), outcome.statuses
        found.append([(cpu(pid) - was) * 1000 / done for pid, was in zip(pids, before, strict=True)])
        whole.statuses += outcome.statuses
        whole.milliseconds += outcome.milliseconds
    return [min(each) for each in zip(*found, strict=True)], whole


def pgbench(server: PostgresServer, directory: Path) -> tuple[float, float]:
    """pgbench -N on the same server in the same minute: transactions a second, and the server's CPU for one in ms."""
    binary = installed_binaries()[0].path("pgbench")
    place = ["-h", server.host, "-p", str(server.port), "-U", MASTER, "bench"]
    environment = {"PGPASSWORD": PASSWORD, "PATH": os.environ["PATH"], "HOME": str(directory)}

    def run(*arguments: str) -> str:
        made = subprocess.run([binary, *arguments, *place], env=environment, capture_output=True, text=True, check=True)
        return made.stdout

    run("-i", "-q", "-s", "5")
    before, lines = cpu(postmaster_of(server)), run("-N", "-c", "8", "-T", str(int(SECONDS))).splitlines()
    used = cpu(postmaster_of(server)) - before
    rate = next(float(line.split()[2]) for line in lines if line.startswith("tps"))
    done = next(int(line.split()[-1].partition("/")[0]) for line in lines if "actually processed" in line)
    return rate, used * 1000 / done


async def _layers(run: Bench) -> None:
    async def figure(name: str, server: tuple[int, int], make: Callable[[], bytes]) -> float:
        port, pid = server
        (used,), _ = await cost(port, [pid], make)
        Figure(
            name=f"services.cpu.{name}",
            value=round(used, 3),
            unit="ms",
            reference=echo or None,
            against="bare ASGI echo",
        ).emit()
        return used

    echo = 0.0
    echo = await figure("echo", run.echo, lambda: post("/", "", {"value": 1}))
    health = await figure("health", run.wallet, lambda: get("/healthz"))
    read = await figure("shared_read", run.shared, lambda: get("/shared/read", run.token()))
    write = await figure("shared_write", run.shared, lambda: post("/shared/write", run.token(), {"value": 1}))
    balance = await figure("balance", run.wallet, lambda: get("/wallet/balance", run.token()))
    for name, value, reference, against in (
        ("shared_path.read", read - echo, 0.4, "its bound"),
        ("shared_path.write", write - echo, 1.2, "its bound"),
        ("now.balance", balance, BEFORE["balance"], "before"),
        ("now.health", health, BEFORE["health"], "before"),
    ):
        Figure(name=f"services.{name}", value=round(value, 3), unit="ms", reference=reference, against=against).emit()


async def _transfers(run: Bench) -> float:
    port, pid = run.wallet
    (web, postgres), outcome = await cost(port, [pid, run.postmaster], run.transfer)
    owner = await asyncpg.connect(
        host=run.postgres.host, port=run.postgres.port, user=MASTER, password=PASSWORD, database="postgres", ssl=False
    )
    await owner.execute("CREATE DATABASE bench")
    await owner.close()
    with tempfile.TemporaryDirectory() as directory:
        rate, transaction = await asyncio.to_thread(pgbench, run.postgres, Path(directory))
    done = sum(outcome.statuses.values()) / SECONDS
    for name, value, unit, reference, against in (
        ("services.cpu.transfer.web", web, "ms", BEFORE["transfer"], "before"),
        ("services.cpu.transfer.postgres", postgres, "ms", transaction, "pgbench -N"),
        ("services.transfers", done, "/s", rate, "pgbench -N"),
    ):
        Figure(name=name, value=round(value, 3), unit=unit, reference=reference, against=against).emit()
    return done


async def _overload(run: Bench) -> None:
    """At 10× the load it can carry: ≥ 80 % of the best throughput, p99 of the accepted ≤ 3× the unloaded."""
    port, _ = run.wallet
    unloaded = await closed_loop(port, run.transfer, 1, SECONDS)
    # As many clients as are never refused (admission.FEWEST and WAITING): who is refused comes again at once.
    best = len((await closed_loop(port, run.transfer, 4, SECONDS)).milliseconds) / SECONDS
    for factor in FACTORS:
        checks = asyncio.create_task(_health(port))
        outcome = await open_loop(run, factor * best, SECONDS)
        health = await checks
        name = f"services.overload.{factor:g}x"
        accepted = len(outcome.milliseconds) / SECONDS
        Figure(name=f"{name}.accepted", value=round(accepted, 1), unit="/s", reference=best, against="its best").emit()
        Figure(
            name=f"{name}.p99", value=round(outcome.percentile(0.99), 1), unit="ms",
            reference=round(unloaded.percentile(0.99), 2), against="unloaded p99",
        ).emit()  # fmt: skip
        Figure(name=f"{name}.unhealthy", value=health, unit="checks", against="/healthz and /readyz, 2 s each").emit()
    begun = time.perf_counter()
    while (await closed_loop(port, run.transfer, 1, 0.5)).percentile(0.5) > 1.5 * unloaded.percentile(0.5):
        if time.perf_counter() - begun > 30:
            break
    Figure(name="services.overload.recovery", value=round(time.perf_counter() - begun - 0.5, 1), unit="s").emit()


async def _health(port: int) -> int:
    """How many health checks fail while a run lasts."""
    failed, end = 0, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for path in ("/healthz", "/readyz"):
            client = Client(port)
            try:
                async with asyncio.timeout(2):
                    failed += await client.send(get(path)) != 200
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                failed += 1
            client.close()
        await asyncio.sleep(0.25)
    return failed


async def _all() -> None:
    async with bench() as run:
        await _layers(run)
        await _transfers(run)
        await _overload(run)


def main() -> None:
    """Emit the figures."""
    asyncio.run(_all())
