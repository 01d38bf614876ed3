"""Scoring: events per second beside a bare loop, re-scoring after a correction, and rosters in bulk up to a million."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from os import sched_getaffinity
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure, cpu_of_children
from scoring.batches import rarely_collected
from scoring.engine import registry
from scoring.engine.bulk import RosterBook
from scoring.engine.document import Rules
from scoring.engine.events import Event
from scoring.engine.scoring import rescore, scorecard
from scoring.sources import find_matches, open_match

MATCHES = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "cricket" / "ipl"
RULES = "cricket-t20-b"
CAPTAIN, VICE_CAPTAIN = 2, Fraction(3, 2)

_SEEN = datetime(2026, 1, 1, tzinfo=UTC)

Logs = Sequence[Sequence[Event]]


def main() -> None:
    """Emit every figure, each with its reference measured just before it."""
    logs = [open_match(path, _SEEN).events for path in find_matches(MATCHES)]
    _scoring(logs)
    _correction(logs[0])
    for count in (100_000, 1_000_000):
        _rosters(logs[0], count)


def _scoring(logs: Logs) -> None:
    events = sum(len(log) for log in logs)
    rules = registry.load(RULES)
    made = [tuple(log) for log in logs]
    bare = events / _seconds(lambda: [_bare_loop(log) for log in made])
    engine = events / _seconds(lambda: [scorecard(rules, log) for log in logs])
    against = "a bare loop over the same events with the same points hard-coded, totals only"
    Figure(name="scoring.events", value=round(engine), unit="events/s", reference=round(bare), against=against).emit()

    with rarely_collected():  # as the command does for a directory
        whole = events / _seconds(
            lambda: [scorecard(rules, open_match(path, _SEEN).events) for path in find_matches(MATCHES)], repeat=25
        )
    against = "the engine alone; here with files read, checked and made events"
    Figure(
        name="scoring.end_to_end", value=round(whole), unit="events/s", reference=round(engine), against=against
    ).emit()

    _directory(events, whole)

    cores = len(sched_getaffinity(0))
    rounds = 10
    with ProcessPoolExecutor(cores, initializer=_prepare, initargs=(logs,)) as pool:
        list(pool.map(_score_all, [1] * cores))  # processes started, rules compiled
        started = time.perf_counter()
        list(pool.map(_score_all, [rounds] * cores))
        taken = time.perf_counter() - started
    Figure(
        name="scoring.events_per_core",
        value=round(rounds * events / taken),
        unit="events/s",
        reference=round(engine),
        against=f"the same on one core; here {cores} processes at once",
    ).emit()


def _directory(events: int, whole: float) -> None:
    """`matchday score` of a directory, its start and its printing included: by CPU of all its processes, and by the clock."""
    copies = 50
    with TemporaryDirectory() as directory:
        for copy in range(copies):
            for path in find_matches(MATCHES):
                (Path(directory) / f"{path.stem}{copy:03d}.json").write_bytes(path.read_bytes())
        command = [sys.executable, "-m", "cli", "score", directory, "--rules", RULES]
        runs = []
        for _ in range(3):
            before, started = cpu_of_children(), time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            runs.append((cpu_of_children() - before, time.perf_counter() - started))
    scored = copies * events
    cpu, clock = (scored / median(column) for column in zip(*runs, strict=True))
    against = "end to end in one process that runs already; here 300 files by the command, per second of CPU"
    Figure(
        name="scoring.directory_cpu", value=round(cpu), unit="events/s", reference=round(whole), against=against
    ).emit()
    against = f"the same per second of CPU; here by the clock, {len(sched_getaffinity(0))} cores"
    Figure(
        name="scoring.directory_clock", value=round(clock), unit="events/s", reference=round(cpu), against=against
    ).emit()


#: What each process of the pool works on.
_prepared: tuple[Rules, Logs] | None = None


def _prepare(logs: Logs) -> None:
    global _prepared
    _prepared = (registry.load(RULES), logs)


def _score_all(rounds: int) -> None:
    assert _prepared is not None
    rules, logs = _prepared
    for _ in range(rounds):
        for log in logs:
            scorecard(rules, log)


def _correction(log: Sequence[Event]) -> None:
    rules = registry.load(RULES)
    card = scorecard(rules, log)
    corrected = [_one_run_more(log)]
    full = _seconds(lambda: scorecard(rules, [*log, *corrected]))
    delta = _seconds(lambda: rescore(card, corrected))
    Figure(
        name="scoring.rescore",
        value=round(delta * 1000, 3),
        unit="ms",
        reference=round(full * 1000, 3),
        against="scoring the match in full; here one delivery corrected",
    ).emit()


def _one_run_more(log: Iterable[Event]) -> Event:
    delivery = next(event for event in log if event.kind == "delivery" and event.attributes["runs"] == 1)
    return replace(delivery, version=2, attributes={**delivery.attributes, "runs": 2, "charged": 2, "total": 2})


def _rosters(log: Sequence[Event], count: int) -> None:
    """`count` rosters of eleven; then one delivery is corrected, and batter and bowler change."""
    rules = registry.load(RULES)
    before = scorecard(rules, log)
    rosters = _random_rosters(sorted(before.totals), count)
    memory = _resident()
    book = RosterBook(rules)
    book.update(before.totals)
    for roster in rosters:
        book.add(roster)
    grown = _resident() - memory

    after = rescore(before, [_one_run_more(log)])
    moved = {player: after.totals[player] for player in after.touched}
    assert any(before.totals[player] != points for player, points in moved.items())
    # The reference sums in whole half-points, which is as quick as a plain loop can be.
    halves = {player: int(2 * points) for player, points in after.totals.items()}
    plain = [[(player, int(2 * factor)) for player, factor in roster.items()] for roster in rosters[:10_000]]
    naive = _seconds(lambda: [sum([halves[player] * factor for player, factor in roster]) for roster in plain])
    naive *= count / len(plain)
    started = time.perf_counter()
    pairs = book.update(moved)
    taken = time.perf_counter() - started
    assert all(book.total(row) == _sum(rosters[row], after.totals) for row in range(0, count, count // 100))
    ranked = _seconds(book.ranks, repeat=1)

    name = f"scoring.rosters_{count}"
    Figure(
        name=f"{name}.correction",
        value=round(taken, 4),
        unit="s",
        reference=round(naive, 4),
        against=f"summing every roster again; here the deltas of {pairs} (roster, player) pairs",
    ).emit()
    Figure(name=f"{name}.ranks", value=round(ranked, 4), unit="s", reference=round(naive, 4), against="the same").emit()
    Figure(
        name=f"{name}.memory",
        value=round(grown / count, 1),
        unit="bytes/roster",
        reference=8 + 11 * 4,
        against="one 8-byte total and eleven 4-byte row numbers",
    ).emit()


def _random_rosters(players: Sequence[str], count: int) -> list[dict[str, Fraction | int]]:
    """Rosters from a fixed seed; above ten thousand they repeat, which changes nothing for the book."""
    source = random.Random(2026)
    distinct: list[dict[str, Fraction | int]] = []
    for _ in range(min(count, 10_000)):
        picks = source.sample(players, 11)
        distinct.append({**dict.fromkeys(picks, 1), picks[0]: CAPTAIN, picks[1]: VICE_CAPTAIN})
    return [distinct[row % len(distinct)] for row in range(count)]


def _sum(roster: Mapping[str, Fraction | int], totals: Mapping[str, Fraction]) -> Fraction:
    return sum((totals[player] * factor for player, factor in roster.items()), Fraction(0))


def _resident() -> int:
    """Bytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _seconds(run: Callable[[], object], repeat: int = 7) -> float:
    """The median of some runs in CPU seconds of this process, which say something on a machine with other work, too."""
    times = []
    for _ in range(repeat):
        started = time.process_time()
        run()
        times.append(time.process_time() - started)
    return median(times)


