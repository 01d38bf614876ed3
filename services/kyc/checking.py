"""The worker's check of what was handed in: values are opened while no transaction is, and what is found decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.outbox import Message
from services.common.outside import Once, Refused, Try
from services.kyc import confirmation, documents_repository, findings, reading, repository
from services.kyc.concluding import conclude
from services.kyc.deciding import SYSTEM, decide
from services.kyc.documents import DELETE
from services.kyc.findings import Finding
from services.kyc.reading import Picture
from services.kyc.repository import Sealed
from services.kyc.sandbox import PoisonError, Sandbox
from services.kyc.scanning import open_scanner
from services.kyc.settings import Digests, open_digests, open_provider, open_store, open_vault
from services.kyc.states import CaseEvent, DocumentState, ItemState, Kind
from services.kyc.store import Store, upload_key
from services.kyc.vault import Vault
from services.kyc.verdicts import PanProvider

CHECK = "kyc.check"


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What a check needs."""

    vault: Vault
    digests: Digests
    store: Store
    sandbox: Sandbox
    provider: PanProvider


#: Opens them.
Toolbox = Once[Tools]


async def open_tools() -> Tools:
    """The worker's, from its environment. Raises SettingsError."""
    return Tools(
        vault=open_vault(),
        digests=open_digests(),
        store=open_store(),
        sandbox=Sandbox(scanner=open_scanner()),
        provider=open_provider(),
    )


@dataclass(frozen=True)
class Wanted:
    """An item that is to be checked."""

    item: UUID
    sealed: Sealed
    today: date
    picture: Picture | None


@dataclass(frozen=True)
class Checked:
    """What was found, and the document's digests; of its picture: why it is not taken, whether it is masked, what it says."""

    found: Sequence[Finding]
    digests: Sequence[bytes]
    refused: str | None = None
    masked: bool = False
    sealed: Mapping[str, bytes] = field(default_factory=dict)


class Check:
    """`services.common.outside.OutsideCall` of the message CHECK."""

    timeout = timedelta(seconds=240)

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Wanted | None:
        """What is sealed of the item; None where it was checked, or is gone."""
        item = await repository.item(session, UUID(message.payload["item"]))
        if item is None or item.state != ItemState.SUBMITTED:
            return None
        sealed = await repository.sealed_fields(session, item.id)
        if sealed is None:
            return None
        document = await documents_repository.of_item(session, item.id)
        picture = None if document is None else Picture.of(document)
        return Wanted(item.id, sealed, clock.now().date(), picture)

    async def call(self, wanted: Try[Wanted]) -> Checked:
        """Open the values and look at them, and at the picture."""
        tools, asked = await self._toolbox(), wanted.request
        key = await tools.vault.open(asked.sealed.player, asked.sealed.data_key)
        values = {name: key.open(asked.item, name, each) for name, each in asked.sealed.fields.items()}
        birth_date = date.fromisoformat(values["date_of_birth"])
        found = findings.of_pan(values["pan"], values["name"], birth_date, asked.today)
        digests = tools.digests.all(values["pan"])
        if asked.picture is None:
            return Checked(found, digests)
        try:
            page = await reading.keep(tools.store, tools.sandbox, asked.picture)
        except PoisonError as error:
            return Checked(found, digests, refused=error.reason)
        found += findings.of_card(page.card, values["pan"], values["name"], birth_date)
        sealed = {name: key.seal(asked.item, name, each.value) for name, each in page.card.fields.items()}
        return Checked(found, digests, masked=page.masked, sealed=sealed)

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: Wanted, outcome: Checked | Refused
    ) -> None:
        """Conclude from what was found."""
        assert isinstance(outcome, Checked), "nobody refuses here"
        case = await repository.case(session, request.sealed.player)
        item = await repository.item(session, request.item)
        if case is None or item is None or item.state != ItemState.SUBMITTED:
            return
        document = await documents_repository.of_item(session, item.id)
        if document is not None:
            document.masked = outcome.masked
            document.state = (DocumentState.REFUSED if outcome.refused else DocumentState.KEPT).value
            await outbox.enqueue(session, DELETE, {"prefix": upload_key(document.player_id, document.id)})
        if outcome.refused is not None:
            await decide(session, clock, case, item, CaseEvent.RESUBMIT, SYSTEM, [f"picture_{outcome.refused}"])
            return
        repository.add_fields(session, item.id, outcome.sealed)
        await repository.lock_document(session, outcome.digests)
        taken = await repository.has_other(session, case.player_id, Kind.PAN, outcome.digests)
        if taken or findings.any_failed(outcome.found):  # two persons decide, whatever a provider says: it is not asked
            await conclude(session, clock, case, item, outcome.found, outcome.digests)
        else:
            await confirmation.begin(session, clock, item, outcome.found)
