"""Cashfree's protocol (payment gateway and Payouts V2), as far as the platform speaks it. Amounts are decimal rupees."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from localcloud.partners.provider import Refusal, StandIn, required
from localcloud.partners.razorpay import Secret
from localcloud.partners.wire import Answer, PartnerCall
from localcloud.partners.world import Owed, Thing, World

_PAYMENTS = {"captured": "SUCCESS", "failed": "FAILED", "created": "PENDING"}
_REFUNDS = {"pending": "PENDING", "processed": "SUCCESS", "failed": "FAILED"}
_PAYOUTS = {"processing": "PENDING", "processed": "SUCCESS", "failed": "FAILED", "reversed": "REVERSED"}


class CashfreeStandIn(StandIn):
    """The stand-in. Real retries come after 2, 10 and 30 minutes; here it is seconds."""

    retries: ClassVar[Sequence[float]] = (2, 10, 30)

    def __init__(self, world: World, secret: Secret) -> None:
        super().__init__(world)
        self._secret = secret
        self._replays: dict[str, tuple[bytes, Answer]] = {}

    def dispatch(self, request: PartnerCall) -> Answer:
        """As the base says. A repeated idempotency key gets the stored reply, or is refused for another body."""
        self._authorised(request)
        key = request.headers.get("x-idempotency-key", "")
        if request.method == "POST" and key:
            name = f"{request.path} {key}"
            if name in self._replays:
                body, answer = self._replays[name]
                if body != request.body:
                    raise Refusal(400, "idempotency_key_mismatch")
                return Answer(answer.status, answer.body, {**answer.headers, "x-idempotency-replayed": "true"})
            answer = self._do(request)
            self._replays[name] = request.body, answer
            return answer
        return self._do(request)

    def _do(self, request: PartnerCall) -> Answer:
        parts = request.path.strip("/").split("/")
        match (request.method, *parts):
            case ("POST", "pg", "orders"):
                return self._create_order(request)
            case ("GET", "pg", "orders", order):
                return Answer.of(self._order(self._find(self.world.orders, order, "order_not_found")))
            case ("GET", "pg", "orders", order, "payments"):
                self._find(self.world.orders, order, "order_not_found")
                return Answer.of([_payment(each) for each in self.world.payments.values() if each.of == order])
            case ("POST", "pg", "orders", order, "refunds"):
                return self._refund(request, order)
            case ("GET", "pg", "orders", _, "refunds", key):
                return Answer.of(_refund(self._find(self.world.refunds, key, "refund_not_found")))
            case ("GET", "pg", "incident"):
                return Answer.of([{"incident_impact": "HIGH", "incident_end_time": None}] if self.world.is_down else [])
            case ("POST", "pg", "settlement", "recon"):
                day = datetime.fromisoformat(request.json()["filters"]["start_date"]).date()
                lines = [_line(*each) for each in self.world.settle(day)]
                return Answer.of({"cursor": None, "limit": 1000, "data": lines})
            case ("POST", "payout", "transfers"):
                return self._pay_out(request)
            case ("GET", "payout", "transfers"):
                key = request.query.get("transfer_id", "")
                return Answer.of(_payout(self._find(self.world.payouts, key, "transfer_id_not_found")))
        raise Refusal(404, "request_invalid")

    def _authorised(self, request: PartnerCall) -> None:
        part = "CASHFREE_PAYOUT_ID" if request.path.startswith("/payout") else "CASHFREE_CLIENT_ID"
        secret = part.replace("_ID", "_SECRET")
        given = f"{request.headers.get('x-client-id', '')}:{request.headers.get('x-client-secret', '')}"
        if not hmac.compare_digest(given, f"{self._secret(part)}:{self._secret(secret)}"):
            raise Refusal(401, "request_failed")
        if not request.headers.get("x-api-version"):
            raise Refusal(400, "version_missing")

    def _create_order(self, request: PartnerCall) -> Answer:
        body = json.loads(request.body, parse_float=Decimal)
        reference, customer = required(body, "order_id", str), required(body, "customer_details", dict)
        if len(required(customer, "customer_id", str)) < 3 or not required(customer, "customer_phone", str):
            raise Refusal(400, "customer_details_invalid")
        datetime.fromisoformat(required(body, "order_expiry_time", str))
        if reference in self.world.orders:
            raise Refusal(409, "order_already_exists")
        amount = _paise(body.get("order_amount"))
        made = Thing(reference, "created", amount, reference, self.world.now())
        self.world.orders[reference] = made
        return Answer.of(self._order(made))

    def _order(self, order: Thing) -> dict[str, Any]:
        return {
            "cf_order_id": order.id, "order_id": order.id, "order_amount": _rupees(order.amount), "order_currency": "INR",
            "order_status": "PAID" if order.status == "paid" else "ACTIVE",
            "payment_session_id": f"session_{order.id.replace('-', '')}",
        }  # fmt: skip

    def _refund(self, request: PartnerCall, order: str) -> Answer:
        body = json.loads(request.body, parse_float=Decimal)
        key, amount = required(body, "refund_id", str), _paise(body.get("refund_amount"))
        known = self.world.refunds.get(key)
        if known is not None:
            if known.idempotency != request.body:
                raise Refusal(409, "refund_id_already_exists")
            return Answer.of(_refund(known))
        paid = [each for each in self.world.payments.values() if each.of == order and each.status == "captured"]
        payment = next((each for each in paid if self.world.refunded(each.id) + amount <= each.amount), None)
        if payment is None:
            raise Refusal(400, "refund_amount_too_large")
        made = self.world.draw_refund(self.world.number(), payment, amount, key, request.body)
        return Answer.of(_refund(made))

    def _pay_out(self, request: PartnerCall) -> Answer:
        body = json.loads(request.body, parse_float=Decimal)
        key, amount = required(body, "transfer_id", str), _paise(body.get("transfer_amount"))
        details = required(required(body, "beneficiary_details", dict), "beneficiary_instrument_details", dict)
        if not details.get("vpa") and not (details.get("bank_account_number") and details.get("bank_ifsc")):
            raise Refusal(400, "beneficiary_details_invalid")
        if key in self.world.payouts:
            raise Refusal(409, "transfer_id_already_exists")
        return Answer.of(_payout(self.world.draw_payout(self.world.number(), amount, key, request.body)))

    def _find(self, things: Mapping[str, Thing], name: str, code: str) -> Thing:
        if name not in things:
            raise Refusal(404, code)
        return things[name]

    def error(self, refusal: Refusal) -> Answer:
        """As the base says."""
        body = {"message": refusal.code, "code": refusal.code, "type": "invalid_request_error"}
        return Answer.of(body, refusal.status)

    def headers(self, owed: Owed) -> Mapping[str, str]:
        """As the base says: milliseconds, followed by the raw body, are signed."""
        stamp = str(int(self.world.now() * 1000))
        payout = owed.kind.startswith("TRANSFER_")
        secret = self._secret("CASHFREE_PAYOUT_SECRET" if payout else "CASHFREE_CLIENT_SECRET")
        signature = base64.b64encode(hmac.digest(secret.encode(), stamp.encode() + owed.body, "sha256")).decode()
        return {
            "x-webhook-timestamp": stamp, "x-webhook-signature": signature, "x-webhook-version": "2025-01-01",
            "x-webhook-attempt": str(owed.tries + 1), "x-idempotency-key": owed.event,
        }  # fmt: skip

    def pay(self, order: str, amount: int | None = None) -> str:
        """As the base says. A late success is told as a failure first."""
        found = self._find(self.world.orders, order, "order_not_found")
        made = self.world.pay(found, self.world.number(), amount)
        data = {"order": {"order_id": order, "order_amount": _rupees(found.amount)}, "payment": _payment(made)}
        if self.world.happens(self.world.scenario.late):
            failed = data | {"payment": _payment(made) | {"payment_status": "FAILED"}}
            self._tell("PAYMENT_FAILED_WEBHOOK", failed)
        self._tell("PAYMENT_SUCCESS_WEBHOOK", data)
        return made.id

    def refund_ended(self, refund: Thing) -> None:
        """As the base says."""
        self._tell("REFUND_STATUS_WEBHOOK", {"refund": _refund(refund)})

    def payout_ended(self, payout: Thing) -> None:
        """As the base says."""
        self._tell(f"TRANSFER_{_PAYOUTS[payout.status]}", _payout(payout))

    def _tell(self, kind: str, data: Mapping[str, Any]) -> None:
        at = datetime.fromtimestamp(int(self.world.now())).astimezone().isoformat()
        self.world.owe(kind, json.dumps({"data": data, "event_time": at, "type": kind}, separators=(",", ":")).encode())


def _rupees(amount: int) -> float:
    return float(f"{amount // 100}.{amount % 100:02}")


def _paise(value: Any) -> int:
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        raise Refusal(400, "amount_invalid")
    hundredfold = Decimal(value) * 100
    if hundredfold != int(hundredfold) or hundredfold < 100:
        raise Refusal(400, "amount_invalid")
    return int(hundredfold)


def _payment(payment: Thing) -> dict[str, Any]:
    return {
        "cf_payment_id": payment.id, "order_id": payment.of, "payment_amount": _rupees(payment.amount),
        "payment_currency": "INR", "payment_status": _PAYMENTS[payment.status],
    }  # fmt: skip


def _refund(refund: Thing) -> dict[str, Any]:
    return {
        "cf_refund_id": refund.id, "cf_payment_id": refund.of, "refund_id": refund.reference,
        "refund_amount": _rupees(refund.amount), "refund_status": _REFUNDS[refund.status],
    }  # fmt: skip


def _payout(payout: Thing) -> dict[str, Any]:
    return {
        "transfer_id": payout.reference, "cf_transfer_id": payout.id, "status": _PAYOUTS[payout.status],
        "transfer_amount": _rupees(payout.amount), "transfer_utr": f"UTR{payout.id[-8:]}",
    }  # fmt: skip


def _line(kind: str, thing: Thing) -> dict[str, Any]:
    event = {
        "event_id": thing.id, "event_type": kind.upper(), "event_amount": _rupees(thing.amount), "event_service_charge": 0,
        "event_service_tax": 0,
    }  # fmt: skip
    line: dict[str, Any] = {"event_details": event, "settlement_details": {"cf_settlement_id": "1001"}}
    if kind == "refund":
        return line | {"refund_details": {"refund_id": thing.reference}}
    charge, tax = _rupees(thing.fee - thing.tax), _rupees(thing.tax)
    details = {"cf_payment_id": thing.id, "payment_service_charge": charge, "payment_service_tax": tax}
    return line | {"payment_details": details}
