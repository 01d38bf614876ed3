"""The reconciliation: the ledger is recomputed from its entries and compared with what is stored."""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.clock import Clock
from services.common.ids import uuid7
from services.wallet import checks_repository, repository
from services.wallet.models import ReconciliationReport

#: How many discrepancies of each kind a report names.
SHOWN = 20

#: Clean reports are kept this long, others for ever.
KEPT = timedelta(days=7)

log = logging.getLogger(__name__)


async def reconcile(session: AsyncSession, clock: Clock) -> ReconciliationReport | None:
    """Compare in one snapshot and store a report; None if another reconciliation is under way.

    What is checked stands in `checks_repository.CHECKS`.
    """
    if not await repository.one_snapshot(session):
        return None
    accounts, entries = await repository.totals(session)
    found = await checks_repository.found(session, SHOWN)
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
