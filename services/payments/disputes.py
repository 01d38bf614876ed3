"""Disputes: a payer's bank questions a payment. It is frozen, its amount is held in the wallet, then released or taken.

A webhook is taken at its word, as there is nothing to ask. Nothing here commits.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.money import Paise
from services.common.outbox import Message
from services.common.outside import NotDone, Refused, Try
from services.payments import repository
from services.payments.models import Dispute, Webhook
from services.payments.outside import Reach
from services.payments.providers.port import DisputeOutcome, ProviderName, WebhookEvent
from services.payments.states import DepositState

#: Outbox task: have the wallet do what a dispute's status asks for.
SETTLE = "payments.settle_dispute"

#: Of the holds' ids, which follow from the disputes'.
_HOLDS = UUID("6d617463-6864-5179-8000-646973707574")

Act = Literal["held", "released", "taken"]

#: Of news of one stage the later: who tells us first that it was won tells us of its beginning no more.
_ORDER = (DisputeOutcome.OPEN, DisputeOutcome.WON, DisputeOutcome.LOST)

_ACTS: Mapping[DisputeOutcome, Act] = {
    DisputeOutcome.OPEN: "held",
    DisputeOutcome.WON: "released",
    DisputeOutcome.LOST: "taken",
}

log = logging.getLogger(__name__)


async def take(session: AsyncSession, webhook: Webhook, event: WebhookEvent) -> bool:
    """A dispute, or how it stands now; False where its payment is not known. What is older than what is known changes nothing.

    It freezes its payment, and so every payout of its player's, until all of them are won.
    """
    payment = await repository.payment(session, webhook.provider, event.payment, lock=True)
    if payment is None or not event.dispute:
        return False
    status, found = event.outcome, await repository.dispute(session, webhook.provider, event.dispute, lock=True)
    if found is None:
        found = Dispute(
            provider=webhook.provider, id=event.dispute, payment=payment.id, amount=Paise(event.amount), status=status,
            stage=event.stage, wallet="",
        )  # fmt: skip
        await repository.add(session, found)
    elif (event.stage, _ORDER.index(status)) <= (found.stage, _ORDER.index(DisputeOutcome(found.status))):
        return True
    found.stage, found.status = event.stage, status
    payment.frozen = await repository.unwon_disputes(session, webhook.provider, payment.id) > 0
    await outbox.enqueue(session, SETTLE, {"provider": webhook.provider, "dispute": event.dispute})
    fields = {"provider": webhook.provider, "payment": payment.id, "dispute": event.dispute, "status": status}
    if status is not DisputeOutcome.WON:
        log.error("a payment is disputed", extra={**fields, "runbook": "payments-dispute"})
    return True


@dataclass(frozen=True)
class _Disputed:
    """A dispute, and what the wallet shall do for it."""

    provider: ProviderName
    dispute: str
    act: Act
    hold: UUID
    deposit: UUID
    player: UUID
    amount: Paise
    stage: int
    credited: bool


class SettleDispute:
    """Have the wallet hold, release or take."""

    timeout = timedelta(seconds=15)

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> _Disputed | None:
        """What is to be done; nothing if it was, or the money is not the player's: a surplus goes back anyhow."""
        provider, name = message.payload["provider"], message.payload["dispute"]
        found = await repository.dispute(session, provider, name, lock=True)
        payment = await repository.payment(session, provider, found.payment) if found else None
        if found is None or payment is None or payment.role != "credit":
            return None
        act = _ACTS[DisputeOutcome(found.status)]
        if found.wallet == "released" and act != "released" and found.stage > (found.released_in or 0):
            found.wallet = ""  # it goes on at a later stage: what there is is held anew
        if found.wallet in ("released", "taken") and act != found.wallet:
            fields = {"provider": provider, "dispute": name, "status": found.status, "wallet": found.wallet}
            log.critical("a dispute goes on that had ended", extra={**fields, "runbook": "payments-dispute"})
        if found.wallet in (act, "released", "taken"):
            return None
        deposit = await repository.deposit(session, payment.deposit_id)
        assert deposit is not None, "foreign keys hold"
        hold = f"{provider} {name}" if found.released_in is None else f"{provider} {name} {found.released_in}"
        return _Disputed(
            provider=provider, dispute=name, act=act, hold=uuid5(_HOLDS, hold), deposit=deposit.id,
            player=deposit.player_id, amount=Paise(min(found.amount, payment.amount)), stage=found.stage,
            credited=deposit.state == DepositState.CREDITED,
        )  # fmt: skip

    async def call(self, wanted: Try[_Disputed]) -> Paise:
        """Do it, and what came before it; what of the amount nobody could be made to pay. No answer: the outbox tries again."""
        disputed, wallet = wanted.request, (await self._reach()).wallet
        if not disputed.credited:
            raise NotDone("the deposit is not credited yet")
        await wallet.hold_dispute(disputed.hold, disputed.player, disputed.amount)
        if disputed.act == "released":
            await wallet.release_dispute(disputed.hold)
        if disputed.act == "taken":
            return await wallet.take_dispute(disputed.hold, disputed.deposit, disputed.amount, disputed.provider)
        return Paise(0)

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: _Disputed, outcome: Paise | Refused
    ) -> None:
        """The wallet knows. Its refusal, and what is missing, are matters for a person."""
        fields = {"provider": request.provider, "dispute": request.dispute}
        if isinstance(outcome, Refused):
            log.critical(
                "the wallet refuses what a dispute asks for",
                extra={**fields, "code": outcome.code, "runbook": "payments-dispute"},
            )
            return
        if outcome > 0:
            log.critical(
                "a lost dispute took more than the player had",
                extra={**fields, "missing": outcome, "runbook": "payments-dispute"},
            )
        found = await repository.dispute(session, request.provider, request.dispute, lock=True)
        assert found is not None, "rows are never deleted"
        if found.wallet not in ("released", "taken"):
            found.wallet = request.act
            if request.act == "released":
                found.released_in = request.stage
        if _ACTS[DisputeOutcome(found.status)] != found.wallet:  # it went on meanwhile
            await outbox.enqueue(session, SETTLE, dict(message.payload))
