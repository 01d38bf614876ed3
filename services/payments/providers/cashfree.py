"""Cashfree: payment gateway with orders, refunds and reports; payouts (V2). Amounts travel as decimal rupees."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import httpx

from services.common.money import CURRENCY, Paise
from services.common.outside import Refused, Unknown
from services.payments.amounts import paise, rupees
from services.payments.providers import signatures
from services.payments.providers.port import (
    STAGES,
    Destination,
    DisputeOutcome,
    Order,
    OrderNews,
    OrderStatus,
    Payment,
    PaymentStatus,
    PayoutNews,
    ProviderName,
    RefundNews,
    SettlementLine,
    Signed,
    Subject,
    WebhookEvent,
)
from services.payments.providers.transport import ask
from services.payments.states import PayoutState, RefundState

GATEWAY_VERSION, PAYOUT_VERSION = "2026-01-01", "2024-01-01"

#: A webhook's time may lie so far back: Cashfree tries again after 2, 10 and 30 minutes. And so far ahead: clocks differ.
OLDEST, NEWEST = timedelta(hours=1), timedelta(minutes=5)

_ORDERS = {
    "ACTIVE": OrderStatus.OPEN,
    "PAID": OrderStatus.PAID,
    **dict.fromkeys(("EXPIRED", "TERMINATED"), OrderStatus.EXPIRED),
}
_PAYMENTS = {
    "SUCCESS": PaymentStatus.CAPTURED,
    **dict.fromkeys(("FAILED", "USER_DROPPED", "CANCELLED", "VOID"), PaymentStatus.FAILED),
}
_REFUNDS = {"SUCCESS": RefundState.PROCESSED, **dict.fromkeys(("FAILED", "CANCELLED"), RefundState.FAILED)}
_PAYOUTS = {
    "SUCCESS": PayoutState.PROCESSED,
    "REVERSED": PayoutState.REVERSED,
    **dict.fromkeys(("FAILED", "REJECTED", "MANUALLY_REJECTED"), PayoutState.FAILED),
}

_SUBJECTS = {
    "PAYMENT_SUCCESS_WEBHOOK": Subject.ORDER,
    "PAYMENT_FAILED_WEBHOOK": Subject.ORDER,
    "PAYMENT_USER_DROPPED_WEBHOOK": Subject.ORDER,
    "REFUND_STATUS_WEBHOOK": Subject.REFUND,
    "AUTO_REFUND_STATUS_WEBHOOK": Subject.ORDER,
    **dict.fromkeys(("DISPUTE_CREATED", "DISPUTE_UPDATED", "DISPUTE_CLOSED"), Subject.DISPUTE),
}
_PAGE = 1000


@dataclass(frozen=True)
class CashfreeKeys:
    """What Cashfree and we know each other by; gateway and payouts have keys of their own.

    The first of `secrets` signs requests; webhooks are signed by the oldest one that is active.
    """

    client_id: str
    secrets: Sequence[str] = field(repr=False)
    payout_id: str
    payout_secrets: Sequence[str] = field(repr=False)


class Cashfree:
    """The adapter."""

    name: ClassVar[ProviderName] = "cashfree"

    def __init__(self, http: httpx.AsyncClient, keys: CashfreeKeys) -> None:
        self._http, self._keys = http, keys

    async def _gateway(self, method: str, path: str, key: str = "", **more: Any) -> Any:
        headers = _headers(self._keys.client_id, self._keys.secrets[0], GATEWAY_VERSION)
        if key:
            headers["x-idempotency-key"] = key
        return await ask(self._http, method, f"/pg{path}", headers=headers, **more)

    async def _payouts(self, method: str, path: str, **more: Any) -> Any:
        headers = _headers(self._keys.payout_id, self._keys.payout_secrets[0], PAYOUT_VERSION)
        return await ask(self._http, method, f"/payout{path}", headers=headers, **more)

    async def create_order(self, reference: str, amount: Paise, player: str, expires: datetime) -> Order:
        """As the port says; the order's id is our reference."""
        body = {
            "order_id": reference,
            "order_amount": rupees(amount),
            "order_currency": CURRENCY,
            # A phone is required; players' are not known here, and Cashfree asks them where it needs one.
            "customer_details": {"customer_id": player.replace("-", ""), "customer_phone": "9999999999"},
            "order_expiry_time": expires.isoformat(timespec="seconds"),
        }
        made = await self._gateway("POST", "/orders", reference, json=body)
        checkout = {"payment_session_id": _text(made, "payment_session_id"), "order_id": reference}
        return Order(id=_text(made, "order_id"), checkout=checkout)

    async def order(self, reference: str, order: str) -> OrderNews:
        """As the port says."""
        found = await self._gateway("GET", f"/orders/{reference}", absent=True)
        if found is None:
            return OrderNews(id="", status=OrderStatus.ABSENT)
        payments = await self._gateway("GET", f"/orders/{reference}/payments")
        if not isinstance(payments, list):
            raise Unknown("answer without payments")
        status = _ORDERS.get(_text(found, "order_status"), OrderStatus.OPEN)
        return OrderNews(id=reference, status=status, payments=[_payment(each) for each in payments])

    async def capture(self, payment: str, amount: Paise) -> None:
        """Cashfree captures by itself."""
        raise Refused("captured by the provider")

    async def refund(self, key: str, order: str, payment: str, amount: Paise) -> RefundNews:
        """As the port says; refunds are the order's."""
        body = {"refund_id": key, "refund_amount": rupees(amount)}
        return _refund(await self._gateway("POST", f"/orders/{order}/refunds", key, json=body))

    async def refund_news(self, key: str, order: str, payment: str, refund: str) -> RefundNews | None:
        """As the port says."""
        found = await self._gateway("GET", f"/orders/{order}/refunds/{key}", absent=True)
        return _refund(found) if found else None

    async def pay_out(self, key: str, amount: Paise, to: Destination) -> PayoutNews:
        """As the port says."""
        bank = {"bank_account_number": to.account, "bank_ifsc": to.ifsc}
        account = {"vpa": to.account} if to.kind == "vpa" else bank
        body = {
            "transfer_id": key,
            "transfer_amount": rupees(amount),
            "transfer_currency": CURRENCY,
            "transfer_mode": "upi" if to.kind == "vpa" else "imps",
            "beneficiary_details": {"beneficiary_name": to.name, "beneficiary_instrument_details": account},
        }
        return _payout(await self._payouts("POST", "/transfers", json=body))

    async def payout_news(self, key: str, payout: str) -> PayoutNews | None:
        """As the port says."""
        found = await self._payouts("GET", "/transfers", params={"transfer_id": key}, absent=True)
        return _payout(found) if found else None

    async def settlements(self, day: date) -> Sequence[SettlementLine]:
        """As the port says."""
        lines: list[SettlementLine] = []
        first, last = f"{day.isoformat()}T00:00:00Z", f"{day.isoformat()}T23:59:59Z"
        cursor: Any = None
        while True:
            body = {
                "filters": {"start_date": first, "end_date": last},
                "pagination": {"limit": _PAGE, **({"cursor": cursor} if cursor else {})},
            }
            answer = await self._gateway("POST", "/settlement/recon", json=body)
            page = answer.get("data") if isinstance(answer, dict) else None
            if not isinstance(page, list):
                raise Unknown("answer without data")
            lines += [_line(each) for each in page]
            cursor = answer.get("cursor")
            if not cursor or len(page) < _PAGE:
                return lines

    async def is_down(self) -> bool:
        """As the port says: a severe incident that is going on."""
        found = await self._gateway("GET", "/incident")
        incidents = found.get("incidents") if isinstance(found, dict) else found
        return any(
            isinstance(each, dict) and each.get("incident_impact") == "HIGH" and not each.get("incident_end_time")
            for each in incidents or ()
        )

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Signed | None:
        """As the port says: the timestamp is a part of what is signed, followed by the raw body without anything between."""
        stamp, given = headers.get("x-webhook-timestamp", ""), headers.get("x-webhook-signature", "")
        message = stamp.encode(errors="replace") + body
        secrets = (*self._keys.secrets, *self._keys.payout_secrets)
        if not signatures.matches(given, [signatures.base64_digest(secret, message) for secret in secrets]):
            return None
        if not stamp.isdigit() or len(stamp) > 14:
            return None
        age = now.timestamp() - int(stamp) / 1000
        if not -NEWEST.total_seconds() <= age <= OLDEST.total_seconds():
            return None
        return Signed(headers.get("x-idempotency-key", "")[:100] or hashlib.sha256(body).hexdigest(), body)

    def verify_callback(self, order: str, payment: str, signature: str) -> bool:
        """Cashfree's checkout hands the client nothing that is signed."""
        return False

    def read(self, document: Any) -> WebhookEvent:
        """As the port says."""
        kind = str(document.get("type", ""))[:60] if isinstance(document, dict) else ""
        data = document.get("data") if isinstance(document, dict) else None
        parts = data if isinstance(data, dict) else {}
        order, payment, refund, dispute = (_part(parts, name) for name in ("order", "payment", "refund", "dispute"))
        disputed = _part(parts, "order_details")  # what a dispute is about
        if kind.startswith("SETTLEMENT_"):
            return WebhookEvent(kind=kind, subject=Subject.NOTHING)
        subject = Subject.PAYOUT if kind.startswith("TRANSFER_") else _SUBJECTS.get(kind, Subject.STRANGE)
        return WebhookEvent(
            kind=kind,
            subject=subject,
            order=_id(order.get("order_id") or refund.get("order_id") or disputed.get("order_id")),
            payment=_id(payment.get("cf_payment_id") or refund.get("cf_payment_id") or disputed.get("cf_payment_id")),
            reference=_id(refund.get("refund_id") or parts.get("transfer_id")),
            dispute=_id(dispute.get("dispute_id")),
            outcome=_outcome(_id(dispute.get("dispute_status"))),
            stage=STAGES.get(_id(dispute.get("dispute_type")).lower(), 0),
            amount=_lenient(dispute.get("dispute_amount")),
        )


