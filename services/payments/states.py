"""State machines of attempts, refunds and payouts: tables that only lead forward; late and repeated news change nothing.

A state is *reached* from the ones that its row names, and from no other. Every table is free of circles (a test walks them), so
news that come twice, late or in another order end in the same state. UNKNOWN is a state of its own: it may have happened, and
is left only by what a provider answers when it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar


class AttemptState(StrEnum):
    """One order at one provider."""

    NEW = "new"  #: stored, and the call may be under way
    UNKNOWN = "unknown"  #: the call ended without an answer
    OPEN = "open"  #: the player can pay
    REFUSED = "refused"  #: the provider did not take the order: no money can come
    FAILED = "failed"  #: the provider says that the last try of the player failed; another may follow
    EXPIRED = "expired"  #: the provider says that nobody can pay it any more, or its time is over
    PAID = "paid"  #: captured


class DepositState(StrEnum):
    """What a player wants to pay in, by one or several attempts."""

    PENDING = "pending"
    ENDED = "ended"  #: every attempt ended without money
    PAID = "paid"  #: a provider has the money, the wallet does not know yet
    CREDITED = "credited"


class RefundState(StrEnum):
    """Money that goes back to where a payment came from."""

    REQUESTED = "requested"  #: the wallet is asked to put the money aside, where it was credited
    READY = "ready"  #: it may be sent
    UNKNOWN = "unknown"
    PENDING = "pending"  #: the provider has it
    FAILED = "failed"
    PROCESSED = "processed"
    DECLINED = "declined"  #: the wallet does not hold so much


class PayoutState(StrEnum):
    """Money that goes from a wallet to a player's own account."""

    REQUESTED = "requested"  #: the wallet is asked to hold it
    DECLINED = "declined"  #: the wallet does not hold so much, or a check says no
    WAITING = "waiting"  #: a second person decides
    REJECTED = "rejected"  #: that person said no; the hold is given back
    READY = "ready"  #: it may be sent
    UNKNOWN = "unknown"
    PENDING = "pending"  #: the provider has it
    FAILED = "failed"  #: the provider did not pay; the hold is given back
    PROCESSED = "processed"  #: paid; the hold is captured
    REVERSED = "reversed"  #: the bank sent it back afterwards; the player gets it again


State = TypeVar("State", bound=StrEnum)
Table = Mapping[State, frozenset[State]]

_A, _D, _R, _P = AttemptState, DepositState, RefundState, PayoutState

#: state → the states that it may be reached from.
ATTEMPTS: Table[AttemptState] = {
    _A.NEW: frozenset(),
    _A.UNKNOWN: frozenset({_A.NEW}),
    _A.REFUSED: frozenset({_A.NEW, _A.UNKNOWN}),
    _A.OPEN: frozenset({_A.NEW, _A.UNKNOWN}),
    _A.FAILED: frozenset({_A.UNKNOWN, _A.OPEN}),
    _A.EXPIRED: frozenset({_A.UNKNOWN, _A.OPEN, _A.FAILED}),
    # A late authorisation is normal: "failed" and "expired" are no end for money that came.
    _A.PAID: frozenset({_A.NEW, _A.UNKNOWN, _A.OPEN, _A.FAILED, _A.EXPIRED, _A.REFUSED}),
}

DEPOSITS: Table[DepositState] = {
    _D.PENDING: frozenset(),
    _D.ENDED: frozenset({_D.PENDING}),
    _D.PAID: frozenset({_D.PENDING, _D.ENDED}),
    _D.CREDITED: frozenset({_D.PAID}),
}

REFUNDS: Table[RefundState] = {
    _R.REQUESTED: frozenset(),
    _R.DECLINED: frozenset({_R.REQUESTED}),
    _R.READY: frozenset({_R.REQUESTED}),
    _R.UNKNOWN: frozenset({_R.READY}),
    _R.PENDING: frozenset({_R.READY, _R.UNKNOWN}),
    _R.FAILED: frozenset({_R.READY, _R.UNKNOWN, _R.PENDING}),
    # Providers have been seen to say "failed" and pay later.
    _R.PROCESSED: frozenset({_R.READY, _R.UNKNOWN, _R.PENDING, _R.FAILED}),
}

PAYOUTS: Table[PayoutState] = {
    _P.REQUESTED: frozenset(),
    _P.DECLINED: frozenset({_P.REQUESTED}),
    _P.WAITING: frozenset({_P.REQUESTED}),
    _P.REJECTED: frozenset({_P.WAITING}),
    _P.READY: frozenset({_P.REQUESTED, _P.WAITING}),
    _P.UNKNOWN: frozenset({_P.READY}),
    _P.PENDING: frozenset({_P.READY, _P.UNKNOWN}),
    _P.FAILED: frozenset({_P.READY, _P.UNKNOWN, _P.PENDING}),
    _P.PROCESSED: frozenset({_P.READY, _P.UNKNOWN, _P.PENDING}),
    _P.REVERSED: frozenset({_P.READY, _P.UNKNOWN, _P.PENDING, _P.PROCESSED}),
}

#: Attempts that are known not to have taken money, so that another provider may be tried.
WITHOUT_MONEY = frozenset({_A.REFUSED, _A.FAILED, _A.EXPIRED})

#: What the janitor asks providers about.
ASKED = {
    "attempt": (_A.NEW, _A.UNKNOWN, _A.OPEN, _A.FAILED),
    "refund": (_R.READY, _R.UNKNOWN, _R.PENDING),
    "payout": (_P.READY, _P.UNKNOWN, _P.PENDING),
}


def moves(table: Table[State], now: State, to: State) -> bool:
    """Whether `to` is reached from `now`; what is old news, or contradicts what is known, moves nothing."""
    return now in table[to]
