"""A provider is asked whether a PAN, a name and a date of birth belong together; a case waits for that until its deadline.

An item is *confirming* from the end of the worker's own check on. An answer concludes it; after anything else (silence, 5xx,
429, HTML) the provider is asked again with the same id, and at the deadline a person looks, as if nobody had been asked.
No item is approved without an answer.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.outbox import Message
from services.common.outside import Refused, Try
from services.kyc import concluding, documents_repository, findings, repository
from services.kyc.findings import Finding
from services.kyc.models import Item
from services.kyc.repository import Sealed
from services.kyc.settings import Digests
from services.kyc.states import ItemState
from services.kyc.vault import Vault
from services.kyc.verdicts import PanProvider, Verdict

#: The message that has a PAN confirmed: `{"item": …}`.
CONFIRM = "kyc.confirm"

#: How long an answer is waited for; then a person looks.
WAITS = timedelta(minutes=30)

log = logging.getLogger(__name__)


class HasProvider(Protocol):
    """Tools of the worker's."""

    @property
    def vault(self) -> Vault:
        """What opens values."""
        ...

    @property
    def digests(self) -> Digests:
        """What finds documents again."""
        ...

    @property
    def provider(self) -> PanProvider:
        """Who is asked."""
        ...


@dataclass(frozen=True)
class Asked:
    """A PAN that is to be confirmed."""

    item: UUID
    sealed: Sealed


@dataclass(frozen=True)
class Answered:
    """What a provider said, or that it will not (`refused`: its code); and the document's digests."""

    verdict: Verdict | None
    digests: Sequence[bytes]
    refused: str = ""


async def begin(session: AsyncSession, clock: Clock, item: Item, found: Sequence[Finding]) -> None:
    """Have an item's PAN confirmed; `found`: what is known by now."""
    item.findings = [each.value for each in found]
    item.state, item.confirm_until = ItemState.CONFIRMING.value, clock.now() + WAITS
    await outbox.enqueue(session, CONFIRM, {"item": str(item.id)})


class Confirm:
    """`services.common.outside.OutsideCall` of the message CONFIRM."""

    timeout = timedelta(seconds=40)

    def __init__(self, toolbox: Callable[[], Awaitable[HasProvider]]) -> None:
        self._toolbox = toolbox

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Asked | None:
        """What is sealed of the item; None where it waits for nothing any more."""
        item = await repository.item(session, UUID(message.payload["item"]))
        if item is None or item.state != ItemState.CONFIRMING:
            return None
        sealed = await repository.sealed_fields(session, item.id)
        return None if sealed is None else Asked(item.id, sealed)

    async def call(self, wanted: Try[Asked]) -> Answered:
        """Open the values and ask; the item's id is the question's, however often it is asked."""
        tools, asked = await self._toolbox(), wanted.request
        key = await tools.vault.open(asked.sealed.player, asked.sealed.data_key)
        number, name, birth_date = (
            key.open(asked.item, field, asked.sealed.fields[field]) for field in ("pan", "name", "date_of_birth")
        )
        digests = tools.digests.all(number)
        try:
            verdict = await tools.provider.confirm(str(asked.item), number, name, date.fromisoformat(birth_date))
        except Refused as refused:
            return Answered(None, digests, refused.code)
        return Answered(verdict, digests)

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: Asked, outcome: Answered | Refused
    ) -> None:
        """Conclude from what was said."""
        assert isinstance(outcome, Answered), "a refusal is an answer here"
        case = await repository.case(session, request.sealed.player)
        item = await repository.item(session, request.item)
        if case is None or item is None or item.state != ItemState.CONFIRMING:
            return
        if outcome.verdict is None:
            log.error("PANs are not confirmed", extra={"code": outcome.refused, "runbook": "kyc-confirmation"})
        else:
            item.confirmed_by = outcome.verdict.reference
        pictured = await documents_repository.of_item(session, item.id) is not None
        found = findings.after_confirmation(item.findings, outcome.verdict, pictured=pictured)
        await concluding.conclude(session, clock, case, item, found, outcome.digests)


async def give_up(session: AsyncSession, clock: Clock) -> int:
    """Have persons look at a batch of items whose deadline is over; how many."""
    late = await repository.unconfirmed_items(session, clock.now())
    for player, item_id in late:
        case = await repository.case(session, player)
        item = await repository.item(session, item_id)
        if case is None or item is None or item.state != ItemState.CONFIRMING:
            continue
        log.error("a provider did not answer in time", extra={"item": str(item.id), "runbook": "kyc-confirmation"})
        found = findings.after_confirmation(item.findings, None, pictured=True)
        await concluding.conclude(session, clock, case, item, found, [item.digest])
    return len(late)