def _headers(client_id: str, secret: str, version: str) -> dict[str, str]:
    return {"x-client-id": client_id, "x-client-secret": secret, "x-api-version": version}


def _text(document: Any, name: str) -> str:
    """A field that is there. Ids are numbers in some versions and text in others."""
    value = document.get(name) if isinstance(document, dict) else None
    if not isinstance(value, str | int) or isinstance(value, bool) or not str(value):
        raise Unknown(f"answer without {name}")
    return str(value)


def _amount(document: Any, name: str) -> Paise:
    try:
        return paise(document.get(name) or 0)
    except ValueError:
        raise Unknown(f"answer without {name}") from None


def _payment(document: Any) -> Payment:
    return Payment(
        id=_text(document, "cf_payment_id"),
        status=_PAYMENTS.get(str(document.get("payment_status")), PaymentStatus.PENDING),
        amount=_amount(document, "payment_amount"),
    )


def _refund(document: Any) -> RefundNews:
    state = _REFUNDS.get(str(document.get("refund_status")), RefundState.PENDING)
    return RefundNews(id=_text(document, "cf_refund_id"), state=state)


def _payout(document: Any) -> PayoutNews:
    state = _PAYOUTS.get(str(document.get("status")), PayoutState.PENDING)
    return PayoutNews(
        id=_text(document, "cf_transfer_id"), state=state, utr=str(document.get("transfer_utr") or "")[:60]
    )


