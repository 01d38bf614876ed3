"""Prizes: computed once every match of a contest is final, ordered at once or after a second person's word, each one once."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scoring.engine import rank, split_prizes
from services.common import events, outbox
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.ids import uuid7
from services.common.tokens import Caller
from services.scoring import contests_repository, lifecycle, repository
from services.scoring.errors import ScoringCode
from services.scoring.events import MatchFinal, PayoutOrdered
from services.scoring.models import Contest, ContestState, Phase
from services.scoring.schemas import Payouts, PayoutView

#: The outbox task that computes the prizes of a contest.
SETTLE = "scoring.settle"

#: In paise: a contest that pays more waits for somebody who may approve (maker and checker are two).
APPROVED_ABOVE = 10_000_000


async def finish_matches(session: AsyncSession, clock: Clock) -> None:
    """Make final what has stood long enough and is disputed by nobody; contests whose matches all are get their prizes."""
    for match_id in sorted(
        await repository.ripe_matches(session)
    ):  # who locks several does it in the order of their ids
        match = await repository.lock_match(session, match_id)
        assert match is not None
        now = clock.now()
        stands = match.result_at is not None and match.phase == Phase.PROVISIONAL and not match.disputes
        if not stands or not lifecycle.of(match.sport).final(now, match.result_at or now, match.confirmed):
            continue
        match.phase, match.final_at = Phase.FINAL, now
        await events.emit(session, MatchFinal(match=match_id, revision=match.revision, final_at=now))
        for slate_id, _ in await repository.slates_of(session, match_id):
            for contest_id in await contests_repository.contests_of(session, slate_id):
                await outbox.enqueue(session, SETTLE, {"contest": str(contest_id)})


async def settle(session: AsyncSession, clock: Clock, contest_id: UUID) -> None:
    """Compute a contest's prizes, once, if all of its matches are final and scored as they are."""
    contest = await contests_repository.contest(session, contest_id, lock=True)
    if contest is None or contest.state != ContestState.OPEN:
        return
    slate = await repository.slate(session, contest.slate_id)
    assert slate is not None
    for match in await repository.matches_of(session, slate.id):
        if match.phase != Phase.FINAL:
            return
        reached = await repository.scored_up_to(session, match.id, slate.rules_sha256)
        assert reached == match.revision, f"{match.id} is scored up to {reached} of {match.revision}"
    standings = await contests_repository.standings(session, contest_id)
    ranks = rank({team: units for team, _, units in standings})
    prizes = split_prizes(contest.prizes, ranks)
    owners = {team: owner for team, owner, _ in standings}
    rows = [
        {
            "id": uuid7(),
            "contest_id": contest_id,
            "team_id": team,
            "owner_id": owners[team],
            "rank": ranks[team],
            "amount": amount,
            "created_at": clock.now(),
        }
        for team, amount in prizes.items()
        if amount
    ]
    await contests_repository.add_payouts(session, rows)
    contest.state = ContestState.PROPOSED
    if sum(prizes.values()) <= APPROVED_ABOVE:
        await _order(session, clock, contest, "below the threshold")


async def payouts(session: AsyncSession, contest_id: UUID) -> Payouts:
    """A contest's pay-outs. Raises ServiceError (contest_unknown)."""
    contest = await contests_repository.contest(session, contest_id)
    if contest is None:
        raise ServiceError(ScoringCode.CONTEST_UNKNOWN, "Look at the id.")
    return Payouts(
        state=contest.state,
        payouts=[
            PayoutView(
                id=row.id,
                team=row.team_id,
                player=row.owner_id,
                rank=row.rank,
                amount=row.amount,
                ordered=row.ordered_at is not None,
            )
            for row in await contests_repository.payouts(session, contest_id)
        ],
    )


async def approve(session: AsyncSession, clock: Clock, caller: Caller, contest_id: UUID) -> Payouts:
    """Order the proposed pay-outs; again changes nothing. Raises ServiceError (contest_unknown, nothing_proposed)."""
    contest = await contests_repository.contest(session, contest_id, lock=True)
    if contest is None:
        raise ServiceError(ScoringCode.CONTEST_UNKNOWN, "Look at the id.")
    if contest.state == ContestState.OPEN:
        raise ServiceError(ScoringCode.NOTHING_PROPOSED, "Prizes are proposed once every match is final.")
    if contest.state == ContestState.PROPOSED:
        await _order(session, clock, contest, caller.subject)
    return await payouts(session, contest_id)


async def _order(session: AsyncSession, clock: Clock, contest: Contest, approved_by: str) -> None:
    """Tell whoever pays, in the transaction that says that it was told."""
    contest.state, contest.approved_by = ContestState.ORDERED, approved_by
    for row in await contests_repository.payouts(session, contest.id):
        row.ordered_at = clock.now()
        order = PayoutOrdered(payout=row.id, contest=contest.id, player=row.owner_id, rank=row.rank, amount=row.amount)
        await events.emit(session, order)
