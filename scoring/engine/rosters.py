"""Rosters: whether one keeps to the rules, and what it scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from scoring.engine.compiled import Line
from scoring.engine.document import Bounds, Chip, Rules
from scoring.engine.errors import RosterError
from scoring.engine.exact import add_up, to_decimal

_NOTHING, _ONCE = Fraction(0), Fraction(1)

#: Points by player and category of rules.
_ByCategory = dict[str, dict[str, Fraction]]


@dataclass(frozen=True, slots=True)
class Pick:
    """One player of a roster; what is None is not known."""

    player: str
    role: str | None = None
    team: str | None = None
    price: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Roster:
    """A team that a person has picked. `bench` are those picks that do not start, where the rules have a line-up."""

    picks: tuple[Pick, ...]
    offices: Mapping[str, str] = field(default_factory=dict, hash=False)
    bench: tuple[str, ...] = ()
    chips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RosterProblem:
    """One thing that is wrong with a roster: the rule that it breaks (a path in the rules) and what is wrong."""

    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.message} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class RosterLine:
    """What one pick contributes: `because` names the multiplier, chip or substitution behind it; `single` are those of the
    points that are not multiplied."""

    player: str
    points: Fraction
    factor: Fraction
    because: str
    single: Fraction = Fraction(0)

    @property
    def contribution(self) -> Fraction:
        """Points times factor, what counts once aside."""
        if self.factor == 1:
            return self.points
        return (self.points - self.single) * self.factor + self.single


@dataclass(frozen=True, slots=True)
class RosterScore:
    """What a roster scores, pick by pick."""

    lines: tuple[RosterLine, ...]

    @property
    def total(self) -> Fraction:
        """The sum of the contributions."""
        return add_up(line.contribution for line in self.lines)


def validate(rules: Rules, roster: Roster) -> list[RosterProblem]:
    """Everything that is wrong with a roster; an empty list if it may play."""
    return [
        *_size(rules, roster),
        *_bounds("roster.roles", rules.roster.roles, [pick.role for pick in roster.picks]),
        *_teams(rules, roster),
        *_budget(rules, roster),
        *_chips(rules, roster),
        *_offices(rules, roster),
        *_lineup(rules, roster),
    ]


def apply_multipliers(rules: Rules, roster: Roster, lines: Iterable[Line]) -> RosterScore:
    """What a roster scores with these lines, of one match or of all that count together: captaincies, chips, bench and
    substitutions applied.

    Who has no line in `lines` did not play and scores nothing: the captain's deputy then steps in, and the bench, if the
    rules have them.
    """
    return RosterScorer(rules, lines).score(roster)


@dataclass(frozen=True, slots=True)
class OfficePoints:
    """What an office adds to its holder's points, by player, unless the holder of `unless_played` has a line."""

    office: str
    extra: Mapping[str, Fraction] = field(hash=False)
    unless_played: str | None


@dataclass(frozen=True, slots=True)
class PlainPoints:
    """What a roster without bench and chips adds up, whose offices have different holders: the points of its players who have a
    line, and what its offices add."""

    players: Mapping[str, Fraction] = field(hash=False)
    offices: tuple[OfficePoints, ...]


