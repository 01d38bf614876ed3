"""Small Cricsheet files and events for the tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scoring.engine.events import Event
from scoring.sources import cricsheet
from scoring.sources.match import Match
from scoring.sources.reading import Node, parse_json

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIXTURES = Path(__file__).parents[1] / "fixtures"
CRICKET = sorted((FIXTURES / "cricket" / "ipl").glob("*.json"))
RACES = sorted(path.parent for path in (FIXTURES / "f1db" / "seasons").rglob("race.yml"))


HOME, AWAY = [f"H{n}" for n in range(1, 12)], [f"A{n}" for n in range(1, 12)]


def ball(
    runs: int = 0, *, batter: str = "H1", bowler: str = "A1", non_striker: str = "H2", **more: Any
) -> dict[str, Any]:
    """One delivery; `extras` and `wickets` as Cricsheet writes them."""
    extras = sum(more.get("extras", {}).values())
    return {
        "batter": batter,
        "bowler": bowler,
        "non_striker": non_striker,
        "runs": {"batter": runs, "extras": extras, "total": runs + extras},
        **more,
    }


def wicket(kind: str, player_out: str = "H1", *fielders: str) -> dict[str, Any]:
    """One wicket."""
    return {
        "kind": kind,
        "player_out": player_out,
        **({"fielders": [{"name": name} for name in fielders]} if fielders else {}),
    }


def innings(team: str, *overs: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """One innings; each over is its deliveries."""
    return {"team": team, "overs": [{"over": n, "deliveries": balls} for n, balls in enumerate(overs)], **more}


def match(*all_innings: dict[str, Any], outcome: dict[str, Any] | None = None, **info: Any) -> dict[str, Any]:
    """A Cricsheet document of Home v Away, whose players are H1–H11 and A1–A11 with ids h1… and a1…."""
    people = [*HOME, *AWAY, "Sub", "Umpire"]
    return {
        "meta": {"data_version": "1.1.0", "created": "2026-01-01", "revision": 1},
        "info": {
            "balls_per_over": 6,
            "dates": ["2026-01-01"],
            "match_type": "T20",
            "outcome": outcome or {"result": "no result"},
            "players": {"Home": list(HOME), "Away": list(AWAY)},
            "registry": {"people": {name: name.lower() for name in people}},
            "teams": ["Home", "Away"],
            **info,
        },
        "innings": list(all_innings),
    }


def parsed(document: Any) -> Match:
    """A Cricsheet document read as a match."""
    data = json.dumps(document).encode()
    return cricsheet.from_node(Node(parse_json(data, "match.json"), "match.json"), "1", NOON)


def event(
    id_: str, kind: str, version: int = 1, provider: str = "test", seen_at: datetime = NOON, **attributes: Any
) -> Event:
    """An event."""
    return Event(provider, id_, version, seen_at, kind, attributes)
