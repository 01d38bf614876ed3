"""A session that ends in one process is refused by another one, and by another service, within its time."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from services.auth import ended
from services.auth.app import create_app
from services.common import revocations
from services.wallet.app import create_app as create_wallet
from tests.services.auth.fixtures import Auth
from tests.services.support import Clock, Cloud, running

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("cheap_passwords")]

#: What ADR 0090 promises, in seconds.
PROMISED = 60


def test_the_pauses_add_up_to_less_than_what_is_promised() -> None:
    """The other process of auth reads after one pause, the other service after its own; each reading may take its time-out."""
    of_auth, of_services = 2 * ended.READ_SECONDS, revocations.READ_SECONDS + revocations.FETCH_SECONDS
    assert of_auth + of_services <= PROMISED / 2
    assert max(ended.CURRENT_SECONDS, revocations.CURRENT_SECONDS) < PROMISED, "else step-ups are refused"


async def test_a_log_out_reaches_another_task_of_auth_and_another_service(
    cloud: Cloud, clock: Clock, auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tasks of auth with nothing in common but the database; the wallet asks the one where nobody logged out."""
    pause = 0.1
    monkeypatch.setattr(ended, "READ_SECONDS", pause)
    monkeypatch.setattr(revocations, "READ_SECONDS", pause)
    person, stays = await auth.person(), await auth.person()
    other, wallet = create_app(clock), None
    async with (
        running(other, cloud.environment("auth", auth.database)) as second,
        cloud.fresh("wallet") as database,
    ):
        wallet = create_wallet(clock, httpx.ASGITransport(other))
        async with running(wallet, cloud.environment("wallet", database)) as third:
            for each in (person, stays):
                assert (await second.get("/auth/me", headers=each.bearer)).status_code == 200
                assert (await third.post("/wallet/account", headers=each.bearer)).status_code == 201
            body = {"refresh_token": person.tokens["refresh_token"]}
            assert (await auth.client.post("/auth/logout", json=body)).status_code == 204
            begun = time.monotonic()
            for client, path in ((second, "/auth/me"), (third, "/wallet/balance")):
                while (await client.get(path, headers=person.bearer)).status_code != 401:
                    assert time.monotonic() - begun < PROMISED, "the token is good in another process still"
                    await asyncio.sleep(pause)
                assert (await client.get(path, headers=stays.bearer)).status_code == 200, (
                    "somebody else's session goes on"
                )
