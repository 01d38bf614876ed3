"""What players do: hand things in, look at their case. Nothing here commits."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from cryptography import x509
from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.errors import Code, ServiceError
from services.common.ids import uuid7
from services.common.postgres import Reads
from services.kyc import aadhaar, consents, contact_rules, documents, identified, pan, repository
from services.kyc.aadhaar import Holder
from services.kyc.checking import CHECK
from services.kyc.deciding import move
from services.kyc.errors import KycCode
from services.kyc.identified import Compared
from services.kyc.models import Item
from services.kyc.schemas import AadhaarRequest, CaseView, ItemView, LevelView, PanRequest, Purpose
from services.kyc.settings import Digests
from services.kyc.signed_xml import FileRefusedError
from services.kyc.states import CaseEvent, ItemState, Kind, Level, State
from services.kyc.vault import DataKey, KeysUnavailableError, Vault


async def key_for(reads: Reads, vault: Vault, player: UUID, handed: PanRequest) -> DataKey:
    """The key to seal what is handed in with, a new one where the player has none; asked for while no transaction is open.

    What will be refused anyway does not reach KMS. Raises ServiceError (pan_not_personal, consent_missing, busy).
    """
    if not pan.is_personal(handed.pan):
        holder = pan.HOLDERS[handed.pan[3]]
        raise ServiceError(KycCode.PAN_NOT_PERSONAL, f"The fourth letter says {holder}; accepted: person (P).")
    wrapped, agreed = await repository.standing(reads, player, Purpose.IDENTITY)
    consents.refuse_without(Purpose.IDENTITY, agreed)
    try:
        return await vault.new(player) if wrapped is None else await vault.open(player, wrapped)
    except KeysUnavailableError:
        raise ServiceError(Code.BUSY, "It cannot be encrypted at this moment; nothing was kept.") from None


async def submit_pan(
    session: AsyncSession, clock: Clock, digests: Digests, player: UUID, key: DataKey, handed: PanRequest
) -> CaseView:
    """Keep a PAN and have it checked. Raises ServiceError (consent_missing, state_forbids, document_unknown, busy)."""
    case = await repository.case(session, player)
    agreed = await repository.consent(session, player, Purpose.IDENTITY)
    consents.refuse_without(Purpose.IDENTITY, agreed.version if agreed is not None and agreed.given else None)
    assert case is not None, "who agreed has a case"
    if Kind.PAN in await repository.verified_kinds(session, player):
        raise ServiceError(KycCode.STATE_FORBIDS, "It is verified already.")
    move(case, CaseEvent.SUBMIT)
    if case.data_key is None:
        case.data_key = key.wrapped
    elif case.data_key != key.wrapped:
        raise ServiceError(Code.BUSY, "Another request made the player's key a moment ago; send this again.")
    item = Item(
        id=uuid7(), player_id=player, kind=Kind.PAN.value, state=ItemState.SUBMITTED.value,
        digest=digests.all(handed.pan)[0], digest_by=digests.name,
        shown=pan.masked(handed.pan), findings=[], created_at=clock.now(),
    )  # fmt: skip
    values = {"pan": handed.pan, "name": handed.name, "date_of_birth": handed.date_of_birth.isoformat()}
    await repository.add_item(session, item, {name: key.seal(item.id, name, each) for name, each in values.items()})
    if handed.document is not None:
        await documents.link(session, player, handed.document, item)
    await outbox.enqueue(session, CHECK, {"item": str(item.id)})
    return await view(session, player)


async def verified_file(
    handed: AadhaarRequest, now: datetime, certificates: Sequence[x509.Certificate]
) -> tuple[Holder, bool | None]:
    """What the file says, if it is believed, and whether contacts that were given along are its holder's.

    The share code and the contacts go no further. Raises ServiceError (file_refused).
    """
    try:
        content = base64.b64decode(handed.file, validate=True)
        code = handed.share_code.get_secret_value()
        holder = await asyncio.to_thread(aadhaar.read, content, code, now, certificates)
    except FileRefusedError as error:
        raise ServiceError(KycCode.FILE_REFUSED, f"The file is refused: {error.reason}.") from None
    except ValueError:
        raise ServiceError(KycCode.FILE_REFUSED, "The file is refused: not_base64.") from None
    mobile, email = (None if each is None else each.get_secret_value() for each in (handed.mobile, handed.email))
    if mobile is None and email is None:
        return holder, None
    return holder, holder.contacts.agree(contact_rules.RULES[contact_rules.VERSION], code, mobile, email)


async def submit_aadhaar(session: AsyncSession, clock: Clock, player: UUID, made: Compared) -> CaseView:
    """Keep what UIDAI says; what leaves no doubt is approved. Raises ServiceError (state_forbids)."""
    await identified.keep(session, clock, player, made)
    return await view(session, player)


async def read(reads: Reads, player: UUID) -> CaseView:
    """The player's case as they see it."""
    rows = await repository.read_overview(reads, player)
    if not rows:
        return CaseView(state=State.CREATED, level=Level.NONE, until=None, items=[])
    items = [
        ItemView(
            id=row["item"], kind=row["kind"], state=row["item_state"], shown=row["shown"], created_at=row["created_at"]
        )
        for row in rows
        if row["item"] is not None
    ]
    case = rows[0]
    return CaseView(state=case["state"], level=case["level"], until=case["expires_at"], items=items)


async def view(session: AsyncSession, player: UUID) -> CaseView:
    """The same of a transaction that has just changed it."""
    case, items = await repository.overview(session, player)
    return CaseView(
        state=State.CREATED if case is None else State(case.state),
        level=Level.NONE if case is None else Level(case.level),
        until=None if case is None else case.expires_at,
        items=[_item(each) for each in items],
    )


def _item(item: Item) -> ItemView:
    return ItemView(
        id=item.id, kind=Kind(item.kind), state=ItemState(item.state), shown=item.shown, created_at=item.created_at
    )


async def level(reads: Reads, player: UUID) -> LevelView:
    """What other services learn. Who is not known has none."""
    found = await repository.level(reads, player)
    if found is None:
        return LevelView(player=player, level=Level.NONE, since=None, until=None)
    return LevelView.model_validate({"player": player, "level": found[0], "since": found[1], "until": found[2]})
