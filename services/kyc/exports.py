"""What is held about a person, all of it, for that person: after a step-up, and noted as a look like anybody else's.

Values are whole, as they are the person's own; staff appear as staff, and findings not at all, as they may speak of other
players and of how fraud is found. Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.clock import Clock
from services.common.errors import Code, ServiceError
from services.common.postgres import Reads
from services.kyc import documents_repository, repository, retention
from services.kyc.deciding import SYSTEM
from services.kyc.models import Document, Item
from services.kyc.schemas import (
    ConsentLine,
    Export,
    ExportedDecision,
    ExportedDocument,
    ExportedItem,
    ExportedLook,
)
from services.kyc.states import DocumentKind, DocumentState, ItemState, Kind, Level, State
from services.kyc.store import LOOK_TIME, Form, Store, StoreError, kept_key, signed_key
from services.kyc.vault import KeysUnavailableError, Vault

Opened = Mapping[UUID, Mapping[str, str]]

By = Literal["you", "system", "staff"]


async def open_all(reads: Reads, vault: Vault, player: UUID) -> Opened:
    """Item → field → value, of all that is sealed of a player; no transaction is open meanwhile. Raises ServiceError (busy)."""
    data_key, sealed = await repository.read_all_sealed(reads, player)
    if data_key is None or not sealed:
        return {}
    try:
        key = await vault.open(player, data_key)
    except KeysUnavailableError:
        raise _busy() from None
    opened: dict[UUID, dict[str, str]] = {}
    for item, name, value in sealed:
        opened.setdefault(item, {})[name] = key.open(item, name, value)
    return opened


async def export(session: AsyncSession, clock: Clock, store: Store, player: UUID, opened: Opened) -> Export:
    """The whole, with URLs of pictures that are good for a minute; that it was shown is logged. Raises ServiceError (busy)."""
    case, items = await repository.overview(session, player, limit=None)
    documents = await documents_repository.all_of(session, player)
    now = clock.now()
    for item in items:
        if item.id in opened:
            await repository.log_look(session, player, item.id, str(player), [*sorted(opened[item.id]), "export"], now)
    decisions, looks, consents = await repository.history(session, player, limit=None)
    return Export(
        exported_at=now,
        state=State.CREATED if case is None else State(case.state),
        level=Level.NONE if case is None else Level(case.level),
        since=None if case is None else case.approved_at,
        until=None if case is None else case.expires_at,
        kept=await retention.view(session, clock, player),
        items=[
            ExportedItem(
                id=each.id, kind=Kind(each.kind), state=ItemState(each.state), shown=each.shown, created_at=each.created_at,
                values=dict(opened.get(each.id, {})), confirmed_by=each.confirmed_by, url=await _file(store, each),
            )
            for each in items
        ],
        documents=[await _document(store, each) for each in documents],
        consents=[ConsentLine(purpose=e.purpose, version=e.version, given=e.given, at=e.at) for e in consents],
        decisions=[
            ExportedDecision(item=e.item_id, by=_by(e.actor, player), outcome=e.outcome, state=e.state, at=e.at)
            for e in decisions
        ],
        looks=[ExportedLook(item=e.item_id, by=_by(e.actor, player), fields=e.fields, at=e.at) for e in looks],
    )  # fmt: skip


async def _file(store: Store, item: Item) -> str | None:
    """Of a signed agreement."""
    if item.kind != Kind.AGREEMENT:
        return None
    try:
        return await store.look_url(signed_key(item.player_id, item.id), "application/pdf")
    except StoreError:
        raise _busy() from None


async def _document(store: Store, document: Document) -> ExportedDocument:
    url = None
    if document.state == DocumentState.KEPT:
        form = Form.FACES if document.kind == DocumentKind.SELFIE else Form.WHOLE
        try:
            url = await store.look_url(kept_key(document.player_id, document.id, form))
        except StoreError:
            raise _busy() from None
    return ExportedDocument(
        id=document.id, kind=DocumentKind(document.kind), state=document.state, media_type=document.media_type,
        size=document.size, created_at=document.created_at, url=url, url_seconds=int(LOOK_TIME.total_seconds()),
    )  # fmt: skip


def _by(actor: str, player: UUID) -> By:
    return "you" if actor == str(player) else "system" if actor == SYSTEM else "staff"


def _busy() -> ServiceError:
    return ServiceError(Code.BUSY, "It cannot be opened at this moment; try again.")
