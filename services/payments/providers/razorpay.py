"""Razorpay and RazorpayX: payments with orders, refunds and reports; payouts. Amounts are paise."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

import httpx

from services.common.money import CURRENCY, Paise
from services.common.outside import Unknown
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

_PAYMENTS = {
    "created": PaymentStatus.PENDING,
    "authorized": PaymentStatus.AUTHORISED,
    "captured": PaymentStatus.CAPTURED,
    "refunded": PaymentStatus.CAPTURED,  # it was
    "failed": PaymentStatus.FAILED,
}
_REFUNDS = {"pending": RefundState.PENDING, "processed": RefundState.PROCESSED, "failed": RefundState.FAILED}
_PAYOUTS = {
    **dict.fromkeys(("pending", "queued", "scheduled", "processing"), PayoutState.PENDING),
    "processed": PayoutState.PROCESSED,
    "reversed": PayoutState.REVERSED,
    **dict.fromkeys(("cancelled", "rejected", "failed"), PayoutState.FAILED),
}

#: Closed: a dispute that ends without a decision moves no money.
_DISPUTES = {"won": DisputeOutcome.WON, "closed": DisputeOutcome.WON, "lost": DisputeOutcome.LOST}

#: The first part of an event's name → what it is about.
_SUBJECTS = {"order": Subject.ORDER, "payment": Subject.ORDER, "refund": Subject.REFUND, "payout": Subject.PAYOUT}
_WITHOUT_EFFECT = ("settlement.", "payment.downtime.", "payout.downtime.")

_PAGE = 1000


@dataclass(frozen=True)
class RazorpayKeys:
    """What Razorpay and we know each other by; `webhook` holds the current and the previous secret."""

    key_id: str
    key_secret: str = field(repr=False)
    webhook: Sequence[str] = field(repr=False)
    account: str = field(repr=False)


class Razorpay:
    """The adapter."""

    name: ClassVar[ProviderName] = "razorpay"

    def __init__(self, http: httpx.AsyncClient, keys: RazorpayKeys) -> None:
        self._http, self._keys = http, keys
        self._http.auth = httpx.BasicAuth(keys.key_id, keys.key_secret)

    async def create_order(self, reference: str, amount: Paise, player: str, expires: datetime) -> Order:
        """As the port says. Razorpay's orders do not expire, and one whose answer was lost is found by its receipt."""
        body = {"amount": amount, "currency": CURRENCY, "receipt": reference, "notes": {"attempt": reference}}
        made = await ask(self._http, "POST", "/v1/orders", json=body)
        order = _text(made, "id")
        checkout = {"order_id": order, "key_id": self._keys.key_id, "amount": str(amount), "currency": CURRENCY}
        return Order(id=order, checkout=checkout)

    async def order(self, reference: str, order: str) -> OrderNews:
        """As the port says."""
        if not order:
            found = _items(await ask(self._http, "GET", "/v1/orders", params={"receipt": reference}))
            if not found:
                return OrderNews(id="", status=OrderStatus.ABSENT)
            order = _text(max(found, key=lambda each: each.get("status") == "paid"), "id")
        answer = await ask(self._http, "GET", f"/v1/orders/{order}/payments", absent=True)
        if answer is None:
            return OrderNews(id=order, status=OrderStatus.ABSENT)
        payments = [_payment(each) for each in _items(answer)]
        paid = any(each.status is PaymentStatus.CAPTURED for each in payments)
        return OrderNews(id=order, status=OrderStatus.PAID if paid else OrderStatus.OPEN, payments=payments)

    async def capture(self, payment: str, amount: Paise) -> None:
        """As the port says; what is captured already is refused, and found so when it is asked for next."""
        body = {"amount": amount, "currency": CURRENCY}
        await ask(self._http, "POST", f"/v1/payments/{payment}/capture", json=body)

    async def refund(self, key: str, order: str, payment: str, amount: Paise) -> RefundNews:
        """As the port says."""
        body = {"amount": amount, "speed": "normal", "receipt": key}
        headers = {"X-Refund-Idempotency": key}
        return _refund(await ask(self._http, "POST", f"/v1/payments/{payment}/refund", json=body, headers=headers))

    async def refund_news(self, key: str, order: str, payment: str, refund: str) -> RefundNews | None:
        """As the port says."""
        if refund:
            found = await ask(self._http, "GET", f"/v1/refunds/{refund}", absent=True)
        else:
            made = _items(await ask(self._http, "GET", f"/v1/payments/{payment}/refunds"))
            found = next((each for each in made if each.get("receipt") == key), None)
        return _refund(found) if found else None

    async def pay_out(self, key: str, amount: Paise, to: Destination) -> PayoutNews:
        """As the port says; contact and account go along, so that nothing of the player is stored there beforehand."""
        if to.kind == "vpa":
            target: dict[str, Any] = {"account_type": "vpa", "vpa": {"address": to.account}}
        else:
            account = {"name": to.name, "ifsc": to.ifsc, "account_number": to.account}
            target = {"account_type": "bank_account", "bank_account": account}
        body = {
            "account_number": self._keys.account,
            "amount": amount,
            "currency": CURRENCY,
            "mode": "UPI" if to.kind == "vpa" else "IMPS",
            "purpose": "payout",
            "fund_account": target | {"contact": {"name": to.name, "type": "customer"}},
            "queue_if_low_balance": True,
            "reference_id": key,
        }
        return _payout(await ask(self._http, "POST", "/v1/payouts", json=body, headers={"X-Payout-Idempotency": key}))

    async def payout_news(self, key: str, payout: str) -> PayoutNews | None:
        """As the port says."""
        if payout:
            found = await ask(self._http, "GET", f"/v1/payouts/{payout}", absent=True)
        else:
            params = {"account_number": self._keys.account, "reference_id": key}
            found = next(iter(_items(await ask(self._http, "GET", "/v1/payouts", params=params))), None)
        return _payout(found) if found else None

    async def settlements(self, day: date) -> Sequence[SettlementLine]:
        """As the port says."""
        lines: list[SettlementLine] = []
        while True:
            params = {"year": f"{day:%Y}", "month": f"{day:%m}", "day": f"{day:%d}", "count": str(_PAGE)}
            answer = await ask(
                self._http, "GET", "/v1/settlements/recon/combined", params=params | {"skip": str(len(lines))}
            )
            page = [_line(each) for each in _items(answer)]
            lines += page
            if len(page) < _PAGE:
                return lines

    async def is_down(self) -> bool:
        """As the port says: a severe downtime that has begun and not ended."""
        answer = await ask(self._http, "GET", "/v1/payments/downtimes")
        return any(each.get("status") == "started" and each.get("severity") == "high" for each in _items(answer))

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Signed | None:
        """As the port says. Razorpay signs no time: a replay is known by its event, and by what it says being old news."""
        given = headers.get("x-razorpay-signature", "")
        if not signatures.matches(given, [signatures.hex_digest(secret, body) for secret in self._keys.webhook]):
            return None
        return Signed(headers.get("x-razorpay-event-id", "")[:100] or hashlib.sha256(body).hexdigest(), body)

    def verify_callback(self, order: str, payment: str, signature: str) -> bool:
        """As the port says."""
        message = f"{order}|{payment}".encode()
        return signatures.matches(signature, [signatures.hex_digest(self._keys.key_secret, message)])

    def read(self, document: Any) -> WebhookEvent:
        """As the port says."""
        kind = str(document.get("event", ""))[:60] if isinstance(document, dict) else ""
        if kind.startswith(_WITHOUT_EFFECT):
            return WebhookEvent(kind=kind, subject=Subject.NOTHING)
        payment, order = _entity(document, "payment"), _entity(document, "order")
        refund, payout, dispute = (_entity(document, name) for name in ("refund", "payout", "dispute"))
        subject = Subject.DISPUTE if kind.startswith("payment.dispute.") else _SUBJECTS.get(kind.partition(".")[0])
        amount, status = dispute.get("amount"), _id(dispute.get("status")) or kind.rpartition(".")[2]
        return WebhookEvent(
            kind=kind,
            subject=subject or Subject.STRANGE,
            order=_id(order.get("id") or payment.get("order_id")),
            payment=_id(payment.get("id") or refund.get("payment_id") or dispute.get("payment_id")),
            reference=_id(refund.get("receipt") or payout.get("reference_id")),
            dispute=_id(dispute.get("id")),
            outcome=_DISPUTES.get(status, DisputeOutcome.OPEN),
            stage=STAGES.get(_id(dispute.get("phase")), 0),
            amount=Paise(amount if type(amount) is int else 0),
        )


