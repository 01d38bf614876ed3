"""One fixture of the Fantasy Premier League's API (bootstrap-static, fixtures, event/N/live) as normalised football events.

A gameweek is a directory with `live.json` (event/N/live); `fixtures.json` and `bootstrap-static.json` lie in it or in the
directory above. A fixture is named by its id below the file: `gameweek-1/live.json/7`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from scoring.engine.conditions import Scalar
from scoring.engine.errors import SourceError
from scoring.engine.events import Event
from scoring.sources.findings import Findings
from scoring.sources.match import Match
from scoring.sources.reading import Node, parse_json, read_bytes

PROVIDER = "fpl"
LIVE = "live.json"
TABLES = ("fixtures.json", "bootstrap-static.json")

_ROLES = {"GKP": "goalkeeper", "DEF": "defender", "MID": "midfielder", "FWD": "forward"}

#: What a fixture's own table counts, and the week's explanation should say, too.
_COUNTED = (
    "goals_scored", "assists", "own_goals", "penalties_saved", "penalties_missed", "yellow_cards", "red_cards", "saves",
    "bonus", "defensive_contribution",
)  # fmt: skip

_Values = Mapping[str, int]


@dataclass(frozen=True)
class _Week:
    """The files of a gameweek, parsed: teams' and players' nodes by id, fixtures by id."""

    live: Node
    fixtures: Mapping[int, Node]
    teams: Mapping[int, str]
    players: Mapping[int, Node]
    roles: Mapping[int, str]
    season: str


def fixtures_of(live: Path) -> list[Path]:
    """The fixtures of a gameweek that have begun, in order of their ids."""
    week = _week(live)
    explained = {node.get("fixture").whole(1) for player in week.live.each() for node in player.get("explain").each()}
    begun = [
        number
        for number in sorted(explained)
        if number in week.fixtures and week.fixtures[number].find("started", True).flag()
    ]
    if not begun:
        raise SourceError(str(live), "no fixture of this gameweek has begun")
    return [live / str(number) for number in begun]


def read(path: Path, seen_at: datetime, accept: str | None = None) -> Match:
    """The fixture that `path` names (`…/live.json/7`).

    SourceError, with the place, if a file is broken, or contradicts another one and is not accepted.
    """
    week = _week(path.parent)
    number = int(path.name) if path.name.isascii() and path.name.isdigit() else -1
    if number not in week.fixtures:
        raise SourceError(str(path), "no such fixture in fixtures.json")
    return _Reader(week, number, seen_at, Findings(accept), str(path)).match()


class _Reader:
    """One fixture being read."""

    def __init__(self, week: _Week, number: int, seen_at: datetime, findings: Findings, place: str) -> None:
        self.week = week
        self.number = number
        self.fixture = week.fixtures[number]
        self.seen_at = seen_at
        self.findings = findings
        self.place = place
        self.events: list[Event] = []

    def match(self) -> Match:
        """Read everything."""
        fixture, week = self.fixture, self.week
        sides = tuple(self._team(fixture.get(side)) for side in ("team_h", "team_a"))
        counted = self._counted()
        self._add("match", "match", {"season": week.season, "competition": "Premier League"})
        met: set[int] = set()
        for player in week.live.each():
            for explained in player.get("explain").each():
                if explained.get("fixture").whole(1) == self.number:
                    element = player.get("id").whole(1)
                    met.add(element)
                    self._player(element, player, explained, counted.get(element, {}), sides)
        for element in counted.keys() - met:
            self.findings.contradicts(
                fixture, f"counts something of player {element}, of whom {LIVE} says nothing here"
            )
        done = fixture.find("finished", False).flag()
        if not done:
            self.findings.notes.append("the fixture is not finished: bonus points and counts may still change")
        kickoff = fixture.find("kickoff_time", "unknown").text()
        return Match(
            id=f"{PROVIDER}:{fixture.get('code').whole(1)}",
            sport="football",
            title=" v ".join(sides),
            date=kickoff.partition("T")[0],
            teams=sides,
            events=tuple(self.events),
            facts={
                "season": week.season,
                "gameweek": fixture.get("event").whole(1, 99),
                "stage": "finished" if done else "in play",
                "source": PROVIDER,
            },
            unknown=("which goal an assist was for",),
            place=self.place,
            findings=self.findings,
        )

    def _add(self, id_: str, kind: str, attributes: dict[str, Scalar]) -> None:
        self.events.append(Event(PROVIDER, id_, 1, self.seen_at, kind, attributes))

    def _team(self, node: Node) -> str:
        if node.whole(1) not in self.week.teams:
            node.fail(f"team {node.value} is not in bootstrap-static.json")
        return self.week.teams[node.whole(1)]

    def _counted(self) -> dict[int, dict[str, int]]:
        """By player, what the fixture's own table counts."""
        found: dict[int, dict[str, int]] = {}
        for table in self.fixture.find("stats", []).each():
            identifier = table.get("identifier").text()
            if identifier in _COUNTED:
                for side in ("h", "a"):
                    for entry in table.get(side).each():
                        own = found.setdefault(entry.get("element").whole(1), {})
                        own[identifier] = entry.get("value").whole()
        return found

    def _player(self, element: int, live: Node, explained: Node, counted: _Values, sides: tuple[str, ...]) -> None:
        node = self.week.players.get(element)
        if node is None:
            live.get("id").fail(f"player {element} is not in bootstrap-static.json")
        values, points = {}, 0
        for stat in explained.get("stats").each():
            identifier = stat.get("identifier").text()
            if identifier in values:
                stat.fail(f"{identifier} stands twice for player {element}")
            values[identifier] = stat.get("value").whole()
            points += stat.get("points").whole(-100)
        for identifier in _COUNTED:
            given = values.get(identifier, counted.get(identifier, 0))
            if given != counted.get(identifier, given if identifier in values else 0):
                self.findings.contradicts(
                    explained, f"{given} {identifier} of player {element}, but fixtures.json has {counted[identifier]}"
                )
            values[identifier] = given
        team, player = self._team(node.get("team")), str(element)
        role = self.week.roles.get(node.get("element_type").whole(1))
        if role is None:
            node.get("element_type").fail(f"no role of a player: {node.get('element_type').value}")
        # A player who has changed clubs since is listed with the new one.
        played_for = team if team in sides else None
        names = {"player": player, "name": node.get("web_name").text(), "team": played_for, "role": role}
        self._add(f"lineup:{player}", "lineup", {**names})
        minutes = values.get("minutes", 0)
        if minutes:
            conceded = self._conceded(live, values)
            self._add(f"time:{player}", "playing_time", {"player": player, "minutes": minutes, "conceded": conceded})
        for id_, kind, attributes in _counts(player, values):
            self._add(id_, kind, attributes)
        self._add(f"stated:{player}", "stated", {"player": player, "points": points})

    def _conceded(self, live: Node, values: _Values) -> int:
        """Goals conceded: the explanation may leave out what changes no points, and the week's sum is of all its fixtures.

        One goal at most is left out where several fixtures share the sum: two would have cost points.
        """
        if "goals_conceded" in values:
            return values["goals_conceded"]
        if values.get("clean_sheets"):
            return 0
        explained = list(live.get("explain").each())
        stats = [stat for each in explained for stat in each.get("stats").each()]
        known = sum(stat.get("value").whole() for stat in stats if stat.get("identifier").value == "goals_conceded")
        left = max(0, live.get("stats").find("goals_conceded", 0).whole() - known)
        return left if len(explained) == 1 else min(1, left)


