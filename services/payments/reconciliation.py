"""The daily three-way reconciliation: a provider's settlement report, our records, the ledger. Nothing here commits."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.ids import uuid7
from services.common.money import Paise
from services.common.outbox import Message
from services.common.outside import Refused, Try
from services.payments import reports_repository
from services.payments.outside import Reach
from services.payments.providers.port import ProviderName, SettlementLine
from services.payments.wallet import Credit

#: Outbox tasks: fetch a day's report; compare it with our records and the ledger; book what was settled.
FETCH, COMPARE, BOOK = "payments.fetch_report", "payments.compare_report", "payments.book_settlement"

PROVIDERS: tuple[ProviderName, ...] = ("razorpay", "cashfree")

#: What is older than this has to be in a report: settlement takes up to three working days.
LATE = timedelta(days=6)

#: A report of a day that is so long ago gets no more lines, and is booked.
COMPLETE = timedelta(days=2)

#: Discrepancies that a report names.
SHOWN = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Day:
    """One provider's report of one day."""

    provider: ProviderName
    day: date

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Day:
        """From a message."""
        return cls(payload["provider"], date.fromisoformat(payload["day"]))

    @property
    def payload(self) -> dict[str, Any]:
        """For a message."""
        return {"provider": self.provider, "day": self.day.isoformat()}


async def order_reports(session: AsyncSession, day: date) -> None:
    """Have the reports of `day` fetched; again changes nothing."""
    for provider in PROVIDERS:
        await outbox.enqueue(session, FETCH, Day(provider, day).payload)


class FetchReport:
    """Fetch a provider's report; without an answer the outbox asks again."""

    timeout = timedelta(seconds=60)

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Day:
        """Which report."""
        return Day.of(message.payload)

    async def call(self, wanted: Try[Day]) -> Sequence[SettlementLine]:
        """The lines."""
        return await (await self._reach()).providers[wanted.request.provider].settlements(wanted.request.day)

    async def settle(
        self,
        session: AsyncSession,
        clock: Clock,
        message: Message,
        request: Day,
        outcome: Sequence[SettlementLine] | Refused,
    ) -> None:
        """Keep them, and have them compared."""
        if isinstance(outcome, Refused):
            fields = {**request.payload, "code": outcome.code}
            log.error("a provider refuses its report", extra={**fields, "runbook": "payments-reconciliation"})
            return
        await reports_repository.keep_lines(session, request.provider, request.day, outcome)
        await outbox.enqueue(session, COMPARE, request.payload)


_Compared = tuple[Day, Sequence[Credit]]


class CompareReport:
    """Compare the three books of a day."""

    timeout = timedelta(seconds=30)

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> _Compared:
        """What the wallet should have."""
        day = Day.of(message.payload)
        rows = await reports_repository.credited_on(session, day.provider, day.day)
        return day, [Credit(deposit, player, amount, day.provider) for deposit, player, amount in rows]

    async def call(self, wanted: Try[_Compared]) -> Sequence[UUID]:
        """What the wallet does not have like that."""
        wallet, expected = (await self._reach()).wallet, wanted.request[1]
        found: list[UUID] = []
        for start in range(0, len(expected), 250):
            found += await wallet.missing(expected[start : start + 250])
        return found

    async def settle(
        self,
        session: AsyncSession,
        clock: Clock,
        message: Message,
        request: _Compared,
        outcome: Sequence[UUID] | Refused,
    ) -> None:
        """Keep the report; what differs calls a person. What was settled is booked once no line is to come."""
        day, _ = request
        found = await reports_repository.differences(session, day.provider, day.day, clock.now() - LATE)
        if isinstance(outcome, Refused):
            found.append({"kind": "ledger_not_read", "id": outcome.code, "theirs": None, "ours": None})
        else:
            found += [{"kind": "ledger_differs", "id": str(each), "theirs": None, "ours": None} for each in outcome]
        lines, fees, taxes = await reports_repository.charges(session, day.provider, day.day)
        values = {"id": uuid7(), "provider": day.provider, "day": day.day, "lines": lines, "fees": fees, "taxes": taxes}
        await reports_repository.keep_report(
            session, {**values, "discrepancies": [_plain(each) for each in found[:SHOWN]]}
        )
        fields = {**day.payload, "lines": lines, "discrepancies": len(found)}
        if found:
            log.critical("payments do not reconcile", extra={**fields, "runbook": "payments-reconciliation"})
        else:
            log.info("payments reconciled", extra=fields)
        if lines and day.day <= clock.now().date() - COMPLETE:
            await outbox.enqueue(session, BOOK, day.payload)


_Booked = tuple[Day, Paise, Paise]


class BookSettlement:
    """Have the wallet book what a provider paid to our bank, and what it kept."""

    timeout = timedelta(seconds=20)

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> _Booked | None:
        """How much, and of that how much it kept; nothing if it is booked."""
        day = Day.of(message.payload)
        report = await reports_repository.report(session, day.provider, day.day)
        if report is None or report.booked:
            return None
        gross = await reports_repository.gross(session, day.provider, day.day)
        return day, Paise(gross - report.fees), report.fees

    async def call(self, wanted: Try[_Booked]) -> None:
        """Book it; whatever is no answer is tried again by the outbox."""
        day, net, charges = wanted.request
        await (await self._reach()).wallet.settle(day.provider, day.day, net, charges)

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: _Booked, outcome: Refused | None
    ) -> None:
        """It is booked. A refusal is a matter for a person."""
        day, *_ = request
        report = await reports_repository.report(session, day.provider, day.day, lock=True)
        assert report is not None, "reports are never deleted"
        if isinstance(outcome, Refused):
            fields = {**day.payload, "code": outcome.code}
            log.error("the wallet refuses a day's settlement", extra={**fields, "runbook": "payments-reconciliation"})
            return
        report.booked = True


def _plain(difference: Mapping[str, Any]) -> dict[str, Any]:
    """A difference as JSON holds it."""
    return {name: value if value is None else int(value) if name in ("theirs", "ours") else str(value)
            for name, value in difference.items()}  # fmt: skip
