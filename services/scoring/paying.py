"""Pay-outs that were ordered go to the wallet, a page of a contest at a time, and what the wallet says settles them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import metrics, outbox
from services.common.clock import Clock
from services.common.outbox import Message
from services.common.outside import NotDone, Once, OutsideCall, Refused, Try, Unknown
from services.scoring import prizes_repository
from services.scoring.prizes_repository import Order
from services.scoring.wallet import SECONDS, Answer, Paid, Wallet, open_wallet

#: The outbox task that has the wallet pay a page of a contest's prizes.
PAY = "scoring.pay"

#: So many prizes are asked for at once: the wallet posts them in one statement, well within its time.
AT_ONCE = 500

#: So many times the wallet is asked about a page that it refuses as a whole, and not after its time for one answer is over.
CALLS = 64

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
    timeout = timedelta(seconds=2 * SECONDS + 5)

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Sequence[Order] | None:
        """The next page of what is to be paid; noted as sent before anybody is asked."""
        contest, after = UUID(message.payload["contest"]), UUID(message.payload["after"])
        return await prizes_repository.send(session, contest, after, AT_ONCE) or None

    async def call(self, wanted: Try[Sequence[Order]]) -> Answer:
        """Have the wallet pay."""
        return await by_halves((await self.wallet()).pay, wanted.request)

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: Sequence[Order], outcome: Answer | Refused
    ) -> None:
        """Note what was paid and what was refused; go on with what is left of the page, or with the next."""
        assert isinstance(outcome, Answer), "what is refused is a line"
        contest = request[0].contest
        await prizes_repository.settle(session, outcome.paid, outcome.refused)
        if outcome.refused:
            fields = {
                "contest": str(contest),
                "lines": len(outcome.refused),
                "code": next(iter(outcome.refused.values())),
            }
            log.error("the wallet refuses prizes", extra={**fields, "runbook": "scoring-prizes"})
        metrics.emit(PrizesPaid=(len(outcome.paid), "Count"))
        settled = {each.id for each in outcome.paid} | outcome.refused.keys()
        if len(request) == AT_ONCE or len(settled) < len(request):
            await outbox.enqueue(session, PAY, page(contest, max(settled)))


async def by_halves(pay: Callable[[Sequence[Order]], Awaitable[Answer]], orders: Sequence[Order]) -> Answer:
    """Have orders paid. What is refused as a whole is asked for by halves, with the same ids, down to the lines that are meant.

    The answer may be about the first of the orders alone: the rest is to be asked for again. Raises what `pay` raises, and
    Unknown, where nothing is known of any.
    """
    paid: list[Paid] = []
    refused: dict[UUID, str] = {}
    waiting, calls = [orders], 0
    loop = asyncio.get_running_loop()
    until = loop.time() + SECONDS
    while waiting and calls < CALLS and loop.time() < until:
        part = waiting.pop()
        calls += 1
        try:
            answer = await pay(part)
        except Refused as refusal:
            if len(part) == 1:
                refused[part[0].id] = refusal.code[:80]
            else:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
        except (NotDone, Unknown):
            if not paid and not refused:
                raise
            log.warning("the wallet stopped answering within a page", exc_info=True)
            break
        else:
            paid += answer.paid
            refused |= answer.refused
    if not paid and not refused:
        raise Unknown("refused as a whole, and no time is left to ask line by line")
    return Answer(paid, refused)


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
