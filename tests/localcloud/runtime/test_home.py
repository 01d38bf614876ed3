"""A home that cannot be written: what one clone need not make anew for the next is kept in a private temporary folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from localcloud.runtime import networks, state
from localcloud.runtime.errors import SupervisorError

PROJECT = Path(__file__).resolve().parents[3]

#: Homes that not even root can write: not a folder; a folder of the kernel's.
NO_HOMES = ("/dev/null", "/proc/nowhere")


@pytest.fixture(params=NO_HOMES)
def temporary(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of a user whose home cannot be written."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", request.param)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_home_that_can_be_written_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert state.cache_directory() == tmp_path / "home" / ".cache" / "matchday"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert state.cache_directory() == tmp_path / "elsewhere" / "matchday"
    assert state.has_home()


def test_without_one_a_private_folder_stands_in(temporary: Path) -> None:
    place = state.cache_directory()
    assert place == temporary / f"matchday-{os.getuid()}"
    assert place.stat().st_mode & 0o777 == 0o700
    assert state.cache_directory() == place
    assert not state.has_home()


def test_clones_choose_different_networks_without_a_home(temporary: Path) -> None:
    clones = [temporary / name for name in ("a", "b")]
    for clone in clones:
        clone.mkdir()
    assert len({networks.take(clone) for clone in clones}) == 2


def _open(place: Path) -> None:
    place.mkdir()
    place.chmod(0o777)


def _somebody_elses(place: Path) -> None:
    place.mkdir(mode=0o700)
    if os.getuid() == 0:
        os.chown(place, 65534, 65534)
    else:  # only root can give a folder away
        place.chmod(0o750)


def _link(place: Path) -> None:
    place.with_name("target").mkdir(mode=0o700)
    place.symlink_to(place.with_name("target"))


@pytest.mark.parametrize("prepare", [_open, _somebody_elses, _link])
def test_a_folder_that_others_can_reach_is_refused(temporary: Path, prepare: object) -> None:
    assert callable(prepare)
    prepare(temporary / f"matchday-{os.getuid()}")
    with pytest.raises(SupervisorError, match=rf"{temporary}/matchday-\d+, which stands in for it, is not this user's"):
        state.cache_directory()


def test_a_command_refuses_it_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / f"matchday-{os.getuid()}").mkdir()
    (tmp_path / f"matchday-{os.getuid()}").chmod(0o777)
    environment = {"HOME": "/dev/null", "TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "cli", "preview", "local"],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "which stands in for it, is not this user's alone: remove it, or set HOME" in " ".join(done.stderr.split())
    assert "defect" not in done.stderr
