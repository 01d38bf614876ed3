"""Payments' background work: providers are asked, the wallet is asked, webhooks worked off, books compared."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import idempotency, outbox
from services.common.clock import Clock
from services.common.jobs import Jobs
from services.payments import (
    crediting,
    deposits,
    disputes,
    downtimes,
    janitor,
    payouts,
    reconciliation,
    refunds,
    repository,
    webhooks,
)
from services.payments.outside import Reach
from services.payments.runtime import open_worker


def jobs_with(reach: Reach) -> Jobs:
    """The background work, with what it reaches outside; tests bring their own."""
    jobs = Jobs()
    jobs.on_messages(webhooks.WORK_OFF)(webhooks.WorkOff(reach))
    jobs.on_message_outside(deposits.LOOK, crediting.LookAtAttempt(reach))
    jobs.on_message_outside(deposits.CREDIT, crediting.CreditDeposit(reach))
    jobs.on_message_outside(refunds.TAKE, refunds.TakeRefund(reach))
    jobs.on_message_outside(refunds.SEND, refunds.SendRefund(reach))
    jobs.on_message_outside(refunds.UNDO, refunds.UndoRefund(reach))
    jobs.on_message_outside(payouts.HOLD, payouts.HoldPayout(reach))
    jobs.on_message_outside(payouts.SEND, payouts.SendPayout(reach))
    jobs.on_message_outside(payouts.SETTLE, payouts.SettlePayout(reach))
    jobs.on_message_outside(disputes.SETTLE, disputes.SettleDispute(reach))
    jobs.on_message_outside(reconciliation.FETCH, reconciliation.FetchReport(reach))
    jobs.on_message_outside(reconciliation.COMPARE, reconciliation.CompareReport(reach))
    jobs.on_message_outside(reconciliation.BOOK, reconciliation.BookSettlement(reach))
    jobs.on_message_outside(downtimes.ASK, downtimes.AskDowntime(reach))
    _schedule(jobs)
    return jobs


def _schedule(jobs: Jobs) -> None:
    @jobs.on_schedule("payments.look_again", "* * * * *", late_after=timedelta(minutes=10))
    async def look_again(session: AsyncSession, clock: Clock) -> None:
        """Every minute ask about what is due, and say what is stuck."""
        await janitor.look_again(session)
        await janitor.report_stuck(session)

    @jobs.on_schedule("payments.ask_downtimes", "* * * * *", late_after=timedelta(minutes=10))
    async def ask_downtimes(session: AsyncSession, clock: Clock) -> None:
        """Every minute ask each provider whether payments fail there."""
        for provider in reconciliation.PROVIDERS:
            await outbox.enqueue(session, downtimes.ASK, {"provider": provider})

    @jobs.on_schedule(
        "payments.order_reports", "23 */6 * * *", late_after=timedelta(hours=14), runbook="payments-reconciliation"
    )
    async def order_reports(session: AsyncSession, clock: Clock) -> None:
        """Every six hours fetch the reports of yesterday and the day before: a provider may be late with one."""
        for days in (1, 2):
            await reconciliation.order_reports(session, clock.now().date() - timedelta(days=days))

    @jobs.clean_up("payments.forget_webhooks", "17 3 * * *", late_after=timedelta(hours=26))
    async def forget_webhooks(session: AsyncSession, clock: Clock) -> int:
        """Nightly delete webhooks that were worked off long ago; strange ones stay."""
        return await repository.forget_webhooks(session, clock.now() - webhooks.KEPT)

    @jobs.clean_up("payments.forget_messages", "37 3 * * *", late_after=timedelta(hours=26))
    async def forget_messages(session: AsyncSession, clock: Clock) -> int:
        """Nightly delete messages that were done long ago."""
        return await outbox.forget(session)

    @jobs.clean_up("payments.forget_keys", "57 3 * * *", late_after=timedelta(hours=26))
    async def forget_keys(session: AsyncSession, clock: Clock) -> int:
        """Nightly delete idempotency keys that nobody may repeat any more."""
        return await idempotency.forget(session, clock.now())


jobs = jobs_with(Reach(open_worker))
