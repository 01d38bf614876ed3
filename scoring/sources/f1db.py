"""One race of f1db (https://github.com/f1db/f1db, a directory of YAML files) as normalised Formula 1 events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from scoring.engine.conditions import Scalar
from scoring.engine.errors import SourceError
from scoring.engine.events import Event
from scoring.engine.needs import Need
from scoring.sources.f1db_cars import Earning, earnings
from scoring.sources.f1db_extras import driver_of_the_day, fastest, fastest_laps, pit_stops
from scoring.sources.f1db_tables import Row, check_finish, identifier, milliseconds, penalty_milliseconds, rows
from scoring.sources.findings import Findings
from scoring.sources.match import Match
from scoring.sources.reading import Node, parse_yaml, read_bytes

PROVIDER = "f1db"

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")

#: Session -> (results, starting grid, qualifying) without ".yml"; the first is needed for a session to have taken place.
_SESSIONS = {
    "race": ("race-results", "starting-grid-positions", "qualifying-results"),
    "sprint": ("sprint-race-results", "sprint-starting-grid-positions", "sprint-qualifying-results"),
}

_QUALIFYING = {"race": "qualifying", "sprint": "sprint_qualifying"}

#: What cannot be told when the grid is odd.
_GRID = (("grid", ""), ("result", "grid"), ("result", "places_gained"), ("result", "places_lost"))

UNKNOWN = ("overtakes", "stationary times of pit stops", "the fastest lap of a sprint")


def read(directory: Path, seen_at: datetime, accept: str | None = None) -> Match:
    """The race in `directory`, or as much of its weekend as has a result.

    SourceError, with the place, if the results are broken or contradict themselves (unless an operator's `accept` says why
    they may be scored). What is wrong in the other tables is kept as faults, for the rules that read them.
    """
    if not (directory / "race.yml").is_file():
        raise SourceError(
            str(directory), "no race.yml in it; an f1db race is a directory with race.yml and race-results.yml"
        )
    return _Reader(directory, seen_at, accept).match()


class _Reader:
    """One race being read: who drove for whom, so that every further table is checked against it."""

    def __init__(self, directory: Path, seen_at: datetime, accept: str | None) -> None:
        self.directory = directory
        self.seen_at = seen_at
        self.findings = Findings(accept)
        self.race = self._file("race")
        self.entries: dict[str, str] = {}
        self.teams: dict[str, set[str]] = {}
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
        results = {session: self._session(session, season) for session in _SESSIONS}
        if (self.directory / "race-results.yml").is_file() and not results["race"]:
            raise SourceError(str(self.directory), "no race-results.yml in it: the race has no result")
        if not self.entries:
            raise SourceError(
                str(self.directory), "no race-results.yml in it, and no other session has a result either"
            )
        self._optional_table(
            "fastest-laps",
            lambda table: self._record(fastest_laps(table, self._known, results["race"])),
            ("fastest_lap", ""),
        )
        self._optional_table(
            "driver-of-the-day-results",
            lambda table: self._record(driver_of_the_day(table, self._known)),
            ("driver_of_the_day", ""),
        )
        self._optional_table("pit-stops", lambda table: self._record(pit_stops(table, self._known)), ("pit_stop", ""))
        self._entries()
        self._add(
            "match",
            "match",
            {
                "season": season,
                "round": round_,
                "laps": self.race.get("laps").whole(1, 500) if results["race"] else None,
                "distance_percent": self._percent("laps", "scheduledLaps") if results["race"] else None,
                "sprint_distance_percent": self._sprint_percent(results["sprint"]),
            },
        )
        facts: dict[str, str | int] = {
            "format": "sprint weekend" if results["sprint"] else "grand prix",
            "season": season,
            "round": round_,
            "grand_prix": race.get("grandPrixId").text(),
            "source": PROVIDER,
        }
        if not results["race"]:
            facts["stage"] = "after the sprint" if results["sprint"] else "after qualifying"
            self.findings.notes.append(f"the race has no result yet: these are the points {facts['stage']}")
        return Match(
            id=f"{PROVIDER}:{race.get('id').whole(1)}",
            sport="f1",
            title=race.find("officialName", f"{race.get('grandPrixId').text()} {season}").text(),
            date=date,
            teams=tuple(dict.fromkeys(self.entries.values())),
            events=tuple(self.events),
            facts=facts,
            unknown=UNKNOWN,
            place=str(self.directory),
            findings=self.findings,
        )

    def _file(self, name: str) -> Node:
        path = self.directory / f"{name}.yml"
        return Node(parse_yaml(read_bytes(path), str(path)), str(path))

    def _table(self, name: str) -> list[Row]:
        """The rows of a file of results; none if it is not there or empty."""
        return rows(self._listed(name), self.findings)

    def _listed(self, name: str) -> Node:
        """The list in a file; an empty one if the file is not there or holds nothing."""
        path = self.directory / f"{name}.yml"
        node = self._file(name) if path.is_file() else Node([], str(path))
        return Node([], node.place) if node.value is None else node

    def _optional_table(self, name: str, read: Callable[[Node], None], *needs: Need) -> None:
        """Read a table that only some rules need; of one that is odd nothing is kept but the fault."""
        before = len(self.events)
        with self.findings.optional(*needs):
            read(self._listed(name))
        if any(need in self.findings.faults for need in needs):
            del self.events[before:]

    def _add(self, id_: str, kind: str, attributes: dict[str, Scalar]) -> None:
        self.events.append(Event(PROVIDER, id_, 1, self.seen_at, kind, attributes))

    def _percent(self, run: str, scheduled: str) -> int:
        laps = self.race.get(run).whole(1, 500)
        planned = self.race.find(scheduled, laps).whole(1, 500)
        if laps > planned:
            self.findings.contradicts(self.race.get(run), f"{laps} laps run of {planned} scheduled")
        return 100 * laps // planned

    def _sprint_percent(self, results: list[Row]) -> int | None:
        """The distance of the sprint; the full one where the source does not tell (f1db before July 2026)."""
        if not results:
            return None
        if "sprintRaceLaps" in self.race:
            return self._percent("sprintRaceLaps", "sprintRaceScheduledLaps")
        self.findings.note(self.race, "sprintRaceLaps is missing: the sprint is taken for one of full distance")
        return 100

    def _enter(self, row: Row) -> None:
        """A driver takes part for a constructor: for one, but for those who drove two cars."""
        known = self.entries.setdefault(row.driver, row.constructor)
        if row.constructor not in self.teams.setdefault(row.driver, {row.constructor}):
            row.node.get("constructorId").fail(f"{row.driver} drives for {known} in another table of this race")

    def _known(self, row: Row) -> None:
        if row.driver not in self.entries:
            row.node.get("driverId").fail(f"{row.driver} is in no race, sprint or qualifying result")
        self._enter(row)

    def _session(self, session: str, season: int) -> list[Row]:
        """Results, grid and qualifying of the race or the sprint."""
        results_name, grid_name, qualifying_name = _SESSIONS[session]
        results = self._table(results_name)
        for row in results:
            if sum(other.driver == row.driver for other in results) > 1:
                self.teams.setdefault(row.driver, set()).add(row.constructor)
            self._enter(row)
        qualified: dict[str, int] = {}

        def qualifying(table: Node) -> None:
            listed = rows(table, self.findings)
            for row in listed:
                self._enter(row)
            qualified.update(self._qualifying(_QUALIFYING[session], listed, max(len(listed), len(results))))

        self._optional_table(
            qualifying_name, qualifying, ("qualifying", ""), ("grid", "qualified"), ("grid", "places_dropped")
        )
        if not results:
            return []
        laps = self._laps(session, results)
        check_finish(results, laps, self.findings)
        self._check_shared(results)
        slots: dict[str, int] = {}
        self._optional_table(
            grid_name, lambda table: slots.update(self._grid(session, table, results, qualified)), *_GRID
        )
        quickest = {row.driver for row in self._fastest(results)} if session == "race" else set()
        earned = earnings(results, season, quickest, self.findings)
        for number, row in enumerate(results):
            self._result(session, row, slots.get(row.driver), earned[number], results)
        return results

    def _laps(self, session: str, results: list[Row]) -> int:
        """Laps of the race or sprint; of a sprint, if the source does not tell, those of its winner."""
        if session == "race" or "sprintRaceLaps" in self.race:
            return self.race.get("laps" if session == "race" else "sprintRaceLaps").whole(1, 500)
        return results[0].node.find("laps", "500").whole(1, 500)

    def _check_shared(self, results: list[Row]) -> None:
        """Rules that count places one by one cannot tell what half a car's place is worth."""
        drivers = [row.driver for row in results]
        for row in results:
            if (row.shared and row.position is not None) or drivers.count(row.driver) > 1:
                reason = f"{row.node.place}: {row.driver} shared a car or drove two; these rules give points to whole cars only"
                self.findings.faults.setdefault(("result", "position"), reason)

    def _grid(self, session: str, table: Node, results: list[Row], qualified: dict[str, int]) -> dict[str, int]:
        """Where each driver started; who starts from the pit lane counts behind every car on the grid, in the listed order."""
        stated = {row.driver: _slot(row.node.get("gridPosition")) for row in results if "gridPosition" in row.node}
        listed: list[tuple[Node, str, str, str]] = []
        for node in table.each():
            driver = identifier(node.get("driverId"))
            self._known(Row(node, driver, identifier(node.get("constructorId")), None, ""))
            slot = _slot(node.get("position"))
            if stated.get(driver) == "PL" and slot != "PL":
                # The published grid has the slot that the car left for the pit lane: both are true.
                self.findings.note(node.get("position"), f"{driver} left slot {slot} and started from the pit lane")
                slot = "PL"
            listed.append((node, driver, slot, str(node.find("gridPenalty", "").value)))
        if not listed:
            listed = [(row.node, row.driver, stated[row.driver], "") for row in results if row.driver in stated]
        if len({driver for _, driver, _, _ in listed}) != len(listed):
            table.fail("a driver stands on the grid twice")
        numbered = [int(slot) for _, _, slot, _ in listed if slot != "PL"]
        if len(set(numbered)) != len(numbered):
            table.fail("two drivers on one grid slot")
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
            if row.driver in words and row.driver in stated and stated[row.driver] != words[row.driver]:
                name = Path(table.place).name
                row.node.get("gridPosition").fail(
                    f"{stated[row.driver]}, but {name} has {row.driver} at {words[row.driver]}"
                )
        return slots

    def _result(self, session: str, row: Row, slot: int | None, earned: Earning, results: list[Row]) -> None:
        gained = lost = 0
        if row.position is not None and slot is not None:
            gained, lost = max(0, slot - row.position), max(0, row.position - slot)
        cars = [other.car for other in results if other.driver == row.driver]
        again = f"#{cars.index(row.car) + 1}" if cars.index(row.car) else ""
        self._add(
            f"result:{session}:{row.driver}{again}",
            "result",
            {
                "session": session,
                "driver": row.driver,
                "constructor": row.constructor,
                "car": row.car,
                "status": row.status,
                "position": row.position,
                "points_place": earned.place,
                "shared_by": earned.shared_by,
                "stated_points": earned.stated,
                "laps": row.node.get("laps").whole(0, 500) if "laps" in row.node else None,
                "grid": slot,
                "time_penalty_ms": penalty_milliseconds(row.node.get("timePenalty"))
                if "timePenalty" in row.node
                else 0,
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

    def _fastest(self, results: list[Row]) -> list[Row]:
        """Who set the fastest lap, as far as the table can be read."""
        with self.findings.optional(("fastest_lap", "")):
            return fastest(self._listed("fastest-laps"), self._known, results)
        return []

    def _record(self, events: Iterable[tuple[str, str, dict[str, Scalar]]]) -> None:
        for id_, kind, attributes in events:
            self._add(id_, kind, attributes)

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
