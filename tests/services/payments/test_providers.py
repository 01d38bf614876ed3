"""The adapters against what the official SDKs send and sign, and against every way in which a provider can fail."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from localcloud.partners import wire
from localcloud.partners.wire import Answer, PartnerCall, serve
from localcloud.partners.world import Fault, Scenario
from services.common.exchange import MAX_ANSWER_BYTES
from services.common.money import Paise
from services.common.outside import NotDone, Refused, Unknown
from services.payments.providers import cashfree, razorpay, transport
from services.payments.providers.cashfree import Cashfree
from services.payments.providers.port import STAGES, Destination, DisputeOutcome, Provider, Subject
from services.payments.providers.razorpay import Razorpay
from services.payments.providers.transport import client
from tests.ports import free_port
from tests.services.payments.partners import Partners

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "sdk_recordings.json").read_text())
REFERENCE, AMOUNT = "0193a2b4-0000-7000-8000-000000000001", Paise(83505)
EXPIRES = datetime(2026, 11, 26, 18, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 26, 18, 0, tzinfo=UTC)
RAZORPAY_KEYS = razorpay.RazorpayKeys(
    key_id="key_id_1", key_secret="key_secret_1", webhook=["webhook_1", "webhook_0"], account="4564"
)
CASHFREE_KEYS = cashfree.CashfreeKeys(
    client_id="client_1", secrets=["secret_1", "secret_0"], payout_id="payout_1", payout_secrets=["payout_secret"]
)


class Echo(httpx.AsyncBaseTransport):
    """Keeps what is sent, and answers what an adapter can read."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        self.sent.append(
            {
                "method": request.method,
                "path": request.url.raw_path.decode(),
                "headers": {k: v for k, v in request.headers.items() if k.startswith(("x-", "auth"))},
                "body": json.loads(body or b"null"),
            }
        )
        path, one = (
            request.url.path,
            {"id": "x_1", "cf_refund_id": "1", "cf_transfer_id": "1", "amount": 1, "status": "pending"},
        )
        if path.startswith("/pg") and path.endswith("/payments"):
            return httpx.Response(200, json=[])
        return httpx.Response(
            200, json={**one, "items": [], "order_id": "o", "payment_session_id": "s", "order_status": "ACTIVE"}
        )


def sdk(name: str) -> dict[str, Any]:
    """What the SDK sends, without what it says of itself."""
    found = json.loads(json.dumps(RECORDED[name]))
    found["headers"].pop("x-sdk-platform", None)
    return dict(found)


async def test_requests_to_razorpay_are_the_sdks() -> None:
    echo = Echo()
    async with client("http://provider", echo) as http:
        adapter = Razorpay(http, RAZORPAY_KEYS)
        await adapter.create_order(REFERENCE, AMOUNT, "player", EXPIRES)
        await adapter.order(REFERENCE, "order_1")
        await adapter.order(REFERENCE, "")
        await adapter.capture("pay_1", AMOUNT)
        await adapter.refund(REFERENCE, "order_1", "pay_1", AMOUNT)
        await adapter.refund_news(REFERENCE, "order_1", "pay_1", "rfnd_1")
        await adapter.refund_news(REFERENCE, "order_1", "pay_1", "")
    names = [
        "create order", "order payments", "orders by receipt", "capture", "refund", "refund news", "refunds of a payment"
    ]  # fmt: skip
    for name, sent in zip(names, echo.sent, strict=True):
        assert sent == sdk(f"razorpay {name}"), name


async def test_requests_to_cashfree_are_the_sdks() -> None:
    echo = Echo()
    async with client("http://provider", echo) as http:
        adapter = Cashfree(http, CASHFREE_KEYS)
        await adapter.create_order(REFERENCE, AMOUNT, "0193a2b4-0000-7000", EXPIRES)
        await adapter.order(REFERENCE, "")
        await adapter.refund("r-1", REFERENCE, "1", AMOUNT)
        await adapter.refund_news("r-1", REFERENCE, "1", "")
    for name, sent in zip(["create order", "order", "order payments", "refund", "refund news"], echo.sent, strict=True):
        wanted = sdk(f"cashfree {name}")
        if sent["method"] == "POST":
            wanted["headers"]["x-idempotency-key"] = sent["headers"][
                "x-idempotency-key"
            ]  # which the SDK leaves to its user
        assert sent == wanted, name


