"""Overload sheds: what is above the limit is refused early, health checks answer, and afterwards all is as before."""

from __future__ import annotations

import asyncio
import json
import random

import httpx
import pytest
from fastapi import FastAPI

from services.common import admission
from services.common.admission import BURST, RUNNING, Admission, Admitted
from services.common.middleware import RequestContext
from services.common.sweep import Sweep
from services.common.telemetry.endpoints import Endpoints
from services.wallet.app import create_app
from tests.services.auth.fixtures import Auth
from tests.services.common.serving import serving
from tests.services.support import Clock, Cloud, client_of, running


class TestPlaces:
    async def test_a_burst_may_wait_and_a_queue_that_does_not_end_may_not(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 100.0
        monkeypatch.setattr(admission, "_now", lambda: now)
        places = Admission(running=1, waiting=1, burst=5, seconds=5)
        assert await places.enter()
        tasks = [asyncio.create_task(places.enter()) for _ in range(5)]
        await asyncio.sleep(0)
        assert places.full()
        places.leave()
        assert not places.full()
        now += 2 * admission.BURST_SECONDS
        assert places.full()  # four wait, and the queue has not been empty since
        for _ in range(4):
            places.leave()
        assert not places.full()
        assert await asyncio.gather(*tasks) == [True] * 5

    async def test_a_place_given_back_while_a_wait_has_just_ended_harms_nobody(self) -> None:
        places = Admission(running=1, waiting=1, seconds=5)
        assert await places.enter()
        waiting = asyncio.create_task(places.enter())
        await asyncio.sleep(0)
        waiting.cancel()  # as the time-out does: the future is cancelled now, the task hears of it in the loop's next round
        places.leave()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await places.enter() and not await Admission(running=0, waiting=0).enter()

    async def test_who_comes_first_is_first_and_who_comes_late_is_refused(self) -> None:
        places = Admission(running=1, waiting=2, burst=2, seconds=5)
        assert await places.enter()
        order: list[int] = []

        async def work(number: int) -> bool:
            if not await places.enter():
                return False
            order.append(number)
            places.leave()
            return True

        tasks = [asyncio.create_task(work(number)) for number in range(4)]
        await asyncio.sleep(0)
        assert places.full()
        places.leave()
        assert await asyncio.gather(*tasks) == [True, True, False, False]
        assert order == [0, 1]
        assert not places.full()

    async def test_nobody_waits_longer_than_that(self) -> None:
        places = Admission(running=1, waiting=2, seconds=0.01)
        assert await places.enter()
        assert not await places.enter()
        places.leave()
        assert await places.enter()

    async def test_no_place_is_lost_or_made(self) -> None:
        """Requests that are cancelled, time out or end at the same moment as another one gets its place."""
        places, chance, inside, most = Admission(running=3, waiting=4, burst=6, seconds=0.002), random.Random(7), 0, 0

        async def work() -> None:
            nonlocal inside, most
            if await places.enter():
                inside += 1
                most = max(most, inside)
                try:
                    await asyncio.sleep(chance.random() * 0.004)
                finally:
                    inside -= 1
                    places.leave()

        for _ in range(60):
            tasks = [asyncio.create_task(work()) for _ in range(12)]
            await asyncio.sleep(chance.random() * 0.004)
            for task in tasks:
                if chance.random() < 0.4:
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert most == 3
        assert (places._inside, len(places._queue)) == (0, 0)


def blocked() -> tuple[FastAPI, asyncio.Event]:
    """An application whose requests wait for an event."""
    app, event = FastAPI(), asyncio.Event()
    app.state.draining, app.state.sweep = False, Sweep(app.state)
    app.state.admission = Admission(waiting=BURST, seconds=120)
    app.add_middleware(Admitted, app.state.admission)
    app.add_middleware(RequestContext, Endpoints())

    @app.get("/work")
    async def work() -> dict[str, str]:
        await event.wait()
        return {}

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {}

    return app, event


@pytest.mark.parametrize("wire", [False, True])
async def test_what_is_too_much_is_refused_at_once_and_health_checks_answer(wire: bool) -> None:
    """Through the application alone, and over a socket, where the answer is a constant."""
    app, event = blocked()
    async with asyncio.timeout(120), serving(app) as (host, port):
        limits = httpx.Limits(max_connections=None)
        transport = httpx.AsyncHTTPTransport(limits=limits) if wire else httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}:{port}", timeout=120) as client:
            taken = [asyncio.create_task(client.get("/work")) for _ in range(RUNNING + BURST)]
            while not app.state.admission.full():  # noqa: ASYNC110 - it is the server's state, not an event
                await asyncio.sleep(0.01)
            for _ in range(3):
                answer = await client.get("/work")
                assert answer.status_code == 503
                assert answer.headers["retry-after"] == "1"
                assert answer.headers["content-type"] == "application/problem+json"
                assert json.loads(answer.content)["code"] == "busy"
                assert (await client.get("/healthz")).status_code == 200
            answer = await client.post("/work", content=b"x" * 100_000)
            assert answer.status_code == 503
            event.set()
            assert {each.status_code for each in await asyncio.gather(*taken)} == {200}
            assert (await client.get("/work")).status_code == 200


@pytest.mark.postgres
async def test_a_service_with_all_connections_busy_is_ready_and_alive(
    cloud: Cloud, clock: Clock, cheap_passwords: None, auth: Auth
) -> None:
    """Every place waits for a lock: the service is at its limit, not unfit. What comes on top is told so at once."""
    app = create_app(clock, httpx.ASGITransport(auth.app))
    async with (
        cloud.fresh("wallet") as database,
        running(app, cloud.environment("wallet", database), sheds=True, full=True) as client,
    ):
        person = await auth.person()
        assert (await client.post("/wallet/account", headers=person.bearer)).status_code == 201
        owner = await cloud.connect(database, role="owner", service="wallet")
        held = owner.transaction()
        await held.start()
        await owner.execute("LOCK TABLE balances IN ACCESS EXCLUSIVE MODE")
        waiting = [
            asyncio.create_task(client.get("/wallet/balance", headers=person.bearer))
            for _ in range(RUNNING + BURST + 20)
        ]
        async with asyncio.timeout(20):  # the lock is held until then
            while len(shed := [task for task in waiting if task.done()]) < 20:  # noqa: ASYNC110 - a number is waited for
                await asyncio.sleep(0.05)
        for task in shed:
            assert (task.result().status_code, task.result().json()["code"]) == (503, "busy")
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        assert (await client.get("/healthz")).status_code == 200
        await held.rollback()
        statuses = {answer.status_code for answer in await asyncio.gather(*waiting)}
        assert statuses == {200, 503}
        assert (await client.get("/wallet/balance", headers=person.bearer)).status_code == 200
        await owner.close()


async def test_liveness_needs_nothing() -> None:
    """No database, no settings, not even a start."""
    assert (await client_of(create_app()).get("/healthz")).status_code == 200
