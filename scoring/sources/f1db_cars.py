"""Which place's points each car of an F1 result earns, and for how many drivers: shared, ineligible and absent cars."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from scoring.sources.f1db_tables import Row
from scoring.sources.findings import Findings

#: The last season in which the drivers of a shared car divided its points (FIA regulations: from 1958 it earns none).
LAST_SHARED = 1957

#: The last season whose cars may be classified without being eligible for points (1957–1987: Formula 2 cars, second cars of
#: teams that had entered one). Later a missing number of points is the source's mistake, not the car's.
LAST_INELIGIBLE = 1990

#: First season of each number of places that earn points (FIA sporting regulations of the seasons).
PAYING: tuple[tuple[int, int], ...] = ((1950, 5), (1960, 6), (2003, 8), (2010, 10))

_POINTS = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Earning:
    """What a row earns: the points of `place` (None: no points), divided by `shared_by`; `stated` is the source's own word."""

    place: int | None
    shared_by: int
    stated: str | None


def paying_places(season: int) -> int:
    """How many places earn points in a race of full distance."""
    return next(places for first, places in reversed(PAYING) if season >= first or first == PAYING[0][0])


def earnings(table: Sequence[Row], season: int, fastest: Collection[str], findings: Findings) -> Mapping[int, Earning]:
    """Row number -> what it earns, for the race or a sprint.

    Until LAST_INELIGIBLE a car that is classified where points are paid and for which the source states none, while it states
    those of others, was not eligible: a Formula 2 car, a second car of a team that had entered one. Its points went to the
    cars behind if the source states points below the paying places (those of the fastest lap aside), else to nobody. Then
    every car without points ahead of the last one with some was passed over (1969 Germany: six Formula 2 cars, and the
    points of places 5 and 6 to the cars at 11 and 12).
    """
    stated = [_stated(row) for row in table]
    says = any(stated)
    sharers = Counter(row.car for row in table if row.shared)
    most = paying_places(season)
    lowest = max(
        (row.position or 0 for number, row in enumerate(table) if stated[number] and row.driver not in fastest),
        default=0,
    )
    passed_on = lowest > most
    unfit = {
        number
        for number, row in enumerate(table)
        if says
        and season <= LAST_INELIGIBLE
        and row.position is not None
        and row.position <= (lowest if passed_on else most)
        and not row.shared
        and stated[number] is None
    }
    found: dict[int, Earning] = {}
    for number, row in enumerate(table):
        place = row.position
        if number in unfit:
            findings.note(
                row.node.get("position"), f"{row.driver} is classified but the source states no points: not eligible"
            )
            place = None
        elif row.shared and season > LAST_SHARED:
            place = None
        elif place is not None and passed_on:
            place -= len({table[other].position for other in unfit if (table[other].position or 0) < place})
        found[number] = Earning(place, sharers[row.car] or 1, (stated[number] or "0") if says else None)
    return found


def _stated(row: Row) -> str | None:
    """The points that the source states, None where the field is empty or 0."""
    if "points" not in row.node:
        return None
    text = row.node.get("points").text()
    if not _POINTS.fullmatch(text):
        row.node.get("points").fail(f"{text!r} is no number of points such as '25' or '12.5'")
    return text if Fraction(text) else None
