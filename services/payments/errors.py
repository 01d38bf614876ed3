"""What payments alone can answer."""

from __future__ import annotations

from services.common.errors import ErrorCode


class PaymentsCode(ErrorCode):
    """Its own codes, beside those of every service."""

    NOT_ALLOWED_HERE = "not_allowed_here", 403, "The rules of the jurisdiction do not allow it"
    LIMIT_REACHED = "limit_reached", 403, "A limit of the jurisdiction or of the player's own is reached"
    PLAYER_EXCLUDED = "player_excluded", 403, "The player does not play for a while, as they wished"
    ENTRY_REFUSED = "entry_refused", 409, "The wallet does not move the money"
    DEPOSIT_UNKNOWN = "deposit_unknown", 404, "The caller has no such deposit"
    DEPOSIT_OVER = "deposit_over", 409, "The deposit takes no further attempt"
    SIGNATURE_INVALID = "signature_invalid", 401, "The signature is not the provider's"
    INSTRUMENT_UNKNOWN = "instrument_unknown", 404, "There is no such account of a player"
    INSTRUMENT_UNVERIFIED = "instrument_unverified", 409, "It is not confirmed that the account is the player's own"
    PAYOUT_UNKNOWN = "payout_unknown", 404, "There is no such payout"
    PAYOUT_DECIDED = "payout_decided", 409, "The payout does not wait for a decision"
    SECOND_PERSON_NEEDED = (
        "second_person_needed",
        403,
        "Whoever confirmed the account does not approve what is paid to it",
    )
    REFUND_DIFFERS = "refund_differs", 409, "The id is of a refund of another deposit or amount"
    PAYMENT_DISPUTED = "payment_disputed", 409, "The payment is disputed: its bank may take the money back by itself"
    REFUND_TOO_LARGE = "refund_too_large", 409, "More would go back than came in"
    REPORT_MISSING = "report_missing", 404, "There is no report of that day"
