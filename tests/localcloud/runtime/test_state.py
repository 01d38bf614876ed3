"""Copies of the state directory's parts."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from localcloud.runtime.errors import is_of_the_disk
from localcloud.runtime.state import copy_tree


def test_a_full_disk_is_said_by_the_copy_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("c")

    def full(source: str, target: str, **_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), source, None, target)

    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(OSError, match="No space left") as refused:
        copy_tree(tmp_path / "a", tmp_path / "copy")
    assert is_of_the_disk(refused.value)


def test_a_folder_is_copied_with_its_links(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "link").symlink_to("elsewhere")
    copy_tree(tmp_path / "a", tmp_path / "copy", symlinks=True)
    assert (tmp_path / "copy" / "link").readlink() == Path("elsewhere")


def test_what_is_written_once_is_linked_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "history" / "a"  # a folder of this name above is no reason
    for name in ("history/run", "stacks/history", "stacks/local"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    copy_tree(source, tmp_path / "copy", written_once="history")
    linked = {
        file.relative_to(tmp_path / "copy").as_posix(): file.samefile(source / file.relative_to(tmp_path / "copy"))
        for file in (tmp_path / "copy").rglob("*")
        if file.is_file()
    }
    assert linked == {"history/run": True, "stacks/history": False, "stacks/local": False}


def test_where_nothing_can_be_linked_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "history").mkdir(parents=True)
    (tmp_path / "a" / "history" / "run").write_text("run")

    def refused(source: str, target: str) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), source, None, target)

    monkeypatch.setattr(os, "link", refused)
    copy_tree(tmp_path / "a", tmp_path / "copy", written_once="history")
    assert (tmp_path / "copy" / "history" / "run").read_text() == "run"
