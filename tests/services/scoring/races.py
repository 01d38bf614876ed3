"""The 2023 United States Grand Prix as a feed tells it, at the flag and after the disqualifications, and teams for it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tests.scoring.test_us_gp_2023 import MOVED, provisional

RACE = Path(__file__).parents[2] / "fixtures" / "f1db" / "seasons" / "2023" / "races" / "18-united-states"
AUSTIN = "f1db:1097"
RULES = "f1-league@1.1.0"


@cache
def texts(when: str) -> dict[str, str]:
    """The files of the race: `flag` or `final`."""
    if when == "final":
        return _read(RACE)
    with TemporaryDirectory() as temporary:
        return _read(provisional(RACE, Path(temporary)))


def _read(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(directory.glob("*.yml"))}


@cache
def drivers() -> tuple[dict[str, Any], ...]:
    """The operator's list: every driver, with the team and a price."""
    rows = yaml.load(texts("final")["race-results.yml"], Loader=yaml.CSafeLoader)
    return tuple({"id": row["driverId"], "role": "driver", "team": row["constructorId"], "price": "10"} for row in rows)


def picks(*chosen: str) -> dict[str, Any]:
    """A team whose first driver is captain."""
    return {"players": list(chosen), "offices": {"captain": chosen[0]}}


#: No driver of these moved.
STEADY = ("max-verstappen", "oscar-piastri", "fernando-alonso", "valtteri-bottas", "kevin-magnussen")
MOVING = ("lewis-hamilton", "lando-norris", "charles-leclerc", "george-russell", "yuki-tsunoda")

assert not set(STEADY) & set(MOVED)
