"""The tables of an f1db race that only some rules read: fastest laps, Driver of the Day, pit stops."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from scoring.engine.conditions import Scalar
from scoring.sources.f1db_tables import CLASSIFIED, Row, check_ascending, identifier, milliseconds
from scoring.sources.reading import Node

#: An event of the race: id, kind, attributes.
Recorded = tuple[str, str, dict[str, Scalar]]

#: Refuses a row whose driver takes no part in the weekend.
Known = Callable[[Row], None]

_PERCENTAGE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?")


def fastest(table: Node, known: Known, results: Sequence[Row]) -> list[Row]:
    """Who set the fastest lap of the race, several if they share it."""
    listed = _ties(table)
    raced = {row.driver: row.status for row in results}
    for row in listed:
        known(row)
        if row.driver not in raced:
            row.node.get("driverId").fail(f"{row.driver} is not in the race result")
    # f1db lists the disqualified last, whatever their times.
    check_ascending([row for row in listed if raced[row.driver] != "disqualified"], "time")
    return [row for row in listed if row.position == 1]


def fastest_laps(table: Node, known: Known, results: Sequence[Row]) -> Iterator[Recorded]:
    """The fastest lap; whether it earns a championship point is the rules' affair."""
    best = fastest(table, known, results)
    for row in best:
        yield (
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


def driver_of_the_day(table: Node, known: Known) -> Iterator[Recorded]:
    """Who won the vote."""
    for row in _ties(table):
        known(row)
        if row.position == 1:
            share = row.node.find("percentage", "0").text()
            if not _PERCENTAGE.fullmatch(share):
                row.node.get("percentage").fail(f"{share!r} is no percentage such as '25.96'")
            whole, _, part = share.partition(".")
            yield (
                f"driver_of_the_day:{row.driver}",
                "driver_of_the_day",
                {"driver": row.driver, "percent_hundredths": int(whole) * 100 + int(f"{part}00"[:2])},
            )


def pit_stops(table: Node, known: Known) -> Iterator[Recorded]:
    """Every stop, each once."""
    seen: set[str] = set()
    for row in _ties(table):
        known(row)
        stop = row.node.get("stop").whole(1, 99)
        id_ = f"pit_stop:{row.driver}:{stop:02d}"
        if id_ in seen:
            row.node.fail(f"{id_} stands twice")
        seen.add(id_)
        yield (
            id_,
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


def _ties(table: Node) -> list[Row]:
    """A table in which several drivers may share a place."""
    return [
        Row(
            node,
            identifier(node.get("driverId")),
            identifier(node.get("constructorId")),
            node.get("position").whole(1, 999),
            CLASSIFIED,
        )
        for node in table.each()
    ]