class RosterScorer:
    """Scores any number of rosters with the same lines, which are looked through once for each floor that a chip sets."""

    def __init__(self, rules: Rules, lines: Iterable[Line]) -> None:
        self.rules = rules
        self._lines = tuple(lines)
        self._points: dict[str | None, tuple[_ByCategory, dict[str, Fraction]]] = {}

    def score(self, roster: Roster) -> RosterScore:
        """What a roster scores. Raises RosterError for a chip that the rules do not have."""
        rules = self.rules
        chips = {chip.effect: chip for chip in _played_chips(rules, roster)}
        by_category, points = self._by_player(chips.get("line_floor"))
        held = _holders(rules, roster, chips, points)
        factors = _factors(rules, chips, held, points)
        floor = chips.get("floor")
        off = {} if "bench" in chips else _off_the_pitch(rules, roster, points)
        scored = []
        for pick in roster.picks:
            base = points.get(pick.player, _NOTHING)
            if floor is not None:
                base = max(base, Fraction(floor.value))
            if pick.player in off:
                scored.append(RosterLine(pick.player, base, _NOTHING, off[pick.player]))
                continue
            factor, because, excluded = factors.get(pick.player, (_ONCE, "", None))
            single = by_category.get(pick.player, {}).get(excluded, _NOTHING) if excluded is not None else _NOTHING
            scored.append(RosterLine(pick.player, base, factor, because, single))
        return RosterScore(tuple(scored))

    def plain_total(self, players: Collection[str], offices: Mapping[str, str]) -> Fraction:
        """The total of a roster without bench and chips, several times as quick as `score`."""
        by_category, points = self._by_player(None)
        total = add_up([points[player] for player in players if player in points])
        for player, (factor, _, excluded) in _factors(self.rules, {}, offices, points).items():
            if player in points and player in players:
                single = _NOTHING if excluded is None else by_category[player].get(excluded, _NOTHING)
                total += (points[player] - single) * (factor - 1)
        return total

    def plain_points(self) -> PlainPoints | None:
        """What `plain_total` adds up, for whoever adds it up elsewhere; None where an office has several multipliers."""
        by_category, points = self._by_player(None)
        multipliers = self.rules.multipliers
        if len({each.office for each in multipliers}) < len(multipliers):
            return None
        offices = []
        for each in multipliers:
            extra = {}
            for player, parts in by_category.items():
                single = _NOTHING if each.excludes is None else parts.get(each.excludes, _NOTHING)
                extra[player] = (points[player] - single) * (each.factor - 1)
            offices.append(OfficePoints(each.office, extra, each.unless_played))
        return PlainPoints(points, tuple(offices))

    def _by_player(self, floor: Chip | None) -> tuple[_ByCategory, dict[str, Fraction]]:
        key = None if floor is None else str(floor.value)
        if key not in self._points:
            by_category = _by_category(self.rules, self._lines, floor)
            self._points[key] = by_category, {player: add_up(parts.values()) for player, parts in by_category.items()}
        return self._points[key]


def _by_category(rules: Rules, lines: Iterable[Line], floor: Chip | None) -> _ByCategory:
    """Points by player and category of rules, a chip's floor under each line applied."""
    category = {rule.id: rule.category for rule in rules.rules}
    found: _ByCategory = {}
    for line in lines:
        parts = found.setdefault(line.player, {})
        points = line.points if floor is None else max(line.points, Fraction(floor.value))
        name = category.get(line.rule, "")
        parts[name] = parts.get(name, Fraction(0)) + points
    return found


def _off_the_pitch(rules: Rules, roster: Roster, played: Mapping[str, Fraction]) -> dict[str, str]:
    """Who of the roster does not count, and why: the bench, less those who came in for somebody who did not play.

    The bench comes in by its order; each takes the place of the first absent starter for whom the line-up stays allowed.
    """
    off = dict.fromkeys(roster.bench, "bench")
    if not rules.roster.substitutes:
        return off
    role = {pick.player: pick.role for pick in roster.picks}
    on = [pick.player for pick in roster.picks if pick.player not in off]
    for substitute in [player for player in roster.bench if player in played]:
        for absent in [player for player in on if player not in played]:
            after = [substitute if player == absent else player for player in on]
            if _allowed(rules, [role.get(player) for player in after]):
                on = after
                del off[substitute]
                off[absent] = f"did not play: {substitute} came in"
                break
    return off


def _allowed(rules: Rules, roles: list[str | None]) -> bool:
    counted = Counter(roles)
    return all(
        bound.at_least <= counted[role] and (bound.at_most is None or counted[role] <= bound.at_most)
        for role, bound in rules.roster.lineup_roles.items()
    )


def _played_chips(rules: Rules, roster: Roster) -> list[Chip]:
    known = {chip.id: chip for chip in rules.chips}
    for chip in roster.chips:
        if chip not in known:
            raise RosterError(f"chip {chip!r}", f"{rules.name} has no such chip (it has: {', '.join(known) or 'none'})")
    return [known[chip] for chip in roster.chips]


