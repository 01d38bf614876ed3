"""Scoring over HTTP, for staff: prizes are approved, looked at, tried again, and compared with the wallet."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.common import callers
from services.common.callers import may
from services.common.database import Session
from services.common.dependencies import Now
from services.common.errors import responses
from services.common.permissions import Permission
from services.common.tokens import Caller
from services.scoring import comparing, prizes, prizes_repository
from services.scoring.errors import ScoringCode, there
from services.scoring.schemas_prizes import PayoutList, Payouts, PayoutView, PrizeReportView, ProposedContests
from services.scoring.states import PayoutState

staff = APIRouter(prefix="/scoring/staff", tags=["staff"])

Checker = Annotated[Caller, Depends(may(Permission.APPROVE_PRIZES, step_up=True))]
Auditor = Annotated[Caller, Depends(may(Permission.AUDIT_PRIZES))]
Comparer = Annotated[Caller, Depends(may(Permission.AUDIT_PRIZES, step_up=True))]
Count = Annotated[int, Query(ge=1, le=prizes.PAGE)]
FromFirst = Annotated[UUID, Query(description="The last id of the page before")]

_FIRST = UUID(int=0)


@staff.get("/contests/waiting", responses=responses(*callers.REFUSALS))
async def read_waiting(
    caller: Auditor, session: Session, after: FromFirst = _FIRST, count: Count = 50
) -> ProposedContests:
    """Contests whose pay-outs wait for a second person; needs the permission `scoring:audit`."""
    return await prizes.proposed(session, after, count)


@staff.get("/contests/{contest_id}/payouts", responses=responses(ScoringCode.CONTEST_UNKNOWN, *callers.REFUSALS))
async def read_payouts_as_staff(
    contest_id: UUID,
    caller: Auditor,
    session: Session,
    state: PayoutState | None = None,
    after: UUID | None = None,
    count: Count = prizes.PAGE,
) -> Payouts:
    """A contest's pay-outs, with what became of each; needs the permission `scoring:audit`."""
    return await prizes.payouts(session, contest_id, state, after, count)


@staff.post(
    "/contests/{contest_id}/approval",
    responses=responses(
        ScoringCode.CONTEST_UNKNOWN, ScoringCode.NOTHING_PROPOSED, ScoringCode.OWN_PRIZE, *callers.STEP_UP_REFUSALS
    ),
)
async def approve(contest_id: UUID, caller: Checker, session: Session, clock: Now) -> Payouts:
    """Order pay-outs that wait for a second person; needs the permission `scoring:approve`. Again changes nothing."""
    return await prizes.approve(session, clock, caller, contest_id)


@staff.get("/payouts/refused", responses=responses(*callers.REFUSALS))
async def read_refused(caller: Auditor, session: Session, after: FromFirst = _FIRST, count: Count = 50) -> PayoutList:
    """What the wallet refused, of all contests; needs the permission `scoring:audit`."""
    return await prizes.refused(session, after, count)


@staff.post(
    "/payouts/{payout_id}/retry",
    responses=responses(
        ScoringCode.PAYOUT_UNKNOWN, ScoringCode.NOT_REFUSED, ScoringCode.OWN_PRIZE, *callers.STEP_UP_REFUSALS
    ),
)
async def retry(payout_id: UUID, caller: Checker, session: Session, clock: Now) -> PayoutView:
    """Have the wallet asked again for a pay-out that it refused; needs the permission `scoring:approve`."""
    return await prizes.retry(session, clock, caller, payout_id)


@staff.get("/prizes/reports/{day}", responses=responses(ScoringCode.REPORT_UNKNOWN, *callers.REFUSALS))
async def read_report(day: date, caller: Auditor, session: Session) -> PrizeReportView:
    """What the newest comparison of a day (UTC) with the wallet found; needs the permission `scoring:audit`."""
    found = there(await prizes_repository.report(session, day), ScoringCode.REPORT_UNKNOWN)
    return PrizeReportView.model_validate(found, from_attributes=True)


@staff.post("/prizes/reports/{day}", status_code=202, responses=responses(*callers.STEP_UP_REFUSALS))
async def order_report(day: date, caller: Comparer, session: Session) -> None:
    """Have a day compared now; needs the permission `scoring:audit`."""
    await comparing.order(session, day)
