"""New code of the local cloud, such as a provider's row, is what the next `up` runs: nothing goes on from older code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli import code
from cli.up import _restarts
from tests.clones import ROOMS
from tests.ports import free_port

PROJECT = Path(__file__).resolve().parents[2]

BEFORE = {"port": 8080, "emulator": None, "cloud": "of then"}


@pytest.mark.parametrize(
    ("wanted", "before", "cloud", "why"),
    [
        ({}, {}, "now", ""),  # the first up
        ({}, BEFORE, "of then", ""),
        ({}, BEFORE, "now", "the local cloud's own code, its packages or the Python changed"),
        ({}, {"port": 8080, "emulator": None}, "now", ""),  # an up of a version that did not write it down
        ({"port": 9090}, BEFORE, "now", "the port or the emulator changes"),
    ],
)
def test_what_runs_is_started_again_for_a_reason(
    wanted: dict[str, Any], before: dict[str, Any], cloud: str, why: str
) -> None:
    assert _restarts({"port": 8080, "emulator": None, **wanted}, before, cloud) == why


def test_any_file_of_the_local_cloud_counts_and_no_compiled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = tmp_path / "localcloud" / "provider" / "rows" / "s3.py"
    row.parent.mkdir(parents=True)
    row.write_text("ROWS = {}\n")
    first = code.of_the_cloud(tmp_path)
    (row.parent / "__pycache__").mkdir()
    (row.parent / "__pycache__" / "sns.cpython-311.pyc").write_bytes(b"compiled")
    assert code.of_the_cloud(tmp_path) == first
    row.write_text("ROWS = {1: 2}\n")
    second = code.of_the_cloud(tmp_path)
    assert second != first
    # An emulator of another version, by its lock; another Python, of which .venv is made anew below what runs.
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "dev.txt").write_text("moto==6.0.0\n")
    third = code.of_the_cloud(tmp_path)
    assert third != second
    monkeypatch.setattr(sys, "version", "3.99.0")
    assert code.of_the_cloud(tmp_path) != third


@pytest.mark.engine
@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_a_changed_row_is_what_the_next_up_runs(tmp_path: Path) -> None:
    checkout, project = tmp_path / "checkout", tmp_path / "tiny"
    for room in ROOMS:
        copy: Any = shutil.copytree if (PROJECT / room).is_dir() else shutil.copy
        checkout.mkdir(exist_ok=True)
        copy(PROJECT / room, checkout / room)
    shutil.copytree(PROJECT / "tests" / "faults" / "tiny", project)

    def matchday(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "cli", "--project", str(project), *arguments],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(checkout)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done

    try:
        pids: list[int] = []
        port = free_port()
        for touch in (False, False, True):
            if touch:
                row = checkout / "localcloud" / "provider" / "rows" / "s3.py"
                row.write_text(row.read_text() + "\n# a new row\n")
            done = matchday("up", "--port", str(port), "--json")
            pids.append(json.loads(done.stdout)["supervisor"]["pid"])
            assert ("own code, its packages or the Python changed: restarting" in done.stderr) is touch
        assert pids[0] == pids[1] != pids[2]
    finally:
        matchday("down")
