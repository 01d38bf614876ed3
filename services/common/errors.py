"""Errors: the codes that every service has, the base of a service's own, and RFC 9457 problem bodies made from them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, Field


class ErrorCode(StrEnum):
    """The base of error codes: a subclass lists them as `NAME = "code", status, "title"`, each with its HTTP status.

    A code never changes its meaning; clients decide by it, people read title and detail. The codes of every service are in
    `Code`; a service's own are a subclass in its `errors.py`.
    """

    status: int
    summary: str

    def __new__(cls, value: str, status: int, title: str) -> Self:
        code = str.__new__(cls, value)
        code._value_ = value
        code.status, code.summary = status, title
        return code


class Code(ErrorCode):
    """What any service can answer."""

    MALFORMED = "malformed", 400, "The request cannot be read"
    INVALID = "invalid", 422, "The request says something that is not accepted"
    NOT_FOUND = "not_found", 404, "There is nothing here"
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, "This resource does not take that method"
    BODY_TOO_LARGE = "body_too_large", 413, "The request body is too large"
    BODY_TOO_SLOW = "body_too_slow", 408, "The request body did not arrive in time"
    UNAUTHENTICATED = "unauthenticated", 401, "A valid access token is needed"
    FORBIDDEN = "forbidden", 403, "The access token does not allow this"
    STEP_UP_NEEDED = "step_up_needed", 401, "A recent log-in with a second factor is needed"
    RATE_LIMITED = "rate_limited", 429, "Too many attempts"
    BUSY = "busy", 503, "The service is busy; try again"
    OUTCOME_UNKNOWN = "outcome_unknown", 503, "It is not known whether this was done; send the same request again"
    INTERNAL = "internal", 500, "The service failed"
    KEYS_UNAVAILABLE = "keys_unavailable", 503, "Tokens cannot be checked at the moment; try again"
    IDEMPOTENCY_KEY_MISSING = "idempotency_key_missing", 400, "The Idempotency-Key header is needed"
    IDEMPOTENCY_KEY_INVALID = "idempotency_key_invalid", 400, "The Idempotency-Key header is not usable"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused", 422, "The idempotency key was used for another request"
    IDEMPOTENCY_KEY_IN_USE = "idempotency_key_in_use", 409, "A request with this idempotency key is under way"


_EVERYWHERE = (
    Code.MALFORMED,
    Code.BODY_TOO_SLOW,
    Code.BODY_TOO_LARGE,
    Code.INVALID,
    Code.INTERNAL,
    Code.BUSY,
    Code.OUTCOME_UNKNOWN,
)

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
    code: str
    detail: str
    request_id: str
    violations: list[Violation] = []


class ServiceError(Exception):
    """A request that is refused: a code and a sentence about this case, fit to be shown to the caller.

    A refusal undoes what the request did so far, unless it `keeps_changes`: what was found out has to be stored.
    """

    def __init__(
        self,
        code: ErrorCode,
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
        return self.code.status

    def problem(self, request_id: str) -> Problem:
        """The body to answer with."""
        return Problem(
            type=f"urn:matchday:problem:{self.code}",
            title=self.code.summary,
            status=self.code.status,
            code=self.code,
            detail=self.detail,
            request_id=request_id,
            violations=self.violations,
        )


def responses(*codes: ErrorCode) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of an endpoint that can answer with `codes`, and with those that every endpoint can."""
    by_status: dict[int | str, list[ErrorCode]] = {}
    for code in dict.fromkeys((*codes, *_EVERYWHERE)):
        by_status.setdefault(code.status, []).append(code)
    return {
        status: {
            "description": "; ".join(f"`{code}`: {code.summary}" for code in here),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, here in by_status.items()
    }
