"""The real worker is killed in the middle of tasks (SIGKILL): nothing is credited or paid out twice, and the books agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from localcloud.partners.wire import Answer, PartnerCall, serve
from tests.services.common.processes import Process, process
from tests.services.common.serving import serving
from tests.services.payments.fixtures import Depositor, Payments

pytestmark = pytest.mark.postgres

AMOUNT, OUT = 20_000, 5_000


@dataclass
class Stage:
    """Payments' web and its partners in this process, the worker in one of its own.

    `until`: the next call after whose effect the worker is killed, before it has the answer. `killed` counts.
    """

    payments: Payments
    worker: Process
    until: Callable[[PartnerCall], bool] | None = None
    killed: int = 0

    async def partner(self, name: str, request: PartnerCall) -> Answer:
        """A provider's answer; the worker may be dead before it gets it."""
        answer = await self.payments.partners.all[name].handle(request)
        if self.until is not None and self.until(request):
            self.until = None
            self.worker.popen.kill()
            await asyncio.to_thread(self.worker.popen.wait)
            self.killed += 1
        return answer

    async def restart(self) -> None:
        """A new worker, as the agent starts one; what the dead one had reserved is due at once, not after its time-out."""
        if self.worker.popen.poll() is not None:
            owner = await self.payments.cloud.connect(self.payments.database, role="owner", service="payments")
            await owner.execute(
                "UPDATE outbox SET reserved_until = NULL, next_attempt_at = now() WHERE done_at IS NULL"
            )
            for table in ("attempts", "refunds", "payouts"):
                await owner.execute(f"UPDATE {table} SET next_look_at = now() WHERE next_look_at IS NOT NULL")
            await owner.close()
            self.worker.start()

    async def done(self, deposits: int, payouts: int) -> None:
        """Webhooks are delivered and the worker works until all is credited and paid."""
        async with asyncio.timeout(240):
            while True:
                await self.restart()
                await self.payments.partners.deliver(self.payments.client)
                counts = await self.payments.rows(
                    "SELECT (SELECT count(*) FROM deposits WHERE state = 'credited'),"
                    " (SELECT count(*) FROM payouts WHERE state = 'processed' AND wallet = 'captured')"
                )
                if tuple(counts[0]) == (deposits, payouts):
                    return
                await asyncio.sleep(0.3)


@asynccontextmanager
async def stage(payments: Payments, directory: Path) -> AsyncIterator[Stage]:
    """The worker, with everything that it reaches on sockets."""
    payments.cloud.broker.command("FLUSHALL")
    async with AsyncExitStack() as stack:
        made: Stage

        async def handle(name: str, request: PartnerCall) -> Answer:
            return await made.partner(name, request)

        urls = {}
        for name in payments.partners.all:
            server = await serve("127.0.0.1", 0, partial(handle, name))
            stack.callback(server.close)
            urls[f"{name.upper()}_URL"] = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for name, app in (("AUTH", payments.auth.app), ("WALLET", payments.wallet.app)):
            host, port = await stack.enter_async_context(serving(app))
            urls[f"{name}_URL"] = f"http://{host}:{port}"
        variables = payments.cloud.process_environment("payments", payments.database, directory, process="worker")
        started = stack.enter_context(process("worker", variables | urls, directory))
        made = Stage(payments, started)
        await started.wait_healthy()
        yield made


def sends_payout(request: PartnerCall) -> bool:
    """Money leaves."""
    return request.method == "POST" and request.path in ("/v1/payouts", "/payout/transfers")


def looks_at_order(request: PartnerCall) -> bool:
    """What a credit follows from."""
    return request.method == "GET" and "/orders" in request.path


async def play(at: Stage, players: int, kills: list[Callable[[PartnerCall], bool]]) -> None:
    """Everybody pays in and takes a part out, while the worker is killed again and again; then the books are compared."""
    payments = at.payments
    people: list[Depositor] = [await payments.player() for _ in range(players)]
    instruments = [await each.instrument() for each in people]
    for number, (each, instrument) in enumerate(zip(people, instruments, strict=True)):
        if number < len(kills) and kills[number] is looks_at_order:
            at.until = looks_at_order
        each.pay(await each.order(AMOUNT))
        await at.done(number + 1, number)
        if number < len(kills) and kills[number] is sends_payout:
            at.until = sends_payout
        assert (await each.withdraw(OUT, instrument)).status_code == 201
        await at.done(number + 1, number + 1)
    assert at.killed == len(kills)
    for each in people:
        found = await payments.balances(each)
        assert (found["available"], found["held"], found["owed"]) == (AMOUNT - OUT, 0, 0)
    sent = [each for stand_in in payments.partners.all.values() for each in stand_in.world.payouts.values()]
    assert sorted(each.amount for each in sent) == [OUT] * players, "nothing was paid twice"
    entries = await payments.wallet_rows("SELECT kind, count(*), count(DISTINCT id) FROM transactions GROUP BY kind")
    assert {row["kind"]: row["count"] for row in entries} == {"deposit": players, "payout": players}
    assert await payments.rows("SELECT id FROM refunds") == []


async def test_a_worker_that_is_killed_while_it_pays_out_pays_once(payments: Payments, tmp_path: Path) -> None:
    async with stage(payments, tmp_path) as at:
        await play(at, 1, [sends_payout])


@pytest.mark.nightly
@pytest.mark.timeout(3600)
async def test_a_worker_is_killed_again_and_again(payments: Payments, tmp_path: Path) -> None:
    async with stage(payments, tmp_path) as at:
        await play(at, 12, [looks_at_order, sends_payout] * 5)
