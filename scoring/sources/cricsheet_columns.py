"""An innings read column by column: plain deliveries (nobody replaced, sums that agree), which most are, all at once.

An innings with anything that is not as it should be is left to the careful reader (`cricsheet`), which says what is wrong and
where. `matches_its_text` tells whether a file's quick parsing has lost a key that stands twice in one object.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import add, eq, itemgetter
from typing import Any, cast

from scoring.engine.conditions import Scalar

#: Extras by their names in the file and in our events.
EXTRAS = {"wides": "wides", "noballs": "no_balls", "byes": "byes", "legbyes": "leg_byes", "penalty": "penalty"}

#: The end of a delivery's id: its place in the over.
_PLACES = [f"{place:02d}" for place in range(31)]

_WHOLE = {int}

_NESTED = (dict, list)

#: What a plain delivery says, its players and its runs, and how much that is.
_DELIVERY = itemgetter("batter", "non_striker", "bowler", "runs")
_PLAIN = 4

#: What a plain delivery's runs say: those of the bat, extras, and all.
_SCORED = itemgetter("batter", "extras", "total")
_RUNS = 3


@dataclass(slots=True)
class Over:
    """An over by its rows: `odd` are those that are not wholly plain, which the careful reader looks at again."""

    first: int
    after: int
    length: int
    bowlers: int
    odd: Sequence[int]


@dataclass(slots=True)
class Columns:
    """The deliveries of an innings. `careful` are the rows whose attributes are not filled in."""

    deliveries: Sequence[dict[str, Any]]
    ids: list[str]
    values: dict[str, list[Scalar]]
    overs: list[Over]
    careful: set[int]

    def set(self, row: int, attributes: Mapping[str, Scalar]) -> None:
        """What one delivery says."""
        for name, value in attributes.items():
            self.values[name][row] = value

    def total(self, name: str, first: int = 0, after: int | None = None) -> int:
        """The sum of whole numbers of some rows."""
        return sum(cast(list[int], self.values[name])[first:after])


def columns(
    overs: Any,
    number: int,
    super_over: bool,
    lengths: tuple[int, Mapping[int, Any]],
    sides: tuple[Mapping[str, str], Mapping[str, str]],
    outs: Mapping[str, bool],
) -> Columns | None:
    """The deliveries of an innings, if nothing about them is amiss.

    `lengths`: the usual number of balls of an over, and what the file says of miscounted ones; `sides`: names to ids of
    those who bat and those who field; `outs`: whether a batter is out, by kind of dismissal.
    """
    try:
        return _columns(overs, number, super_over, lengths, sides, outs)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _columns(
    overs: Any,
    number: int,
    super_over: bool,
    lengths: tuple[int, Mapping[int, Any]],
    sides: tuple[Mapping[str, str], Mapping[str, str]],
    outs: Mapping[str, bool],
) -> Columns | None:
    if type(overs) is not list:
        return None
    numbers = [over["over"] for over in overs]
    if numbers != list(range(len(overs))) or not _WHOLE.issuperset(map(type, numbers)):
        return None
    lists = [over["deliveries"] for over in overs]
    if not {list}.issuperset(map(type, lists)):
        return None
    given: list[dict[str, Any]] = list(chain.from_iterable(lists))
    if not given:
        return None
    batting, fielding = sides
    batters, others, bowlers, runs = zip(*map(_DELIVERY, given), strict=True)
    batter, non_striker = list(map(batting.__getitem__, batters)), list(map(batting.__getitem__, others))
    bowler = list(map(fielding.__getitem__, bowlers))
    made, added, total = map(list, zip(*map(_SCORED, runs), strict=True))
    if not _agree(made, added, total) or any(map(eq, batter, non_striker)):
        return None
    odd = [row for row, (keys, extra) in enumerate(zip(map(len, given), added, strict=True)) if extra or keys != _PLAIN]
    if not {_RUNS}.issuperset(map(len, runs)):
        odd = sorted({*odd, *(row for row, each in enumerate(runs) if len(each) != _RUNS)})
    if _bats_again(given, odd, batting, outs, (batter, non_striker)):
        return None

    count = len(given)
    zeros = [0] * count
    values: dict[str, list[Any]] = {
        "innings": [number] * count,
        "over": [],
        "super_over": [super_over] * count,
        "batter": batter,
        "bowler": bowler,
        "non_striker": non_striker,
        "runs": made,
        "boundary": [run if run == 4 or run == 6 else 0 for run in made],
        **{name: zeros.copy() for name in EXTRAS.values()},
        "total": total,
        "faced": [1] * count,
        "legal": [1] * count,
        "charged": made.copy(),
        "over_length": [],
        "over_bowlers": [],
    }
    found = Columns(given, [], values, [], set())
    usual, miscounted = lengths
    first = 0
    for place, deliveries in enumerate(lists):
        balls = len(deliveries)
        after = first + balls
        length = miscounted[place]["balls"] if place in miscounted else usual
        if type(length) is not int or not 0 < length <= 20 or balls >= len(_PLACES):
            return None
        start = f"delivery:{number}.{place:03d}."
        found.ids += [start + end for end in _PLACES[1 : balls + 1]]
        values["over"] += [place] * balls
        values["over_length"] += [length] * balls
        many = len(set(bowlers[first:after]))
        values["over_bowlers"] += [many] * balls
        own = odd[bisect_left(odd, first) : bisect_left(odd, after)]
        found.overs.append(Over(first, after, length, many, own))
        first = after
    return found if all(_fill(found, row, added[row]) for row in odd) else None


def _agree(made: list[Any], added: list[Any], total: list[Any]) -> bool:
    """Whether runs are whole numbers that add up."""
    kinds = {*map(type, made), *map(type, added), *map(type, total)}
    return (
        kinds == _WHOLE and min(made) >= 0 <= min(added) and max(total) <= 40 and list(map(add, made, added)) == total
    )


def _bats_again(
    given: Sequence[dict[str, Any]],
    odd: Sequence[int],
    batting: Mapping[str, str],
    outs: Mapping[str, bool],
    ends: tuple[list[str], list[str]],
) -> bool:
    """Whether somebody bats after being out."""
    for row in odd:
        for wicket in given[row].get("wickets", ()):
            if outs[wicket["kind"]]:
                player = batting[wicket["player_out"]]
                if any(player in end[row + 1 :] for end in ends):
                    return True
    return False


def _fill(found: Columns, row: int, added: int) -> bool:
    """A delivery with extras, and one for the careful reader; False if the extras do not add up."""
    delivery, values = found.deliveries[row], found.values
    if "replacements" in delivery or len(delivery["runs"]) != _RUNS:
        found.careful.add(row)
        return True
    if not added and "extras" not in delivery:
        return True
    extras = delivery["extras"]
    if sum(extras.values()) != added:
        return False
    for name, value in extras.items():
        if type(value) is not int or not 0 <= value <= 20:
            return False
        values[EXTRAS[name]][row] = value
    made, wides, no_balls = values["runs"][row], extras.get("wides", 0), extras.get("noballs", 0)
    if wides and made:
        return False
    values["charged"][row] = made + wides + no_balls
    values["faced"][row], values["legal"][row] = 0 if wides else 1, 0 if wides or no_balls else 1
    return True


def matches_its_text(root: Any, colons: int) -> bool:
    """Whether a match that was parsed without a look at its keys has each of the `colons` that its text has.

    Every key of an object has one, and a key that stands twice is lost in parsing. (Who has a colon in a name is read with
    care, too, which only takes longer.)
    """
    try:
        return _keys_of_match(root) == colons
    except (AttributeError, KeyError, TypeError):
        return False


def _keys_of_match(root: dict[str, Any]) -> int:
    innings = root["innings"]
    overs: list[dict[str, Any]] = list(chain.from_iterable([each["overs"] for each in innings]))
    deliveries: list[dict[str, Any]] = list(chain.from_iterable([over["deliveries"] for over in overs]))
    runs = [delivery["runs"] for delivery in deliveries]
    if not {dict}.issuperset(map(type, runs)):
        raise TypeError("runs that are no object")
    keys = sum(map(len, chain(overs, deliveries, runs))) + len(root)
    for delivery in deliveries:
        if len(delivery) > _PLAIN:
            keys += sum([_keys(value) for name, value in delivery.items() if name != "runs"])
    for over in overs:
        if len(over) > 2:
            keys += sum([_keys(value) for name, value in over.items() if name != "deliveries"])
    keys += sum([len(each) for each in innings])
    keys += sum([_keys(value) for each in innings for name, value in each.items() if name != "overs"])
    keys += sum([_keys(each) for each in chain.from_iterable(run.values() for run in runs if len(run) != _RUNS)])
    return keys + sum([_keys(value) for name, value in root.items() if name != "innings"])


def _keys(value: Any) -> int:
    """How many keys a value has, inside and out."""
    if type(value) is dict:
        return len(value) + sum([_keys(each) for each in value.values() if type(each) in _NESTED])
    return sum([_keys(each) for each in value if type(each) in _NESTED]) if type(value) is list else 0
