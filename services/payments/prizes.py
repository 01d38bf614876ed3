"""Prizes of a contest: paid into wallets line by line; ordered again, what is missing is done. Nothing here commits."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.outbox import Message
from services.common.outside import Refused, Try
from services.payments import repository
from services.payments.errors import PaymentsCode
from services.payments.models import Prize
from services.payments.outside import Reach
from services.payments.schemas import PrizesRequest, PrizesView
from services.payments.states import PRIZES, PrizeState, moves

#: Outbox task: have the wallet pay a line.
PAY = "payments.pay_prize"

log = logging.getLogger(__name__)


async def order(session: AsyncSession, contest: UUID, wanted: PrizesRequest) -> PrizesView:
    """Order lines, each once, all or none of this request's. Raises ServiceError (prizes_differ)."""
    rows = [
        {
            "contest_id": contest, "line": line.line, "player_id": line.player, "amount": line.amount,
            "state": PrizeState.ORDERED.value, "reason": "",
        }
        for line in wanted.lines
    ]  # fmt: skip
    if len({line.line for line in wanted.lines}) < len(rows):
        raise ServiceError(PaymentsCode.PRIZES_DIFFER, "A line is there twice.")
    new = await repository.order_prizes(session, rows)
    known = {prize.line: prize for prize in await repository.prizes_of(session, contest)}
    for line in wanted.lines:
        if (known[line.line].player_id, known[line.line].amount) != (line.player, line.amount):
            raise ServiceError(PaymentsCode.PRIZES_DIFFER, "A line was ordered for another player or amount before.")
    for name in sorted(new):
        await outbox.enqueue(session, PAY, {"contest": str(contest), "line": name})
    return await progress(session, contest)


async def progress(session: AsyncSession, contest: UUID) -> PrizesView:
    """How far a contest's prizes are."""
    lines = await repository.prizes_of(session, contest)
    return PrizesView(
        contest=contest,
        ordered=sum(line.state == PrizeState.ORDERED for line in lines),
        paid=sum(line.state == PrizeState.PAID for line in lines),
        declined=[line.line for line in lines if line.state == PrizeState.DECLINED],
    )


class PayPrize:
    """Have the wallet pay a line."""

    timeout = timedelta(seconds=10)

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Prize | None:
        """The line; nothing if it was paid."""
        found = await repository.prize(session, UUID(message.payload["contest"]), message.payload["line"])
        return found if found is not None and found.state == PrizeState.ORDERED else None

    async def call(self, wanted: Try[Prize]) -> None:
        """Pay it; whatever is no answer is tried again by the outbox."""
        prize = wanted.request
        await (await self._reach()).wallet.pay_prize(prize.contest_id, prize.line, prize.player_id, prize.amount)

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: Prize, outcome: Refused | None
    ) -> None:
        """It is paid, or a person has to look why not."""
        prize = await repository.prize(session, request.contest_id, request.line, lock=True)
        assert prize is not None, "rows are never deleted"
        to = PrizeState.DECLINED if isinstance(outcome, Refused) else PrizeState.PAID
        if moves(PRIZES, PrizeState(prize.state), to):
            prize.state = to
            if isinstance(outcome, Refused):
                prize.reason = outcome.code[:200]
                fields = {"contest": str(prize.contest_id), "line": prize.line, "code": outcome.code}
                log.error("the wallet refuses a prize", extra={**fields, "runbook": "payments-stuck"})
