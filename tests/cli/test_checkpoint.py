"""The engine's state, the provider's store and the emulator's snapshot go back together or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.checkpoint import PARTS, Checkpoint, Phase


def _write(state: Path, moment: str, parts: tuple[str, ...] = PARTS) -> None:
    for part in parts:
        (state / part).mkdir(parents=True, exist_ok=True)
        (state / part / "content").write_text(moment)


def _read(state: Path) -> list[str | None]:
    files = [state / part / "content" for part in PARTS]
    return [file.read_text() if file.exists() else None for file in files]


def test_restore_brings_all_parts_back_and_settles(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    _write(tmp_path, "first")
    checkpoint.take()
    checkpoint.enter(Phase.APPLYING)
    _write(tmp_path, "second", PARTS[:1])
    shutil.rmtree(tmp_path / PARTS[2])
    assert checkpoint.phase is Phase.APPLYING
    assert checkpoint.restore()
    assert _read(tmp_path) == ["first"] * 3
    assert checkpoint.phase is Phase.SETTLED


def test_with_no_copy_restore_goes_back_to_nothing(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    checkpoint.enter(Phase.APPLYING)
    _write(tmp_path, "half done")
    assert not checkpoint.restore()
    assert _read(tmp_path) == [None] * 3


def test_a_copy_that_was_interrupted_does_not_replace_the_last_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Checkpoint(tmp_path)
    _write(tmp_path, "whole")
    checkpoint.take()
    _write(tmp_path, "later")
    copytree = shutil.copytree

    def interrupted(source: Path, target: Path) -> Path:
        if str(source).endswith(PARTS[1]):
            raise KeyboardInterrupt
        return Path(copytree(source, target))

    monkeypatch.setattr(shutil, "copytree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.take()
    monkeypatch.undo()
    checkpoint.restore()
    assert _read(tmp_path) == ["whole"] * 3


@given(steps=st.lists(st.sampled_from(["write one part", "take", "restore"]), max_size=12))
def test_after_a_restore_the_parts_are_always_of_one_moment(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    state = tmp_path_factory.mktemp("state")
    checkpoint = Checkpoint(state)
    for moment, step in enumerate(steps):
        if step == "take":
            _write(state, str(moment))
            checkpoint.take()
        elif step == "restore":
            checkpoint.restore()
            assert len(set(_read(state))) == 1
        else:
            _write(state, str(moment), (PARTS[moment % len(PARTS)],))
