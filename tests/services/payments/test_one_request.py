"""One request has one id in every service that it reaches."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from services.common import logs
from services.common.telemetry.carried import PartnerClient, ServiceClient
from tests.services.payments.fixtures import Payments

pytestmark = pytest.mark.postgres


async def test_what_the_wallet_tells_of_a_request_has_the_requests_id(payments: Payments) -> None:
    player = await payments.player()
    await player.paid_in(1_000)
    wanted = f"request-{uuid4()}"
    headers = await payments.auth.bearer("payments-contests") | {"Idempotency-Key": uuid4().hex, "X-Request-Id": wanted}
    body = {"player": player.id, "contest": str(uuid4()), "amount": 500, "jurisdiction": "XX"}
    answer = await payments.client.post("/payments/internal/entries", headers=headers, json=body)
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (201, wanted), answer.text
    async with payments.wallet.app.state.sessions() as session:
        both = "SELECT request_id FROM outbox UNION ALL SELECT request_id FROM events"
        found = await session.scalar(text(f"SELECT count(*) FROM ({both}) f WHERE request_id = :id"), {"id": wanted})
    assert found and found >= 1, "the worker, and who reads the wallet's events, go on under it"


async def test_outside_of_a_request_no_id_is_sent() -> None:
    seen: list[str | None] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("X-Request-Id"))
        return httpx.Response(204)

    transport = httpx.MockTransport(reply)
    async with ServiceClient(transport=transport) as http, PartnerClient(transport=transport) as partner:
        for identity in ("", "request-of-a-test"):
            logs.request_id.set(identity)
            await http.get("http://wallet:8080/")
        await partner.get("https://partner.example/")
    assert seen == [None, "request-of-a-test", None], "a partner is given no id of ours"
