"""How property tests draw (tests/draws.py): by one seed that is said, longer under --fuzz, and what failed fails again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Only what takes part: others cost a second each time.
PLUGINS = ("-p", "_hypothesis_pytestplugin", "-p", "xdist.plugin", "-p", "no:cacheprovider")

#: The first thing that hypothesis tries is the simplest: with one example this fails only by --fuzz, or by what was kept.
PROPERTY = """
import os
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

@pytest.mark.parametrize("divisor", [7])
@settings(max_examples=1)
@given(st.integers(0, 10_000))
def test_rare(divisor, number):
    assert "MENDED" in os.environ or number % divisor != 5

@settings(max_examples=20)
@given(st.integers())
def test_drawn(number):
    print("drawn", number)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text((ROOT / "tests/draws.py").read_text("utf-8"))
    (tmp_path / "tests" / "test_it.py").write_text(PROPERTY)
    return tmp_path


def run(project: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and output of pytest on the project."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MATCHDAY_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests", *PLUGINS, *arguments],
        cwd=project,
        env={**inherited, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def drawn(output: str) -> list[str]:
    return re.findall(r"drawn (-?\d+)", output)


def test_a_seed_repeats_what_is_drawn_and_what_failed_under_fuzz_fails_in_every_later_run(project: Path) -> None:
    code, first = run(project, "-rP")
    assert (code, len(drawn(first)) >= 20) == (0, True)
    (seed,) = re.findall(r"^MATCHDAY_SEED=(\d+)$", first, re.M)
    _, again = run(project, "-rP", "-n", "1", MATCHDAY_SEED=seed)
    assert drawn(again) == drawn(first)

    code, output = run(project, "--fuzz", "200", "-k", "rare", MATCHDAY_SEED="7")
    assert code == 1
    assert "MATCHDAY_SEED=7 repeats what property tests drew" in output
    seeds = project / "tests" / "seeds"
    (file,) = seeds.rglob("*.json")
    assert re.fullmatch(r"test_it/test_rare-[0-9a-f]{8}\.json", file.relative_to(seeds).as_posix())
    kept = json.loads(file.read_text())
    assert (kept["test"], kept["seed"]) == ("tests/test_it.py::test_rare[7]", 7)
    number = re.search(r"number=(\d+)", kept["shown"])
    assert number and int(number[1]) % 7 == 5

    (project / ".hypothesis").rename(project / "elsewhere")  # another clone has only what is checked in
    code, output = run(project, "-rA", MATCHDAY_SEED=str(int(seed) + 1))
    assert (code, number[0] in output) == (1, True)
    assert drawn(output) != drawn(first)
    assert run(project, "-k", "rare", MENDED="yes")[0] == 0
    assert json.loads(file.read_text()) == kept, "a run without --fuzz changes nothing that is checked in"


def test_every_kept_example_is_of_a_test_that_exists() -> None:
    for file in (ROOT / "tests" / "seeds").rglob("*.json"):
        path, name = json.loads(file.read_text("utf-8"))["test"].split("::")
        assert f"def {name.split('[')[0]}(" in (ROOT / path).read_text("utf-8"), file
