"""Tests of one group or file share a worker: platforms, servers and copies are made once, not once for each worker."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import boto3
import pytest

from tests import schedule

PROGRAM = """
import pytest

@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(6))
def test_grouped(number, worker_id):
    print(f"one ran on {worker_id}.")

@pytest.mark.parametrize("number", ["a@b", *range(9)])
def test_of_a_file(number, worker_id, request):
    print(f"{request.path.name} ran on {worker_id}.")
"""


def test_a_group_and_a_file_run_on_one_worker(tmp_path: Path) -> None:
    """pytest 9.2 took from xdist 3.8 what it groups by; nothing said so, and every platform was brought up twice."""
    (tmp_path / "conftest.py").write_text(Path(schedule.__file__).read_text())
    files = [f"test_{number}.py" for number in range(4)]
    for file in files:
        (tmp_path / file).write_text(PROGRAM)
    call = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-rP", "-p", "no:cacheprovider", "."]
    result = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
    workers = defaultdict(set)
    for what, worker in re.findall(r"^(\S+) ran on (\w+)\.$", result.stdout, re.MULTILINE):
        workers[what].add(worker)
    assert set(workers) == {"one", *files}
    assert all(len(on) == 1 for on in workers.values()), workers
    assert len(set.union(*workers.values())) == 2, "both have something to do"


def test_what_takes_long_begins_first() -> None:
    units = ["tests/model/test_bounds.py", "tests/services/wallet/test_notes.py", "@engine", "@platform"]
    assert sorted(units, key=schedule.rank) == ["@platform", "@engine", units[1], units[0]]
    assert schedule.unit("tests/engine/test_facts.py::test_a[x@y]@engine") == "@engine"
    assert schedule.unit("tests/engine/test_facts.py::test_a[x@y]") == "tests/engine/test_facts.py"
    assert schedule.unit("tests/stacks/test_kinds.py::test_a") == schedule.unit("tests/policies/test_ways.py::test_b")


def test_workers_wait_for_one_another_only_where_much_changed(tmp_path: Path) -> None:
    files = [tmp_path / f"test_{number}.py" for number in range(schedule.FEW + 1)]
    for file in files:
        file.touch()
    stamp = tmp_path / "compiled"
    assert not schedule.is_compiled(tmp_path, stamp)
    stamp.touch()
    later = stamp.stat().st_mtime + 1
    for file in files:
        os.utime(file, (later - 100, later - 100))
    assert schedule.is_compiled(tmp_path, stamp)
    for file in files[: schedule.FEW]:
        os.utime(file, (later, later))
    assert schedule.is_compiled(tmp_path, stamp), "an afternoon's work"
    os.utime(files[-1], (later, later))
    assert not schedule.is_compiled(tmp_path, stamp), "another branch"


@pytest.mark.parametrize("own", ["first", "second"])
def test_a_tests_credentials_are_its_own(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3's session is the process's, and keeps the first that it finds."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", own)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", own)
    boto3.client("sts", region_name="ap-south-1")
    session = boto3.DEFAULT_SESSION
    assert session is not None and (found := session.get_credentials()) is not None and found.access_key == own
