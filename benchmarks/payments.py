"""What payments acknowledges in a second, and how long a webhook takes to become money in the wallet.

The acknowledgement is measured at stated rates (an open loop: a webhook's time is counted from when it was due) beside a bare
ASGI echo that is sent the same bytes at the same rate; the worker works off what was acknowledged meanwhile, as it does in
production. A credit's time is from the webhook's first byte to the moment at which the worker has the wallet's word.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx

from benchmarks.figures import Figure
from benchmarks.services.client import closed_loop, open_loop, ready
from benchmarks.services.load import Job
from benchmarks.services.servers import MASTER, PASSWORD, Issuer, database_of, free_ports, process
from localcloud.dataplane.stores.postgres import PostgresServer
from localcloud.dataplane.stores.valkey import ValkeyServer
from localcloud.partners.razorpay import RazorpayStandIn
from localcloud.partners.wire import serve
from localcloud.partners.world import Scenario, World
from model.catalog import load_catalog
from services.common.ids import uuid7
from services.payments.providers.signatures import hex_digest

RATES, SECONDS, CLIENTS = (50, 150, 300), 6.0, 16
CREDITS, PAUSE = 60, 0.1

#: The jurisdiction `XX` is open here.
ENVIRONMENT = "test"
ROOT = Path(__file__).parents[1]


def main() -> None:
    """Emit the figures."""
    asyncio.run(_run())


async def _run() -> None:
    async with _platform() as running:
        await _acknowledgements(running)
        await _credits(running)


async def _acknowledgements(running: _Running) -> None:
    for rate in RATES:
        found = {}
        for name, port in (("echo", running.echo), ("payments", running.payments)):
            made = [running.webhook() for _ in range(int(rate * SECONDS) + 1)]
            found[name] = await open_loop(Job(port, rate, SECONDS, [], [], "", made))
        outcome, echo = found["payments"], found["echo"]
        taken = sum(many for status, many in outcome.statuses.items() if status == 200)
        Figure(
            name=f"payments.webhook.{rate}.taken", value=taken / SECONDS, unit="1/s", reference=rate, against="the rate"
        ).emit()
        for share in (50, 99):
            Figure(
                name=f"payments.webhook.{rate}.p{share}", value=outcome.percentile(share / 100), unit="ms",
                reference=echo.percentile(share / 100), against=f"a bare ASGI echo at {rate}/s",
            ).emit()  # fmt: skip
    best = {}
    for name, port in (("echo", running.echo), ("payments", running.payments)):
        outcome = await closed_loop(port, lambda: running.webhook().encode("latin-1"), CLIENTS, SECONDS)
        best[name] = outcome.statuses[200] / SECONDS
    Figure(
        name="payments.webhook.rate", value=best["payments"], unit="1/s", reference=best["echo"],
        against=f"a bare ASGI echo, {CLIENTS} clients",
    ).emit()  # fmt: skip


async def _credits(running: _Running) -> None:
    """Deposits of one player each, paid and told one after the other."""
    sent: dict[str, float] = {}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.payments}", timeout=60, trust_env=False) as http:
        for number in range(CREDITS):
            token = running.issuer.token(uuid7(), scope="player player:verified player:play")
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex}
            body = {"amount": 10_000 + number, "jurisdiction": "XX"}
            answer = (await http.post("/payments/deposits", json=body, headers=headers)).raise_for_status().json()
            running.razorpay.pay(answer["checkout"]["order_id"])
            owed, running.razorpay.world.owed = running.razorpay.world.owed, []
            sent[answer["id"]] = time.time()
            for each in owed:
                signed = {**running.razorpay.headers(each), "Content-Type": "application/json"}
                (await http.post("/payments/webhooks/razorpay", content=each.body, headers=signed)).raise_for_status()
            await asyncio.sleep(PAUSE)
    taken = [moment - sent[deposit] for deposit, moment in (await running.credited(set(sent))).items()]
    for name, value in (("p50", statistics.median(taken)), ("p95", statistics.quantiles(taken, n=20)[-1])):
        Figure(name=f"payments.credit.{name}", value=value, unit="s").emit()


@dataclass
class _Running:
    """Ports of the web processes, and what plays the provider and auth."""

    payments: int
    echo: int
    issuer: Issuer
    razorpay: RazorpayStandIn
    secrets: Mapping[str, str]
    postgres: PostgresServer

    def webhook(self) -> str:
        """A signed webhook of a payment, as it goes over the wire."""
        payment = {"id": f"pay_{uuid4().hex[:14]}", "order_id": "order_bench", "amount": 1, "status": "captured"}
        body = json.dumps({"event": "payment.captured", "payload": {"payment": {"entity": payment}}})
        signature = hex_digest(self.secrets["RAZORPAY_WEBHOOK_SECRET"], body.encode())
        head = (
            "POST /payments/webhooks/razorpay HTTP/1.1", "Host: bench", "Content-Type: application/json",
            f"X-Razorpay-Signature: {signature}", f"X-Razorpay-Event-Id: evt_{uuid4().hex[:14]}",
            f"Content-Length: {len(body)}",
        )  # fmt: skip
        return "\r\n".join([*head, "", body])

    async def credited(self, deposits: set[str]) -> dict[str, float]:
        """Deposit → when the worker had the wallet's word, in Unix time."""
        owner = await asyncpg.connect(
            host=self.postgres.host,
            port=self.postgres.port,
            user=MASTER,
            password=PASSWORD,
            database="payments",
            ssl=False,
        )
        try:
            async with asyncio.timeout(120):
                while True:
                    rows = await owner.fetch("SELECT id, credited_at FROM deposits WHERE state = 'credited'")
                    found = {str(row[0]): row[1].timestamp() for row in rows}
                    if deposits <= found.keys():
                        return found
                    await asyncio.sleep(0.2)
        finally:
            await owner.close()


