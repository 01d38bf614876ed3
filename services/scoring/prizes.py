"""Prizes: computed once every match of a contest is final, ordered at once or after a second person's word, each one once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scoring.engine import rank, split_prizes
from services.common import events, outbox
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.ids import uuid7
from services.common.tokens import Caller
from services.scoring import contests_repository, lifecycle, matches, paying, prizes_repository, repository
from services.scoring.errors import ScoringCode, there
from services.scoring.events import MatchFinal
from services.scoring.models import Contest, ContestState, MatchRecord, Payout, Phase
from services.scoring.schemas import MatchView
from services.scoring.schemas_prizes import (
    PayoutList,
    Payouts,
    PayoutView,
    ProposedContest,
    ProposedContests,
    StateSum,
)
from services.scoring.states import PayoutState

#: The outbox task that computes the prizes of a contest.
SETTLE = "scoring.settle"

#: In paise: a contest that pays more waits for somebody who may approve (maker and checker are two).
APPROVED_ABOVE = 10_000_000

#: So many are shown at once where nothing is asked for.
PAGE = 500


async def finish_matches(session: AsyncSession, clock: Clock) -> None:
    """Make final what has stood long enough and is disputed by nobody; contests whose matches all are get their prizes."""
    for match_id in sorted(
        await repository.ripe_matches(session)
    ):  # who locks several does it in the order of their ids
        match = await repository.lock_match(session, match_id)
        assert match is not None
        now = clock.now()
        stands = match.result_at is not None and match.phase == Phase.PROVISIONAL and not match.disputes
        if stands and lifecycle.of(match.sport).final(now, match.result_at or now, match.confirmed):
            await _finish(session, clock, match)


async def close_match(session: AsyncSession, clock: Clock, caller: Caller, match_id: str, reason: str) -> MatchView:
    """Make a result final before its time, by an operator's word; the prizes of its contests wait for a second person then.

    Again changes nothing. Raises ServiceError (match_unknown, not_closable).
    """
    match = there(await repository.lock_match(session, match_id), ScoringCode.MATCH_UNKNOWN)
    if match.phase != Phase.FINAL:
        if match.result_at is None:
            raise ServiceError(ScoringCode.NOT_CLOSABLE, "It has no result yet.")
        if match.disputes:
            raise ServiceError(ScoringCode.NOT_CLOSABLE, "Its feeds differ; decide whom to believe first.")
        match.closed_by, match.closed_reason = caller.subject, reason
        await _finish(session, clock, match)
    return matches.match_view(match)


async def _finish(session: AsyncSession, clock: Clock, match: MatchRecord) -> None:
    """The match is locked."""
    match.phase, match.final_at = Phase.FINAL, clock.now()
    await events.emit(session, MatchFinal(match=match.id, revision=match.revision, final_at=match.final_at))
    for slate_id, _ in await repository.slates_of(session, match.id):
        for contest_id in await contests_repository.contests_of(session, slate_id):
            await outbox.enqueue(session, SETTLE, {"contest": str(contest_id)})


async def settle(session: AsyncSession, clock: Clock, contest_id: UUID) -> None:
    """Compute a contest's prizes, once, if all of its matches are final and scored as they are."""
    contest = await contests_repository.contest(session, contest_id, lock=True)
    if contest is None or contest.state != ContestState.OPEN:
        return
    slate = there(await repository.slate(session, contest.slate_id), ScoringCode.SLATE_UNKNOWN)
    played = await repository.matches_of(session, slate.id)
    for match in played:
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
    await prizes_repository.add(session, rows)
    contest.state = ContestState.PROPOSED
    early = any(match.closed_by for match in played)
    if not early and sum(prizes.values()) <= APPROVED_ABOVE:
        await _order(session, clock, contest, "below the threshold")


