"""How long `make test` takes, by part: one run of all tests, its seconds summed by folder."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.figures import Figure

PROJECT = Path(__file__).resolve().parents[1]


def parts(report: Path) -> dict[str, float]:
    """Seconds by folder of tests/, set-up and tear-down included, from a JUnit report."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for case in ElementTree.parse(report).iter("testcase"):
        rooms = case.get("classname", "").split(".")
        seconds[rooms[1] if len(rooms) > 2 else "others"] += float(case.get("time", "0"))
    return dict(seconds)


def main() -> None:
    """Emit the figures: as long as `make test`. Tests that fail are the test run's affair, not this one's."""
    with tempfile.TemporaryDirectory(prefix="matchday-bench-") as scratch:
        report = Path(scratch) / "report.xml"
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-q", f"--junitxml={report}"],
            cwd=PROJECT,
            stdout=sys.stderr,
            check=False,
        )
        Figure.compared("make test", round(time.perf_counter() - begun, 1), "s").emit()
        for part, seconds in sorted(parts(report).items()):
            Figure.compared(f"make test: {part}", round(seconds, 1), "s").emit()
