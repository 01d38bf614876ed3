"""Conditions as data: what a rules document may ask of an attribute, a measure or a profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from scoring.engine.exact import Interval, interval

Scalar = int | str | bool | None

_EVERY_NUMBER = Interval()
_BOUNDS = ("at_least", "above", "at_most", "below")


@dataclass(frozen=True, slots=True)
class Test:
    """One question about one value. `allowed` is None when every value may pass; None (unknown) passes only a denial."""

    __test__ = False  # not a test case, whatever its name suggests to pytest

    allowed: tuple[Scalar, ...] | None = None
    denied: tuple[Scalar, ...] = ()
    bounds: Interval = _EVERY_NUMBER

    def holds(self, value: Scalar) -> bool:
        """Whether `value` passes."""
        if self.allowed is not None:
            return value in self.allowed
        if self.denied:
            return value not in self.denied
        return value is not None and not isinstance(value, str) and value in self.bounds

    @property
    def impossible(self) -> bool:
        """Whether no value at all passes."""
        return self.allowed == () or self.bounds.empty

    def implies(self, other: Test) -> bool:
        """Whether every value that passes this test passes `other` too (never wrongly True)."""
        if self.impossible:
            return True
        if self.allowed is not None:
            return all(other.holds(value) for value in self.allowed)
        if self.denied:
            return bool(other.denied) and set(other.denied) <= set(self.denied)
        if other.allowed is not None or other.denied:
            return False
        return self.bounds.within(other.bounds)

    def words(self) -> str:
        """The test as words that follow a name: "is 0", "is not bowler", "5 or more"."""
        if self.allowed is not None:
            return f"is {' or '.join(_word(value) for value in self.allowed)}"
        if self.denied:
            return f"is not {' or '.join(_word(value) for value in self.denied)}"
        return self.bounds.words()


#: Tests that must all hold, by the name of what they ask about.
Condition = Mapping[str, Test]


def parse_condition(given: Mapping[str, Any]) -> Condition:
    """A condition from its JSON form: a scalar (is), a list (is one of), {"not": […]} or bounds of whole numbers."""
    return {name: _parse_test(test) for name, test in given.items()}


def _parse_test(given: Any) -> Test:
    if isinstance(given, list):
        return Test(allowed=tuple(given))
    if not isinstance(given, Mapping):
        return Test(allowed=(given,))
    if "not" in given:
        return Test(denied=tuple(given["not"]))
    return Test(bounds=interval(**{name: Fraction(given[name]) for name in _BOUNDS if name in given}))


def holds(condition: Condition, values: Callable[[str], Scalar]) -> bool:
    """Whether every test of `condition` holds for the values that `values` gives by name."""
    for name, test in condition.items():  # noqa: SIM110 # twice as quick as all(), and asked of every player and rule
        if not test.holds(values(name)):
            return False
    return True


def implies(narrow: Condition, wide: Condition) -> bool:
    """Whether whatever meets `narrow` meets `wide` too (never wrongly True)."""
    return all(name in narrow and narrow[name].implies(test) for name, test in wide.items())


def _word(value: Scalar) -> str:
    return (
        {True: "yes", False: "no", None: "unknown"}[value]
        if value is None or value is True or value is False
        else str(value)
    )
