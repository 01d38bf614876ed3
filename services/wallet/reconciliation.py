"""The reconciliation: the ledger is recomputed from its entries and compared with what is stored."""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.clock import Clock
from services.common.ids import uuid7
from services.wallet import repository
from services.wallet.models import ReconciliationReport

#: How many discrepancies of each kind a report names.
SHOWN = 20

#: Clean reports are kept this long, others for ever.
KEPT = timedelta(days=7)

log = logging.getLogger(__name__)


async def reconcile(session: AsyncSession, clock: Clock) -> ReconciliationReport | None:
    """Compare in one snapshot and store a report; None if another reconciliation is under way.

    Checked: every balance is the sum of its account's entries, which are numbered without a gap; every account with entries
    has a balance; every running balance follows
    from the one before; every transaction has entries that sum to zero; so do all entries together.
    """
    if not await repository.one_snapshot(session):
        return None
    accounts, entries, total = await repository.totals(session)
    found = [
        *await repository.wrong_balances(session, SHOWN),
        *await repository.entries_without_balance(session, SHOWN),
        *await repository.broken_chains(session, SHOWN),
        *await repository.unbalanced_transactions(session, SHOWN),
    ]
    if total:
        found.append({"kind": "total", "sum": total})
    report = ReconciliationReport(
        id=uuid7(), created_at=clock.now(), accounts=accounts, entries=entries, discrepancies=found
    )
    await repository.add_report(session, report)
    await repository.forget_reports(session, clock.now() - KEPT)
    fields = {"accounts": accounts, "entries": entries, "discrepancies": len(found)}
    if found:
        log.critical("ledger does not reconcile", extra={**fields, "runbook": "wallet-ledger-discrepancy"})
    else:
        log.info("ledger reconciled", extra=fields)
    return report
