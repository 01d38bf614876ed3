"""What scoring gives of prizes over HTTP. Money is paise."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.scoring.states import PayoutState


class ClosingRequest(BaseModel):
    """Why nothing is to be waited for: an abandoned match, a result that its officials have signed."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=5, max_length=300)]


class PayoutView(BaseModel):
    """A prize. `posting`: the wallet's movement that paid it, at `posted_at`; `reason`: why the wallet refused it."""

    id: UUID
    contest: UUID
    team: UUID
    player: UUID
    rank: int
    amount: int
    state: PayoutState
    reason: str
    posting: UUID | None
    posted_at: datetime | None


class StateSum(BaseModel):
    """How many pay-outs are in a state, and what they come to."""

    payouts: int
    amount: int


class Payouts(BaseModel):
    """A page of a contest's pay-outs, best first; `sums` of all of them, by state."""

    state: str
    approved_by: str | None
    sums: dict[str, StateSum]
    payouts: list[PayoutView]


class PayoutList(BaseModel):
    """Pay-outs of several contests."""

    payouts: list[PayoutView]


class ProposedContest(BaseModel):
    """A contest whose pay-outs wait for a second person. `reasons`: why matches of it were not waited for."""

    id: UUID
    title: str
    entries: int
    payouts: int
    amount: int
    reasons: list[str]


class ProposedContests(BaseModel):
    """Contests that wait, by id."""

    contests: list[ProposedContest]


class PrizeReportView(BaseModel):
    """A day's pay-outs beside the wallet's postings.

    `kind` of a discrepancy: no_line, no_posting, amount_differs, player_differs, not_paid_here, reversed.
    """

    day: date
    lines: int
    postings: int
    amount: int
    differences: int
    discrepancies: list[dict[str, Any]]
    compared_at: datetime