def _holders(rules: Rules, roster: Roster, chips: Mapping[str, Chip], points: Mapping[str, Fraction]) -> dict[str, str]:
    """Office -> holder, with the office that a chip gives to the best player (the first of equals in the roster)."""
    held = dict(roster.offices)
    best = chips.get("best")
    if best is not None:
        roles = rules.roster.offices[best.value].roles
        able = [pick.player for pick in roster.picks if roles is None or pick.role in roles]
        if able:
            held[best.value] = max(able, key=lambda player: points.get(player, Fraction(0)))
    return held


def _factors(
    rules: Rules, chips: Mapping[str, Chip], held: Mapping[str, str], played: Mapping[str, Fraction]
) -> dict[str, tuple[Fraction, str, str | None]]:
    """Player -> (factor, why, category that it leaves out). Of two multipliers on one player the greater holds."""
    changed = chips.get("factor")
    given: list[tuple[str, Fraction, str, str | None]] = []
    for multiplier in rules.multipliers:
        blocked = multiplier.unless_played is not None and held.get(multiplier.unless_played) in played
        if multiplier.office in held and not blocked:
            factor, why = multiplier.factor, multiplier.title
            if changed is not None and changed.value["multiplier"] == multiplier.id:
                factor, why = Fraction(changed.value["factor"]), changed.title
            given.append((held[multiplier.office], factor, why, multiplier.excludes))
    extra = chips.get("office")
    if extra is not None and extra.value["office"] in held:
        given.append((held[extra.value["office"]], Fraction(extra.value["factor"]), extra.title, _excluded(rules)))
    factors: dict[str, tuple[Fraction, str, str | None]] = {}
    for player, factor, why, excluded in given:
        if player not in factors or factor > factors[player][0]:
            factors[player] = (factor, why, excluded)
    return factors


def _excluded(rules: Rules) -> str | None:
    """What an extra multiplier leaves out: the same as the game's own ones, if they agree."""
    excluded = {multiplier.excludes for multiplier in rules.multipliers}
    return excluded.pop() if len(excluded) == 1 else None


def _size(rules: Rules, roster: Roster) -> Iterator[RosterProblem]:
    size, given = rules.roster.size, len(roster.picks)
    if given != size:
        yield RosterProblem("roster.size", f"{given} players; a roster has {size}")
    counted = Counter(pick.player for pick in roster.picks)
    for player in sorted(player for player, times in counted.items() if times > 1):
        yield RosterProblem("roster.duplicate", f"{player} is picked {counted[player]} times")


def _bounds(path: str, bounds: Mapping[str, Bounds], roles: list[str | None]) -> Iterator[RosterProblem]:
    if not bounds:
        return
    counted = Counter(roles)
    for role in sorted(role for role in counted if role is not None and role not in bounds):
        yield RosterProblem(path, f"role {role} ({counted[role]}); roles are {', '.join(bounds)}")
    if None in counted:
        yield RosterProblem(path, f"role not known of {counted[None]} of the players")
    for role, bound in bounds.items():
        given = counted.get(role, 0)
        if given < bound.at_least:
            yield RosterProblem(f"{path}.{role}", f"{given} of role {role}; at least {bound.at_least}")
        if bound.at_most is not None and given > bound.at_most:
            yield RosterProblem(f"{path}.{role}", f"{given} of role {role}; at most {bound.at_most}")


def _teams(rules: Rules, roster: Roster) -> Iterator[RosterProblem]:
    most, different = rules.roster.team_at_most, rules.roster.teams_different
    if most is None and different is None:
        return
    teams = Counter(pick.team for pick in roster.picks)
    if teams.pop(None, 0):
        unknown = ", ".join(pick.player for pick in roster.picks if pick.team is None)
        yield RosterProblem("roster.teams", f"team not known: {unknown}")
    for team in sorted(team for team in teams if team is not None):
        if most is not None and teams[team] > most:
            yield RosterProblem("roster.teams.at_most", f"{teams[team]} players of {team}; at most {most}")
    if different is not None and len(teams) < different:
        yield RosterProblem("roster.teams.different", f"players of {len(teams)} teams; at least {different}")


