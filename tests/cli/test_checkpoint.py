"""A run of the engine that was cut off is undone: its own writes, and no one else's."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from cli.checkpoint import COPIED, PROVIDER, Checkpoint, Phase
from localcloud.emulator import journal
from localcloud.emulator.journal import ENGINE, OTHER, Entry, Journal
from localcloud.provider.kept import KeptProperties
from localcloud.runtime.state import StateDirectory


def _write(state: Path, moment: str, parts: tuple[str, ...] = COPIED) -> None:
    for part in parts:
        (state / part).mkdir(parents=True, exist_ok=True)
        (state / part / "content").write_text(moment)


def _read(state: Path) -> list[str | None]:
    files = [state / part / "content" for part in COPIED]
    return [file.read_text() if file.exists() else None for file in files]


class Emulator:
    """The files that an emulator keeps, written as it writes them."""

    def __init__(self, state: Path, generation: int = 0) -> None:
        self.directory = state / "emulator"
        self.directory.mkdir(parents=True, exist_ok=True)
        self.generation = generation
        self.writer = Journal(self.directory / f"snapshot.journal-{generation}")

    def write(self, name: str, origin: str) -> None:
        self.writer.append(Entry(origin=origin, time=0, seed="00", keys=[], environ={}, body=name.encode()))

    def snapshot(self) -> None:
        (self.directory / "snapshot").write_text(f"generation {self.generation + 1}")
        self.writer.close()
        self.generation += 1
        self.writer = Journal(self.directory / f"snapshot.journal-{self.generation}")

    @property
    def position(self) -> dict[str, int]:
        return {"generation": self.generation, "offset": self.writer.size}


def _journal(state: Path, generation: int) -> list[str]:
    return [entry.body.decode() for _, entry in journal.read(state / "emulator" / f"snapshot.journal-{generation}")]


def test_restore_brings_all_parts_back_and_settles(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    _write(tmp_path, "first")
    checkpoint.take(None)
    checkpoint.enter(Phase.APPLYING)
    _write(tmp_path, "second", COPIED[:1])
    shutil.rmtree(tmp_path / COPIED[1])
    assert checkpoint.phase is Phase.APPLYING
    assert checkpoint.restore() == []
    assert _read(tmp_path) == ["first"] * 2
    assert checkpoint.phase is Phase.SETTLED


def test_a_store_that_a_provider_began_anew_is_put_back(tmp_path: Path) -> None:
    """Deleted while a provider starts, it is there again, and empty."""
    checkpoint = Checkpoint(tmp_path)
    _write(tmp_path, "first", COPIED[:1])
    KeptProperties(tmp_path / PROVIDER).keep("aws:rds/instance:Instance", "kept", {"password": "first"})
    checkpoint.take(None)
    KeptProperties(tmp_path / PROVIDER).keep("aws:rds/instance:Instance", "later", {})
    assert checkpoint.missing() == [], "the same store goes on"
    shutil.rmtree(tmp_path / PROVIDER)
    KeptProperties(tmp_path / PROVIDER)
    assert checkpoint.missing() == [PROVIDER]
    (sentence,) = checkpoint.complete()
    assert "was missing: put back" in sentence
    assert KeptProperties(tmp_path / PROVIDER).of_kind("aws:rds/instance:Instance") == {"kept": {"password": "first"}}
    assert checkpoint.missing() == []

    shutil.rmtree(tmp_path / PROVIDER)
    (tmp_path / PROVIDER).mkdir()
    (tmp_path / PROVIDER / "store.sqlite").write_bytes(b"no store at all")
    assert checkpoint.missing() == [PROVIDER]


def test_a_first_run_that_was_cut_off_goes_back_to_nothing_of_the_engines(tmp_path: Path) -> None:
    checkpoint, emulator = Checkpoint(tmp_path), Emulator(tmp_path)
    checkpoint.take(emulator.position)
    checkpoint.enter(Phase.APPLYING)
    _write(tmp_path, "half done")
    emulator.write("a bucket", ENGINE)
    emulator.write("an object", OTHER)
    emulator.snapshot()  # an orderly stop in the middle of the run
    assert checkpoint.restore() == []
    assert _read(tmp_path) == [None] * 2
    assert not (tmp_path / "emulator" / "snapshot").exists()
    assert _journal(tmp_path, 0) == ["an object"]


def test_what_others_wrote_meanwhile_stays_also_over_a_snapshot(tmp_path: Path) -> None:
    checkpoint, emulator = Checkpoint(tmp_path), Emulator(tmp_path, 4)
    (tmp_path / "emulator" / "snapshot").write_text("generation 4")
    emulator.write("a plain pulumi up of before", ENGINE)
    _write(tmp_path, "before")
    checkpoint.take(emulator.position)
    checkpoint.enter(Phase.APPLYING)
    emulator.write("cut off", ENGINE)
    emulator.write("an object", OTHER)
    emulator.snapshot()
    emulator.write("cut off, too", ENGINE)
    emulator.write("a message", OTHER)
    for _ in range(2):  # the restoring may itself be cut off
        assert checkpoint.restore() == []
        assert (tmp_path / "emulator" / "snapshot").read_text() == "generation 4"
        assert _journal(tmp_path, 4) == ["a plain pulumi up of before", "an object"]
        assert _journal(tmp_path, 5) == ["a message"]


def test_a_copy_that_is_gone_is_said_and_nothing_else_deleted(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    checkpoint.enter(Phase.APPLYING)
    _write(tmp_path, "half done")
    assert "is gone" in checkpoint.restore()[0]
    assert _read(tmp_path) == ["half done"] * 2


@pytest.mark.parametrize("part", [*COPIED, "emulator"])
def test_a_deleted_part_is_put_back(tmp_path: Path, part: str) -> None:
    checkpoint, emulator = Checkpoint(tmp_path), Emulator(tmp_path)
    _write(tmp_path, "here")
    emulator.write("an object", OTHER)
    emulator.snapshot()
    checkpoint.take(emulator.position)
    emulator.write("a message", OTHER)
    shutil.rmtree(tmp_path / part)
    assert [note.split(" was ")[0] for note in checkpoint.complete()] == [str(tmp_path / part)]
    assert checkpoint.complete() == []
    assert _read(tmp_path) == ["here"] * 2
    assert (tmp_path / "emulator" / "snapshot").read_text() == "generation 1"
    assert _journal(tmp_path, 1) == ["a message"]


@pytest.mark.parametrize("damage", [b"", b'{"checkpoint": {"lat', b"\x00" * 64])
def test_a_damaged_state_of_the_engine_is_put_back_from_the_copy_and_kept_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: bytes
) -> None:
    checkpoint, whole = Checkpoint(tmp_path), b'{"checkpoint": {}}'
    state = StateDirectory(tmp_path).backend / ".pulumi" / "stacks" / "p" / "local.json"
    state.parent.mkdir(parents=True)
    state.write_bytes(whole)
    checkpoint.take(None)
    assert (checkpoint.missing(), checkpoint.complete()) == ([], [])
    state.write_bytes(damage)
    checkpoint.require_repairable()
    (note,) = checkpoint.complete()
    assert note.startswith(f"{state} cannot be read")
    assert state.read_bytes() == whole
    assert [file.read_bytes() for file in tmp_path.rglob("*.refused/**/local.json")] == [damage]
    # Without a copy, or with one that is damaged, too, nothing may be changed.
    for copied in (tmp_path / "checkpoint").rglob("local.json"):
        copied.write_bytes(damage)
    state.write_bytes(damage)
    with pytest.raises(typer.Exit):
        checkpoint.require_repairable()
    shutil.rmtree(tmp_path / "checkpoint")
    with pytest.raises(typer.Exit):
        checkpoint.require_repairable()
    assert str(state) in capsys.readouterr().err
    assert state.read_bytes() == damage


def test_a_copy_that_was_interrupted_does_not_replace_the_last_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Checkpoint(tmp_path)
    _write(tmp_path, "whole")
    checkpoint.take(None)
    _write(tmp_path, "later")
    copytree = shutil.copytree

    def interrupted(source: Path, target: Path, **how: Any) -> Path:
        if str(source).endswith(COPIED[1]):
            raise KeyboardInterrupt
        return Path(copytree(source, target, **how))

    monkeypatch.setattr(shutil, "copytree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.take(None)
    monkeypatch.undo()
    checkpoint.restore()
    assert _read(tmp_path) == ["whole"] * 2


@pytest.mark.slow
@given(steps=st.lists(st.sampled_from(["write one part", "take", "restore"]), max_size=12))
def test_after_a_restore_the_parts_are_always_of_one_moment(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    state = tmp_path_factory.mktemp("state")
    checkpoint = Checkpoint(state)
    taken = False
    for moment, step in enumerate(steps):
        if step == "take":
            _write(state, str(moment))
            checkpoint.take(None)
            taken = True
        elif step == "restore":
            checkpoint.restore()
            assert not taken or len(set(_read(state))) == 1
        else:
            _write(state, str(moment), (COPIED[moment % len(COPIED)],))
