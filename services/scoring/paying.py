"""Pay-outs that were ordered go to the wallet, a page of a contest at a time, and what the wallet says settles them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import metrics, outbox
from services.common.clock import Clock
from services.common.outbox import Message
from services.common.outside import Once, OutsideCall, Refused, Try
from services.scoring import prizes_repository
from services.scoring.prizes_repository import Order
from services.scoring.wallet import SECONDS, Answer, Wallet, open_wallet

#: The outbox task that has the wallet pay a page of a contest's prizes.
PAY = "scoring.pay"

#: So many prizes are asked for at once: the wallet posts them in one statement, well within its time.
AT_ONCE = 500

#: When somebody looks why a pay-out is not paid, and asks again.
DUE = timedelta(minutes=15)

#: So many that are overdue are looked at in a minute.
_OVERDUE_AT_ONCE = 5000

_FIRST = UUID(int=0)

log = logging.getLogger(__name__)


@dataclass
class Pay(OutsideCall[Sequence[Order], Answer]):
    """The call to the wallet. What has no answer is asked for again with the same ids: the wallet posts each once."""

    wallet: Once[Wallet] = field(default_factory=lambda: Once(open_wallet))
    timeout = timedelta(seconds=SECONDS + 5)

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Sequence[Order] | None:
        """The next page of what is to be paid; noted as sent before anybody is asked."""
        contest, after = UUID(message.payload["contest"]), UUID(message.payload["after"])
        return await prizes_repository.send(session, contest, after, AT_ONCE) or None

    async def call(self, wanted: Try[Sequence[Order]]) -> Answer:
        """Have the wallet pay."""
        return await (await self.wallet()).pay(wanted.request)

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: Sequence[Order], outcome: Answer | Refused
    ) -> None:
        """Note what was paid and what was refused; go on with the next page."""
        contest = request[0].contest
        if isinstance(outcome, Refused):
            outcome = Answer((), {order.id: outcome.code[:80] for order in request})
        await prizes_repository.settle(session, outcome.paid, outcome.refused)
        if outcome.refused:
            fields = {
                "contest": str(contest),
                "lines": len(outcome.refused),
                "code": next(iter(outcome.refused.values())),
            }
            log.error("the wallet refuses prizes", extra={**fields, "runbook": "scoring-prizes"})
        metrics.emit(PrizesPaid=(len(outcome.paid), "Count"))
        if len(request) == AT_ONCE:
            await outbox.enqueue(session, PAY, page(contest, request[-1].id))


def page(contest: UUID, after: UUID = _FIRST) -> dict[str, Any]:
    """What the task is told: which contest, and the last pay-out of the page before."""
    return {"contest": str(contest), "after": str(after)}


async def look(session: AsyncSession, clock: Clock) -> None:
    """Ask again for what should be paid by now, and say that it is not: the outbox may have given up."""
    now = clock.now()
    for contest, lines in await prizes_repository.overdue(session, now, now + DUE, _OVERDUE_AT_ONCE):
        fields = {"contest": str(contest), "lines": lines}
        log.error("prizes are not paid yet", extra={**fields, "runbook": "scoring-prizes"})
        await outbox.enqueue(session, PAY, page(contest))
