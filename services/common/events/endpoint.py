"""Where consumers ask: `GET /<service>/internal/events`, with a machine token of the scope `<service>:read-events`."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from services.common.callers import REFUSALS, inside, needs
from services.common.database import Session
from services.common.errors import Code, responses
from services.common.events import log
from services.common.telemetry import carried

MOST = 500


class EventView(BaseModel):
    """One event. `id` is the same however often it is asked for; `trace` is the `traceparent` of what caused it, if known."""

    position: int
    id: UUID
    name: str
    version: int
    data: dict[str, Any]
    request_id: str
    trace: str = ""
    occurred_at: datetime


class EventPage(BaseModel):
    """What came after a position. `first` is the lowest position that can still be asked for."""

    first: int
    events: list[EventView]


def scope(service: str) -> str:
    """What a consumer of the events of `service` must be allowed."""
    return f"{service}:read-events"


@cache
def router(service: str) -> APIRouter:
    """The endpoint of `service`."""
    made = APIRouter(prefix=f"/{service}/internal", tags=["events"], dependencies=[Depends(inside)])

    @made.get(
        "/events",
        summary="Events after a position, in order",
        responses=responses(Code.NOT_FOUND, *REFUSALS),
        dependencies=[Depends(needs(scope(service)))],
    )
    async def read_events(
        session: Session,
        after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
        count: Annotated[int, Query(ge=1, le=MOST)] = MOST,
    ) -> EventPage:
        first = await log.first(
            session
        )  # before the events: what is forgotten in between would look as if it had never been
        found = await log.after(session, after, count)
        return EventPage(first=first, events=[_view(row) for row in found])

    return made


def _view(row: Any) -> EventView:
    request_id, trace = carried.split(row.request_id)
    return EventView.model_validate(row._asdict() | {"request_id": request_id, "trace": trace})
