"""What is said of a player, however it came: compared with the verified PAN, sealed, kept as an item. Nothing here commits."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.clock import Clock
from services.common.errors import Code, ServiceError
from services.common.ids import uuid7
from services.common.postgres import Reads
from services.kyc import consents, findings, repository, subjects
from services.kyc.aadhaar import Holder
from services.kyc.concluding import conclude
from services.kyc.deciding import move
from services.kyc.errors import KycCode
from services.kyc.findings import Finding
from services.kyc.models import Item
from services.kyc.repository import Sealed
from services.kyc.schemas import Purpose
from services.kyc.settings import Digests
from services.kyc.states import CaseEvent, ItemState, Kind
from services.kyc.vault import DataKey, KeysUnavailableError, Vault


@dataclass(frozen=True)
class Known:
    """What the verified PAN says of a player, and the key that opens it."""

    key: DataKey
    name: str = field(repr=False)
    birth_date: date = field(repr=False)


@dataclass(frozen=True)
class Compared:
    """An item that is to be kept: what of it is shown, sealed and found, and by which digests it is found again.

    The first one is by the secret `digest_by`.
    """

    item: UUID
    shown: str
    found: Sequence[Finding]
    digests: Sequence[bytes]
    digest_by: bytes
    sealed: Mapping[str, bytes] = field(repr=False)


async def known(reads: Reads, vault: Vault, player: UUID, purpose: Purpose) -> Known:
    """Whom the player is compared with; no transaction is open. Raises ServiceError (consent_missing, state_forbids, busy)."""
    _, agreed = await repository.standing(reads, player, purpose)
    consents.refuse_without(purpose, agreed)
    found = await repository.read_verified(reads, player, Kind.PAN)
    if found is None:
        raise ServiceError(KycCode.STATE_FORBIDS, "A PAN has to be verified first.")
    try:
        return await opened(vault, *found)
    except KeysUnavailableError:
        raise ServiceError(Code.BUSY, "It cannot be compared at this moment; nothing was kept.") from None


async def opened(vault: Vault, item: UUID, sealed: Sealed) -> Known:
    """The same of a verified PAN that is at hand. Raises KeysUnavailableError."""
    key = await vault.open(sealed.player, sealed.data_key)
    values = {name: key.open(item, name, sealed.fields[name]) for name in ("name", "date_of_birth")}
    return Known(key, values["name"], date.fromisoformat(values["date_of_birth"]))


def compared(known: Known, digests: Digests, holder: Holder, today: date, contacts: bool | None = None) -> Compared:
    """A holder beside the PAN. `contacts`: whether those that the player gave are the holder's; None: none was compared."""
    item = uuid7()
    found = findings.of_aadhaar(holder, known.name, known.birth_date, today)
    if contacts is False:
        found.append(Finding.CONTACT_DIFFERS)
    values = {
        "name": holder.name, "date_of_birth": holder.birth_date.isoformat(), "gender": holder.gender,
        "address": holder.address, "photo": base64.b64encode(holder.photo).decode(),
    }  # fmt: skip
    whose = subjects.of_aadhaar(holder.last_four, holder.birth_date.isoformat(), holder.gender, holder.name)
    return Compared(
        item=item,
        shown=f"{'*' * 8}{holder.last_four}",
        found=found,
        digests=digests.all(whose),
        digest_by=digests.name,
        sealed={name: known.key.seal(item, name, each) for name, each in values.items()},
    )


async def keep(session: AsyncSession, clock: Clock, player: UUID, made: Compared, kind: Kind = Kind.AADHAAR) -> None:
    """Keep it; what leaves no doubt is approved. Raises ServiceError (state_forbids)."""
    case = await repository.case(session, player)
    if case is None or kind in await repository.verified_kinds(session, player):
        raise ServiceError(KycCode.STATE_FORBIDS, "It is verified already.")
    move(case, CaseEvent.SUBMIT)
    item = Item(
        id=made.item, player_id=player, kind=kind.value, state=ItemState.SUBMITTED.value,
        digest=made.digests[0], digest_by=made.digest_by,
        shown=made.shown, findings=[], created_at=clock.now(),
    )  # fmt: skip
    await repository.add_item(session, item, made.sealed)
    await conclude(session, clock, case, item, made.found, made.digests)
