"""Rows of a table under one test: every row is checked, and every one that fails is reported with its name.

`pytest.mark.parametrize` makes a test of each row, which costs 3 ms of CPU (pytest's and xdist's, measured over 3,900 rows):
more than most of our rows, and there are thousands of them.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest


def every_row(
    names: str, rows: Mapping[str, Any] | Iterable[str]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Call the test with each row, by name: its values for the arguments `names` ("control, case"), or its only one; a
    row that is only a name is its own value.

    Rows share the fixtures, so a test that changes what a fixture gives stays with `parametrize`. There has to be a row.
    """
    arguments = [name.strip() for name in names.split(",")]
    table = dict(rows) if isinstance(rows, Mapping) else {name: name for name in rows}
    assert table, f"no rows for {names}"

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def whole(**fixtures: Any) -> None:
            failed: list[Exception] = []
            for name, row in table.items():
                values = row if len(arguments) > 1 else (row,)
                try:
                    test(**fixtures, **dict(zip(arguments, values, strict=True)))
                except pytest.fail.Exception as failure:
                    failed.append(AssertionError(f"{name}: {failure.msg}"))
                except Exception as error:
                    error.add_note(f"row: {name}")
                    failed.append(error)
            if failed:
                raise ExceptionGroup(f"{len(failed)} of {len(table)} rows", failed)

        given = inspect.signature(test)
        left = [value for name, value in given.parameters.items() if name not in arguments]
        vars(whole)["__signature__"] = given.replace(parameters=left)  # what pytest fills in
        return whole

    return decorate
