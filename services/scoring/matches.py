"""What people read of a match: its label, everyone's points, each line behind them, and what feeds say differently."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.spreadsheet import cell
from services.scoring import repository
from services.scoring.errors import ScoringCode, there
from services.scoring.models import MatchRecord, Phase
from services.scoring.schemas import Disputes, DisputeView, Lines, LineView, MatchPoints, MatchView, PointsView
from services.scoring.units import shown


async def match_of(session: AsyncSession, match_id: str) -> MatchView:
    """A match. Raises ServiceError (match_unknown)."""
    return match_view(there(await repository.match(session, match_id), ScoringCode.MATCH_UNKNOWN))


async def disputes(session: AsyncSession, match_id: str) -> Disputes:
    """What feeds say differently. Raises ServiceError (match_unknown)."""
    match = there(await repository.match(session, match_id), ScoringCode.MATCH_UNKNOWN)
    return Disputes(disputes=[DisputeView.model_validate(one) for one in match.disputes])


async def points_of(session: AsyncSession, match_id: str, sha256: str) -> MatchPoints:
    """Everyone's points in a match. Raises ServiceError (match_unknown)."""
    match = await match_of(session, match_id)
    scored = await repository.revision_scored(session, match_id, sha256)
    players = [
        PointsView(player=player, points=shown(total))
        for player, total in await repository.totals(session, match_id, sha256)
    ]
    return MatchPoints(match=match_id, label=match.label, rules=sha256, scored=scored, players=players)


async def lines_of(session: AsyncSession, match_id: str, sha256: str, player: str | None) -> Lines:
    """Every line of a match. Raises ServiceError (match_unknown)."""
    await match_of(session, match_id)
    return Lines(
        lines=[
            LineView(
                revision=line.revision,
                player=line.player,
                rule=line.rule,
                place=line.place,
                points=shown(line.units),
                measured=line.measured,
                events=line.events,
            )
            for line in await repository.lines(session, match_id, sha256, player)
        ]
    )


def as_csv(lines: Lines) -> str:
    """Lines as a table; what a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(["revision", "player", "rule", "place", "points", "measured", "events"])
    for line in lines.lines:
        measured = "; ".join(f"{name} {value}" for name, value in line.measured.items())
        cells = [line.player, line.rule, line.place]
        table.writerow([line.revision, *map(cell, cells), line.points, measured, " ".join(line.events)])
    return out.getvalue()


def match_view(match: MatchRecord) -> MatchView:
    """A match as it is shown."""
    return MatchView(
        id=match.id,
        sport=match.sport,
        title=match.title,
        label=label(match.phase, bool(match.disputes)),
        revision=match.revision,
        result_at=match.result_at,
        final_at=match.final_at,
    )


def label(phase: str, disputed: bool) -> str:
    """What holds for a match: its phase, unless its sources differ."""
    return "disputed" if disputed else phase


def label_of(matches: Iterable[MatchRecord]) -> str:
    """What holds for matches together: the least that holds for one of them."""
    return least({match_view(match).label for match in matches})


def least(labels: set[str]) -> str:
    """The least that holds for one of several matches, of which these hold."""
    order = ("disputed", Phase.SCHEDULED, Phase.PROVISIONAL, Phase.FINAL)
    if Phase.SCHEDULED in labels and len(labels) > 1:
        labels = labels - {Phase.SCHEDULED} | {Phase.PROVISIONAL}
    return next(str(label) for label in order if label in labels)
