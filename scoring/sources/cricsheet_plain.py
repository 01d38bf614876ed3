"""The plain delivery (nobody replaced, sums that agree), which most are, read without a look at each value's place.

What is not plain, or not as it should be, is left to the careful reader (`cricsheet`), which says what is wrong and where.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from scoring.engine.conditions import Scalar

#: Extras by their names in the file and in our events.
EXTRAS = {"wides": "wides", "noballs": "no_balls", "byes": "byes", "legbyes": "leg_byes", "penalty": "penalty"}

NO_EXTRAS = dict.fromkeys(EXTRAS.values(), 0)


@dataclass(frozen=True, slots=True)
class Over:
    """What all deliveries of an over have in common; `batting` and `fielding` are the sides, name to id."""

    innings: int
    number: int
    super_over: bool
    length: int
    bowlers: int
    batting: Mapping[str, str]
    fielding: Mapping[str, str]
    dot: dict[str, Scalar] = field(init=False)

    def __post_init__(self) -> None:
        #: The attributes of a ball without any run, whose players are still to be named.
        dot: dict[str, Scalar] = {
            "innings": self.innings,
            "over": self.number,
            "super_over": self.super_over,
            "batter": None,
            "bowler": None,
            "non_striker": None,
            "runs": 0,
            "boundary": 0,
            **NO_EXTRAS,
            "total": 0,
            "faced": 1,
            "legal": 1,
            "charged": 0,
            "over_length": self.length,
            "over_bowlers": self.bowlers,
        }
        object.__setattr__(self, "dot", dot)


def plain(raw: Any, over: Over, out: Collection[str]) -> dict[str, Scalar] | None:
    """The attributes of a plain, consistent delivery, its wickets aside; `out` are the batters who are out."""
    try:
        batting = over.batting
        batter, non_striker, bowler = batting[raw["batter"]], batting[raw["non_striker"]], over.fielding[raw["bowler"]]
        runs = raw["runs"]
        made, added, total = runs["batter"], runs["extras"], runs["total"]
    except (KeyError, TypeError):
        return None
    if not (type(made) is type(added) is type(total) is int and 0 <= made <= total <= 40 and made + added == total):
        return None
    if len(runs) != 3 or batter == non_striker or batter in out or non_striker in out or "replacements" in raw:
        return None
    # A copy with some values set is made several times as quick as twenty values one by one.
    delivered = over.dot.copy()
    delivered["batter"], delivered["bowler"], delivered["non_striker"] = batter, bowler, non_striker
    if made:
        delivered["runs"] = delivered["total"] = delivered["charged"] = made
        if made == 4 or made == 6:  # quicker than a look into a tuple
            delivered["boundary"] = made
    if added or "extras" in raw:
        extras = _extras(raw.get("extras"), added)
        if extras is None or (extras["wides"] and made):
            return None
        wides, no_balls = extras["wides"], extras["no_balls"]
        delivered.update(extras)
        delivered["total"], delivered["charged"] = total, made + wides + no_balls
        delivered["faced"], delivered["legal"] = 0 if wides else 1, 0 if wides or no_balls else 1
    return delivered


def _extras(given: Any, added: int) -> dict[str, int] | None:
    """Extras by our names, if they are known ones that add up."""
    if not isinstance(given, dict):
        return None
    extras = dict(NO_EXTRAS)
    for name, value in given.items():
        if name not in EXTRAS or type(value) is not int or not 0 <= value <= 20:
            return None
        extras[EXTRAS[name]] = value
    return extras if sum(extras.values()) == added else None
