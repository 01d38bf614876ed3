"""What auth costs: log-ins beside raw argon2, checks of tokens beside raw signatures, refreshes with PostgreSQL.

CPU time is a process's own, so other work on the machine hardly changes it; rates per second are of the machine as it is.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import jwt
import psutil
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import ECAlgorithm

from benchmarks.figures import Figure
from benchmarks.services.servers import MASTER, PASSWORD, database_of, free_ports, process
from localcloud.dataplane.stores.postgres import PostgresServer
from localcloud.dataplane.stores.valkey import ValkeyServer
from services.auth.passwords import LANES, MEMORY_KIB, TIME
from services.common.clock import SystemClock
from services.common.tokens import ALGORITHM, AUDIENCE, TYPE, TokenVerifier, issuer

HASHES, SIGNATURES, SESSIONS, ROTATIONS = 20, 2000, 60, 15


def main() -> None:
    """Emit the figures."""
    asyncio.run(_run())


async def _run() -> None:
    argon = _cpu_ms(lambda: HASHER.verify(STORED, "correct horse battery"), HASHES)
    await _checks()
    async with _auth() as running:
        accounts = [{"email": f"{uuid4().hex}@example.com", "password": "correct horse battery"} for _ in range(10)]
        for body in accounts:
            await running.ask("/auth/register", body)
        await running.verify()
        begun, before = time.perf_counter(), running.cpu()
        tokens = await _together(
            [partial(running.ask, "/auth/login", accounts[number % 10]) for number in range(SESSIONS)], 2
        )
        spent, seconds = (running.cpu() - before) * 1000 / SESSIONS, time.perf_counter() - begun
        Figure(name="auth.login.cpu", value=spent, unit="ms", reference=argon, against="one argon2id hash").emit()
        Figure(
            name="auth.login.rate",
            value=SESSIONS / seconds,
            unit="1/s",
            reference=1000 / argon,
            against="raw argon2id on one core",
        ).emit()
        begun, before = time.perf_counter(), running.cpu()
        await _together([partial(running.rotate, each) for each in tokens], 8)
        many = SESSIONS * ROTATIONS
        spent, seconds = (running.cpu() - before) * 1000 / many, time.perf_counter() - begun
        Figure(name="auth.refresh.cpu", value=spent, unit="ms").emit()
        Figure(name="auth.refresh.rate", value=many / seconds, unit="1/s").emit()


HASHER = PasswordHasher(time_cost=TIME, memory_cost=MEMORY_KIB, parallelism=LANES)
STORED = HASHER.hash("correct horse battery")


def _cpu_ms(call: Callable[[], object], times: int) -> float:
    begun = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - begun) * 1000 / times


class _OneKey:
    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = jwt.PyJWK(json.loads(ECAlgorithm.to_jwk(key.public_key())), ALGORITHM)

    async def find(self, kid: str) -> jwt.PyJWK | None:
        """The key, whatever it is called."""
        return self._key


async def _checks() -> None:
    """Checks of tokens that were not seen before, and of one that was."""
    key, now = ec.generate_private_key(ec.SECP256R1()), int(time.time())
    signature, public = key.sign(b"x" * 400, ec.ECDSA(SHA256())), key.public_key()
    raw = _cpu_ms(lambda: public.verify(signature, b"x" * 400, ec.ECDSA(SHA256())), SIGNATURES)
    claims = {
        "iss": issuer("bench"),
        "aud": AUDIENCE,
        "sub": str(uuid4()),
        "iat": now,
        "exp": now + 900,
        "scope": "player",
    }
    tokens = [
        jwt.encode(claims | {"jti": str(number)}, key, ALGORITHM, headers={"kid": "bench", "typ": TYPE})
        for number in range(SIGNATURES)
    ]
    verifier = TokenVerifier(_OneKey(key), "bench", SystemClock())
    for name, given in (("new", tokens), ("known", tokens[-1:] * SIGNATURES)):
        begun = time.process_time()
        for token in given:
            await verifier.verify(token)
        spent = (time.process_time() - begun) * 1000 / SIGNATURES
        Figure(name=f"auth.verify.{name}", value=spent, unit="ms", reference=raw, against="one ES256 signature").emit()


@dataclass
class _Running:
    http: httpx.AsyncClient
    pid: int
    postgres: PostgresServer

    def cpu(self) -> float:
        return sum(psutil.Process(self.pid).cpu_times()[:2])

    async def verify(self) -> None:
        """Everybody's addresses count as verified, as if the codes had come back."""
        owner = await asyncpg.connect(
            host=self.postgres.host, port=self.postgres.port, user=MASTER, password=PASSWORD, database="auth", ssl=False
        )
        await owner.execute("UPDATE users SET email_verified_at = now()")
        await owner.close()

    async def ask(self, path: str, body: dict[str, str]) -> str:
        """The refresh token of the answer, if it has one. Busy is asked again."""
        answer = await self.http.post(path, json=body)
        if answer.status_code == 503:
            await asyncio.sleep(0.2)
            return await self.ask(path, body)
        return str(answer.raise_for_status().json().get("refresh_token", ""))

    async def rotate(self, token: str) -> str:
        """Refresh one session again and again."""
        for _ in range(ROTATIONS):
            token = await self.ask("/auth/refresh", {"refresh_token": token})
        return token


async def _together(calls: list[Callable[[], Awaitable[str]]], many: int) -> list[str]:
    places = asyncio.Semaphore(many)

    async def one(call: Callable[[], Awaitable[str]]) -> str:
        async with places:
            return await call()

    return list(await asyncio.gather(*(one(call) for call in calls)))


@asynccontextmanager
async def _auth() -> AsyncIterator[_Running]:
    """Auth's web process with its stores."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = free_ports(3)
        postgres = stack.enter_context(PostgresServer(directory / "postgres", "127.0.0.1", ports[0]))
        stack.callback(postgres.remove)
        cache = stack.enter_context(
            ValkeyServer(directory / "cache", "127.0.0.1", 11_380, password=PASSWORD, cluster=True)
        )
        postgres.set_master(MASTER, PASSWORD)
        await database_of(postgres, "auth")
        environment = {
            "SERVICE": "auth", "PROCESS": "web", "ENVIRONMENT": "bench", "DATABASE_HOST": postgres.host,
            "DATABASE_PORT": str(postgres.port), "DATABASE_NAME": "auth", "DATABASE_USER": "auth_app",
            "DATABASE_PASSWORD": PASSWORD, "DATABASE_TLS": "disable", "CACHE_HOST": cache.host,
            "CACHE_PORT": str(cache.port), "CACHE_TLS": "false", "CACHE_PASSWORD": PASSWORD,
            "SIGNING_KEK": "k" * 43, "EMAIL_KEY": "e" * 43, "OIDC_URL": "http://127.0.0.1:9", "OIDC_CLIENT_ID": "bench",
            "OIDC_CLIENT_SECRET": "bench", "PUBLIC_URL": "http://localhost:8080", "PORT": str(ports[1]), "LOG_LEVEL": "ERROR",
        }  # fmt: skip
        web = stack.enter_context(process(["-m", "services.common.web"], environment))
        http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports[1]}", timeout=60, trust_env=False)
        await stack.enter_async_context(http)
        async with asyncio.timeout(120):
            while True:
                try:
                    if (await http.get("/readyz")).status_code == 200:
                        break
                except httpx.HTTPError:
                    await asyncio.sleep(0.5)
        yield _Running(http, web.pid, postgres)
