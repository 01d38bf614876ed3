"""What stand-ins share: faults around a call, signed webhooks with the provider's retries, a bank that players pay at."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from localcloud.partners.wire import Answer, PartnerCall, Wire
from localcloud.partners.world import Fault, Owed, Thing, World

#: How a fault is sent, where it is not by what the answer says.
_WIRES = {
    Fault.REFUSED: Wire.RESET,
    Fault.SILENT_BEFORE: Wire.SILENT,
    Fault.SILENT_AFTER: Wire.SILENT,
    Fault.RESET_AFTER: Wire.RESET,
    Fault.HALF_AFTER: Wire.HALF,
    Fault.SLOW_AFTER: Wire.SLOW,
}

#: Delivers a webhook: its headers and body to the platform; the status of the answer, 0 where there was none.
Deliver = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]


class Refusal(Exception):
    """The provider says no."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


def answered(
    world: World, request: PartnerCall, dispatch: Callable[[PartnerCall], Answer], error: Callable[[Refusal], Answer]
) -> Answer:
    """What a provider answers, or how it fails as the scenario has it."""
    fault = world.fault()
    if fault is Fault.LIMITED:
        return error(Refusal(429, "rate_limited"))
    answer = Answer(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", {"Content-Type": "text/html"})
    if fault.has_effect:
        try:
            done = dispatch(request)
        except Refusal as refusal:
            done = error(refusal)
        except (KeyError, ValueError, TypeError, AttributeError):
            done = error(Refusal(400, "bad_request"))
        if fault is Fault.HTML_AFTER:
            return replace(answer, status=200)
        if fault is not Fault.ERROR_AFTER:
            answer = done
    return replace(answer, wire=_WIRES.get(fault, Wire.WHOLE))


class StandIn(ABC):
    """One provider."""

    #: Seconds after which a webhook that was not taken is sent again.
    retries: ClassVar[Sequence[float]]

    def __init__(self, world: World) -> None:
        self.world = world

    async def handle(self, request: PartnerCall) -> Answer:
        """Answer a call, or fail as the scenario has it."""
        return answered(self.world, request, self.dispatch, self.error)

    @abstractmethod
    def dispatch(self, request: PartnerCall) -> Answer:
        """Do what is asked. Raises Refusal."""

    @abstractmethod
    def error(self, refusal: Refusal) -> Answer:
        """A refusal as the provider spells it."""

    @abstractmethod
    def headers(self, owed: Owed) -> Mapping[str, str]:
        """The signed headers of a webhook."""

    @abstractmethod
    def pay(self, order: str, amount: int | None = None) -> str:
        """A player pays an order at his bank: the payment's id. Raises Refusal."""

    @abstractmethod
    def refund_ended(self, refund: Thing) -> None:
        """Tell how a refund ended."""

    @abstractmethod
    def payout_ended(self, payout: Thing) -> None:
        """Tell how a payout ended, or that it came back."""

    def step(self) -> None:
        """Let time do its work: what was taken on ends, and what is to come back comes back one step later."""
        for refund in self.world.refunds.values():
            if refund.status == "pending":
                refund.status = "failed" if refund.fails else "processed"
                self.refund_ended(refund)
        for payout in self.world.payouts.values():
            if payout.status == "processed" and payout.comes_back:
                payout.status = "reversed"
                self.payout_ended(payout)
            if payout.status == "processing":
                payout.status = "failed" if payout.fails else "processed"
                self.payout_ended(payout)

    async def deliver(self, send: Deliver) -> int:
        """Deliver the webhooks that are due; one that is not taken is due again later. How many were tried."""
        due = [owed for owed in self.world.owed if owed.due <= self.world.now()]
        self.world.owed = [owed for owed in self.world.owed if owed.due > self.world.now()]
        for owed in heapq.nsmallest(len(due), due, key=lambda each: each.due):
            status = await send(self.world.name, self.headers(owed), owed.body)
            if not 200 <= status < 300 and owed.tries < len(self.retries):
                again = self.world.now() + self.retries[owed.tries]
                self.world.owed.append(replace(owed, due=again, tries=owed.tries + 1))
        return len(due)


def required(document: Any, name: str, kind: type) -> Any:
    """A field of a request. Raises Refusal."""
    value = document.get(name) if isinstance(document, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Refusal(400, f"{name}_invalid")
    return value
