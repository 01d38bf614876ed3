"""What scoring asks of the wallet: to pay prizes, each once for ever by its id, and to say which were paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import httpx

from services.common.outside import Unknown
from services.common.service_api import ServiceApi, connect

#: Client of the manifest, and seconds that the wallet has for an answer.
CLIENT, SECONDS = "scoring-prizes", 10.0

_PAGE = 1000


class Wanted(Protocol):
    """A pay-out that is to be paid."""

    @property
    def id(self) -> UUID: ...
    @property
    def contest(self) -> UUID: ...
    @property
    def player(self) -> UUID: ...
    @property
    def amount(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Paid:
    """A posting of the wallet, made now or before: of the pay-out with this id, at that moment."""

    id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of pay-outs: those that are paid, and why others are not."""

    paid: Sequence[Paid]
    refused: Mapping[UUID, str]


@dataclass(frozen=True, slots=True)
class Posting:
    """A prize as the wallet has it."""

    id: UUID
    player: UUID
    amount: int
    reversed: bool


class Wallet:
    """The adapter over the wallet's internal API. Calls raise Refused, NotDone and Unknown."""

    def __init__(self, api: ServiceApi) -> None:
        self._api = api

    async def pay(self, wanted: Sequence[Wanted]) -> Answer:
        """Pay prizes, each by itself; what was paid before is paid. Raises Refused for all of them."""
        body = {"mode": "each", "movements": [_movement(each) for each in wanted]}
        document = await self._api.ask("POST", "/wallet/internal/batches", json=body)
        try:
            results = {UUID(each["id"]): each for each in document["results"]}
            if results.keys() != {each.id for each in wanted}:
                raise Unknown("the answer is about other prizes")
            paid = [
                Paid(id_, datetime.fromisoformat(each["created_at"]))
                for id_, each in results.items()
                if each["status"] in ("posted", "replayed")
            ]
            done = {each.id for each in paid}
            return Answer(paid, {id_: str(each["status"])[:80] for id_, each in results.items() if id_ not in done})
        except (KeyError, TypeError, ValueError) as error:
            raise Unknown(f"answer: {type(error).__name__}") from None

    async def paid(self, since: datetime, until: datetime) -> list[Posting]:
        """The prizes that were paid from `since` to before `until`."""
        found: list[Posting] = []
        query: dict[str, Any] = {"since": since.isoformat(), "until": until.isoformat(), "count": _PAGE}
        while True:
            page = (await self._api.ask("GET", "/wallet/internal/prizes", params=query))["prizes"]
            found += [
                Posting(
                    UUID(each["id"]),
                    UUID(each["player"]),
                    each["amount"],
                    each["reversed"],
                )
                for each in page
            ]
            if len(page) < _PAGE:
                return found
            query |= {"after_at": page[-1]["created_at"], "after": page[-1]["id"]}


async def open_wallet(transport: httpx.AsyncBaseTransport | None = None) -> Wallet:
    """The wallet; tests bring a `transport` to it and to auth. Raises SettingsError."""
    return Wallet(ServiceApi(connect("wallet", SECONDS, transport), CLIENT, SECONDS))


def _movement(wanted: Wanted) -> dict[str, Any]:
    """The same words at every try: the wallet compares them with those that the id came with first."""
    return {
        "id": str(wanted.id), "kind": "guaranteed_prize", "player": str(wanted.player), "pot": str(wanted.contest),
        "amount": wanted.amount, "reference": f"prize:{wanted.id}",
    }  # fmt: skip
