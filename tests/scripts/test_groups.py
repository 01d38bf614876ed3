"""Tests of one group share a worker: engines and platforms are brought up once, not once for each worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import pytest

@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(6))
def test_grouped(number, worker_id):
    print(f"ran on {worker_id}.")
"""


def test_a_group_runs_on_one_worker(tmp_path: Path) -> None:
    """pytest 9.2 took from xdist 3.8 what it groups by; nothing said so, and every platform was brought up twice."""
    (tmp_path / "test_it.py").write_text(PROGRAM)
    call = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-rP", "-p", "no:cacheprovider", "."]
    result = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
    workers = {line for line in result.stdout.splitlines() if line.startswith("ran on ")}
    assert len(workers) == 1, workers
