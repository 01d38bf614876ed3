"""Each day's pay-outs beside the wallet's postings, from both sides: a line without a posting, a posting without a line."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.outbox import Message
from services.common.outside import Once, OutsideCall, Refused, Try
from services.scoring import prizes_repository
from services.scoring.wallet import Posting, Wallet, open_wallet

#: The outbox task that compares a day.
COMPARE = "scoring.compare_day"

#: So many differences are kept of a day; all are counted.
KEPT = 200

log = logging.getLogger(__name__)


@dataclass
class Compare(OutsideCall[date, Sequence[Posting]]):
    """The wallet's postings of a day (UTC) are read, then compared in one statement."""

    wallet: Once[Wallet] = field(default_factory=lambda: Once(open_wallet))
    timeout = timedelta(seconds=90)

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> date:
        """The day."""
        return date.fromisoformat(message.payload["day"])

    async def call(self, wanted: Try[date]) -> Sequence[Posting]:
        """Read what was paid."""
        return await (await self.wallet()).paid(*_bounds(wanted.request))

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: date, outcome: Sequence[Posting] | Refused
    ) -> None:
        """Compare, and keep what differs."""
        if isinstance(outcome, Refused):
            log.error("prizes are not compared", extra={"code": outcome.code, "runbook": "scoring-prizes"})
            return
        found = await prizes_repository.compare(session, outcome, *_bounds(request), KEPT)
        await prizes_repository.keep_report(session, request, found | {"compared_at": clock.now()})
        if found["differences"]:
            fields = {"day": request.isoformat(), "differences": found["differences"], "runbook": "scoring-prizes"}
            log.error("prizes and the wallet's postings differ", extra=fields)


async def order(session: AsyncSession, day: date) -> None:
    """Have a day compared."""
    await outbox.enqueue(session, COMPARE, {"day": day.isoformat()})


def _bounds(day: date) -> tuple[datetime, datetime]:
    begins = datetime.combine(day, time(), UTC)
    return begins, begins + timedelta(days=1)