def _bare_loop(log: Iterable[Event]) -> dict[str, int]:
    """Set B as somebody in a hurry writes it: one pass, totals only, no lines, no versions, no conditions as data."""
    points: dict[str, int] = defaultdict(int)
    runs: dict[str, int] = defaultdict(int)
    faced: dict[str, int] = defaultdict(int)
    conceded: dict[str, int] = defaultdict(int)
    bowled: dict[str, int] = defaultdict(int)
    wickets: dict[str, int] = defaultdict(int)
    catches: dict[str, int] = defaultdict(int)
    out = set()
    overs: dict[tuple[object, object, str], list[int]] = defaultdict(lambda: [0, 0, 6])
    fielding = {"catch": 8, "stumping": 12, "run_out_direct": 12, "run_out_assist": 6}
    for event in log:
        kind, attributes = event.kind, event.attributes
        if kind == "delivery" and not attributes["super_over"]:
            batter, bowler = str(attributes["batter"]), str(attributes["bowler"])
            run, charged, legal = _int(attributes["runs"]), _int(attributes["charged"]), _int(attributes["legal"])
            runs[batter] += run
            faced[batter] += _int(attributes["faced"])
            points[batter] += run + {4: 4, 6: 6}.get(_int(attributes["boundary"]), 0)
            conceded[bowler] += charged
            bowled[bowler] += legal
            points[bowler] += legal and not charged
            over = overs[attributes["innings"], attributes["over"], bowler]
            over[0] += legal
            over[1] += charged
        elif kind == "wicket" and not attributes["super_over"]:
            if attributes["out"]:
                out.add(str(attributes["batter"]))
            if attributes["credited"]:
                wickets[str(attributes["bowler"])] += 1
                points[str(attributes["bowler"])] += 38 if attributes["kind"] in ("bowled", "lbw") else 30
        elif kind == "fielding" and not attributes["super_over"] and not attributes["substitute"]:
            fielder, act = str(attributes["fielder"]), str(attributes["act"])
            points[fielder] += fielding[act]
            catches[fielder] += act == "catch"
        elif kind == "lineup":
            points[str(attributes["player"])] += 4
    for (_, _, bowler), (legal, charged, length) in overs.items():
        points[bowler] += 12 if legal >= length and not charged else 0
    for player in list(points):
        points[player] += next(
            (bonus for at, bonus in ((100, 16), (75, 12), (50, 8), (25, 4)) if runs[player] >= at), 0
        )
        points[player] += next((bonus for at, bonus in ((5, 12), (4, 8), (3, 4)) if wickets[player] >= at), 0)
        points[player] += 4 if catches[player] >= 3 else 0
        points[player] -= 2 if player in out and not runs[player] else 0
        if bowled[player] >= 12:
            points[player] += _economy(6 * conceded[player], bowled[player])
        if faced[player] >= 10:
            points[player] += _strike_rate(100 * runs[player], faced[player])
    return points


def _economy(runs: int, balls: int) -> int:
    if runs <= 7 * balls:
        return 6 if runs < 5 * balls else 4 if runs < 6 * balls else 2
    return 0 if runs < 10 * balls else -2 if runs <= 11 * balls else -4 if runs <= 12 * balls else -6


def _strike_rate(runs: int, balls: int) -> int:
    if runs <= 70 * balls:
        return -6 if runs < 50 * balls else -4 if runs < 60 * balls else -2
    return 0 if runs < 130 * balls else 2 if runs <= 150 * balls else 4 if runs <= 170 * balls else 6


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
