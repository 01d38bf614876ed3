"""A player's selfie, for whoever has no Aadhaar file: gestures are drawn, frames handed in and compared with the card.

Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.ids import uuid7
from services.common.outbox import Message
from services.common.outside import Refused, Try
from services.kyc import documents, documents_repository, faces, reading, repository
from services.kyc.cases import view
from services.kyc.concluding import conclude
from services.kyc.deciding import SYSTEM, decide, move
from services.kyc.documents import DELETE
from services.kyc.errors import KycCode
from services.kyc.faces import FRAMES, Gesture, Seen
from services.kyc.identified import Known
from services.kyc.models import Item
from services.kyc.reading import Picture
from services.kyc.sandbox import PoisonError, Sandbox
from services.kyc.schemas import CaseView, SelfieChallenge, SelfieRequest
from services.kyc.settings import Digests
from services.kyc.states import CaseEvent, DocumentState, ItemState, Kind
from services.kyc.store import Store, upload_key
from services.kyc.vault import Vault

#: The message that has a selfie looked at: `{"item": …}`.
CHECK = "kyc.check_selfie"

#: For how long gestures are good: frames are taken and sent within it.
GOOD = timedelta(minutes=10)


async def draw(session: AsyncSession, clock: Clock, player: UUID) -> SelfieChallenge:
    """Draw gestures for one selfie; those drawn before are good no more. Raises ServiceError (state_forbids)."""
    case = await repository.case(session, player)
    if case is None or Kind.PAN not in await repository.verified_kinds(session, player):
        raise ServiceError(KycCode.STATE_FORBIDS, "A PAN has to be verified first.")
    gestures = faces.drawn()
    case.challenge, case.challenge_until = uuid7(), clock.now() + GOOD
    case.challenge_gestures = [each.value for each in gestures]
    return SelfieChallenge(id=case.challenge, gestures=gestures, expires_at=case.challenge_until)


async def submit(
    session: AsyncSession, clock: Clock, digests: Digests, player: UUID, known: Known, handed: SelfieRequest
) -> CaseView:
    """Keep frames for the gestures that were drawn last, and have them looked at.

    Raises ServiceError (challenge_unknown, state_forbids, document_unknown).
    """
    case = await repository.case(session, player)
    assert case is not None, "whose PAN is verified has a case"
    if case.challenge != handed.challenge or case.challenge_until is None or case.challenge_until <= clock.now():
        raise ServiceError(KycCode.CHALLENGE_UNKNOWN, "Ask for gestures, and send frames of them in time, once.")
    if Kind.SELFIE in await repository.verified_kinds(session, player):
        raise ServiceError(KycCode.STATE_FORBIDS, "It is verified already.")
    move(case, CaseEvent.SUBMIT)
    gestures, case.challenge, case.challenge_until = case.challenge_gestures or [], None, None
    item_id = uuid7()
    item = Item(
        id=item_id, player_id=player, kind=Kind.SELFIE.value, state=ItemState.SUBMITTED.value,
        digest=digests.all(f"selfie {item_id}")[0], digest_by=digests.name, shown="selfie", findings=[], created_at=clock.now(),
    )  # fmt: skip
    await repository.add_item(session, item, {"gestures": known.key.seal(item.id, "gestures", " ".join(gestures))})
    for place, frame in enumerate(handed.frames):
        await documents.link(session, player, frame, item, place)
    await outbox.enqueue(session, CHECK, {"item": str(item.id)})
    return await view(session, player)


class HasTools(Protocol):
    """Tools of the worker's."""

    @property
    def vault(self) -> Vault:
        """What opens values."""
        ...

    @property
    def store(self) -> Store:
        """The bucket of pictures."""
        ...

    @property
    def sandbox(self) -> Sandbox:
        """Where files are read."""
        ...


@dataclass(frozen=True)
class SelfieWanted:
    """A selfie that is to be looked at; `card`: the document's picture, if it is kept."""

    item: UUID
    player: UUID
    data_key: bytes
    gestures: bytes
    frames: Sequence[Picture]
    card: Picture | None


@dataclass(frozen=True)
class Looked:
    """What is seen of it, and what of that is kept; or why a frame is not taken."""

    seen: Seen | None = None
    gestures: Sequence[Gesture] = ()
    refused: str = ""
    sealed: dict[str, bytes] = field(default_factory=dict)


class SelfieCheck:
    """`services.common.outside.OutsideCall` of the message CHECK."""

    timeout = timedelta(seconds=400)

    def __init__(self, toolbox: Callable[[], Awaitable[HasTools]]) -> None:
        self._toolbox = toolbox

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> SelfieWanted | None:
        """The frames and the card; None where the selfie was looked at, or is gone."""
        item = await repository.item(session, UUID(message.payload["item"]))
        if item is None or item.state != ItemState.SUBMITTED:
            return None
        sealed = await repository.sealed_fields(session, item.id)
        frames = [Picture.of(each) for each in await documents_repository.all_of_item(session, item.id)]
        if sealed is None or len(frames) != FRAMES:
            return None
        card = await documents_repository.kept_card(session, item.player_id)
        return SelfieWanted(
            item.id, item.player_id, sealed.data_key, sealed.fields["gestures"], frames,
            None if card is None else Picture.of(card),
        )  # fmt: skip

    async def call(self, wanted: Try[SelfieWanted]) -> Looked:
        """Look at the frames, each decoded by itself, then compare them."""
        tools, asked = await self._toolbox(), wanted.request
        key = await tools.vault.open(asked.player, asked.data_key)
        gestures = [Gesture(each) for each in key.open(asked.item, "gestures", asked.gestures).split()]
        try:
            seen = await reading.compare(tools.store, tools.sandbox, asked.frames, asked.card)
        except PoisonError as error:
            return Looked(refused=error.reason)
        distance = "none" if seen.distance is None else f"{seen.distance:.2f}"
        return Looked(seen, gestures, sealed={"distance": key.seal(asked.item, "distance", distance)})

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: SelfieWanted, outcome: Looked | Refused
    ) -> None:
        """A person looks at what was seen; a frame that is no picture is asked for again. What came is deleted."""
        assert isinstance(outcome, Looked), "nobody refuses here"
        case = await repository.case(session, request.player)
        item = await repository.item(session, request.item)
        if case is None or item is None or item.state != ItemState.SUBMITTED:
            return
        for place, document in enumerate(await documents_repository.all_of_item(session, item.id)):
            # The faces side by side are kept in the place of the first frame.
            taken = DocumentState.GONE if place else DocumentState.KEPT
            document.state = (DocumentState.REFUSED if outcome.refused else taken).value
            await outbox.enqueue(session, DELETE, {"prefix": upload_key(document.player_id, document.id)})
        if outcome.seen is None:
            await decide(session, clock, case, item, CaseEvent.RESUBMIT, SYSTEM, [f"picture_{outcome.refused}"])
            return
        repository.add_fields(session, item.id, outcome.sealed)
        found = faces.findings_of(outcome.seen, outcome.gestures)
        await conclude(session, clock, case, item, found, [item.digest])
