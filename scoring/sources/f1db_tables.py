"""The tables of an f1db race: rows with a driver and a position, times, and the checks of a table against itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from scoring.sources.findings import Findings
from scoring.sources.reading import Node, describe

#: What stands for a position when there is none.
STATUSES = {
    "DNF": "did_not_finish",
    "DNS": "did_not_start",
    "DSQ": "disqualified",
    "EX": "disqualified",
    "NC": "not_classified",
    "DNQ": "did_not_start",
    "DNPQ": "did_not_start",
    "DNP": "did_not_start",
}
CLASSIFIED = "classified"

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CLOCK = re.compile(r"(?:(?:([0-9]{1,2}):)?([0-9]{1,2}):)?([0-9]{1,4})\.([0-9]{1,3})")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: `position` is None unless classified; `shared`: several drivers drove this car."""

    node: Node
    driver: str
    constructor: str
    position: int | None
    status: str
    shared: bool = False

    @property
    def car(self) -> str:
        """What tells this car from the others of the table: the rows of a shared car have it in common.

        Who shares a place was in one car, whatever number the source gives each; of cars without a place the number tells.
        """
        number = self.node.find("driverNumber", "").value
        if not self.shared:
            return f"{self.driver}:{number}"
        place = f":{self.position}" if self.position is not None else f"{number}:{self.status}"
        return f"{self.constructor}:{place}"


def identifier(node: Node) -> str:
    """An f1db id, such as "max-verstappen"."""
    text = node.text()
    if len(text) > 60 or not _ID.fullmatch(text):
        node.fail(f"{describe(text)} is no f1db id such as 'max-verstappen'")
    return text


def rows(table: Node, findings: Findings) -> list[Row]:
    """The rows of a results table: each driver once in a car, the classified places in order.

    Drivers who shared a car stand at one place (1950s); such a driver may also have driven another car. Places that nobody
    holds are noted.
    """
    found: list[Row] = []
    for node in table.each():
        driver = identifier(node.get("driverId"))
        given = node.get("position")
        word = given.value if isinstance(given.value, str) else ""
        if word in STATUSES:
            position, status = None, STATUSES[word]
        else:
            if not (word.isascii() and word.isdigit()):
                given.fail(f"{describe(given.value)} is neither a place nor one of {', '.join(STATUSES)}")
            position, status = given.whole(1, 99), CLASSIFIED
        shared = node.find("sharedCar", "false").value not in ("false", False)
        row = Row(node, driver, identifier(node.get("constructorId")), position, status, shared)
        before = [other for other in found if other.driver == driver]
        if before and not _another_car(row, before):
            node.get("driverId").fail(f"{driver} is listed twice")
        found.append(row)
    _in_order(found, findings)
    return found


def _another_car(row: Row, before: Iterable[Row]) -> bool:
    """Whether a driver who is listed already may stand here too: in another car, of which one was shared or did not start."""
    return all(
        row.car != other.car
        and (row.shared or other.shared or "did_not_start" in (row.status, other.status))
        and (row.position is None or row.position != other.position)
        for other in before
    )


def _in_order(table: Iterable[Row], findings: Findings) -> None:
    expected = 1
    taken: dict[int, Row] = {}
    for row in table:
        if row.position is None:
            expected = 0
            continue
        ahead = taken.get(row.position)
        if ahead is not None:
            if not (row.shared and ahead.shared and row.constructor == ahead.constructor):
                row.node.get("position").fail(
                    f"{row.driver} and {ahead.driver} are both at place {row.position}, and not in one car"
                )
            continue
        if not expected:
            findings.contradicts(row.node.get("position"), f"place {row.position} where no more places are expected")
        elif row.position < expected:
            findings.contradicts(row.node.get("position"), f"place {row.position} where place {expected} is expected")
        for vacant in range(expected or row.position, row.position):
            findings.note(row.node.get("position"), f"nobody is at place {vacant}")
        taken[row.position] = row
        expected = row.position + 1


def milliseconds(node: Node) -> int:
    """A lap or race time ("1:35:21.362", "1:35.454", "22.519", "1:50.8") in milliseconds."""
    match = _CLOCK.fullmatch(node.value) if isinstance(node.value, str) else None
    if match is None:
        node.fail(f"{describe(node.value)} is no time such as '1:35.454'")
    hours, minutes, seconds, fraction = match.groups()
    return ((int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))


def penalty_milliseconds(node: Node) -> int:
    """A time penalty: a time, with or without the plus sign that it is published with ("5.000", "+5.000")."""
    given = node.value
    return milliseconds(Node(given.removeprefix("+"), node.place) if isinstance(given, str) else node)


def check_finish(table: Iterable[Row], laps: int, findings: Findings) -> None:
    """Nobody ran more laps than the race had; who is classified behind ran no more laps and needed no less time."""
    before: tuple[int, int] | None = None
    for row in table:
        if "laps" not in row.node or row.shared:
            continue  # of a shared car each driver's own laps may be given
        ran = row.node.get("laps").whole(0, laps)
        if row.position is None:
            continue
        if row.position == 1 and ran != laps:
            findings.contradicts(row.node.get("laps"), f"the winner ran {ran} laps of a race of {laps}")
        took = milliseconds(row.node.get("time")) if "time" in row.node else 0
        if before is not None and ran > before[0]:
            findings.contradicts(
                row.node.get("laps"), f"{row.driver} ran {ran} laps, more than the car classified ahead"
            )
        if before is not None and ran == before[0] and took and took < before[1]:
            findings.contradicts(row.node.get("time"), f"{row.driver} was quicker than the car classified ahead")
        before = (ran, took)


def check_ascending(table: Iterable[Row], field: str) -> None:
    """Times of a table do not fall from one place to the next."""
    last = 0
    for row in table:
        if row.position is not None and field in row.node:
            took = milliseconds(row.node.get(field))
            if took < last:
                row.node.get(field).fail(f"quicker than the one listed ahead, at place {row.position}")
            last = took
