"""What wallet alone can answer."""

from __future__ import annotations

from services.common.errors import ErrorCode


class WalletCode(ErrorCode):
    """Wallet's own codes, beside those of every service."""

    ACCOUNT_MISSING = "account_missing", 404, "The caller has no account yet"
    ACCOUNT_UNKNOWN = "account_unknown", 404, "There is no such account"
    INSUFFICIENT_FUNDS = "insufficient_funds", 409, "The balance is too small"
    SAME_ACCOUNT = "same_account", 422, "Source and destination are the same account"
    LIMIT_EXCEEDED = "limit_exceeded", 403, "The client may not move so much at once"
    REFERENCE_TAKEN = "reference_taken", 409, "The reference was used for another credit"
    NOT_YET_RECONCILED = "not_yet_reconciled", 404, "No reconciliation has run yet"
