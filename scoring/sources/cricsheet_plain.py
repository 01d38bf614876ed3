"""The plain delivery (no wicket, nobody replaced), which most are, read without a look at each value's place.

What is not plain, or not as it should be, is left to the careful reader (`cricsheet`), which says what is wrong and where.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from scoring.engine.conditions import Scalar

#: Extras by their names in the file and in our events.
EXTRAS = {"wides": "wides", "noballs": "no_balls", "byes": "byes", "legbyes": "leg_byes", "penalty": "penalty"}

NO_EXTRAS = dict.fromkeys(EXTRAS.values(), 0)

_SPECIAL = frozenset({"wickets", "replacements"})


def plain(
    raw: Any, batting: Mapping[str, str], fielding: Mapping[str, str], out: Collection[str]
) -> dict[str, Scalar] | None:
    """What a plain, consistent delivery says, in our names; `batting` and `fielding` are the sides, name to id."""
    try:
        batter, non_striker, bowler = batting[raw["batter"]], batting[raw["non_striker"]], fielding[raw["bowler"]]
        runs = raw["runs"]
        made, added, total = runs["batter"], runs["extras"], runs["total"]
    except (KeyError, TypeError):
        return None
    if not (type(made) is type(added) is type(total) is int and 0 <= made <= total <= 40 and made + added == total):
        return None
    if len(runs) != 3 or batter == non_striker or batter in out or non_striker in out or not _SPECIAL.isdisjoint(raw):
        return None
    extras = NO_EXTRAS
    if added or "extras" in raw:
        given = _extras(raw.get("extras"), added)
        if given is None or (given["wides"] and made):
            return None
        extras = given
    wides = extras["wides"]
    return {
        "batter": batter,
        "bowler": bowler,
        "non_striker": non_striker,
        "runs": made,
        "boundary": made if made in (4, 6) else 0,
        **extras,
        "total": total,
        "faced": 0 if wides else 1,
        "legal": 0 if wides or extras["no_balls"] else 1,
        "charged": made + wides + extras["no_balls"],
    }


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
