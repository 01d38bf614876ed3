"""What wallet takes and gives inside of the platform."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from services.common.money import CURRENCY, Paise, PositivePaise
from services.wallet.kinds import KINDS, Kind, Role
from services.wallet.schemas import Note, Reference, Request

MOST_ITEMS = 1000

Provider = Literal["razorpay", "cashfree"]
Id = Annotated[
    UUID, Field(description="The caller's own, kept by it before it asks: the same id and request are done once")
]

Direct = StrEnum("Direct", {name: name for name, kind in KINDS.items() if kind.direct and not kind.held})  # type: ignore[misc] # the members are data
Held = StrEnum("Held", {name: name for name, kind in KINDS.items() if kind.held})  # type: ignore[misc] # likewise


def _needs(kind: Kind) -> tuple[bool, bool, bool, bool]:
    roles = {*(take.role for take in kind.takes), kind.gives}
    players = bool(roles & {Role.DEPOSIT, Role.WINNINGS, Role.BONUS})
    return players, Role.POT in roles, Role.PROVIDER in roles, kind.reference


#: Whether a movement of a kind has player, pot and provider, and must have a reference.
_NEEDS = {name: _needs(kind) for name, kind in KINDS.items()}


class MovementRequest(Request):
    """A movement of one kind; each kind needs some of `player`, `pot`, `provider` and `reference`, and no others."""

    id: Id
    kind: Direct
    amount: PositivePaise
    player: UUID | None = None
    pot: UUID | None = Field(None, description="What the pot is of: a contest's id")
    provider: Provider | None = None
    reference: Reference | None = None
    note: Note = ""
    gst: bool = Field(False, description="Of deposits: India's GST of the day is taken out of it")

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        player, pot, provider, reference = _NEEDS[self.kind.value]
        for name, given, needed in (
            ("player", self.player, player), ("pot", self.pot, pot), ("provider", self.provider, provider)
        ):  # fmt: skip
            if (given is not None) != needed:
                raise ValueError(f"{name} is {'needed' if needed else 'not taken'} by this kind")
        if self.gst and self.kind.value != "deposit":
            raise ValueError("gst is taken of deposits alone")
        if reference and self.reference is None:
            raise ValueError("reference is needed by this kind")
        return self


class LinkedRequest(MovementRequest):
    """A movement of a batch; `linked`: it and the next happen both or not at all."""

    linked: bool = False


class BatchRequest(Request):
    """Up to 1,000 movements, done in order: all or none (`all`), or each by itself but for those that are linked (`each`)."""

    mode: Literal["all", "each"]
    dry_run: bool = False
    movements: Annotated[list[LinkedRequest], Field(min_length=1, max_length=MOST_ITEMS)]

    @model_validator(mode="after")
    def _ids_are_different(self) -> Self:
        if len({each.id for each in self.movements}) < len(self.movements):
            raise ValueError("two movements have one id")
        if self.movements[-1].linked:
            raise ValueError("the last movement is linked to nothing")
        return self


class EntryMadeView(Request):
    """One account's part of a movement."""

    account: UUID
    bucket: str = Field(examples=["deposit", "psp"])
    amount: Paise
    balance_after: Paise


class MovementView(Request):
    """A movement that was made; `replayed`: before, by the same request."""

    id: UUID
    kind: str
    replayed: bool
    created_at: datetime
    entries: list[EntryMadeView]


class ResultView(Request):
    """What became of one movement of a batch: `posted`, `replayed`, or the code of its refusal."""

    id: UUID
    status: str
    created_at: datetime | None = None


class BatchView(Request):
    """What became of a batch, in its order; of a dry run: what would."""

    done: int
    refused: int
    dry_run: bool
    results: list[ResultView]


class HoldRequest(Request):
    """Money of a player that is kept for something, drawn on buckets in the order of the kind."""

    id: Id
    kind: Held
    player: UUID
    amount: PositivePaise
    at_most: bool = Field(False, description="Hold what there is, if it is less; refused if there is nothing")
    expires_at: AwareDatetime | None = Field(None, description="It is released then, unless it has ended; null: never")
    reference: Reference | None = None


class HoldView(Request):
    """A hold and what became of it: `amount` = `captured` + `released` + `remaining`."""

    id: UUID
    kind: str
    player: UUID
    state: Literal["open", "captured", "voided", "expired"]
    amount: Paise
    captured: Paise
    released: Paise
    remaining: Paise
    reference: str | None
    expires_at: datetime | None
    created_at: datetime


class CaptureRequest(Request):
    """A part of a hold goes to its provider; without an amount, all that remains. `final`: the rest is released."""

    id: Id
    amount: PositivePaise | None = None
    final: bool = False
    provider: Provider
    reference: Reference | None = None
    note: Note = ""


class ReversalRequest(Request):
    """The mirror of a movement; what a player no longer has is owed from then on, and collected."""

    id: Id
    transaction: UUID
    note: Note = ""


class RecoveryRequest(Request):
    """What a player owes is taken from winnings and deposit: `amount` of it, or all; never more than there is."""

    id: Id
    player: UUID
    amount: PositivePaise | None = None


class RecoveryView(Request):
    """How much was taken (0: nothing is owed, or there is nothing), and what is owed still."""

    id: UUID
    recovered: Paise
    owed: Paise


class BalancesRequest(Request):
    """Whose balances are asked for."""

    players: Annotated[list[UUID], Field(min_length=1, max_length=MOST_ITEMS)]


class PlayerBalances(Request):
    """What a player has, by bucket; `held` is part of it and not to be spent; what is `owed` is not taken off."""

    player: UUID
    deposit: Paise = Paise(0)
    winnings: Paise = Paise(0)
    bonus: Paise = Paise(0)
    held: Paise = Paise(0)
    available: Paise = Paise(0)
    owed: Paise = Paise(0)
    frozen: bool = False


class BalancesView(Request):
    """Balances in the order in which they were asked for; of somebody unknown all are 0."""

    currency: Literal["INR"] = CURRENCY
    balances: list[PlayerBalances]


class PrizePaid(Request):
    """A guaranteed prize that a player got; `reversed`: it was undone since."""

    id: UUID
    reference: str
    player: UUID
    amount: Paise
    created_at: datetime
    reversed: bool


class PrizesPaid(Request):
    """Guaranteed prizes in the order in which they were paid."""

    prizes: list[PrizePaid]