def _counts(player: str, values: _Values) -> Iterator[tuple[str, str, dict[str, Scalar]]]:
    """What a player did, as events: one for each goal, save, card and missed penalty."""
    of: dict[str, Scalar] = {"player": player}
    penalties = values["penalties_saved"]
    for name, own in (("goals_scored", False), ("own_goals", True)):
        for n in range(values[name]):
            yield f"{name}:{player}.{n + 1:02d}", "goal", {"scorer": player, "assist": None, "own": own}
    for n in range(max(values["saves"], penalties)):
        yield f"save:{player}.{n + 1:02d}", "save", {**of, "penalty": n < penalties}
    for n in range(values["penalties_missed"]):
        yield f"penalty_miss:{player}.{n + 1:02d}", "penalty_miss", {**of}
    for colour in ("yellow", "red"):
        if values[f"{colour}_cards"]:
            yield f"card:{player}.{colour}", "card", {**of, "colour": colour}
    if values["assists"]:
        yield f"assist:{player}", "assist", {**of, "count": values["assists"]}
    if values["defensive_contribution"]:
        counted: dict[str, Scalar] = {"action": "contribution", "count": values["defensive_contribution"]}
        yield f"defending:{player}", "defending", {**of, **counted}
    if values["bonus"]:
        yield f"bonus:{player}", "bonus", {**of, "points": values["bonus"]}


def _week(live: Path) -> _Week:
    paths = (live, *(_beside(live, name) for name in TABLES))
    try:
        stamps = tuple((path, path.stat().st_mtime_ns) for path in paths)
    except OSError as error:
        raise SourceError(str(live), error.strerror or "cannot be read") from error
    return _parsed(stamps)


def _beside(live: Path, name: str) -> Path:
    """A file that lies beside `live.json` or in the directory above."""
    for directory in (live.parent, live.parent.parent):
        if (directory / name).is_file():
            return directory / name
    raise SourceError(str(live), f"no {name} beside it or in the directory above")


@lru_cache(maxsize=2)
def _parsed(stamps: tuple[tuple[Path, int], ...]) -> _Week:
    """The files, read once for all fixtures of a gameweek."""
    live, fixtures, bootstrap = (Node(parse_json(read_bytes(path), str(path)), str(path)) for path, _ in stamps)
    first = bootstrap.get("events").items_of_list()[:1]
    year = str(first[0].get("deadline_time"))[:4] if first and isinstance(first[0], dict) else ""
    if not (year.isascii() and year.isdigit()):
        bootstrap.get("events").fail("the first gameweek has no deadline_time, which tells the season")
    return _Week(
        live=live.get("elements"),
        fixtures={node.get("id").whole(1): node for node in fixtures.each()},
        teams={node.get("id").whole(1): node.get("name").text() for node in bootstrap.get("teams").each()},
        players={node.get("id").whole(1): node for node in bootstrap.get("elements").each()},
        roles={
            node.get("id").whole(1): _ROLES[node.get("singular_name_short").text()]
            for node in bootstrap.get("element_types").each()
            if node.get("singular_name_short").text() in _ROLES
        },
        season=f"{year}/{(int(year) + 1) % 100:02d}",
    )
