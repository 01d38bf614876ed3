"""The janitor: asks again about what has no end yet, by published schedules, and says what is stuck beyond them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import metrics, outbox
from services.payments import deposits, payouts, refunds, repository

_M, _H, _D = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

#: Subject → the pause after each look until the next. When they are used up, a person looks (README, "Schedules").
SCHEDULES: Mapping[str, Sequence[timedelta]] = {
    "attempt": (2 * _M, 3 * _M, 5 * _M, 10 * _M, 15 * _M, 30 * _M, _H, 3 * _H, 6 * _H, 12 * _H, _D, _D, _D),
    "refund": (10 * _M, 30 * _M, _H, 6 * _H, *[_D] * 14),  # a normal refund takes 5 to 7 working days
    "payout": (5 * _M, 10 * _M, 15 * _M, 30 * _M, _H, 2 * _H, 6 * _H, *[_D] * 7),
}

_TASKS = {"attempt": deposits.LOOK, "refund": refunds.SEND, "payout": payouts.SEND}

#: So many of each kind in a round: providers limit the rate (Cashfree: 30 looks at refunds a minute).
MOST = {"attempt": 200, "refund": 25, "payout": 100}

#: How long the wallet may take with what a provider has settled.
WALLET_PATIENCE = timedelta(minutes=15)

log = logging.getLogger(__name__)


async def look_again(session: AsyncSession) -> int:
    """Have providers asked about what is due; how many."""
    asked = 0
    for kind, schedule in SCHEDULES.items():
        for subject, _, _ in await repository.due(session, kind, schedule, MOST[kind]):
            await outbox.enqueue(session, _TASKS[kind], {kind: str(subject)})
            asked += 1
    return asked


async def report_stuck(session: AsyncSession) -> Mapping[str, int]:
    """Say what is beyond its schedule: of each kind how many."""
    stuck = await repository.overdue(session, WALLET_PATIENCE)
    # A minute without a deposit is a zero, and not silence: an alarm learns from it what is usual.
    metrics.emit(PaymentsStuck=(float(sum(stuck.values())), "Count"), DepositsCredited=(0, "Count"))
    if stuck:
        log.error("money is stuck", extra={**stuck, "runbook": "payments-stuck"})
    return stuck
