"""What goes on with all that a request causes: its id and its place in the trace, over HTTP and in the database's rows.

In the outbox and in events both stand in the column `request_id`, as `<request id> <traceparent>`: an id has no space. So the
tables, wallet's functions that write them, and rows of versions without traces are as they were
(docs/adr/0171-spans-of-our-own.md).
"""

from __future__ import annotations

from typing import Any

import httpx

from services.common import logs
from services.common.telemetry import spans


def stamp(context: spans.Context | None = None) -> str:
    """For the column: the request's id and, where that is recorded, what of it (default: what is being done) is the cause."""
    request_id, cause = logs.request_id.get(), str(context or spans.context())
    return f"{request_id} {cause}" if cause else request_id


def stamp_of(request_id: str, traceparent: str) -> str:
    """The same for what was caused elsewhere."""
    return f"{request_id} {traceparent}" if spans.parse(traceparent) else request_id


def split(stamped: str) -> tuple[str, str]:
    """The request's id and the `traceparent`, which may be empty, of what stands in the column."""
    request_id, _, traceparent = stamped.partition(" ")
    return request_id, traceparent


class PartnerClient(httpx.AsyncClient):
    """A client of a partner: each call is a span; no id of ours is sent."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request."""
        attributes = {"http.request.method": request.method, "server.address": request.url.host}
        with spans.span(request.method, spans.SpanKind.CLIENT, attributes) as span:
            self._carry(request)
            answer = await super().send(request, **options)
            if span:
                span.note(**{"http.response.status_code": answer.status_code})
                if answer.status_code >= 500:
                    span.error = str(answer.status_code)
            return answer

    def _carry(self, request: httpx.Request) -> None:
        """Put on what goes along: nothing."""


class ServiceClient(PartnerClient):
    """A client of another service of ours, which is told the request's id and its place in the trace."""

    def _carry(self, request: httpx.Request) -> None:
        if identity := logs.request_id.get():
            request.headers["X-Request-Id"] = identity
        if context := spans.context():
            request.headers["traceparent"] = context
