"""Metrics in memory: values by namespace, name and dimensions in slots of time, and CloudWatch's statistics over them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

#: Seconds of a slot while it is young, and of what older ones are merged into: CloudWatch's shortest and its usual period.
FINE, COARSE = 10, 60
_FINE_FOR = 900
#: The longest window of a deployed alarm is six hours (components/observability/burn_rates.py); and some for late looks.
KEPT_SECONDS = 7 * 3600
#: Values of a slot that percentiles are taken of; beyond them every second, fourth … one counts for all.
_VALUES = 128

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")
_RANK = re.compile(r"PR\((\d+(?:\.\d+)?)?:(\d+(?:\.\d+)?)?\)")


class UnknownStatistic(ValueError):
    """A statistic that is not computed here."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What names one series."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> Metric:
        """The series with these dimensions, in whatever order."""
        return cls(namespace, name, frozenset(dimensions.items()))


@dataclass(slots=True)
class Slot:
    """The values of a stretch of time."""

    count: int = 0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    values: list[float] = field(default_factory=list)
    step: int = 1

    def add(self, value: float) -> None:
        """One more value."""
        if self.count % self.step == 0:
            self.values.append(value)
            if len(self.values) > _VALUES:
                self.values, self.step = self.values[::2], self.step * 2
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)

    def merge(self, other: Slot) -> None:
        """The values of another slot, too."""
        self.count += other.count
        self.total += other.total
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        self.values = self.values + other.values
        self.step = max(self.step, other.step)
        while len(self.values) > _VALUES:
            self.values, self.step = self.values[::2], self.step * 2


class Metrics:
    """Every series that was written to in the last KEPT_SECONDS."""

    def __init__(self) -> None:
        self._series: dict[Metric, dict[int, Slot]] = {}

    def put(self, metric: Metric, value: float, when: float) -> None:
        """Add a value, seen at `when` (seconds since the epoch). CloudWatch refuses what is no finite number."""
        if math.isfinite(value):
            slots = self._series.setdefault(metric, {})
            slots.setdefault(int(when // FINE) * FINE, Slot()).add(value)

    def statistic(self, metric: Metric, statistic: str, start: float, end: float) -> float | None:
        """CloudWatch's statistic over the values from `start` up to before `end`; None if there is none."""
        whole = Slot()
        for begin, slot in self._series.get(metric, {}).items():
            if start <= begin < end:
                whole.merge(slot)
        return _of(whole, statistic) if whole.count else None

    def by_minute(self, metric: Metric, statistic: str, minutes: int, now: float) -> list[float | None]:
        """CloudWatch's statistic of each of the last whole minutes, oldest first; None for one without values."""
        end = int(now // COARSE) * COARSE
        first = end - minutes * COARSE
        found = [Slot() for _ in range(minutes)]
        for begin, slot in self._series.get(metric, {}).items():
            if first <= begin < end:
                found[(begin - first) // COARSE].merge(slot)
        return [_of(slot, statistic) if slot.count else None for slot in found]

    def forget(self, now: float) -> None:
        """Merge what is no longer young, and drop what no alarm can look back at."""
        for metric, slots in list(self._series.items()):
            kept: dict[int, Slot] = {}
            for begin, slot in slots.items():
                if begin < now - KEPT_SECONDS:
                    continue
                place = begin if begin >= now - _FINE_FOR else begin - begin % COARSE
                if place in kept:
                    kept[place].merge(slot)
                else:
                    kept[place] = slot
            if kept:
                self._series[metric] = kept
            else:
                del self._series[metric]

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._series)


def check_statistic(statistic: str) -> None:
    """UnknownStatistic, unless it is one that is computed here."""
    _of(Slot(count=1, values=[0.0]), statistic)


def _of(slot: Slot, statistic: str) -> float:
    plain = {
        "Sum": slot.total,
        "SampleCount": float(slot.count),
        "Average": slot.total / slot.count,
        "Minimum": slot.least,
        "Maximum": slot.most,
    }
    if statistic in plain:
        return plain[statistic]
    if found := _PERCENTILE.fullmatch(statistic):
        return _percentile(slot.values, float(found[1]))
    if found := _RANK.fullmatch(statistic):
        least, most = (float(bound) if bound else None for bound in found.groups())
        return _rank(slot.values, least, most)
    raise UnknownStatistic(f"the statistic {statistic} is not computed here")


def _percentile(values: Iterable[float], percent: float) -> float:
    """Between the two values nearest to the rank."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    return below + (above - below) * (place - math.floor(place))


def _rank(values: list[float], least: float | None, most: float | None) -> float:
    """The percentage of values above `least` (exclusive) and up to `most`: CloudWatch's percentile rank."""
    inside = [value for value in values if (least is None or value > least) and (most is None or value <= most)]
    return 100 * len(inside) / len(values)