def test_signatures_are_what_the_sdks_verify() -> None:
    """Recorded by a script that had the SDKs' own verifiers accept them."""
    first, second = Razorpay(httpx.AsyncClient(), RAZORPAY_KEYS), Cashfree(httpx.AsyncClient(), CASHFREE_KEYS)
    event = RECORDED["razorpay webhook"]
    assert first.verify({"x-razorpay-signature": event["signature"]}, event["body"].encode(), NOW)
    callback = RECORDED["razorpay callback"]
    assert first.verify_callback(callback["order"], callback["payment"], callback["signature"])
    assert not first.verify_callback(callback["payment"], callback["order"], callback["signature"])
    hook = RECORDED["cashfree webhook"]
    headers = {"x-webhook-timestamp": hook["stamp"], "x-webhook-signature": hook["signature"]}
    at = datetime.fromtimestamp(int(hook["stamp"]) / 1000, UTC)
    assert second.verify(headers, hook["body"].encode(), at)
    # Raw bytes matter: the same value spelt otherwise is another body.
    assert not second.verify(headers, hook["body"].replace("170.00", "170").encode(), at)
    for late in (timedelta(hours=1, seconds=1), timedelta(minutes=-5, seconds=-1)):
        assert not second.verify(headers, hook["body"].encode(), at + late), "outside of the window"
    assert second.verify(headers, hook["body"].encode(), at + timedelta(minutes=42)), "Cashfree's last retry"
    assert not second.verify(headers | {"x-webhook-timestamp": hook["stamp"] + "0"}, hook["body"].encode(), at)


@pytest.mark.parametrize("secret", ["webhook_1", "webhook_0"])
def test_the_current_and_the_previous_secret_are_accepted_and_no_other(secret: str) -> None:
    from services.payments.providers.signatures import hex_digest

    adapter, body = Razorpay(httpx.AsyncClient(), RAZORPAY_KEYS), b'{"event":"x"}'
    assert adapter.verify({"x-razorpay-signature": hex_digest(secret, body), "x-razorpay-event-id": "evt_1"}, body, NOW)
    for wrong in (hex_digest("other", body), hex_digest(secret, body + b" "), "", "é" * 64, "0" * 64):
        assert adapter.verify({"x-razorpay-signature": wrong}, body, NOW) is None


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "x",
        1,
        {},
        {"event": 1},
        {"event": "payment.captured", "payload": []},
        {"payload": {"payment": {"entity": 5}}},
        {"type": [], "data": {"order": 3}},
    ],
)
def test_nothing_that_a_webhook_says_breaks_the_reader(document: Any) -> None:
    for adapter in (Razorpay(httpx.AsyncClient(), RAZORPAY_KEYS), Cashfree(httpx.AsyncClient(), CASHFREE_KEYS)):
        assert adapter.read(document).subject in Subject


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("DISPUTE_CREATED", DisputeOutcome.OPEN),
        ("CHARGEBACK_INSUFFICIENT_EVIDENCE", DisputeOutcome.OPEN),
        ("CHARGEBACK_MERCHANT_WON", DisputeOutcome.WON),
        ("PRE_ARBITRATION_MERCHANT_LOST", DisputeOutcome.LOST),
        ("DISPUTE_MERCHANT_ACCEPTED", DisputeOutcome.LOST),
        ("RETRIEVAL_MERCHANT_LOST", DisputeOutcome.OPEN),
    ],
)
def test_cashfrees_disputes_are_read_as_it_documents_them(status: str, outcome: DisputeOutcome) -> None:
    """The sample of cashfree.com/docs/api-reference/payments/latest/disputes/dispute-webhooks, shortened."""
    document = {
        "type": "DISPUTE_CLOSED",
        "event_time": "2023-06-15T21:17:14+05:30",
        "data": {
            "dispute": {
                "dispute_id": "433475257",
                "dispute_amount": 4500,
                "dispute_status": status,
                "dispute_type": "PRE_ARBITRATION",
            },
            "order_details": {"order_id": "order_1944", "order_amount": 4500, "cf_payment_id": 885457437},
            "customer_details": {"customer_name": "Dileep"},
        },
    }
    found = Cashfree(httpx.AsyncClient(), CASHFREE_KEYS).read(document)
    assert (found.subject, found.dispute, found.payment) == (Subject.DISPUTE, "433475257", "885457437")
    assert found.stage == STAGES["pre_arbitration"]
    assert (found.outcome, found.amount) == (outcome, 450_000)


