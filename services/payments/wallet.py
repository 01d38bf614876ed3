"""What payments asks of the wallet: a port, and the adapter over the wallet's internal API.

Every act has an id that follows from what it is for, so that the same again changes nothing, whoever repeats it and when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Protocol
from uuid import UUID, uuid5

from services.common.money import Paise
from services.common.outside import Refused
from services.common.service_api import ServiceApi
from services.payments.providers.port import ProviderName

#: Of the ids that are derived: what was made for the first deposit is found by the same rule for ever.
_ACTS = UUID("6d617463-6864-5179-8000-7061796d6574")

Act = Literal[
    "payments-deposit", "payments-payout", "payments-refund", "payments-dispute", "payments-settle",
    "payments-limits", "payments-entry",
]  # fmt: skip

#: Clients of the manifest, one for each act (ADR 0015): of the processes that do it.
WORKER: tuple[Act, ...] = (
    "payments-deposit", "payments-payout", "payments-refund", "payments-dispute", "payments-settle",
)  # fmt: skip
WEB: tuple[Act, ...] = ("payments-limits", "payments-entry")


@dataclass(frozen=True, slots=True)
class Credit:
    """A deposit as the ledger should have it."""

    deposit: UUID
    player: UUID
    amount: Paise
    provider: ProviderName


class Wallet(Protocol):
    """The wallet. Calls raise Refused (a code of the wallet's), NotDone and Unknown, as a provider's do."""

    async def credit(self, credit: Credit) -> None:
        """A provider has the money: the player gets it."""
        ...

    async def take_refund(self, refund: UUID, player: UUID, amount: Paise, provider: ProviderName) -> None:
        """What is about to go back is the player's no more. Refused (insufficient_funds) where there is not so much."""
        ...

    async def undo_refund(self, refund: UUID) -> None:
        """It did not go back after all."""
        ...

    async def hold_payout(self, payout: UUID, player: UUID, amount: Paise) -> None:
        """Put money aside. Refused (insufficient_funds) where there is not so much."""
        ...

    async def capture_payout(self, payout: UUID, provider: ProviderName) -> None:
        """What was put aside has left by the provider."""
        ...

    async def release_payout(self, payout: UUID) -> None:
        """What was put aside is the player's again."""
        ...

    async def return_payout(self, payout: UUID) -> None:
        """A payout that was captured has come back."""
        ...

    async def hold_dispute(self, dispute: UUID, player: UUID, amount: Paise) -> None:
        """Freeze a disputed amount, or what there is of it."""
        ...

    async def release_dispute(self, dispute: UUID) -> None:
        """What was frozen is the player's again."""
        ...

    async def take_dispute(self, dispute: UUID, deposit: UUID, amount: Paise, provider: ProviderName) -> Paise:
        """The provider takes a disputed amount: what is frozen of it goes there; what is missing of it is answered.

        Where nothing was frozen, the deposit is undone instead, and the player owes it: then nothing is missing.
        """
        ...

    async def check_deposit(self, player: UUID, amount: Paise, pending: Paise) -> None:
        """Refused (player_excluded, limit_reached) by what the player has bound himself to; `pending`: under way besides."""
        ...

    async def enter(self, entry: UUID, contest: UUID, player: UUID, amount: Paise) -> None:
        """The player pays into the pot of a contest. Refused where there is not so much, or a limit of his own is reached."""
        ...

    async def settle(self, provider: ProviderName, day: date, net: Paise, charges: Paise) -> None:
        """A provider's report of a day: what it paid to our bank, and what it kept (fees with their taxes)."""
        ...

    async def missing(self, expected: Sequence[Credit]) -> Sequence[UUID]:
        """Deposits that the ledger does not have as they are here."""
        ...


class WalletClient:
    """The adapter; `apis`: client of the manifest → the wallet's API as it is asked by it."""

    def __init__(self, apis: Mapping[Act, ServiceApi]) -> None:
        self._apis = apis

    async def credit(self, credit: Credit) -> None:
        """As the port says."""
        await self._move("payments-deposit", **_deposit(credit))

    async def take_refund(self, refund: UUID, player: UUID, amount: Paise, provider: ProviderName) -> None:
        """As the port says."""
        await self._move(
            "payments-refund",
            id=refund, kind="refund", amount=amount, player=player, provider=provider, reference=f"refund:{refund}",
        )  # fmt: skip

    async def undo_refund(self, refund: UUID) -> None:
        """As the port says."""
        await self._reverse("payments-refund", refund)

    async def hold_payout(self, payout: UUID, player: UUID, amount: Paise) -> None:
        """As the port says."""
        body = {"id": payout, "kind": "payout", "player": player, "amount": amount, "reference": f"payout:{payout}"}
        await self._post("payments-payout", "/holds", body)

    async def capture_payout(self, payout: UUID, provider: ProviderName) -> None:
        """As the port says."""
        await self._post("payments-payout", f"/holds/{payout}/captures", {"id": _capture(payout), "provider": provider})

    async def release_payout(self, payout: UUID) -> None:
        """As the port says."""
        await self._post("payments-payout", f"/holds/{payout}/void", None)

    async def return_payout(self, payout: UUID) -> None:
        """As the port says."""
        await self._reverse("payments-payout", _capture(payout))

    async def hold_dispute(self, dispute: UUID, player: UUID, amount: Paise) -> None:
        """As the port says."""
        body = {
            "id": dispute, "kind": "dispute", "player": player, "amount": amount, "at_most": True,
            "reference": f"dispute:{dispute}",
        }  # fmt: skip
        with _unless("insufficient_funds"):  # nothing is there
            await self._post("payments-dispute", "/holds", body)

    async def release_dispute(self, dispute: UUID) -> None:
        """As the port says."""
        with _unless("hold_unknown"):
            await self._post("payments-dispute", f"/holds/{dispute}/void", None)

    async def take_dispute(self, dispute: UUID, deposit: UUID, amount: Paise, provider: ProviderName) -> Paise:
        """As the port says."""
        with _unless("hold_unknown"):
            held = await self._ask("payments-dispute", "GET", f"/holds/{dispute}", None)
            body = {"id": _capture(dispute), "provider": provider}
            await self._post("payments-dispute", f"/holds/{dispute}/captures", body)
            return Paise(amount - int(held["amount"]))
        await self._reverse("payments-dispute", deposit)
        return Paise(0)

    async def check_deposit(self, player: UUID, amount: Paise, pending: Paise) -> None:
        """As the port says."""
        body = {"player": player, "amount": amount, "pending": pending}
        found = await self._post("payments-limits", "/limits/deposits", body)
        if not found["allowed"]:
            raise Refused(str(found["reason"]))

    async def enter(self, entry: UUID, contest: UUID, player: UUID, amount: Paise) -> None:
        """As the port says."""
        await self._move("payments-entry", id=entry, kind="contest_entry", amount=amount, player=player, pot=contest)

    async def settle(self, provider: ProviderName, day: date, net: Paise, charges: Paise) -> None:
        """As the port says."""
        for name, amount in (("settlement", net), ("charges", charges)):
            if amount > 0:
                reference = f"{name}:{provider}:{day.isoformat()}"
                await self._move(
                    "payments-settle",
                    id=uuid5(_ACTS, reference), kind="psp_settlement", amount=amount, provider=provider,
                    reference=reference,
                )  # fmt: skip

    async def missing(self, expected: Sequence[Credit]) -> Sequence[UUID]:
        """As the port says: the wallet is asked what the same movements would come to; what is there is replayed."""
        if not expected:
            return []
        body = {"mode": "each", "dry_run": True, "movements": [_plain(_deposit(each)) for each in expected]}
        found = await self._post("payments-deposit", "/batches", body)
        return [UUID(each["id"]) for each in found["results"] if each["status"] != "replayed"]

    async def _move(self, act: Act, **body: Any) -> None:
        await self._post(act, "/movements", body)

    async def _reverse(self, act: Act, transaction: UUID) -> None:
        with _unless("reversed_before"):
            body = {"id": uuid5(_ACTS, f"reversal {transaction}"), "transaction": transaction}
            await self._post(act, "/reversals", body)

    async def _post(self, act: Act, path: str, body: Mapping[str, Any] | None) -> Any:
        return await self._ask(act, "POST", path, body)

    async def _ask(self, act: Act, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        content = None if body is None else _plain(body)
        return await self._apis[act].ask(method, f"/wallet/internal{path}", json=content)


@contextmanager
def _unless(code: str) -> Iterator[None]:
    """A refusal with `code` is an answer; what follows in the block is left out."""
    try:
        yield
    except Refused as refused:
        if refused.code != code:
            raise


def _deposit(credit: Credit) -> dict[str, Any]:
    return {
        "id": credit.deposit, "kind": "deposit", "amount": credit.amount, "player": credit.player,
        "provider": credit.provider, "reference": f"deposit:{credit.deposit}",
    }  # fmt: skip


def _capture(payout: UUID) -> UUID:
    return uuid5(_ACTS, f"capture {payout}")


def _plain(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, UUID) else value for name, value in body.items()}
