"""The whole platform in a clone of its own: brought up once, for tests that follow one another and each leave it whole.

pytest runs the modules by name: what ends the platform's processes comes last (test_recovery).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.clones import Clone, free_port, make_clone


@pytest.fixture(scope="package")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """One clone for all of them; whatever they leave running is ended by `reset` after the last one."""
    made = make_clone(tmp_path_factory.mktemp("clone"), free_port())
    yield made
    made.run("reset", "--yes")
    assert made.processes() == []


@pytest.fixture(scope="package")
def up(clone: Clone) -> dict[str, Any]:
    """The document of the first `up`."""
    document: dict[str, Any] = clone.json("up", "--port", str(clone.port))
    return document


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {seconds} s")


def tasks_of(clone: Clone, service: str) -> list[dict[str, Any]]:
    document = clone.json("status", check=False)
    return next(s["tasks"] for s in document["services"] if s["name"].endswith(service))
