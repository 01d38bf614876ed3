"""Kyc's background work: what was handed in is checked, approvals end, late reviews are reported, what is known is erased."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import metrics, outbox
from services.common.clock import Clock
from services.common.jobs import Jobs
from services.common.outside import Once
from services.kyc import (
    confirmation,
    deciding,
    digilocker_flow,
    documents,
    notices,
    repository,
    retention,
    selfies,
    signing,
)
from services.kyc.checking import CHECK, Check, Toolbox, open_tools
from services.kyc.confirmation import CONFIRM, Confirm
from services.kyc.documents import DELETE, Deletion
from services.kyc.notices import Writers, open_writer
from services.kyc.providers import Providers, open_providers
from services.kyc.redigesting import REDIGEST, Redigest
from services.kyc.retention import AccountClosed
from services.kyc.selfies import SelfieCheck
from services.kyc.signature_query import AskForSignature
from services.kyc.signing_work import ConcludeAgreement, PrepareAgreement

log = logging.getLogger(__name__)


def jobs_with(toolbox: Toolbox, providers: Providers, writers: Writers) -> Jobs:
    """The background work, with what it reaches outside; tests bring their own."""
    jobs = Jobs(client="kyc-events")
    jobs.on_message_outside(CHECK, Check(toolbox))
    jobs.on_message_outside(selfies.CHECK, SelfieCheck(toolbox))
    jobs.on_message_outside(CONFIRM, Confirm(toolbox))
    jobs.on_message_outside(notices.NOTICE, notices.Notices(writers))
    jobs.on_message_outside(REDIGEST, Redigest(toolbox))
    jobs.on_message_outside(DELETE, Deletion(toolbox))
    jobs.on_message_outside(digilocker_flow.FETCH, digilocker_flow.Fetch(providers))
    jobs.on_message_outside(signing.PREPARE, PrepareAgreement(providers))
    jobs.on_message_outside(signing.CONCLUDE, ConcludeAgreement(providers))
    jobs.on_message_outside(signing.ASK, AskForSignature(providers))
    jobs.on_event("auth", "auth.account-closed", 1)(account_closed)
    _schedule(jobs)
    return jobs


async def account_closed(session: AsyncSession, clock: Clock, event: dict[str, Any]) -> None:
    """An account was closed: the law's time runs from now on."""
    await retention.close(session, AccountClosed.model_validate(event))


def _schedule(jobs: Jobs) -> None:
    @jobs.clean_up("kyc.expire", "*/15 * * * *", late_after=timedelta(minutes=60))
    async def expire(session: AsyncSession, clock: Clock) -> int:
        """End approvals that are too old."""
        return await deciding.expire(session, clock)

    @jobs.clean_up(
        "kyc.give_up_confirmations", "*/5 * * * *", late_after=timedelta(minutes=20), runbook="kyc-confirmation"
    )
    async def give_up_confirmations(session: AsyncSession, clock: Clock) -> int:
        """Have persons look at what no provider answered in time."""
        return await confirmation.give_up(session, clock)

    @jobs.clean_up("kyc.give_up_documents", "23 * * * *", late_after=timedelta(hours=3))
    async def give_up_documents(session: AsyncSession, clock: Clock) -> int:
        """Delete pictures that were announced and handed in with nothing, and what came of others when they were read; end ways
        to a provider that nobody came back from."""
        over = await digilocker_flow.give_up(session, clock) + await signing.give_up(session, clock)
        return over + await documents.give_up(session, clock) + await documents.sweep(session, clock)

    @jobs.on_schedule("kyc.report_overdue", "*/10 * * * *", late_after=timedelta(minutes=30), runbook="kyc-overdue")
    async def report_overdue(session: AsyncSession, clock: Clock) -> None:
        """Say how many reviews wait and how long, and that some are late."""
        count, seconds = await repository.waiting(session, clock.now())
        metrics.emit(ReviewsWaiting=(count, "Count"), ReviewsAge=(round(seconds), "Seconds"))
        late = await repository.overdue(session, clock.now())
        if late:
            log.error("reviews are late", extra={"late": late, "runbook": "kyc-overdue"})

    @jobs.clean_up("kyc.purge", "11 2 * * *", late_after=timedelta(hours=26), runbook="kyc-purge")
    async def purge(session: AsyncSession, clock: Clock) -> int:
        """Nightly tell who is erased in the next days, and erase what no law says to keep any longer."""
        return await notices.give(session, clock) + await retention.purge(session, clock)

    @jobs.on_schedule("kyc.redigest_documents", "17 3 * * *", late_after=timedelta(hours=26), runbook="kyc-digest-key")
    async def redigest_documents(session: AsyncSession, clock: Clock) -> None:
        """Nightly make digests anew that are by a secret which is going to end."""
        await outbox.enqueue(session, REDIGEST, {})

    @jobs.clean_up("kyc.forget_messages", "41 3 * * *", late_after=timedelta(hours=26))
    async def forget_messages(session: AsyncSession, clock: Clock) -> int:
        """Nightly delete messages that were done long ago."""
        return await outbox.forget(session)


jobs = jobs_with(Toolbox(open_tools), Providers(open_providers), Once(open_writer))
