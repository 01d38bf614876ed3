"""Evidence that nothing of the ledger was changed later: a hash chain over what was posted, and daily trial balances.

python -m services.wallet.chain    verifies the whole chain of $SERVICE's database; exit code 1 where it is broken
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.clock import Clock
from services.common.database import create_engine, create_sessions
from services.common.settings import AppDatabaseSettings, load
from services.wallet import controls_repository as repository
from services.wallet.tax import IST

#: Transactions of one block.
MOST = 5000

#: Blocks that one run of the job verifies: the newest, and as many drawn from all.
NEWEST, DRAWN = 20, 20

log = logging.getLogger(__name__)


async def verify_some(session: AsyncSession) -> None:
    """Verify the newest blocks and some others; a break calls a person."""
    last = await repository.newest_block(session)
    broken = set(await repository.broken_blocks(session, max(1, last - NEWEST), last))
    for number in random.sample(range(1, last + 1), min(DRAWN, last)):
        broken |= set(await repository.broken_blocks(session, number, number))
    await _report(session, broken)


async def _report(session: AsyncSession, broken: set[int]) -> bool:
    unsealed = await repository.unsealed(session)
    if broken or unsealed:
        fields = {"blocks": sorted(broken)[:20], "unsealed": [str(each) for each in unsealed]}
        log.critical("the ledger is not what was sealed", extra={**fields, "runbook": "wallet-ledger-discrepancy"})
    return not broken and not unsealed


async def verify(session: AsyncSession) -> bool:
    """Verify the whole chain."""
    last, broken = await repository.newest_block(session), set[int]()
    for first in range(1, last + 1, 100):
        broken |= set(await repository.broken_blocks(session, first, min(first + 99, last)))
    return await _report(session, broken)


async def take_trial_balance(session: AsyncSession, clock: Clock) -> None:
    """Make the trial balance of the day that has ended, by India's clock; it sums to zero in each currency."""
    day = (clock.now().astimezone(IST) - timedelta(days=1)).date()
    newest = await repository.newest_trial(session)
    if newest is not None and newest >= day:
        return
    since = None if newest is None else datetime(newest.year, newest.month, newest.day, tzinfo=IST) + timedelta(days=1)
    until = datetime(day.year, day.month, day.day, tzinfo=IST) + timedelta(days=1)
    sums = await repository.take_trial(session, day, since, until)
    if any(sums.values()):
        fields = {"day": day.isoformat(), "sums": sums}
        log.critical("the trial balance does not sum to zero", extra={**fields, "runbook": "wallet-ledger-discrepancy"})


async def _main() -> int:
    engine = create_engine(load(AppDatabaseSettings), "wallet-verify", limits=False, connections=1)
    async with create_sessions(engine)() as session:
        good = await verify(session)
        blocks = await repository.newest_block(session)
    await engine.dispose()
    sys.stdout.write(f"{blocks} blocks: {'as sealed' if good else 'BROKEN'}\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
