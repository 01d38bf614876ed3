"""A table under one test: each row is checked with the fixtures, each failing one is named, and none at all is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tables import every_row

CHECKED: list[tuple[str, int]] = []


@every_row("word, number", {"one": ("a", 1), "two": ("b", 2)})
def test_each_row_has_the_fixtures(tmp_path: Path, word: str, number: int) -> None:
    assert tmp_path.is_dir()
    CHECKED.append((word, number))


def test_every_row_is_checked_and_every_failing_one_is_named() -> None:
    seen: Iterator[int] = iter(range(3))

    @every_row("value", {"even": 2, "odd": 3, "none": None, "named": 5})
    def check(value: int) -> None:
        next(seen, None)
        if value == 5:
            pytest.fail("a five")
        assert value % 2 == 0

    with pytest.raises(ExceptionGroup, match="3 of 4 rows") as caught:
        check()
    odd, none, named = caught.value.exceptions
    assert isinstance(odd, AssertionError) and odd.__notes__ == ["row: odd"]
    assert isinstance(none, TypeError) and none.__notes__ == ["row: none"]
    assert str(named) == "named: a five"
    assert next(seen, None) is None


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(AssertionError, match="no rows for value"):
        every_row("value", {})
