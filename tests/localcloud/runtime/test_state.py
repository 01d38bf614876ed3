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
