"""Documents' digests are made anew while their secret rotates: each is by the present secret before the other one ends.

An item's digest is of values that only its player's key opens, so the worker opens them, a batch for each message. `digest_by`
says by which secret a digest is: the secret's own digest of a fixed text.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.outbox import Message
from services.common.outside import Refused, Try
from services.kyc import redigesting_repository, repository, subjects
from services.kyc.repository import Sealed
from services.kyc.settings import Digests
from services.kyc.states import Kind
from services.kyc.vault import Vault

#: The message that has a batch of digests made anew: `{}`.
REDIGEST = "kyc.redigest"

log = logging.getLogger(__name__)


class HasDigests(Protocol):
    """Tools of the worker's."""

    @property
    def vault(self) -> Vault:
        """What opens values."""
        ...

    @property
    def digests(self) -> Digests:
        """What finds documents again."""
        ...


@dataclass(frozen=True)
class Old:
    """An item whose digest is by another secret than the present one."""

    id: UUID
    kind: Kind
    shown: str
    sealed: Sealed


class Redigest:
    """`services.common.outside.OutsideCall` of the message REDIGEST: KMS is outside."""

    timeout = timedelta(seconds=120)

    def __init__(self, toolbox: Callable[[], Awaitable[HasDigests]]) -> None:
        self._toolbox = toolbox

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Sequence[Old] | None:
        """A batch; None where all are by the present secret."""
        present = (await self._toolbox()).digests.name
        found = []
        for item in await redigesting_repository.by_another(session, present):
            sealed = await repository.sealed_fields(session, item.id)
            if sealed is not None:
                found.append(Old(item.id, Kind(item.kind), item.shown, sealed))
        return found or None

    async def call(self, wanted: Try[Sequence[Old]]) -> Mapping[UUID, bytes]:
        """Item → its digest by the present secret."""
        tools, made = await self._toolbox(), {}
        for each in wanted.request:
            key = await tools.vault.open(each.sealed.player, each.sealed.data_key)
            values = {name: key.open(each.id, name, value) for name, value in each.sealed.fields.items()}
            made[each.id] = tools.digests.all(subjects.of(each.kind, each.id, each.shown, values))[0]
        return made

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: Sequence[Old],
        outcome: Mapping[UUID, bytes] | Refused,
    ) -> None:  # fmt: skip
        """Keep them, and go on. One that verifies another player by now stays as it is, and a person looks."""
        assert not isinstance(outcome, Refused), "nobody refuses here"
        present = (await self._toolbox()).digests.name
        for item, digest in outcome.items():
            if not await redigesting_repository.replace(session, item, digest, present):
                log.error(
                    "two players are verified by one document", extra={"item": str(item), "runbook": "kyc-digest-key"}
                )
        await outbox.enqueue(session, REDIGEST, {})
