"""Webhooks: kept and acknowledged at once, worked off by the worker. What they say is never believed, only asked about.

So it does not matter how often one comes, or after which other: it has a provider asked, and the answer takes effect once.
Only a dispute is taken at its word, as there is nothing to ask: it freezes, and staff see it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.ids import uuid7
from services.common.outbox import Message
from services.common.postgres import Transaction
from services.payments import deposits, disputes, payouts, refunds, repository, requests_repository
from services.payments.models import Webhook
from services.payments.outside import Reach
from services.payments.providers.port import ProviderName, Signed, Subject, WebhookEvent

#: Outbox task: work out what a webhook means.
WORK_OFF = "payments.work_off_webhook"

#: A webhook is no longer than this; more is no event of a provider's.
MAX_BYTES = 64 * 1024

#: How long webhooks are kept that were worked off.
KEPT = timedelta(days=90)

log = logging.getLogger(__name__)


async def keep(transaction: Transaction, provider: ProviderName, signed: Signed) -> None:
    """Keep a webhook whose signature is good, and have it worked off; one that is there changes nothing."""
    webhook = uuid7()
    if await requests_repository.keep_webhook(transaction, webhook, provider, signed.key, signed.body.decode()):
        await outbox.enqueue(transaction, WORK_OFF, {"webhook": str(webhook)})


class WorkOff:
    """Works off webhooks that come together."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def __call__(self, session: AsyncSession, clock: Clock, batch: Sequence[Message]) -> None:
        """Have asked what each is about, once for each subject of the batch."""
        providers = (await self._reach()).providers
        wanted: dict[tuple[str, str], None] = {}
        for message in batch:
            webhook = await repository.webhook(session, UUID(message.payload["webhook"]))
            if webhook is None:
                continue
            name: ProviderName = webhook.provider  # type: ignore[assignment] # the column holds these
            event = providers[name].read(json.loads(webhook.body))
            webhook.kind = event.kind
            found = await _follow(session, webhook, event)
            webhook.state = "strange" if found is None else "done"
            if found is None:
                fields = {"webhook": str(webhook.id), "provider": webhook.provider, "kind": event.kind}
                log.warning("a webhook of no known kind or subject", extra=fields)
            wanted |= dict.fromkeys(found or ())
        for task, subject in wanted:
            names = {deposits.LOOK: "attempt", refunds.SEND: "refund", payouts.SEND: "payout"}
            await outbox.enqueue(session, task, {names[task]: subject})


async def _follow(session: AsyncSession, webhook: Webhook, event: WebhookEvent) -> Sequence[tuple[str, str]] | None:
    """What to ask about: tasks with their subjects; None where the event, or what it is about, is not known here."""
    if event.subject is Subject.NOTHING:
        return ()
    if event.subject is Subject.ORDER:
        attempt = await repository.find_attempt(session, webhook.provider, event.order, event.payment)
        return None if attempt is None else [(deposits.LOOK, str(attempt))]
    if event.subject is Subject.REFUND:
        found = await _known(event.reference, repository.refund, session)
        return [(refunds.SEND, found)] if found else None
    if event.subject is Subject.PAYOUT:
        found = await _known(event.reference, repository.payout, session)
        return [(payouts.SEND, found)] if found else None
    if event.subject is Subject.DISPUTE:
        return () if await disputes.take(session, webhook, event) else None
    return None


async def _known(reference: str, find: object, session: AsyncSession) -> str | None:
    try:
        wanted = UUID(reference)
    except ValueError:
        return None
    row = await find(session, wanted)  # type: ignore[operator] # one of the repository's
    return str(wanted) if row is not None else None
