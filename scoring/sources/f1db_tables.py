"""The tables of an f1db race: rows with a driver and a position, times, and the checks of a table against itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
    """One line of a table: `position` is None unless classified."""

    node: Node
    driver: str
    constructor: str
    position: int | None
    status: str


def identifier(node: Node) -> str:
    """An f1db id, such as "max-verstappen"."""
    text = node.text()
    if len(text) > 60 or not _ID.fullmatch(text):
        node.fail(f"{describe(text)} is no f1db id such as 'max-verstappen'")
    return text


def rows(table: Node) -> list[Row]:
    """The rows of a results table, each driver once and the classified places 1, 2, 3, … in order.

    A shared drive is refused: its points were divided between the drivers by rules of their own.
    """
    found: list[Row] = []
    seen: set[str] = set()
    for node in table.each():
        driver = identifier(node.get("driverId"))
        if node.find("sharedCar", "false").value not in ("false", False):
            node.get("sharedCar").fail(f"{driver} shared a car; shared drives divide their points and cannot be scored")
        if driver in seen:
            node.get("driverId").fail(f"{driver} is listed twice")
        seen.add(driver)
        given = node.get("position")
        word = given.value if isinstance(given.value, str) else ""
        if word in STATUSES:
            position, status = None, STATUSES[word]
        else:
            if not (word.isascii() and word.isdigit()):
                given.fail(f"{describe(given.value)} is neither a place nor one of {', '.join(STATUSES)}")
            position, status = given.whole(1, 99), CLASSIFIED
        found.append(Row(node, driver, identifier(node.get("constructorId")), position, status))
    _in_order(found)
    return found


def _in_order(table: Sequence[Row]) -> None:
    expected = 1
    taken: dict[int, str] = {}
    for row in table:
        if row.position is None:
            expected = 0
            continue
        if row.position in taken:
            row.node.get("position").fail(
                f"{row.driver} and {taken[row.position]} are both at place {row.position};"
                " shared drives and dead heats cannot be scored"
            )
        if row.position != expected:
            wanted = f"place {expected} is expected" if expected else "no more places are expected"
            row.node.get("position").fail(f"place {row.position} where {wanted}")
        taken[row.position] = row.driver
        expected += 1


def milliseconds(node: Node) -> int:
    """A lap or race time ("1:35:21.362", "1:35.454", "22.519", "1:50.8") in milliseconds."""
    match = _CLOCK.fullmatch(node.value) if isinstance(node.value, str) else None
    if match is None:
        node.fail(f"{describe(node.value)} is no time such as '1:35.454'")
    hours, minutes, seconds, fraction = match.groups()
    return ((int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))


def check_finish(table: Iterable[Row], laps: int) -> None:
    """Nobody ran more laps than the race had; who is classified behind ran no more laps and needed no less time."""
    before: tuple[int, int] | None = None
    for row in table:
        if "laps" not in row.node:
            continue
        ran = row.node.get("laps").whole(0, laps)
        if row.position is None:
            continue
        if row.position == 1 and ran != laps:
            row.node.get("laps").fail(f"the winner ran {ran} laps of a race of {laps}")
        took = milliseconds(row.node.get("time")) if "time" in row.node else 0
        if before is not None and ran > before[0]:
            row.node.get("laps").fail(f"{row.driver} ran {ran} laps, more than the car classified ahead")
        if before is not None and ran == before[0] and took and took < before[1]:
            row.node.get("time").fail(f"{row.driver} was quicker than the car classified ahead")
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
