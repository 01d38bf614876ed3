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
    ACCOUNT_FROZEN = "account_frozen", 403, "The account is frozen; support can tell why"
    PASSWORD_COMMON = "password_common", 422, "The password is too easy to guess"
    CODE_REFUSED = "code_refused", 422, "The code is wrong, used or too old"
    FACTOR_REFUSED = "factor_refused", 401, "The second factor is not accepted"
    FACTOR_EXISTS = "factor_exists", 409, "There is such a second factor already"
    FLOW_REFUSED = "flow_refused", 422, "What was begun has expired, is done already, or was never begun"
    STATE_REFUSED = "state_refused", 409, "The account's state does not allow this"
    PROVIDER_UNAVAILABLE = "provider_unavailable", 503, "The provider cannot be asked at the moment; try again"
    PROVIDER_REFUSED = "provider_refused", 401, "The provider's answer is not accepted"
