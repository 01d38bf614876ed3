"""Feeds over HTTP, from inside: operators say which provider is asked for which match, and see how that goes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.common import callers
from services.common.callers import needs
from services.common.database import Session
from services.common.dependencies import Now
from services.common.errors import Code, responses
from services.common.tokens import Caller
from services.scoring import feeds as service
from services.scoring.dependencies import MatchPath, Provider
from services.scoring.errors import ScoringCode
from services.scoring.schemas import BackfillRequest, FeedRequest, Feeds, FeedView

router = APIRouter(prefix="/scoring/internal/feeds", tags=["internal"], dependencies=[Depends(callers.inside)])

Staff = Annotated[Caller, Depends(needs("scoring:manage"))]

REFUSALS = (Code.NOT_FOUND, *callers.REFUSALS)


@router.put("/{provider}/matches/{match_id}", responses=responses(ScoringCode.FEED_UNKNOWN, *REFUSALS))
async def keep_feed(
    provider: Provider, match_id: MatchPath, body: FeedRequest, caller: Staff, session: Session, clock: Now
) -> FeedView:
    """Ask a provider for a match from now on; needs the scope `scoring:manage`. Again: for these files, and at once."""
    return await service.keep(session, clock, provider, match_id, body)


@router.delete("/{provider}/matches/{match_id}", responses=responses(ScoringCode.FEED_UNKNOWN, *REFUSALS))
async def end_feed(provider: Provider, match_id: MatchPath, caller: Staff, session: Session) -> FeedView:
    """Ask no more; needs the scope `scoring:manage`."""
    return await service.end(session, provider, match_id)


@router.post("/{provider}/backfill", responses=responses(*REFUSALS))
async def backfill(provider: Provider, body: BackfillRequest, caller: Staff, session: Session, clock: Now) -> Feeds:
    """Ask for matches that are over, each until it was taken in once; needs the scope `scoring:manage`. Again, after whatever
    ended in between, it goes on with what is left."""
    return await service.backfill(session, clock, provider, body)


@router.get("/{provider}", responses=responses(*REFUSALS))
async def read_feeds(
    provider: Provider,
    caller: Staff,
    session: Session,
    after: Annotated[str, Query(max_length=100)] = "",
    count: Annotated[int, Query(ge=0, le=200)] = 50,
) -> Feeds:
    """How a provider's feeds stand; needs the scope `scoring:manage`. `after`: the match that the page before ended with."""
    return await service.listed(session, provider, after, count)
