"""What is deployed is read when something was written, in the emulator or in what the provider keeps beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from localcloud.dataplane import observer
from localcloud.dataplane.model import DesiredState
from localcloud.dataplane.observer import Observer
from localcloud.provider.kept import KeptProperties
from localcloud.runtime.aws import Aws


class Looks(Observer):
    """Counts what it reads, of an emulator whose position a test moves."""

    def __init__(self) -> None:
        self.position, self.readings, self.broken = 0, 0, False
        super().__init__(Aws("http://127.0.0.1:9", "ap-south-1"), lambda *_: {}, lambda: self.position)

    def _read(self) -> DesiredState:
        if self.broken:
            raise ConnectionError("the emulator is being started again")
        self.readings += 1
        return DesiredState()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(observer, "_AT_LEAST", 10**9)
    return Looks()


def test_nothing_is_read_again_that_nobody_wrote(looks: Looks) -> None:
    seen = []
    for position in (0, 0, 0, 1, 1):
        looks.position = position
        found = looks.look()
        assert looks.look() is found
        seen.append(looks.readings)
    assert seen == [1, 1, 1, 2, 2]


def test_what_could_not_be_read_is_read_the_next_time(looks: Looks) -> None:
    looks.broken = True
    with pytest.raises(ConnectionError):
        looks.look()
    looks.broken = False
    looks.look()
    assert looks.readings == 1


def test_what_an_emulator_changes_by_itself_is_seen_a_little_later(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks.look()
    monkeypatch.setattr(observer, "_AT_LEAST", 1e-9)  # it has passed
    looks.look()
    assert looks.readings == 2


def test_what_another_process_keeps_is_another_mark(tmp_path: Path) -> None:
    ours, theirs = KeptProperties(tmp_path), KeptProperties(tmp_path)
    before = ours.mark()
    theirs.find("aws:rds/instance:Instance", "db")
    assert ours.mark() == before
    theirs.keep("aws:rds/instance:Instance", "db", {"password": "one"})
    written = ours.mark()
    assert written != before
    theirs.forget("aws:rds/instance:Instance", "db")
    assert ours.mark() != written
