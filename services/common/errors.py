"""The one catalogue of errors: stable codes, and RFC 9457 problem bodies made from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field


class Code(StrEnum):
    """What can be wrong. A code never changes its meaning; clients decide by it, people read title and detail."""

    # Every service
    MALFORMED = "malformed"
    INVALID = "invalid"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BODY_TOO_LARGE = "body_too_large"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"
    INTERNAL = "internal"
    KEYS_UNAVAILABLE = "keys_unavailable"
    IDEMPOTENCY_KEY_MISSING = "idempotency_key_missing"
    IDEMPOTENCY_KEY_INVALID = "idempotency_key_invalid"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    # auth
    EMAIL_TAKEN = "email_taken"
    CREDENTIALS_WRONG = "credentials_wrong"
    REFRESH_REFUSED = "refresh_refused"
    CLIENT_REFUSED = "client_refused"
    GRANT_UNSUPPORTED = "grant_unsupported"
    SCOPE_REFUSED = "scope_refused"
    LIMITER_UNAVAILABLE = "limiter_unavailable"
    # wallet
    ACCOUNT_MISSING = "account_missing"
    ACCOUNT_UNKNOWN = "account_unknown"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    SAME_ACCOUNT = "same_account"
    REFERENCE_TAKEN = "reference_taken"
    NOT_YET_RECONCILED = "not_yet_reconciled"


@dataclass(frozen=True)
class Kind:
    """How a code is answered."""

    status: int
    title: str


CATALOGUE: Mapping[Code, Kind] = {
    Code.MALFORMED: Kind(400, "The request cannot be read"),
    Code.INVALID: Kind(422, "The request says something that is not accepted"),
    Code.NOT_FOUND: Kind(404, "There is nothing here"),
    Code.METHOD_NOT_ALLOWED: Kind(405, "This resource does not take that method"),
    Code.BODY_TOO_LARGE: Kind(413, "The request body is too large"),
    Code.UNAUTHENTICATED: Kind(401, "A valid access token is needed"),
    Code.FORBIDDEN: Kind(403, "The access token does not allow this"),
    Code.RATE_LIMITED: Kind(429, "Too many attempts"),
    Code.BUSY: Kind(503, "The service is busy; try again"),
    Code.INTERNAL: Kind(500, "The service failed"),
    Code.KEYS_UNAVAILABLE: Kind(503, "Tokens cannot be checked at the moment; try again"),
    Code.IDEMPOTENCY_KEY_MISSING: Kind(400, "The Idempotency-Key header is needed"),
    Code.IDEMPOTENCY_KEY_INVALID: Kind(400, "The Idempotency-Key header is not usable"),
    Code.IDEMPOTENCY_KEY_REUSED: Kind(422, "The idempotency key was used for another request"),
    Code.EMAIL_TAKEN: Kind(409, "This e-mail address has an account"),
    Code.CREDENTIALS_WRONG: Kind(401, "E-mail address and password do not match"),
    Code.REFRESH_REFUSED: Kind(401, "The session has ended; log in again"),
    Code.CLIENT_REFUSED: Kind(401, "The client is unknown or its secret is wrong"),
    Code.GRANT_UNSUPPORTED: Kind(400, "The grant type is not supported"),
    Code.SCOPE_REFUSED: Kind(400, "The client may not have that scope"),
    Code.LIMITER_UNAVAILABLE: Kind(503, "Logging in is not possible at the moment; try again"),
    Code.ACCOUNT_MISSING: Kind(404, "The caller has no account yet"),
    Code.ACCOUNT_UNKNOWN: Kind(404, "There is no such account"),
    Code.INSUFFICIENT_FUNDS: Kind(409, "The balance is too small"),
    Code.SAME_ACCOUNT: Kind(422, "Source and destination are the same account"),
    Code.REFERENCE_TAKEN: Kind(409, "The reference was used for another credit"),
    Code.NOT_YET_RECONCILED: Kind(404, "No reconciliation has run yet"),
}

_EVERYWHERE = (Code.INVALID, Code.INTERNAL, Code.BUSY)

MEDIA_TYPE = "application/problem+json"


class Violation(BaseModel):
    """One part of a request that is not accepted. What was sent is not repeated: it may be a password."""

    field: str = Field(examples=["body.amount"])
    message: str


class Problem(BaseModel):
    """An error's body (RFC 9457)."""

    type: str = Field(examples=["urn:matchday:problem:insufficient_funds"])
    title: str
    status: int
    code: Code
    detail: str
    request_id: str
    violations: list[Violation] = []


class ServiceError(Exception):
    """A request that is refused: a code of the catalogue and a sentence about this case, fit to be shown to the caller.

    A refusal undoes what the request did so far, unless it `keeps_changes`: what was found out has to be stored.
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        violations: list[Violation] | None = None,
        headers: Mapping[str, str] | None = None,
        keeps_changes: bool = False,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail
        self.violations = violations or []
        self.headers = dict(headers or {})
        self.keeps_changes = keeps_changes

    @property
    def status(self) -> int:
        """The HTTP status."""
        return CATALOGUE[self.code].status

    def problem(self, request_id: str) -> Problem:
        """The body to answer with."""
        kind = CATALOGUE[self.code]
        return Problem(
            type=f"urn:matchday:problem:{self.code}",
            title=kind.title,
            status=kind.status,
            code=self.code,
            detail=self.detail,
            request_id=request_id,
            violations=self.violations,
        )


def responses(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of an endpoint that can answer with `codes`, and with those that every endpoint can."""
    by_status: dict[int | str, list[Code]] = {}
    for code in dict.fromkeys((*codes, *_EVERYWHERE)):
        by_status.setdefault(CATALOGUE[code].status, []).append(code)
    return {
        status: {
            "description": "; ".join(f"`{code}`: {CATALOGUE[code].title}" for code in here),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, here in by_status.items()
    }
