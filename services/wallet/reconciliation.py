"""The reconciliation: the ledger is recomputed from its entries and compared with what is stored."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import metrics
from services.common.clock import Clock
from services.common.ids import uuid7
from services.wallet import checks_repository, repository
from services.wallet.models import ReconciliationReport

#: How many discrepancies of each kind a report names.
SHOWN = 20

#: All entries are read so often, and after a report that found something; in between those since the report before.
FULL_EVERY = timedelta(hours=1)

#: An entry is as old as its statement's beginning and seen when it commits: so much from before the report is read again.
LATE_COMMITS = timedelta(minutes=15)

#: Clean reports are kept this long, others for ever.
KEPT = timedelta(days=7)

log = logging.getLogger(__name__)


async def _since(session: AsyncSession, clock: Clock) -> datetime | None:
    """From when on entries are to be read; None: all of them."""
    newest, full = await repository.newest_report(session), await repository.newest_report(session, full=True)
    if newest is None or full is None or newest.discrepancies or clock.now() - full.created_at >= FULL_EVERY:
        return None
    return newest.created_at - LATE_COMMITS


async def reconcile(session: AsyncSession, clock: Clock) -> ReconciliationReport | None:
    """Compare in one snapshot and store a report; None if another reconciliation is under way.

    What is checked stands in `checks_repository`: all entries every hour, in between those since the report before.
    """
    if not await repository.one_snapshot(session):
        return None
    since = await _since(session, clock)
    if since is None:
        accounts, entries = await repository.totals(session)
    else:
        accounts, entries = await checks_repository.recent_totals(session, since)
    found = await checks_repository.found(session, SHOWN, since)
    report = ReconciliationReport(
        id=uuid7(), created_at=clock.now(), accounts=accounts, entries=entries, discrepancies=found, full=since is None
    )
    await repository.add_report(session, report)
    await repository.forget_reports(session, clock.now() - KEPT)
    fields = {"accounts": accounts, "entries": entries, "discrepancies": len(found)}
    metrics.emit(
        LedgerAccounts=(accounts, "Count"), LedgerEntries=(entries, "Count"), LedgerDiscrepancies=(len(found), "Count")
    )
    if found:
        log.critical("ledger does not reconcile", extra={**fields, "runbook": "wallet-ledger-discrepancy"})
    else:
        log.info("ledger reconciled", extra=fields)
    return report