@asynccontextmanager
async def _platform() -> AsyncIterator[_Running]:
    """Payments (web and worker) and wallet on one PostgreSQL, with a stand-in of Razorpay and of auth."""
    catalog = load_catalog(ROOT / "services", "laptop")
    secrets = {
        name: f"{name.lower()}-{'x' * 40}" for each in catalog.services.values() for name in catalog.generated_for(each)
    }
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = free_ports(5)
        postgres = stack.enter_context(PostgresServer(directory / "postgres", "127.0.0.1", ports[0]))
        stack.callback(postgres.remove)
        broker = stack.enter_context(ValkeyServer(directory / "broker", "127.0.0.1", ports[1], password=PASSWORD))
        postgres.set_master(MASTER, PASSWORD)
        issuer = Issuer(ENVIRONMENT)
        await issuer.start(stack)
        razorpay = RazorpayStandIn(World("razorpay", Scenario(), time.time), secrets.__getitem__)
        server = await serve("127.0.0.1", 0, razorpay.handle)
        stack.callback(server.close)
        common = {
            "ENVIRONMENT": ENVIRONMENT, "LOG_LEVEL": "ERROR", "DATABASE_HOST": postgres.host, "DATABASE_PASSWORD": PASSWORD,
            "DATABASE_PORT": str(postgres.port), "DATABASE_TLS": "disable", "BROKER_HOST": broker.host,
            "BROKER_PORT": str(broker.port), "BROKER_TLS": "false", "BROKER_PASSWORD": PASSWORD,
            "AUTH_URL": f"http://127.0.0.1:{issuer.port}", "WALLET_URL": f"http://127.0.0.1:{ports[3]}",
            "RAZORPAY_URL": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "CASHFREE_URL": "http://127.0.0.1:9",
            "KYC_URL": "http://127.0.0.1:9", "TMPDIR": str(directory),
        } | secrets  # fmt: skip
        for service in ("payments", "wallet"):
            await database_of(postgres, service)
        for service, name, port in (
            ("payments", "web", ports[2]),
            ("wallet", "web", ports[3]),
            ("payments", "worker", 0),
        ):
            own = {"SERVICE": service, "PROCESS": name, "DATABASE_NAME": service, "DATABASE_USER": f"{service}_app"}
            variables = common | own | ({"PORT": str(port)} if port else {})
            stack.enter_context(process(["-m", f"services.common.{name}"], variables))
        stack.enter_context(process(["-m", "benchmarks.services.bare", "echo", str(ports[4])], common))
        await ready(ports[2], "/readyz")
        await ready(ports[3], "/readyz")
        await ready(ports[4], "/")
        yield _Running(ports[2], ports[4], issuer, razorpay, secrets, postgres)
