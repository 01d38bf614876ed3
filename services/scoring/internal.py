"""Scoring over HTTP, from inside: feeds bring snapshots, operators publish rules, open slates and contests, settle disputes."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.common import callers
from services.common.callers import needs
from services.common.database import Session
from services.common.dependencies import Now
from services.common.errors import Code, responses
from services.common.tokens import Caller
from services.scoring import ingestion, matches, payloads, prizes, seasons, service
from services.scoring.dependencies import KeptRules, MatchPath, RulesPath, Snapshots
from services.scoring.errors import ScoringCode
from services.scoring.schemas import (
    ContestRequest,
    ContestView,
    Disputes,
    IngestedView,
    MatchView,
    PreferRequest,
    PublishRequest,
    RulesView,
    SlateRequest,
    SlateView,
    SnapshotRequest,
    UploadRequest,
    UploadView,
)
from services.scoring.schemas_prizes import ClosingRequest, Payouts
from services.scoring.schemas_seasons import SeasonRequest, SeasonView

#: What the load balancer refuses (`internal` in service.yaml), and the service too where a request came through it.
internal = APIRouter(prefix="/scoring/internal", tags=["internal"], dependencies=[Depends(callers.inside)])

Feed = Annotated[Caller, Depends(needs("scoring:ingest"))]
Staff = Annotated[Caller, Depends(needs("scoring:manage"))]

REFUSALS = (Code.NOT_FOUND, *callers.REFUSALS)


@internal.post(
    "/matches/{match_id}/snapshots",
    responses=responses(
        ScoringCode.SNAPSHOT_REFUSED,
        ScoringCode.WRONG_MATCH,
        ScoringCode.MATCH_FINAL,
        ScoringCode.SNAPSHOT_STALE,
        *REFUSALS,
    ),
)
async def ingest(
    match_id: MatchPath, body: SnapshotRequest, caller: Feed, session: Session, clock: Now, store: Snapshots
) -> IngestedView:
    """Take in all that a feed says of a match now; needs the scope `scoring:ingest`. The same again confirms it."""
    return await ingestion.ingest(session, clock, match_id, await payloads.keep(store, caller, body))


@internal.post("/uploads", responses=responses(*REFUSALS))
async def announce_upload(body: UploadRequest, caller: Feed, store: Snapshots) -> UploadView:
    """Where to send a file that is too large for a request, named by its SHA-256 in the snapshot then; needs the scope
    `scoring:ingest`."""
    return await payloads.announce(store, body)


@internal.get("/matches/{match_id}/disputes", responses=responses(ScoringCode.MATCH_UNKNOWN, *REFUSALS))
async def read_disputes(match_id: MatchPath, caller: Staff, session: Session) -> Disputes:
    """What feeds say differently of a match; needs the scope `scoring:manage`."""
    return await matches.disputes(session, match_id)


@internal.post(
    "/matches/{match_id}/decision",
    responses=responses(ScoringCode.MATCH_UNKNOWN, ScoringCode.MATCH_FINAL, *REFUSALS),
)
async def decide(match_id: MatchPath, body: PreferRequest, caller: Staff, session: Session) -> IngestedView:
    """Believe feeds in this order where they differ, which settles the dispute; needs the scope `scoring:manage`."""
    return await ingestion.prefer(session, match_id, body.providers)


@internal.post(
    "/matches/{match_id}/closing",
    responses=responses(ScoringCode.MATCH_UNKNOWN, ScoringCode.NOT_CLOSABLE, *REFUSALS),
)
async def close(match_id: MatchPath, body: ClosingRequest, caller: Staff, session: Session, clock: Now) -> MatchView:
    """Make a result final before its time; prizes wait for a second person then. Needs the scope `scoring:manage`."""
    return await prizes.close_match(session, clock, caller, match_id, body.reason)


@internal.post("/rules", responses=responses(ScoringCode.RULES_REFUSED, ScoringCode.RULES_UNKNOWN, *REFUSALS))
async def publish(body: PublishRequest, caller: Staff, session: Session, clock: Now, store: KeptRules) -> RulesView:
    """Publish rules, linted; needs the scope `scoring:manage`. The same again changes nothing."""
    rules = await service.linted(body)
    await payloads.keep_rules(store, rules)
    return await service.publish(session, clock, caller, rules)


@internal.post("/rules/{sha256}/withdrawal", responses=responses(ScoringCode.RULES_UNKNOWN, *REFUSALS))
async def withdraw(sha256: RulesPath, caller: Staff, session: Session, clock: Now) -> RulesView:
    """Keep rules from new slates; those that have them keep them. Needs the scope `scoring:manage`."""
    return await service.withdraw(session, clock, sha256)


@internal.put(
    "/slates/{slate_id}",
    responses=responses(
        ScoringCode.RULES_UNKNOWN,
        ScoringCode.RULES_WITHDRAWN,
        ScoringCode.WRONG_MATCH,
        ScoringCode.ID_TAKEN,
        ScoringCode.SLATE_UNKNOWN,
        *REFUSALS,
    ),
)
async def open_slate(slate_id: UUID, body: SlateRequest, caller: Staff, session: Session, clock: Now) -> SlateView:
    """Open a slate; needs the scope `scoring:manage`. The same again changes nothing."""
    return await service.open_slate(session, clock, slate_id, body)


@internal.put(
    "/contests/{contest_id}",
    responses=responses(ScoringCode.SLATE_UNKNOWN, ScoringCode.CONTEST_UNKNOWN, ScoringCode.ID_TAKEN, *REFUSALS),
)
async def open_contest(
    contest_id: UUID, body: ContestRequest, caller: Staff, session: Session, clock: Now
) -> ContestView:
    """Open a contest of a slate; needs the scope `scoring:manage`. The same again changes nothing."""
    return await service.open_contest(session, clock, contest_id, body)


@internal.put(
    "/seasons/{season_id}",
    responses=responses(ScoringCode.SLATE_UNKNOWN, ScoringCode.SEASON_UNKNOWN, ScoringCode.ID_TAKEN, *REFUSALS),
)
async def open_season(season_id: UUID, body: SeasonRequest, caller: Staff, session: Session, clock: Now) -> SeasonView:
    """Open a season of slates, or have more of them count in it; needs the scope `scoring:manage`. The same again changes
    nothing."""
    return await seasons.open_season(session, clock, season_id, body)


@internal.get("/contests/{contest_id}/payouts", responses=responses(ScoringCode.CONTEST_UNKNOWN, *REFUSALS))
async def read_payouts(contest_id: UUID, caller: Staff, session: Session, after: UUID | None = None) -> Payouts:
    """A page of a contest's pay-outs; `after`: the last of the page before. Needs the scope `scoring:manage`."""
    return await prizes.payouts(session, contest_id, after=after)
