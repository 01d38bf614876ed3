"""Pictures of documents: a player announces one, sends it to S3 itself, and hands it in; staff look at what was made of it.

What comes is read once, by `reading`, and deleted; kept is a picture of the same pixels. Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.errors import Code, ServiceError
from services.common.ids import uuid7
from services.common.outbox import Message
from services.common.outside import Refused, Try
from services.common.postgres import Reads
from services.kyc import consents, documents_repository, repository
from services.kyc.errors import KycCode
from services.kyc.models import Document, Item
from services.kyc.schemas import DocumentRequest, DocumentUpload, Purpose
from services.kyc.states import SHOWS, DocumentState
from services.kyc.store import UPLOAD_TIME, Announced, Store, StoreError, upload_key

#: The message that has all versions of some objects deleted: `{"prefix": …}`.
DELETE = "kyc.delete_objects"

#: How many pictures a player may have announced and not handed in, and after how long they are given up.
AWAITED, GIVEN_UP = 5, timedelta(hours=1)


@dataclass(frozen=True)
class Prepared:
    """An announcement that is answered in a moment."""

    id: UUID
    new: bool
    url: str
    announced: Announced


async def prepare(reads: Reads, store: Store, player: UUID, wanted: DocumentRequest) -> Prepared:
    """Where a picture is to be sent; the same file again goes to the same place. No transaction is open.

    Raises ServiceError (consent_missing, documents_waiting, busy).
    """
    _, agreed = await repository.standing(reads, player, Purpose.IDENTITY)
    consents.refuse_without(Purpose.IDENTITY, agreed)
    announced = Announced(wanted.media_type.value, wanted.size, bytes.fromhex(wanted.sha256))
    awaited = await documents_repository.awaited(reads, player)
    known = awaited.get(announced.sha256)
    if known is None and len(awaited) >= AWAITED:
        raise _waiting()
    document = known or uuid7()
    try:
        url = await store.upload_url(upload_key(player, document), announced)
    except StoreError:
        raise _busy() from None
    return Prepared(document, known is None, url, announced)


async def announce(
    session: AsyncSession, clock: Clock, player: UUID, wanted: DocumentRequest, prepared: Prepared
) -> DocumentUpload:
    """Note what is going to be sent. Raises ServiceError (documents_waiting, busy)."""
    if prepared.new:
        await repository.case(
            session, player
        )  # locked: of those announced at the same moment, each sees the ones before
        if await documents_repository.count_awaited(session, player) >= AWAITED:
            raise _waiting()
        made = Document(
            id=prepared.id, player_id=player, kind=wanted.kind.value, state=DocumentState.AWAITED.value,
            media_type=wanted.media_type.value, size=wanted.size, sha256=prepared.announced.sha256, masked=False,
            created_at=clock.now(),
        )  # fmt: skip
        if not await documents_repository.add(session, made):
            raise ServiceError(Code.BUSY, "Another request announced it a moment ago; send this again.")
    return DocumentUpload(
        id=prepared.id, url=prepared.url, headers=prepared.announced.headers, expires_at=clock.now() + UPLOAD_TIME
    )


async def refuse_missing(reads: Reads, store: Store, player: UUID, document: UUID) -> None:
    """Have it arrived before it is handed in; no transaction is open. Raises ServiceError (document_unknown, …)."""
    size = await documents_repository.announced_size(reads, player, document)
    if size is None:
        raise _unknown()
    try:
        arrived = await store.size(upload_key(player, document))
    except StoreError:
        raise _busy() from None
    if arrived != size:
        raise ServiceError(KycCode.DOCUMENT_MISSING, "Send it, then hand it in.")


async def link(session: AsyncSession, player: UUID, document: UUID, item: Item, place: int = 0) -> None:
    """Hand a picture in with an item. Raises ServiceError (document_unknown)."""
    kinds = [kind.value for kind, shown in SHOWS.items() if shown == item.kind]
    if not await documents_repository.link(session, player, document, kinds, item.id, place):
        raise _unknown()


async def give_up(session: AsyncSession, clock: Clock) -> int:
    """A batch of pictures that were announced and handed in with nothing; how many."""
    forgotten = await documents_repository.forgotten(session, clock.now() - GIVEN_UP)
    for each in forgotten:
        each.state, each.swept = DocumentState.GONE.value, True
        await outbox.enqueue(session, DELETE, {"prefix": upload_key(each.player_id, each.id)})
    return len(forgotten)


async def sweep(session: AsyncSession, clock: Clock) -> int:
    """Delete once more what pictures that are done with came as, when their URLs are over; a batch, and how many.

    A URL is good for a while after its picture was read and deleted, and S3 takes the same file again.
    """
    left = await documents_repository.unswept(session, clock.now() - GIVEN_UP)
    for each in left:
        each.swept = True
        await outbox.enqueue(session, DELETE, {"prefix": upload_key(each.player_id, each.id)})
    return len(left)


class HasStore(Protocol):
    """Tools of the worker's."""

    @property
    def store(self) -> Store:
        """The bucket."""
        ...


class Deletion:
    """`services.common.outside.OutsideCall` of the message DELETE; again it finds less, or nothing."""

    timeout = timedelta(seconds=60)

    def __init__(self, toolbox: Callable[[], Awaitable[HasStore]]) -> None:
        self._toolbox = toolbox

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> str:
        """What begins with this."""
        prefix: str = message.payload["prefix"]
        return prefix

    async def call(self, wanted: Try[str]) -> None:
        """Delete until nothing is there."""
        store = (await self._toolbox()).store
        while await store.delete(wanted.request):
            pass

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: str, outcome: Refused | None
    ) -> None:
        """It is gone, and the message done."""


def _waiting() -> ServiceError:
    return ServiceError(KycCode.DOCUMENTS_WAITING, f"At most {AWAITED}; hand one in, or wait for an hour.")


def _busy() -> ServiceError:
    return ServiceError(Code.BUSY, "Pictures cannot be taken at this moment; try again.")


def _unknown() -> ServiceError:
    return ServiceError(KycCode.DOCUMENT_UNKNOWN, "Announce a picture, send it, and hand it in once.")
