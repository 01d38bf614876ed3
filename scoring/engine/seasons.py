"""Several matches together: an entrant's weeks with transfers and chips; a championship of which the best results count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from scoring.engine.compiled import Line
from scoring.engine.conditions import holds
from scoring.engine.document import Chip, Rules
from scoring.engine.errors import RosterError
from scoring.engine.exact import add_up
from scoring.engine.rosters import Roster, RosterScore, RosterScorer
from scoring.engine.scoring import Scorecard


@dataclass(frozen=True)
class Week:
    """A gameweek, or a race weekend: the entrant's roster, and the lines of all matches that count in it together."""

    id: str
    roster: Roster
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class WeekScore:
    """What a week comes to: `transfers` were made before it, of which `paid` cost points; `free` are left for the next."""

    id: str
    score: RosterScore
    transfers: int
    paid: int
    free: int
    cost: Fraction

    @property
    def total(self) -> Fraction:
        """The roster's points less what transfers cost."""
        return self.score.total - self.cost


def score_weeks(rules: Rules, weeks: Sequence[Week]) -> list[WeekScore]:
    """An entrant's weeks in their order. Raises RosterError for a chip played more often than the rules allow.

    The first roster is free. Transfers that were not used are kept up to a bound; a week with a chip for transfers costs none
    and leaves what was kept as it is, and the roster of a chip that is for one week only gives way to the one before it.
    """
    _check_chips(rules, weeks)
    terms = rules.roster.transfers
    scored: list[WeekScore] = []
    before: frozenset[str] | None = None
    free = 0 if terms is None else terms.free
    for week in weeks:
        squad = frozenset(pick.player for pick in week.roster.picks)
        chip = _transfer_chip(rules, week.roster)
        made = 0 if before is None else len(squad - before)
        if terms is not None and week.id in terms.filled:
            free = terms.kept
        paid = 0 if terms is None or chip is not None else max(0, made - free)
        if terms is not None and before is not None and chip is None:
            free = min(terms.kept, max(0, free - made) + terms.free)
        cost = Fraction(0) if terms is None else paid * terms.cost
        scored.append(WeekScore(week.id, RosterScorer(rules, week.lines).score(week.roster), made, paid, free, cost))
        if before is None or chip is None or not _given_back(chip):
            before = squad
    return scored


@dataclass(frozen=True)
class Standing:
    """A player's championship: the points that count, and those of results that do not."""

    player: str
    name: str
    points: Fraction
    dropped: Fraction


def standings(rules: Rules, cards: Iterable[Scorecard]) -> list[Standing]:
    """The championship after these matches, in the order of the season, best first.

    Where the rules count only the best results of a season, or of parts of it, the others are dropped.
    """
    results: dict[str, dict[int, Fraction]] = {}
    names: dict[str, str] = {}
    season: Mapping[str, object] = {}
    roles = rules.roster.roles
    count = 0
    for place, card in enumerate(cards):
        season, count = card.context, place + 1
        for player, points in card.totals.items():
            if roles and card.profiles[player].text("role") not in ("", *roles):
                continue
            results.setdefault(player, {})[place] = points
            names[player] = card.profiles[player].text("name")
    parts = _parts(rules, season, count)
    found = []
    for player, by_place in results.items():
        counted = add_up(
            points
            for first, last, best in parts
            for points in sorted((by_place[place] for place in by_place if first <= place < last), reverse=True)[:best]
        )
        found.append(Standing(player, names[player], counted, add_up(by_place.values()) - counted))
    return sorted(found, key=lambda standing: (-standing.points, standing.name, standing.player))


def _parts(rules: Rules, season: Mapping[str, object], count: int) -> list[tuple[int, int, int]]:
    """Parts of the season: from and up to which match, and how many results of it count."""
    for counting in rules.counting:
        if holds(counting.during, season.get):  # type: ignore[arg-type] # a scorecard's context holds scalars
            parts, first = [], 0
            for matches, best in counting.parts:
                last = count if matches is None else min(count, first + matches)
                parts.append((first, last, best))
                first = last
            return parts
    return [(0, count, count)]


def _transfer_chip(rules: Rules, roster: Roster) -> Chip | None:
    """The chip that was played and makes transfers free."""
    return next((chip for chip in rules.chips if chip.id in roster.chips and _frees_transfers(chip)), None)


def _frees_transfers(chip: Chip) -> bool:
    return chip.effect == "transfers" or (chip.effect == "waives" and "transfers" in chip.value)


def _given_back(chip: Chip) -> bool:
    """Whether the roster of a chip that makes transfers free is for its week only."""
    return chip.effect == "waives" or chip.value == "returned"


def _check_chips(rules: Rules, weeks: Sequence[Week]) -> None:
    played = Counter(chip for week in weeks for chip in week.roster.chips)
    for chip in rules.chips:
        if chip.uses is not None and played[chip.id] > chip.uses:
            raise RosterError(f"chip {chip.id!r}", f"played {played[chip.id]} times; the season allows {chip.uses}")
