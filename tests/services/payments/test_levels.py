"""Payments asks the real kyc where a jurisdiction wants a level: without kyc's word nothing is paid out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
import yaml

from services.payments.jurisdiction import DIRECTORY, Gate
from tests.services.kyc.fixtures import Kyc
from tests.services.payments.fixtures import Depositor, Payments

pytestmark = pytest.mark.postgres

BOUNDS = {"minimum": 100, "maximum": 10_000_000, "daily": 20_000_000}
POLICY = {
    "jurisdiction": "ZZ", "owner": "tests", "decided": "2026-11-26", "environments": ["test"],
    "rules": [{"from": "2026-01-01", "residence": "declared", "kyc": "basic", "tds": "none", "payout": BOUNDS}],
}  # fmt: skip


class Silent(httpx.AsyncBaseTransport):
    """A server that takes the request and never answers, at a socket of its own."""

    def __init__(self) -> None:
        self.asked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.asked += 1
            await reader.read()
            writer.close()

        server = await asyncio.start_server(hear, "127.0.0.1", 0)
        async with server, httpx.AsyncHTTPTransport() as wire:
            request.url = request.url.copy_with(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
            return await wire.handle_async_request(request)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """The rules that are, and those of a jurisdiction that wants a level."""
    for file in DIRECTORY.glob("*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "ZZ.yaml").write_text(yaml.safe_dump(POLICY))
    return Gate("test", tmp_path)


async def test_a_payout_waits_for_kycs_word(payments: Payments, kyc: Kyc, gate: Gate) -> None:
    payments.app.state.gate = gate
    kyc_itself, silent = httpx.ASGITransport(kyc.app), Silent()
    payments.inside.transports["kyc"] = kyc_itself
    player = await payments.player()
    await player.paid_in(50_000)
    instrument = await player.instrument()

    async def withdraw() -> httpx.Response:
        body = {"amount": 10_000, "instrument": instrument, "jurisdiction": "ZZ"}
        return await player.ask("POST", "/payouts", body)

    async def refused() -> None:
        answer = await withdraw()
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed_here"), answer.text
        assert "kyc_missing" in answer.json()["detail"]

    await refused()
    player = Depositor(payments, await kyc.player(person=player.person))
    await refused()  # a person has yet to look at it
    assert (await kyc.decide(player.person, "approve")).json()["closed"]
    payments.inside.broken.add("kyc")
    await refused()
    payments.inside.broken.clear()
    payments.inside.transports["kyc"] = silent
    await refused()
    assert silent.asked == 1
    payments.inside.transports["kyc"] = kyc_itself
    assert (await withdraw()).status_code == 201
    await payments.settle()
    states = await payments.rows("SELECT state, amount FROM payouts")
    assert [tuple(row) for row in states] == [("processed", 10_000)], "what was refused is not there"
    reasons = await payments.rows("SELECT reason FROM decisions WHERE jurisdiction = 'ZZ' ORDER BY created_at")
    assert [row["reason"] for row in reasons] == ["kyc_missing"] * 4 + ["allowed"]