@pytest.mark.parametrize("kind", ["ACKNOWLEDGED", "SUCCESS", "FAILED", "REVERSED", "REJECTED"])
def test_cashfrees_transfers_are_read_as_it_documents_them(kind: str) -> None:
    """By cashfree.com/docs/api-reference/payouts/v2/webhooks/webhooks-v2."""
    document = {
        "type": f"TRANSFER_{kind}",
        "data": {"transfer_id": "t-1", "cf_transfer_id": "123", "status": "SUCCESS"},
    }
    found = Cashfree(httpx.AsyncClient(), CASHFREE_KEYS).read(document)
    assert (found.subject, found.reference) == (Subject.PAYOUT, "t-1")


# --- the fault matrix, on sockets


@asynccontextmanager
async def provider_at(name: str, handler: Callable[[PartnerCall], Awaitable[Answer]]) -> AsyncIterator[Provider]:
    server = await serve("127.0.0.1", 0, handler)
    port = server.sockets[0].getsockname()[1]
    async with client(f"http://127.0.0.1:{port}") as http:
        made: Provider = Razorpay(http, RAZORPAY_KEYS) if name == "razorpay" else Cashfree(http, CASHFREE_KEYS)
        yield made
    server.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    # Connecting is not among the faults: on a busy machine it may take its time, and who has not connected has done nothing.
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(0.3, connect=60, pool=60))
    monkeypatch.setattr(transport, "CALL_SECONDS", 0.5)
    monkeypatch.setattr(wire, "SILENCE_SECONDS", 2.0)


CALLS: dict[str, Callable[[Provider], Awaitable[object]]] = {
    "create_order": lambda p: p.create_order(REFERENCE, AMOUNT, "player-1", EXPIRES),
    "order": lambda p: p.order(REFERENCE, "order_1"),
    "refund": lambda p: p.refund(REFERENCE, "order_1", "pay_1", AMOUNT),
    "pay_out": lambda p: p.pay_out(REFERENCE, AMOUNT, Destination(kind="vpa", name="A", account="a@b")),
    "payout_news": lambda p: p.payout_news(REFERENCE, "pout_1"),
}


@pytest.mark.parametrize("name", ["razorpay", "cashfree"])
@pytest.mark.parametrize("call", CALLS)
async def test_every_missing_answer_is_unknown_and_nothing_else(impatient: None, name: str, call: str) -> None:
    good = json.dumps({"id": "x", "items": [], "order_id": "o"}).encode()
    page = b"<html>502 Bad Gateway</html>"
    faults = [
        *(Answer(200, good * 50, wire=each) for each in wire.Wire if each is not wire.Wire.WHOLE),
        *(Answer(status, page) for status in (200, 404, 502)),
        *(Answer(200, body) for body in (b'"text"', b"[" * 3000, b" " * (MAX_ANSWER_BYTES + 1))),
        *(Answer(status, good, {"Location": "http://127.0.0.1:1/"}) for status in (302, 409, 500)),
    ]
    given = iter(faults)

    async def handler(_: PartnerCall) -> Answer:
        return next(given)

    async with provider_at(name, handler) as provider:
        for fault in faults:
            with pytest.raises(Unknown):
                await CALLS[call](provider)
            assert fault


@pytest.mark.parametrize("name", ["razorpay", "cashfree"])
@pytest.mark.parametrize("call", CALLS)
async def test_a_no_is_a_no_and_a_limit_means_that_nothing_was_done(name: str, call: str) -> None:
    refusal = {"error": {"code": "BAD_REQUEST_ERROR", "reason": "input_validation_failed"}, "code": "order_invalid"}
    answers = iter([Answer.of(refusal, 400), Answer.of(refusal, 401), Answer.of({}, 422), Answer.of({}, 429)])

    async def handler(_: PartnerCall) -> Answer:
        return next(answers)

    async with provider_at(name, handler) as provider:
        for code in (("input_validation_failed", "order_invalid"),) * 2 + (("status 422",),):
            with pytest.raises(Refused) as refused:
                await CALLS[call](provider)
            assert refused.value.code in code
        with pytest.raises(NotDone):
            await CALLS[call](provider)


