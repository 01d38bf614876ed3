"""Temporary folders of previews that ended badly: which are offered to be removed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from cli import remains


def test_only_old_folders_of_this_user_that_nobody_uses_are_left_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, new = tmp_path / "matchday-preview-old", tmp_path / "matchday-preview-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    (tmp_path / "matchday-preview-gone").symlink_to(tmp_path / "nothing")  # listed, and away before it is looked at
    assert remains.scratch() == [old]
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    assert remains.scratch() == []
