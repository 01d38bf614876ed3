"""What auth alone can answer."""

from __future__ import annotations

from services.common.errors import ErrorCode


class AuthCode(ErrorCode):
    """Auth's own codes, beside those of every service."""

    CREDENTIALS_WRONG = "credentials_wrong", 401, "E-mail address and password do not match"
    REFRESH_REFUSED = "refresh_refused", 401, "The session has ended; log in again"
    CLIENT_REFUSED = "client_refused", 401, "The client is unknown or its secret is wrong"
    GRANT_UNSUPPORTED = "grant_unsupported", 400, "The grant type is not supported"
    SCOPE_REFUSED = "scope_refused", 400, "The client may not have that scope"
    LIMITER_UNAVAILABLE = "limiter_unavailable", 503, "Logging in is not possible at the moment; try again"