@pytest.mark.parametrize("name", ["razorpay", "cashfree"])
async def test_who_is_not_there_has_done_nothing(name: str) -> None:
    async with client(f"http://127.0.0.1:{free_port()}") as http:
        provider: Provider = Razorpay(http, RAZORPAY_KEYS) if name == "razorpay" else Cashfree(http, CASHFREE_KEYS)
        with pytest.raises(NotDone):
            await provider.create_order(REFERENCE, AMOUNT, "player-1", EXPIRES)


# --- the stand-ins keep to the protocol


@pytest.fixture
def partners() -> Partners:
    names = ("RAZORPAY_WEBHOOK_SECRET", "CASHFREE_CLIENT_SECRET")
    secrets = dict(zip(names, ("webhook_1", "secret_1"), strict=True)) | {
        "RAZORPAY_KEY_ID": "key_id_1", "RAZORPAY_KEY_SECRET": "key_secret_1", "RAZORPAY_ACCOUNT_NUMBER": "4564",
        "CASHFREE_CLIENT_ID": "client_1", "CASHFREE_PAYOUT_ID": "payout_1", "CASHFREE_PAYOUT_SECRET": "payout_secret",
    }  # fmt: skip
    return Partners(secrets)


@asynccontextmanager
async def adapters(partners: Partners) -> AsyncIterator[dict[str, Provider]]:
    async with (
        client("http://razorpay.partners", partners) as first,
        client("http://cashfree.partners", partners) as second,
    ):
        yield {"razorpay": Razorpay(first, RAZORPAY_KEYS), "cashfree": Cashfree(second, CASHFREE_KEYS)}


@pytest.mark.parametrize("name", ["razorpay", "cashfree"])
async def test_an_order_a_refund_and_a_payout_with_the_stand_in(partners: Partners, name: str) -> None:
    async with adapters(partners) as found:
        provider, stand_in = found[name], partners.all[name]
        order = await provider.create_order(REFERENCE, AMOUNT, "player-1", EXPIRES)
        assert (await provider.order(REFERENCE, "")).payments == []
        payment = stand_in.pay(order.id)
        news = await provider.order(REFERENCE, order.id)
        assert [(each.id, each.amount) for each in news.payments] == [(payment, AMOUNT)]
        first = await provider.refund(REFERENCE, order.id, payment, Paise(40000))
        assert await provider.refund(REFERENCE, order.id, payment, Paise(40000)) == first, (
            "the same key, the same refund"
        )
        with pytest.raises((Refused, Unknown)):
            await provider.refund(REFERENCE, order.id, payment, Paise(1000))  # the same key for something else
        with pytest.raises(Refused):
            await provider.refund(REFERENCE[:-1] + "2", order.id, payment, Paise(43506))  # more than is left
        to = Destination(kind="bank", name="Asha", account="000111222333", ifsc="HDFC0000001")
        sent = await provider.pay_out(REFERENCE, AMOUNT, to)
        stand_in.step()
        ended = await provider.payout_news(REFERENCE, sent.id)
        assert ended is not None and ended.state == "processed" and ended.utr.startswith("UTR")
        assert await provider.payout_news(REFERENCE[:-1] + "3", "") is None
        refunded = await provider.refund_news(REFERENCE, order.id, payment, first.id)
        assert refunded is not None and refunded.state == "processed"
        (paid,) = stand_in.world.payments.values()
        settled = await provider.settlements(datetime.fromtimestamp(paid.made_at, UTC).date())
        assert {(line.kind, line.amount) for line in settled} == {("payment", 83505), ("refund", 40000)}
        assert [line.fee for line in settled if line.kind == "payment"] == [1670 + 300]
        assert not await provider.is_down()
        stand_in.world.is_down = True
        assert await provider.is_down()


async def test_faults_are_drawn_from_the_seed(partners: Partners) -> None:
    drawn = []
    for _ in range(2):
        partners.follow(Scenario(seed=7, faults={Fault.ERROR_AFTER: 0.3, Fault.SILENT_BEFORE: 0.3}))
        drawn.append([partners.razorpay.world.fault() for _ in range(50)])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 3
