"""One race of f1db (https://github.com/f1db/f1db, a directory of YAML files) as normalised Formula 1 events."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from scoring.engine.conditions import Scalar
from scoring.engine.errors import SourceError
from scoring.engine.events import Event
from scoring.sources.f1db_tables import (
    CLASSIFIED,
    Row,
    check_ascending,
    check_finish,
    identifier,
    milliseconds,
    rows,
)
from scoring.sources.match import Match
from scoring.sources.reading import Node, parse_yaml, read_bytes

PROVIDER = "f1db"

_PERCENTAGE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")

#: Session -> (results, starting grid, qualifying) without ".yml"; the first is needed for a session to have taken place.
_SESSIONS = {
    "race": ("race-results", "starting-grid-positions", "qualifying-results"),
    "sprint": ("sprint-race-results", "sprint-starting-grid-positions", "sprint-qualifying-results"),
}

_QUALIFYING = {"race": "qualifying", "sprint": "sprint_qualifying"}

UNKNOWN = ("overtakes", "stationary times of pit stops", "the fastest lap of a sprint")


def read(directory: Path, seen_at: datetime) -> Match:
    """The race in `directory`; SourceError, with the place, if a file is broken or the files contradict each other."""
    if not (directory / "race.yml").is_file():
        raise SourceError(
            str(directory), "no race.yml in it; an f1db race is a directory with race.yml and race-results.yml"
        )
    return _Reader(directory, seen_at).match()


class _Reader:
    """One race being read: who drove for whom, so that every further table is checked against it."""

    def __init__(self, directory: Path, seen_at: datetime) -> None:
        self.directory = directory
        self.seen_at = seen_at
        self.race = self._file("race")
        self.entries: dict[str, str] = {}
        self.events: list[Event] = []

    def match(self) -> Match:
        """Read everything."""
        race = self.race
        date = race.get("date").text()
        matched = _DATE.fullmatch(date)
        if matched is None:
            race.get("date").fail(f"{date!r} is no date such as '2023-10-22'")
        season = int(matched[1])
        round_ = race.get("round").whole(1, 99)
        results = {session: self._session(session) for session in _SESSIONS}
        if not results["race"]:
            raise SourceError(str(self.directory), "no race-results.yml in it: the race has no result")
        self._fastest_laps(results["race"])
        self._driver_of_the_day()
        self._pit_stops()
        self._entries()
        sprint = self._percent("sprintRaceLaps", "sprintRaceScheduledLaps") if results["sprint"] else None
        self._add(
            "match",
            "match",
            {
                "season": season,
                "round": round_,
                "distance_percent": self._percent("laps", "scheduledLaps"),
                "sprint_distance_percent": sprint,
            },
        )
        return Match(
            id=f"{PROVIDER}:{race.get('id').whole(1)}",
            sport="f1",
            title=race.find("officialName", f"{race.get('grandPrixId').text()} {season}").text(),
            date=date,
            teams=tuple(dict.fromkeys(self.entries.values())),
            events=tuple(self.events),
            facts={
                "format": "sprint weekend" if results["sprint"] else "grand prix",
                "season": season,
                "round": round_,
                "grand_prix": race.get("grandPrixId").text(),
                "source": PROVIDER,
            },
            unknown=UNKNOWN,
        )

    def _file(self, name: str) -> Node:
        path = self.directory / f"{name}.yml"
        return Node(parse_yaml(read_bytes(path), str(path)), str(path))

    def _table(self, name: str) -> list[Row]:
        """The rows of an optional file."""
        return rows(self._file(name)) if (self.directory / f"{name}.yml").is_file() else []

    def _add(self, id_: str, kind: str, attributes: dict[str, Scalar]) -> None:
        self.events.append(Event(PROVIDER, id_, 1, self.seen_at, kind, attributes))

    def _percent(self, run: str, scheduled: str) -> int:
        laps = self.race.get(run).whole(1, 500)
        planned = self.race.find(scheduled, laps).whole(1, 500)
        if laps > planned:
            self.race.get(run).fail(f"{laps} laps run of {planned} scheduled")
        return 100 * laps // planned

    def _enter(self, row: Row) -> None:
        known = self.entries.setdefault(row.driver, row.constructor)
        if known != row.constructor:
            row.node.get("constructorId").fail(f"{row.driver} drives for {known} in another table of this race")

    def _known(self, row: Row) -> None:
        if row.driver not in self.entries:
            row.node.get("driverId").fail(f"{row.driver} is in no race, sprint or qualifying result")
        self._enter(row)

    def _session(self, session: str) -> list[Row]:
        """Results, grid and qualifying of the race or the sprint."""
        results_name, grid_name, qualifying_name = _SESSIONS[session]
        results = self._table(results_name)
        qualifying = self._table(qualifying_name)
        for row in [*results, *qualifying]:
            self._enter(row)
        qualified = self._qualifying(_QUALIFYING[session], qualifying, max(len(qualifying), len(results)))
        if not results:
            return []
        laps = self.race.get("laps" if session == "race" else "sprintRaceLaps").whole(1, 500)
        check_finish(results, laps)
        slots = self._grid(session, grid_name, results, qualified)
        for row in results:
            self._result(session, row, slots.get(row.driver))
        return results

    def _grid(self, session: str, name: str, results: list[Row], qualified: dict[str, int]) -> dict[str, int]:
        """Where each driver started; who starts from the pit lane counts behind every car on the grid, in the listed order."""
        listed: list[tuple[Node, str, str, str]] = []
        path = self.directory / f"{name}.yml"
        if path.is_file():
            for node in self._file(name).each():
                driver = identifier(node.get("driverId"))
                self._known(Row(node, driver, identifier(node.get("constructorId")), None, ""))
                listed.append((node, driver, _slot(node.get("position")), str(node.find("gridPenalty", "").value)))
        else:
            listed = [
                (row.node, row.driver, _slot(row.node.get("gridPosition")), "")
                for row in results
                if "gridPosition" in row.node
            ]
        if len({driver for _, driver, _, _ in listed}) != len(listed):
            self._file(name).fail("a driver stands on the grid twice")
        numbered = [int(slot) for _, _, slot, _ in listed if slot != "PL"]
        if len(set(numbered)) != len(numbered):
            raise SourceError(str(path), "two drivers on one grid slot")
        # A slot that a car left for the pit lane stays empty, so the numbered slots may run past the number of cars.
        behind = len(numbered)
        slots: dict[str, int] = {}
        words: dict[str, str] = {}
        for _, driver, slot, penalty in listed:
            if slot == "PL":
                behind += 1
            slots[driver] = behind if slot == "PL" else int(slot)
            words[driver] = slot
            place = qualified.get(driver)
            self._add(
                f"grid:{session}:{driver}",
                "grid",
                {
                    "session": session,
                    "driver": driver,
                    "position": slots[driver],
                    "pit_lane": slot == "PL",
                    "penalty": penalty or None,
                    "qualified": place,
                    "places_dropped": None if place is None else max(0, slots[driver] - place),
                },
            )
        for row in results:
            if "gridPosition" in row.node and row.driver in words:
                stated = _slot(row.node.get("gridPosition"))
                if stated != words[row.driver]:
                    row.node.get("gridPosition").fail(
                        f"{stated}, but {path.name} has {row.driver} at {words[row.driver]}"
                    )
        return slots

    def _result(self, session: str, row: Row, slot: int | None) -> None:
        gained = lost = 0
        if row.position is not None and slot is not None:
            gained, lost = max(0, slot - row.position), max(0, row.position - slot)
        penalty = row.node.get("timePenalty") if "timePenalty" in row.node else None
        self._add(
            f"result:{session}:{row.driver}",
            "result",
            {
                "session": session,
                "driver": row.driver,
                "constructor": row.constructor,
                "status": row.status,
                "position": row.position,
                "laps": row.node.get("laps").whole(0, 500) if "laps" in row.node else None,
                "grid": slot,
                "time_penalty_ms": milliseconds(penalty) if penalty else 0,
                "places_gained": gained,
                "places_lost": lost,
            },
        )

    def _qualifying(self, session: str, table: list[Row], cars: int) -> dict[str, int]:
        """Qualifying results; the place that each classified driver earned.

        In a knock-out the last part holds ten cars and the middle one half of the rest more; a driver who reached a part
        and set no time in it is there by place.
        """
        key = "qualifyingFormat" if session == "qualifying" else "sprintQualifyingFormat"
        knockout = self.race.find(key, "").value in ("KNOCKOUT", "SPRINT_SHOOTOUT")
        middle = 10 + max(0, cars - 10) // 2
        for row in table:
            times = [field for field in ("time", "q1", "q2", "q3") if field in row.node]
            for field in times:
                milliseconds(row.node.get(field))
            segment = None
            if knockout:
                place = row.position or cars + 1
                segment = 3 if "q3" in times or place <= 10 else 2 if "q2" in times or place <= middle else 1
            self._add(
                f"{session}:{row.driver}",
                "qualifying",
                {
                    "session": session,
                    "driver": row.driver,
                    "constructor": row.constructor,
                    "status": row.status,
                    "position": row.position,
                    "time_set": bool(times),
                    "segment": segment,
                },
            )
        return {row.driver: row.position for row in table if row.position is not None}

    def _fastest_laps(self, results: list[Row]) -> None:
        """Who set the fastest lap; whether it earns a championship point is the rules' affair."""
        table = self._table_of_ties("fastest-laps")
        raced = {row.driver: row.status for row in results}
        for row in table:
            self._known(row)
            if row.driver not in raced:
                row.node.get("driverId").fail(f"{row.driver} is not in the race result")
        # f1db lists the disqualified last, whatever their times.
        check_ascending([row for row in table if raced[row.driver] != "disqualified"], "time")
        best = [row for row in table if row.position == 1]
        for row in best:
            self._add(
                f"fastest_lap:race:{row.driver}",
                "fastest_lap",
                {
                    "session": "race",
                    "driver": row.driver,
                    "constructor": row.constructor,
                    "lap": row.node.get("lap").whole(1, 500) if "lap" in row.node else None,
                    "time_ms": milliseconds(row.node.get("time")) if "time" in row.node else None,
                    "shared_by": len(best),
                },
            )

    def _table_of_ties(self, name: str) -> list[Row]:
        """A table in which several drivers may share a place."""
        if not (self.directory / f"{name}.yml").is_file():
            return []
        found = []
        for node in self._file(name).each():
            driver, constructor = identifier(node.get("driverId")), identifier(node.get("constructorId"))
            found.append(Row(node, driver, constructor, node.get("position").whole(1, 999), CLASSIFIED))
        return found

    def _driver_of_the_day(self) -> None:
        for row in self._table_of_ties("driver-of-the-day-results"):
            self._known(row)
            if row.position == 1:
                share = row.node.find("percentage", "0").text()
                if not _PERCENTAGE.fullmatch(share):
                    row.node.get("percentage").fail(f"{share!r} is no percentage such as '25.96'")
                whole, _, part = share.partition(".")
                self._add(
                    f"driver_of_the_day:{row.driver}",
                    "driver_of_the_day",
                    {"driver": row.driver, "percent_hundredths": int(whole) * 100 + int(f"{part}00"[:2])},
                )

    def _pit_stops(self) -> None:
        for row in self._table_of_ties("pit-stops"):
            self._known(row)
            stop = row.node.get("stop").whole(1, 99)
            self._add(
                f"pit_stop:{row.driver}:{stop:02d}",
                "pit_stop",
                {
                    "driver": row.driver,
                    "constructor": row.constructor,
                    "stop": stop,
                    "lap": row.node.get("lap").whole(0, 500),
                    "lane_ms": milliseconds(row.node.get("time")) if "time" in row.node else None,
                    "stationary_ms": None,
                    "fastest_of_race": None,
                },
            )
        ids = [event.id for event in self.events]
        if len(set(ids)) != len(ids):
            twice = next(id_ for id_ in ids if ids.count(id_) > 1)
            raise SourceError(str(self.directory), f"{twice} stands twice")

    def _entries(self) -> None:
        teams = {constructor: self._name("constructors", constructor) for constructor in self.entries.values()}
        for driver, constructor in self.entries.items():
            self._add(
                f"entry:{driver}",
                "entry",
                {"player": driver, "name": self._name("drivers", driver), "team": teams[constructor], "role": "driver"},
            )
        for constructor, name in teams.items():
            self._add(
                f"entry:{constructor}",
                "entry",
                {"player": constructor, "name": name, "team": name, "role": "constructor"},
            )

    def _name(self, folder: str, id_: str) -> str:
        """The name in f1db's own folder of drivers or constructors if that is there, else the id."""
        path = self.directory.resolve().parents[3] / folder / f"{id_}.yml" if self._deep() else None
        if path is None or not path.is_file():
            return id_
        return Node(parse_yaml(read_bytes(path), str(path)), str(path)).get("name").text()

    def _deep(self) -> bool:
        return len(self.directory.resolve().parents) > 3


def _slot(node: Node) -> str:
    """A grid place: its number, or "PL" for the pit lane."""
    return "PL" if node.value == "PL" else str(node.whole(1, 99))