def _budget(rules: Rules, roster: Roster) -> Iterator[RosterProblem]:
    budget = rules.roster.budget
    waived = {
        rule for chip in rules.chips if chip.id in roster.chips and chip.effect == "waives" for rule in chip.value
    }
    if budget is None or "budget" in waived:
        return
    unknown = [pick.player for pick in roster.picks if pick.price is None]
    if unknown:
        yield RosterProblem("roster.budget", f"price not known: {', '.join(unknown)}")
    cost = sum((pick.price for pick in roster.picks if pick.price is not None), Fraction(0))
    if cost > budget:
        unit = f" {rules.roster.unit}" if rules.roster.unit else ""
        yield RosterProblem("roster.budget", f"costs {to_decimal(cost)}{unit}; the budget is {to_decimal(budget)}")


def _chips(rules: Rules, roster: Roster) -> Iterator[RosterProblem]:
    known = {chip.id for chip in rules.chips}
    for chip in sorted(set(roster.chips)):
        if chip not in known:
            yield RosterProblem(
                "chips", f"{chip!r} is no chip of {rules.id} (there are: {', '.join(sorted(known)) or 'none'})"
            )
    if len(roster.chips) > 1:
        yield RosterProblem("chips", f"{len(roster.chips)} chips at once; at most 1")


def _offices(rules: Rules, roster: Roster) -> Iterator[RosterProblem]:
    picked = {pick.player: pick for pick in roster.picks}
    played = [chip for chip in rules.chips if chip.id in roster.chips]
    by_chip = {chip.value["office"]: chip for chip in rules.chips if chip.effect == "office"}
    automatic = {chip.value for chip in played if chip.effect == "best"}
    for office, rule in rules.roster.offices.items():
        path = f"roster.offices.{office}"
        holder = roster.offices.get(office)
        chip = by_chip.get(office)
        if chip is not None and (chip in played) != (holder is not None):
            verb = "needs a holder with" if chip in played else "is only filled with"
            yield RosterProblem(path, f"{office} {verb} the chip {chip.id}")
        elif holder is None and rule.required and office not in automatic:
            yield RosterProblem(path, f"nobody is {office}")
        if holder is None:
            continue
        if holder not in picked:
            yield RosterProblem(path, f"{office} {holder} is not in the roster")
        elif rule.roles is not None and picked[holder].role not in rule.roles:
            yield RosterProblem(path, f"{office} {holder} is no {' or '.join(rule.roles)}")
        if holder in roster.bench:
            yield RosterProblem(path, f"{office} {holder} is on the bench")
    for office in sorted(set(roster.offices) - set(rules.roster.offices)):
        known = ", ".join(rules.roster.offices) or "none"
        yield RosterProblem("roster.offices", f"{office!r} is no office of {rules.id} (there are: {known})")
    held = Counter(roster.offices.values())
    for player in sorted(player for player, times in held.items() if times > 1):
        offices = [office for office, holder in roster.offices.items() if holder == player]
        yield RosterProblem("roster.offices", f"{player} is {' and '.join(offices)}; they must be different players")


def _lineup(rules: Rules, roster: Roster) -> Iterator[RosterProblem]:
    size = rules.roster.lineup_size
    if size is None:
        if roster.bench:
            yield RosterProblem("roster.lineup", f"{rules.id} has no bench")
        return
    for player in sorted({player for player in roster.bench if player not in {pick.player for pick in roster.picks}}):
        yield RosterProblem("roster.lineup", f"{player} on the bench is not in the roster")
    starters = [pick for pick in roster.picks if pick.player not in roster.bench]
    if len(starters) != size:
        yield RosterProblem("roster.lineup.size", f"{len(starters)} players start; a line-up has {size}")
    bounded = [pick.role for pick in starters if pick.role in rules.roster.lineup_roles]
    yield from _bounds("roster.lineup.roles", rules.roster.lineup_roles, list(bounded))
