"""What payments reaches outside of itself: providers, wallet; and how the end of a call is told to what settles it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from services.common.outside import NotDone, Once, Refused, Unknown
from services.common.sealing import Sealer
from services.payments.providers.port import Provider, ProviderName
from services.payments.routing import Router
from services.payments.states import PayoutState, RefundState
from services.payments.wallet import Wallet

Answer = TypeVar("Answer")
State = TypeVar("State", RefundState, PayoutState)
Reported = TypeVar("Reported", RefundState, PayoutState, covariant=True)


class News(Protocol[Reported]):
    """What a provider says of a refund or a payout."""

    @property
    def state(self) -> Reported:
        """Where it stands."""
        ...


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Providers by name, the primary first, and who is asked first; what opens players' accounts; the wallet."""

    providers: Mapping[ProviderName, Provider]
    router: Router
    sealer: Sealer
    wallet: Wallet


@dataclass(frozen=True, slots=True)
class Lost:
    """A call without an answer. `done`: None where it may have been done, False where it is known not to be."""

    reason: str
    done: bool | None


#: Opens what the worker reaches.
Reach = Once[Outside]


async def outcome_of(outside: Outside, name: ProviderName | None, call: Awaitable[Answer]) -> Answer | Refused | Lost:
    """How `call` ended, as a value; what it says of the health of provider `name` is noted."""
    good = True
    try:
        return await call
    except Refused as refused:
        return refused
    except NotDone as not_done:
        good = False
        return Lost(str(not_done), done=False)
    except Unknown as unknown:
        good = False
        return Lost(unknown.reason, done=None)
    except TimeoutError:
        good = False
        return Lost("time-out", done=None)
    except asyncio.CancelledError:
        good = False
        raise
    finally:
        if name is not None:
            outside.router.note(name, good=good)


def state_after(outcome: News[State] | Refused | Lost, now: State) -> State | None:
    """The state that the end of a call leads to, of what stood at `now`; None where nothing is known to have been done.

    No answer is not a no: it may have been done. Nor is a refusal, when the question was what became of something sent before.
    """
    states = type(now)
    if isinstance(outcome, Lost):
        return states("unknown") if outcome.done is None else None
    if isinstance(outcome, Refused):
        return states("failed") if now == states("ready") else states("unknown")
    return outcome.state
