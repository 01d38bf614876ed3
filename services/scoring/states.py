"""States of a pay-out, and from which each is reached; the database refuses every other move (migration 0006)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class PayoutState(StrEnum):
    """How far a pay-out is.

    - waiting: for a second person. approved: it is to be paid.
    - sent: the wallet is asked, or was; whether it has done it may be unknown, and then it is asked again.
    - paid: the wallet has a posting with the pay-out's id. refused: it said no, and a person looks.
    """

    WAITING = "waiting"
    APPROVED = "approved"
    SENT = "sent"
    PAID = "paid"
    REFUSED = "refused"


_S = PayoutState

#: State → those that follow. What the wallet has posted is paid whatever another, earlier answer said; `paid` is the end.
MOVES: Mapping[PayoutState, frozenset[PayoutState]] = {
    _S.WAITING: frozenset({_S.APPROVED}),
    _S.APPROVED: frozenset({_S.SENT, _S.PAID}),
    _S.SENT: frozenset({_S.PAID, _S.REFUSED}),
    _S.REFUSED: frozenset({_S.APPROVED, _S.PAID}),
    _S.PAID: frozenset(),
}
