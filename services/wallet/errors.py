"""What wallet alone can answer."""

from __future__ import annotations

from services.common.errors import ErrorCode


class WalletCode(ErrorCode):
    """Wallet's own codes, beside those of every service."""

    ACCOUNT_MISSING = "account_missing", 404, "The caller has no account yet"
    ACCOUNT_UNKNOWN = "account_unknown", 404, "There is no such account"
    ACCOUNT_FROZEN = "account_frozen", 409, "The account is frozen"
    INSUFFICIENT_FUNDS = "insufficient_funds", 409, "The balance is too small"
    SAME_ACCOUNT = "same_account", 422, "Source and destination are the same account"
    LIMIT_EXCEEDED = "limit_exceeded", 403, "The client may not move so much at once"
    REFERENCE_TAKEN = "reference_taken", 409, "The reference was used for another credit"
    NOT_YET_RECONCILED = "not_yet_reconciled", 404, "No reconciliation has run yet"
    ID_REUSED = "id_reused", 422, "The id was used for another request"
    TRANSACTION_UNKNOWN = "transaction_unknown", 404, "There is no such movement"
    REVERSED_BEFORE = "reversed_before", 409, "The movement was reversed before"
    NOT_REVERSIBLE = "not_reversible", 409, "A movement of this kind is not reversed"
    HOLD_UNKNOWN = "hold_unknown", 404, "There is no such hold"
    HOLD_ENDED = "hold_ended", 409, "The hold has ended"
    HOLD_EXPIRED = "hold_expired", 409, "The hold has expired"
    HOLD_EXCEEDED = "hold_exceeded", 409, "The hold has less left"
    LIMIT_REACHED = "limit_reached", 409, "A limit that the player set is reached"
    PLAYER_EXCLUDED = "player_excluded", 409, "The player is excluded from play"
    FREEZE_UNKNOWN = "freeze_unknown", 404, "There is no such freeze"
    ADJUSTMENT_UNKNOWN = "adjustment_unknown", 404, "There is no such adjustment"
    ADJUSTMENT_DECIDED = "adjustment_decided", 409, "The adjustment was decided before"
    STATEMENT_TOO_LONG = "statement_too_long", 422, "There are more entries than one file has"
    OWN_ADJUSTMENT = "own_adjustment", 403, "Nobody decides what they proposed"