def _items(answer: Any) -> list[dict[str, Any]]:
    items = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise Unknown("answer without items")
    return items


def _text(document: Any, name: str) -> str:
    value = document.get(name) if isinstance(document, dict) else None
    if not isinstance(value, str) or not value:
        raise Unknown(f"answer without {name}")
    return value


def _amount(document: Any, name: str) -> Paise:
    value = document.get(name)
    if type(value) is not int:
        raise Unknown(f"answer without {name}")
    return Paise(value)


def _optional(document: Any, name: str) -> Paise | None:
    return None if document.get(name) is None else _amount(document, name)


def _payment(document: dict[str, Any]) -> Payment:
    status = _PAYMENTS.get(str(document.get("status")), PaymentStatus.PENDING)
    return Payment(
        id=_text(document, "id"),
        status=status,
        amount=_amount(document, "amount"),
        fee=_optional(document, "fee"),
        tax=_optional(document, "tax"),
    )


def _refund(document: Any) -> RefundNews:
    return RefundNews(id=_text(document, "id"), state=_REFUNDS.get(str(document.get("status")), RefundState.PENDING))


def _payout(document: Any) -> PayoutNews:
    state = _PAYOUTS.get(str(document.get("status")), PayoutState.PENDING)
    return PayoutNews(id=_text(document, "id"), state=state, utr=str(document.get("utr") or "")[:60])


def _line(document: dict[str, Any]) -> SettlementLine:
    kind = document.get("type")
    return SettlementLine(
        kind=kind if kind in ("payment", "refund") else "other",
        id=_text(document, "entity_id"),
        amount=_amount(document, "amount"),
        fee=_amount(document, "fee"),
        tax=_amount(document, "tax"),
        settlement=str(document.get("settlement_id") or "")[:60],
    )


def _entity(document: Any, name: str) -> dict[str, Any]:
    payload = document.get("payload") if isinstance(document, dict) else None
    wrapped = payload.get(name) if isinstance(payload, dict) else None
    found = wrapped.get("entity") if isinstance(wrapped, dict) else None
    return found if isinstance(found, dict) else {}


def _id(value: Any) -> str:
    return value[:100] if isinstance(value, str) else ""
