"""How a status of the ledger is refused: its code and a sentence for who asked."""

from __future__ import annotations

from services.common.errors import Code, ErrorCode, ServiceError
from services.wallet.errors import WalletCode
from services.wallet.ledger import Status, Verdict

_DETAILS = {
    Status.INSUFFICIENT_FUNDS: "There is less than that which is not held.",
    Status.ACCOUNT_UNKNOWN: "An account that it names does not exist.",
    Status.ACCOUNT_FROZEN: "Nothing is taken from a frozen account.",
    Status.ID_REUSED: "This id came with another request before; use a new one.",
    Status.KEY_REUSED: "This Idempotency-Key came with another request before; use a new one.",
    Status.REFERENCE_TAKEN: "A movement with this reference was made before.",
    Status.REVERSED_BEFORE: "A movement is reversed once.",
    Status.HOLD_UNKNOWN: "No hold has this id.",
    Status.HOLD_ENDED: "It was captured, voided or has expired.",
    Status.HOLD_EXPIRED: "Its time was over; what is left of it is released.",
    Status.HOLD_EXCEEDED: "Ask for at most what remains of it.",
    Status.LIMIT_REACHED: "The player's own limit leaves less than that.",
    Status.PLAYER_EXCLUDED: "The player does not play for now, by their own wish.",
}


_CODES = {each.value: each for each in WalletCode}


def code(status: Status) -> ErrorCode:
    """The code that a status is answered with."""
    return Code.IDEMPOTENCY_KEY_REUSED if status is Status.KEY_REUSED else _CODES[status.value]


def done(outcome: Verdict) -> Verdict:
    """`outcome`, if it has happened. Raises ServiceError otherwise."""
    if not outcome.status.done:
        raise ServiceError(code(outcome.status), _DETAILS[outcome.status])
    return outcome


#: What posting one item can be refused with.
POSTING = tuple(code(status) for status in _DETAILS if status is not Status.KEY_REUSED)