async def payouts(
    session: AsyncSession,
    contest_id: UUID,
    state: PayoutState | None = None,
    after: UUID | None = None,
    count: int = PAGE,
) -> Payouts:
    """A page of a contest's pay-outs, and the sums of all. Raises ServiceError (contest_unknown)."""
    contest = there(await contests_repository.contest(session, contest_id), ScoringCode.CONTEST_UNKNOWN)
    found = await prizes_repository.sums(session, contest_id)
    return Payouts(
        state=contest.state,
        approved_by=contest.approved_by,
        sums={name: StateSum(payouts=lines, amount=amount) for name, (lines, amount) in found.items()},
        payouts=_views(await prizes_repository.page(session, contest_id, state, after, count)),
    )


async def refused(session: AsyncSession, after: UUID, count: int) -> PayoutList:
    """Pay-outs of all contests that the wallet refused."""
    return PayoutList(payouts=_views(await prizes_repository.refused(session, after, count)))


async def proposed(session: AsyncSession, after: UUID, count: int) -> ProposedContests:
    """Contests whose pay-outs wait for a second person."""
    shown = []
    for contest in await prizes_repository.proposed(session, after, count):
        lines, amount = (await prizes_repository.sums(session, contest.id)).get(PayoutState.WAITING, (0, 0))
        played = await repository.matches_of(session, contest.slate_id)
        closed = [match.closed_reason for match in played if match.closed_reason]
        shown.append(
            ProposedContest(
                id=contest.id,
                title=contest.title,
                entries=contest.entered,
                payouts=lines,
                amount=amount,
                reasons=closed,
            )
        )
    return ProposedContests(contests=shown)


async def approve(session: AsyncSession, clock: Clock, caller: Caller, contest_id: UUID) -> Payouts:
    """Order the proposed pay-outs; again changes nothing.

    Raises ServiceError (contest_unknown, nothing_proposed, own_prize).
    """
    contest = there(await contests_repository.contest(session, contest_id, lock=True), ScoringCode.CONTEST_UNKNOWN)
    if contest.state == ContestState.OPEN:
        raise ServiceError(ScoringCode.NOTHING_PROPOSED, "Prizes are proposed once every match is final.")
    if contest.state == ContestState.PROPOSED:
        if await prizes_repository.wins(session, contest_id, UUID(caller.subject)):
            raise ServiceError(ScoringCode.OWN_PRIZE, "A colleague who wins nothing here has to approve it.")
        await _order(session, clock, contest, caller.subject)
    return await payouts(session, contest_id)


async def retry(session: AsyncSession, clock: Clock, caller: Caller, payout_id: UUID) -> PayoutView:
    """Have the wallet asked again for a pay-out that it refused, with the same id.

    Raises ServiceError (payout_unknown, not_refused, own_prize).
    """
    payout = there(await prizes_repository.payout(session, payout_id, lock=True), ScoringCode.PAYOUT_UNKNOWN)
    if payout.state != PayoutState.REFUSED:
        raise ServiceError(ScoringCode.NOT_REFUSED, f"It is {payout.state}.")
    if payout.owner_id == UUID(caller.subject):
        raise ServiceError(ScoringCode.OWN_PRIZE, "A colleague has to look at it.")
    payout.state, payout.due_at = PayoutState.APPROVED, clock.now() + paying.DUE
    await outbox.enqueue(session, paying.PAY, paying.page(payout.contest_id))
    return _view(payout)


async def _order(session: AsyncSession, clock: Clock, contest: Contest, approved_by: str) -> None:
    """Have the wallet pay, by a message of the transaction that says so."""
    now = clock.now()
    contest.state, contest.approved_by = ContestState.ORDERED, approved_by
    await prizes_repository.approve(session, contest.id, now, now + paying.DUE)
    await outbox.enqueue(session, paying.PAY, paying.page(contest.id))


def _views(rows: Sequence[Payout]) -> list[PayoutView]:
    return [_view(row) for row in rows]


def _view(row: Payout) -> PayoutView:
    return PayoutView(
        id=row.id,
        contest=row.contest_id,
        team=row.team_id,
        player=row.owner_id,
        rank=row.rank,
        amount=row.amount,
        state=PayoutState(row.state),
        reason=row.reason,
        posting=row.id if row.posted_at else None,
        posted_at=row.posted_at,
    )
