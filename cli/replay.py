"""`matchday replay`: a match plays through the running platform, over by over or session by session, and its table moves."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from cli import console, journeys, local
from cli.score import refusing
from cli.score_run import seen_at

if TYPE_CHECKING:
    from rich.table import Table

    from scoring.engine import Event
    from scoring.sources.match import Match
    from services.common.journey import Journey

#: What a moment takes in reality, in seconds: an over of a T20 match. Sessions of a race weekend are taken to be as long.
MOMENT_SECONDS = 240

_SHOWN = 15
_WORKER_SECONDS = 30
_SESSIONS = {"qualifying": 1, "sprint_qualifying": 2, "sprint": 3}


def replay(
    path: Annotated[
        Path, typer.Argument(metavar="MATCH", help="A Cricsheet JSON file, an f1db race directory or an event log.")
    ],
    rules: Annotated[
        str, typer.Option("--rules", metavar="ID@VERSION", help="Which published rules it is scored by.")
    ] = "cricket-t20-b@1.1.0",
    speed: Annotated[
        float, typer.Option("--speed", min=1, max=100_000, help="How many times as fast as it was.")
    ] = 240,
) -> None:
    """Feed a match to the scoring service as it went, and show everyone's points after each over or session.

    The points are the service's own: ingested, scored by its worker, read over its API.
    """
    from rich.live import Live

    from scoring.sources import open_match
    from services.common.journey import Unexpected
    from services.scoring import example

    client = local.require_running()
    with refusing():
        match = open_match(path, seen_at(path))
    with journeys.journey(client, viewers=journeys.VIEWERS) as journey:
        match_id = f"replay:{journey.run}"
        try:
            example.authorise(journey)
            _log_in(journey)
            sha256 = example.staff(journey, "POST", "rules", {"reference": rules})["sha256"]
            slate = {
                "title": match.title,
                "rules": sha256,
                "matches": [match_id],
                "locks_at": datetime.now(UTC).isoformat(),
            }
            example.staff(journey, "PUT", f"slates/{uuid4()}", slate)
            with Live(console=console.result, auto_refresh=False) as live:
                for label, events, last in moments(match):
                    begun = time.monotonic()
                    points = _play(journey, match_id, match, events, sha256, complete=last)
                    live.update(_table(match, label, points, time.monotonic() - begun), refresh=True)
                    if not last:
                        time.sleep(MOMENT_SECONDS / speed)
        except Unexpected as error:
            console.fail(str(error), f"`{console.command('logs scoring')}` shows what the service printed.")


def moments(match: Match) -> Iterator[tuple[str, list[Event], bool]]:
    """A match as it grows: what has happened last, all events so far, and whether that is all of it."""
    groups: dict[tuple[int, int, int], list[Event]] = {}
    for event in match.events:
        groups.setdefault(_moment(event), []).append(event)
    so_far: list[Event] = []
    places = sorted(groups)
    for place in places:
        so_far += groups[place]
        yield _label(place), list(so_far), place == places[-1]


def _moment(event: Event) -> tuple[int, int, int]:
    """When an event happened: before the match (0), in an over of an innings (1), in a session (2)."""
    innings, over, session = (event.attributes.get(name) for name in ("innings", "over", "session"))
    if isinstance(innings, int):
        return 1, innings, over if isinstance(over, int) else 0
    if event.kind in ("lineup", "entry", "role", "match"):
        return 0, 0, 0
    return 2, _SESSIONS.get(str(session), 4), 0


def _label(place: tuple[int, int, int]) -> str:
    kind, part, over = place
    if kind == 0:
        return "before the start"
    if kind == 1:
        return f"innings {part}, over {over + 1}"
    return {number: name.replace("_", " ") for name, number in _SESSIONS.items()}.get(part, "race")


def _play(
    journey: Journey, match_id: str, match: Match, events: list[Event], sha256: str, *, complete: bool
) -> list[dict[str, str]]:
    """Everyone's points once the service has scored what has happened so far."""
    from scoring.sources.normalised import to_document
    from services.scoring import example

    now = datetime.now(UTC).isoformat()
    document = to_document(replace(match, id=match_id, events=tuple(events), facts={}))
    for event in document["events"]:
        event.pop("sha256")
    body = {
        "source": "events",
        "provider": "replay",
        "files": {"log.json": json.dumps(document, separators=(",", ":"), ensure_ascii=False)},
        "seen_at": now,
        "complete": complete,
    }
    revision = example.staff(journey, "POST", f"matches/{match_id}/snapshots", body, who="scoring-feed")["revision"]

    def scored() -> list[dict[str, str]] | None:
        answer = journey.ask("GET", f"/scoring/matches/{match_id}/points?rules={sha256}", 200, who="watcher")
        found: list[dict[str, str]] = answer["players"]
        return found if answer["scored"] >= revision else None

    return journey.until(_WORKER_SECONDS, f"revision {revision} scored (does the worker run?)", scored)


def _log_in(journey: Journey) -> None:
    from services.auth.journey import finish_registration

    person = {"email": f"watcher-{journey.run}@example.com", "password": journey.password}
    journey.ask("POST", "/auth/register", 202, json=person)
    finish_registration(journey, "watcher", person)


def _table(match: Match, label: str, points: list[dict[str, str]], seconds: float) -> Table:
    """The best of the match."""
    from rich.table import Table

    known = [event.attributes for event in match.events if event.kind in ("lineup", "entry")]
    names = {str(attributes.get("player")): attributes.get("name") for attributes in known}
    took = timedelta(seconds=round(seconds, 3))
    table = Table(
        "#", "player", "points", title=f"{match.title}: {label}", caption=f"scored within {took.total_seconds()} s"
    )
    for place, each in enumerate(points[:_SHOWN], start=1):
        table.add_row(str(place), str(names.get(each["player"]) or each["player"]), each["points"])
    return table
