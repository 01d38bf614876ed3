"""Rules documents and vocabularies as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from scoring.engine.conditions import Condition
from scoring.engine.exact import Interval


@dataclass(frozen=True, slots=True)
class Having:
    """A test on one sum within a group of events: equal to a number, or at least an attribute's greatest value there."""

    sum: str
    equals: int | None
    at_least_greatest: str | None


@dataclass(frozen=True, slots=True)
class Measure:
    """A whole number for one player: `kind` is count, sum, min, max or count_groups."""

    name: str
    title: str
    event: str
    players: tuple[str, ...]
    where: Condition
    kind: str
    attribute: str | None
    by: tuple[str, ...]
    having: tuple[Having, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """What an event attribute may hold: `type` is integer, string, boolean or player; `values` if only some strings.

    `required`: an event without it says nothing; `least`: the smallest number that it can be.
    """

    type: str
    values: tuple[str, ...] | None
    required: bool = False
    least: int | None = None


@dataclass(frozen=True, slots=True)
class ProfileSource:
    """An event kind that tells who a player is."""

    event: str
    player: str
    attributes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """A sport's events, scopes and measures."""

    sport: str
    version: str
    context: str
    profile: tuple[ProfileSource, ...]
    events: Mapping[str, Mapping[str, Attribute]]
    scopes: Mapping[str, tuple[str, ...]]
    measures: Mapping[str, Measure]
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Each:
    """Points for each unit, or each full `every` units, of a measure."""

    measure: str
    points: Fraction
    every: int


@dataclass(frozen=True, slots=True)
class Milestones:
    """Points of the highest step reached; steps are (at, points)."""

    measure: str
    steps: tuple[tuple[int, Fraction], ...]


@dataclass(frozen=True, slots=True)
class Bands:
    """Points by the interval that holds measure × times ÷ per."""

    measure: str
    times: int
    per: str | None
    unit: str
    steps: tuple[tuple[Interval, Fraction], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Points by the exact value of a measure, divided by another one if several share them."""

    measure: str
    points: Mapping[int, Fraction]
    divided_by: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a rule: what must hold, and the points then."""

    when: Condition
    points: Fraction
    title: str


@dataclass(frozen=True, slots=True)
class Cases:
    """Points of the first case that holds."""

    cases: tuple[Case, ...]


Form = Each | Milestones | Bands | Table | Cases


@dataclass(frozen=True, slots=True)
class ScoringRule:
    """One rule: to whom, when and per what scope it applies, and the form that gives the points."""

    id: str
    title: str
    category: str
    note: str
    scope: str
    during: Condition
    eligible: Condition
    when: Condition
    form: Form

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures whose events stand behind a line of this rule, the form's own first."""
        form = self.form
        if isinstance(form, Cases):
            own = [name for case in form.cases for name in case.when]
        elif isinstance(form, Bands) and form.per is not None:
            own = [form.measure, form.per]
        elif isinstance(form, Table) and form.divided_by is not None:
            own = [form.measure, form.divided_by]
        else:
            own = [form.measure]
        return tuple(dict.fromkeys([*own, *self.when]))


@dataclass(frozen=True, slots=True)
class Multiplier:
    """What the holder of an office scores times; `unless_played` names an office whose holder must have been absent,
    `excludes` a category of rules whose points stay single."""

    id: str
    title: str
    office: str
    factor: Fraction
    unless_played: str | None
    excludes: str | None = None


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip and its one effect, as in the document; `uses`: how often a season allows it (None: no bound)."""

    id: str
    title: str
    effect: str
    value: Any
    uses: int | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many of something a roster may hold."""

    at_least: int
    at_most: int | None


@dataclass(frozen=True, slots=True)
class Office:
    """A captaincy or the like: whether a roster must fill it, and which roles may hold it (None: any)."""

    required: bool
    roles: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Transfers:
    """Between two weeks: so many changes are free, so many free ones can be kept, each other one costs points. For the weeks
    of these ids everyone has as many free ones as can be kept."""

    free: int
    kept: int
    cost: Fraction
    filled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counting:
    """Which results of a season count: of each part (its number of matches; None: the rest) the best so many."""

    during: Condition
    parts: tuple[tuple[int | None, int], ...]


@dataclass(frozen=True, slots=True)
class RosterRules:
    """What a roster must keep to; None where the rules say nothing. `substitutes`: who of the line-up did not play is
    replaced from the bench, in its order."""

    size: int
    budget: Fraction | None
    unit: str
    roles: Mapping[str, Bounds]
    team_at_most: int | None
    teams_different: int | None
    offices: Mapping[str, Office]
    lineup_size: int | None
    lineup_roles: Mapping[str, Bounds]
    substitutes: bool = False
    transfers: Transfers | None = None


@dataclass(frozen=True)
class Parameter:
    """A point on which guides disagree: the value in force, and each known choice with its source."""

    title: str
    value: str | int
    choices: Mapping[str | int, str]


@dataclass(frozen=True, slots=True)
class Stated:
    """Where a source states points itself: in which attribute of which events, and the attribute that names whose they are."""

    event: str
    attribute: str
    player: str


@dataclass(frozen=True, eq=False)
class Rules:
    """A rules document, its parameters settled, ready to score with. `sha256` covers it and its vocabulary;
    `parametrised` are the rules that a parameter settles; `stated` is where the source states points itself, if these
    rules should come to the same; `counting` are the results of a season that count."""

    id: str
    version: str
    title: str
    summary: str
    sport: str
    made_for: Condition
    sources: Mapping[str, str]
    parameters: Mapping[str, Parameter]
    parametrised: frozenset[str]
    counts: Mapping[str, Condition]
    rules: tuple[ScoringRule, ...]
    multipliers: tuple[Multiplier, ...]
    chips: tuple[Chip, ...]
    roster: RosterRules
    vocabulary: Vocabulary
    document: Mapping[str, Any]
    sha256: str
    stated: Stated | None = None
    counting: tuple[Counting, ...] = ()

    @property
    def name(self) -> str:
        """`id@version`."""
        return f"{self.id}@{self.version}"
