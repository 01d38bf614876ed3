"""A small match for the journey and the seeds: an event log of our own, and teams that differ by captain."""

from __future__ import annotations

import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from services.common.journey import FIRST, SECOND, Journey

RULES = "cricket-t20-b@1.1.0"

_SIDE = ("wicketkeeper", *["batter"] * 4, *["all_rounder"] * 2, *["bowler"] * 4)

#: Who opens the batting, and the captain of each player's team.
STRIKER, PARTNER = "a1", "a2"
CAPTAINS = {FIRST: STRIKER, SECOND: PARTNER}


def players() -> list[dict[str, str]]:
    """The operator's list: a1 to a11 and b1 to b11."""
    return [
        {"id": f"{side}{place}", "role": role, "team": side.upper(), "price": "9"}
        for side in "ab"
        for place, role in enumerate(_SIDE, start=1)
    ]


def team(who: str) -> dict[str, Any]:
    """STRIKER and PARTNER are captain and vice-captain, or the other way round."""
    captain = CAPTAINS[who]
    return led_by(captain, PARTNER if captain == STRIKER else STRIKER)


def led_by(captain: str, vice: str) -> dict[str, Any]:
    """A team of nine of one side and two of the other, with two of them as captain and vice-captain."""
    chosen = [*[f"a{place}" for place in range(1, 10)], "b10", "b11"]
    return {"players": chosen, "offices": {"captain": captain, "vice_captain": vice}}


def log(match: str, seen_at: str, runs: int) -> dict[str, str]:
    """The file of a match in which STRIKER has hit `runs`, and PARTNER four, off one ball each."""
    events = [
        _event(f"lineup:{each['id']}", seen_at, "lineup", player=each["id"], name=each["id"].upper(), team=each["team"])
        for each in players()
    ]
    for event in events:
        event["attributes"]["appearance"] = "announced"
    events.append(_event("match", seen_at, "match", format="T20", result="no result", balls_per_over=6))
    for ball, (batter, other, made) in enumerate(((STRIKER, PARTNER, runs), (PARTNER, STRIKER, 4)), start=1):
        events.append(
            _event(
                f"delivery:1.000.{ball:02d}",
                seen_at,
                "delivery",
                **dict.fromkeys(("over", "wides", "no_balls", "byes", "leg_byes", "penalty"), 0),
                **dict.fromkeys(("innings", "faced", "legal", "over_bowlers"), 1),
                **dict.fromkeys(("runs", "total", "charged"), made),
                boundary=made if made in (4, 6) else 0,
                batter=batter,
                non_striker=other,
                bowler="b8",
                super_over=False,
                over_length=6,
            )
        )
    return {"log.json": json.dumps({"match": {"id": match, "sport": "cricket", "title": "A v B"}, "events": events})}


def _event(id_: str, seen_at: str, kind: str, **attributes: Any) -> dict[str, Any]:
    return {"provider": "example", "id": id_, "version": 1, "seen_at": seen_at, "kind": kind, "attributes": attributes}


def authorise(journey: Journey) -> None:
    """Leave tokens of the feed and of staff."""
    for client in ("scoring-feed", "scoring-manage"):
        form = {
            "grant_type": "client_credentials",
            "client_id": client,
            "client_secret": journey.secret("auth", f"CLIENT_SECRET_{client.upper().replace('-', '_')}"),
        }
        journey.tokens[client] = journey.ask("POST", "/auth/token", 200, inside="auth", data=form)["access_token"]


def named(kind: str, *words: str) -> str:
    """An id that is the same for the same words."""
    return str(uuid5(NAMESPACE_URL, "/".join(("matchday", kind, *words))))


def staff(journey: Journey, method: str, path: str, body: Any, who: str = "scoring-manage") -> Any:
    """What staff, or the feed, asks from inside."""
    return journey.ask(method, f"/scoring/internal/{path}", 200, who=who, inside="scoring", json=body)


def open_contest(journey: Journey, run: str, match: str, locks_at: str) -> tuple[str, str]:
    """Rules, a slate with the match, and a contest for two prizes; the ids of slate and contest."""
    rules = staff(journey, "POST", "rules", {"reference": RULES})["sha256"]
    slate, contest = named("slate", run), named("contest", run)
    opened = {"title": "A v B", "rules": rules, "matches": [match], "players": players(), "locks_at": locks_at}
    staff(journey, "PUT", f"slates/{slate}", opened)
    staff(journey, "PUT", f"contests/{contest}", {"slate": slate, "title": "A v B", "prizes": [100_00, 50_00]})
    return slate, contest


def enter(journey: Journey, who: str, run: str, slate: str, contest: str, picked: dict[str, Any] | None = None) -> str:
    """The player's team (`picked`, or the player's own of `CAPTAINS`), in the contest; its id."""
    chosen = named("team", run, who)
    journey.ask("PUT", f"/scoring/slates/{slate}/teams/{chosen}", 200, who=who, json=picked or team(who))
    journey.ask("POST", f"/scoring/contests/{contest}/entries", 200, who=who, json={"team": chosen})
    return chosen


def say(journey: Journey, match: str, seen_at: str, runs: int) -> Any:
    """The feed's word: STRIKER has hit so many."""
    body = {"source": "events", "provider": "example", "files": log(match, seen_at, runs), "seen_at": seen_at}
    return staff(journey, "POST", f"matches/{match}/snapshots", body, who="scoring-feed")