def _line(document: Any) -> SettlementLine:
    """A line of the report. The id of a payment is Cashfree's, that of a refund ours."""
    event, payment, refund, settlement = (
        _part(document if isinstance(document, dict) else {}, f"{name}_details")
        for name in ("event", "payment", "refund", "settlement")
    )
    number = str(settlement.get("cf_settlement_id") or "")[:60]
    amount = _amount(event, "event_amount")
    if event.get("event_type") == "PAYMENT":
        tax = _amount(payment, "payment_service_tax")
        fee = Paise(_amount(payment, "payment_service_charge") + tax)
        return SettlementLine(
            kind="payment", id=_text(payment, "cf_payment_id"), amount=amount, fee=fee, tax=tax, settlement=number
        )
    tax = _amount(event, "event_service_tax")
    fee = Paise(_amount(event, "event_service_charge") + tax)
    if event.get("event_type") == "REFUND":
        return SettlementLine(
            kind="refund", id=_text(refund, "refund_id"), amount=amount, fee=fee, tax=tax, settlement=number
        )
    return SettlementLine(kind="other", id=_text(event, "event_id"), amount=amount, fee=fee, tax=tax, settlement=number)


def _part(parts: dict[str, Any], name: str) -> dict[str, Any]:
    found = parts.get(name)
    return found if isinstance(found, dict) else {}


def _outcome(status: str) -> DisputeOutcome:
    """Of a status: its stage (DISPUTE, RETRIEVAL, CHARGEBACK, PRE_ARBITRATION, ARBITRATION) and how that stands.

    A retrieval moves no money: who loses one meets a chargeback. Insufficient evidence is asked for again.
    """
    if status.endswith("_MERCHANT_WON"):
        return DisputeOutcome.WON
    if status.endswith(("_MERCHANT_LOST", "_MERCHANT_ACCEPTED")) and not status.startswith("RETRIEVAL_"):
        return DisputeOutcome.LOST
    return DisputeOutcome.OPEN


def _id(value: Any) -> str:
    return str(value)[:100] if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _lenient(value: Any) -> Paise:
    try:
        return paise(value)
    except ValueError:
        return Paise(0)
