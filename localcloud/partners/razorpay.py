"""Razorpay's and RazorpayX's protocol, as far as the platform speaks it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from localcloud.partners.provider import Refusal, StandIn, required
from localcloud.partners.wire import Answer, PartnerCall
from localcloud.partners.world import Owed, Thing, World

#: Reads one of the platform's secrets by its variable.
Secret = Callable[[str], str]


class RazorpayStandIn(StandIn):
    """The stand-in. Real time between retries grows to hours; here it is seconds."""

    retries: ClassVar[Sequence[float]] = (1, 2, 4, 8, 16, 32, 64, 128)

    def __init__(self, world: World, secret: Secret) -> None:
        super().__init__(world)
        self._secret = secret

    def dispatch(self, request: PartnerCall) -> Answer:
        """As the base says."""
        self._authorised(request)
        parts = request.path.strip("/").split("/")
        match (request.method, *parts):
            case ("POST", "v1", "orders"):
                return self._create_order(request)
            case ("GET", "v1", "orders"):
                receipt = request.query.get("receipt", "")
                return self._list(_order(each) for each in self.world.orders.values() if each.reference == receipt)
            case ("GET", "v1", "orders", order):
                return Answer.of(_order(self._find(self.world.orders, order)))
            case ("GET", "v1", "orders", order, "payments"):
                self._find(self.world.orders, order)
                return self._list(_payment(each) for each in self.world.payments.values() if each.of == order)
            case ("POST", "v1", "payments", payment, "capture"):
                return self._capture(self._find(self.world.payments, payment))
            case ("POST", "v1", "payments", payment, "refund"):
                return self._refund(request, self._find(self.world.payments, payment))
            case ("GET", "v1", "payments", "downtimes"):
                down = [{"id": "down_1", "status": "started", "severity": "high"}] if self.world.is_down else []
                return self._list(down)
            case ("GET", "v1", "payments", payment, "refunds"):
                return self._list(_refund(each) for each in self.world.refunds.values() if each.of == payment)
            case ("GET", "v1", "refunds", refund):
                by_id = {each.id: each for each in self.world.refunds.values()}
                return Answer.of(_refund(self._find(by_id, refund)))
            case ("POST", "v1", "payouts"):
                return self._pay_out(request)
            case ("GET", "v1", "payouts"):
                key = request.query.get("reference_id", "")
                return self._list(_payout(each) for each in self.world.payouts.values() if each.reference == key)
            case ("GET", "v1", "payouts", payout):
                by_id = {each.id: each for each in self.world.payouts.values()}
                return Answer.of(_payout(self._find(by_id, payout)))
            case ("GET", "v1", "settlements", "recon", "combined"):
                return self._report(request)
        raise Refusal(404, "not_found")

    def _authorised(self, request: PartnerCall) -> None:
        given = request.headers.get("authorization", "")
        words = f"{self._secret('RAZORPAY_KEY_ID')}:{self._secret('RAZORPAY_KEY_SECRET')}"
        if not hmac.compare_digest(given, f"Basic {base64.b64encode(words.encode()).decode()}"):
            raise Refusal(401, "authentication_failed")

    def _create_order(self, request: PartnerCall) -> Answer:
        body = request.json()
        amount, receipt = required(body, "amount", int), required(body, "receipt", str)
        if amount < 100 or len(receipt) > 40 or body.get("currency") != "INR":
            raise Refusal(400, "input_validation_failed")
        made = Thing(self.world.new_id("order_"), "created", amount, receipt, self.world.now())
        self.world.orders[made.id] = made
        return Answer.of(_order(made))

    def _capture(self, payment: Thing) -> Answer:
        if payment.status != "authorized":
            raise Refusal(400, "payment_already_captured")
        payment.status = "captured"
        self._tell("payment.captured", payment=_payment(payment))
        return Answer.of(_payment(payment))

    def _refund(self, request: PartnerCall, payment: Thing) -> Answer:
        body, key = request.json(), request.headers.get("x-refund-idempotency", "")
        if len(key) < 10:
            raise Refusal(400, "idempotency_key_invalid")
        known = self.world.refunds.get(key)
        if known is not None:
            if known.idempotency != request.body:
                raise Refusal(400, "idempotency_key_reused")
            return Answer.of(_refund(known))
        amount = required(body, "amount", int)
        if payment.status != "captured" or self.world.refunded(payment.id) + amount > payment.amount:
            raise Refusal(400, "refund_amount_too_large")
        made = self.world.draw_refund(self.world.new_id("rfnd_"), payment, amount, key, request.body)
        self._tell("refund.created", refund=_refund(made), payment=_payment(payment))
        return Answer.of(_refund(made))

    def _pay_out(self, request: PartnerCall) -> Answer:
        body, key = request.json(), request.headers.get("x-payout-idempotency", "")
        if not 4 <= len(key) <= 36:
            raise Refusal(400, "idempotency_key_invalid")
        known = self.world.payouts.get(key)
        if known is not None:
            if known.idempotency != request.body:
                raise Refusal(400, "idempotency_key_reused")
            return Answer.of(_payout(known))
        if required(body, "account_number", str) != self._secret("RAZORPAY_ACCOUNT_NUMBER"):
            raise Refusal(400, "account_number_invalid")
        required(body, "fund_account", dict)
        amount = required(body, "amount", int)
        made = self.world.draw_payout(self.world.new_id("pout_"), amount, key, request.body)
        return Answer.of(_payout(made))

    def _report(self, request: PartnerCall) -> Answer:
        day = date(*(int(request.query[part]) for part in ("year", "month", "day")))
        skip, count = int(request.query.get("skip", "0")), int(request.query.get("count", "10"))
        lines = [
            {
                "entity_id": each.id, "type": kind, "amount": each.amount, "fee": each.fee if kind == "payment" else 0,
                "tax": each.tax if kind == "payment" else 0, "settlement_id": "setl_1", "settled": True,
            }
            for kind, each in self.world.settle(day)
        ]  # fmt: skip
        return self._list(lines[skip : skip + count])

    def _find(self, things: Mapping[str, Thing], name: str) -> Thing:
        if name not in things:
            raise Refusal(404, "not_found")
        return things[name]

    def _list(self, items: Any) -> Answer:
        found = list(items)
        return Answer.of({"entity": "collection", "count": len(found), "items": found})

    def error(self, refusal: Refusal) -> Answer:
        """As the base says."""
        error = {"code": "BAD_REQUEST_ERROR", "description": refusal.code, "reason": refusal.code, "source": "NA"}
        return Answer.of({"error": error}, refusal.status)

    def headers(self, owed: Owed) -> Mapping[str, str]:
        """As the base says: no time is signed."""
        signature = hmac.new(self._secret("RAZORPAY_WEBHOOK_SECRET").encode(), owed.body, hashlib.sha256).hexdigest()
        return {"x-razorpay-signature": signature, "x-razorpay-event-id": owed.event}

    def pay(self, order: str, amount: int | None = None) -> str:
        """As the base says. A late authorisation is told as a failure first."""
        found = self._find(self.world.orders, order)
        made = self.world.pay(found, self.world.new_id("pay_"), amount)
        if self.world.happens(self.world.scenario.late):
            self._tell("payment.failed", payment=_payment(made) | {"status": "failed"})
        self._tell("payment.captured", payment=_payment(made))
        self._tell("order.paid", payment=_payment(made), order=_order(found))
        return made.id

    def callback(self, order: str, payment: str) -> str:
        """The signature that the checkout gives the player's client."""
        message = f"{order}|{payment}".encode()
        return hmac.new(self._secret("RAZORPAY_KEY_SECRET").encode(), message, hashlib.sha256).hexdigest()

    def dispute(self, payment: str, status: str, phase: str = "chargeback") -> None:
        """The payer's bank questions a payment, or the dispute ends, or goes on in another phase."""
        entity = {
            "id": f"disp_{payment}", "payment_id": payment, "amount": self.world.payments[payment].amount,
            "status": status, "phase": phase,
        }  # fmt: skip
        kind = {"open": "created", "won": "won", "lost": "lost"}[status]
        self._tell(f"payment.dispute.{kind}", dispute=entity, payment=_payment(self.world.payments[payment]))

    def refund_ended(self, refund: Thing) -> None:
        """As the base says."""
        self._tell(f"refund.{refund.status}", refund=_refund(refund))

    def payout_ended(self, payout: Thing) -> None:
        """As the base says."""
        self._tell(f"payout.{payout.status}", payout=_payout(payout))

    def _tell(self, kind: str, **entities: Mapping[str, Any]) -> None:
        body = {
            "entity": "event", "account_id": "acc_standin", "event": kind, "contains": list(entities),
            "payload": {name: {"entity": entity} for name, entity in entities.items()},
            "created_at": int(self.world.now()),
        }  # fmt: skip
        self.world.owe(kind, json.dumps(body, separators=(",", ":")).encode())


def _order(order: Thing) -> dict[str, Any]:
    return {
        "id": order.id, "entity": "order", "amount": order.amount, "currency": "INR", "receipt": order.reference,
        "status": order.status, "created_at": int(order.made_at),
    }  # fmt: skip


def _payment(payment: Thing) -> dict[str, Any]:
    return {
        "id": payment.id, "entity": "payment", "amount": payment.amount, "currency": "INR", "status": payment.status,
        "order_id": payment.of, "method": "upi", "fee": payment.fee, "tax": payment.tax,
    }  # fmt: skip


def _refund(refund: Thing) -> dict[str, Any]:
    return {
        "id": refund.id, "entity": "refund", "amount": refund.amount, "currency": "INR", "payment_id": refund.of,
        "receipt": refund.reference, "status": refund.status,
    }  # fmt: skip


def _payout(payout: Thing) -> dict[str, Any]:
    utr = f"UTR{payout.id[-8:]}" if payout.status in ("processed", "reversed") else None
    return {
        "id": payout.id, "entity": "payout", "amount": payout.amount, "currency": "INR", "status": payout.status,
        "reference_id": payout.reference, "utr": utr,
    }  # fmt: skip
