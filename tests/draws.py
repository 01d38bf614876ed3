"""What property tests draw: one seed for a run, more examples under `make fuzz`, failing examples kept in tests/seeds.

- MATCHDAY_SEED in the environment is the seed of every property test; else one is drawn. A run's header says it, and the end
  of one that failed.
- `--fuzz N` tries N times as many examples, and keeps what fails in tests/seeds, a file a test.
- Every run tries the kept examples of a test first. Check them in with the fix; a test that goes takes its file along.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase, MultiplexedDatabase
from hypothesis.internal.conjecture import providers

VARIABLE = "MATCHDAY_SEED"


class KeptExamples(ExampleDatabase):
    """Failing examples by test (its node id): those in the directory, and those of this run."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(__file__).parent / "seeds"
        self._found: dict[bytes, set[bytes]] = {}

    def fetch(self, key: bytes) -> Iterable[bytes]:
        return {*self._found.get(key, ()), *self._kept(key)}

    def save(self, key: bytes, value: bytes) -> None:
        self._found.setdefault(key, set()).add(value)

    def delete(self, key: bytes, value: bytes) -> None:
        # A kept example that fails no more is what it is kept for.
        self._found.get(key, set()).discard(value)

    def file(self, test: str) -> Path:
        """`tests/services/test_x.py::test_y[1]` is kept in services/test_x/test_y-<hash>.json; without parameters no hash."""
        path, _, name = test.partition("::")
        plain = re.sub(r"\W+", "-", name.split("[")[0])
        if "[" in name:
            plain += "-" + hashlib.sha256(name.encode()).hexdigest()[:8]
        return self.directory / path.removeprefix("tests/").removesuffix(".py") / f"{plain}.json"

    def _kept(self, key: bytes) -> Iterator[bytes]:
        file = self.file(key.decode()) if b"::" in key else None
        if file is not None and file.exists():
            yield from map(bytes.fromhex, json.loads(file.read_text("utf-8"))["examples"])

    def keep(self, test: str, seed: int, shown: str) -> None:
        """Write the examples of `test` that failed in this run beside those that were kept before."""
        found = self.fetch(test.encode())
        if not found:
            return
        file = self.file(test)
        file.parent.mkdir(parents=True, exist_ok=True)
        document = {"test": test, "seed": seed, "shown": shown, "examples": sorted(value.hex() for value in found)}
        file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


KEPT = KeptExamples()

# Bounded by the number of examples, not by the clock of a busy machine. Each run draws others, `make fuzz` 40 times as many.
settings.register_profile(
    "matchday",
    max_examples=50,
    deadline=None,
    derandomize=False,
    suppress_health_check=[HealthCheck.too_slow],
    database=MultiplexedDatabase(KEPT, DirectoryBasedExampleDatabase(".hypothesis/examples")),
)
settings.load_profile("matchday")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz", type=int, default=0, metavar="N", help="N times the examples; keep what fails")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before hypothesis reads its options; workers of xdist have their controller's seed."""
    worker = getattr(config, "workerinput", None)
    if config.option.hypothesis_seed is None:
        drawn = worker["seed"] if worker else os.environ.get(VARIABLE) or str(secrets.randbits(32))
        config.option.hypothesis_seed = drawn
    KEPT.directory = config.rootpath / "tests" / "seeds"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["seed"] = node.config.option.hypothesis_seed


def pytest_report_header(config: pytest.Config) -> str:
    return f"{VARIABLE}={config.option.hypothesis_seed}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if terminalreporter.stats.get("failed"):
        terminalreporter.write_line(f"{VARIABLE}={config.option.hypothesis_seed} repeats what property tests drew")


def _function(item: pytest.Item) -> Any:
    """What hypothesis has put its settings on, if the item is a property test."""
    test = getattr(item, "obj", None)
    return getattr(test, "__func__", test) if is_hypothesis_test(test) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Hypothesis tries the constants of all modules that are ours; those of hundreds of tests would hide the product's.
    providers._seen_modules.update(id(module) for name, module in [*sys.modules.items()] if name.startswith("tests."))
    factor = config.getoption("--fuzz")
    functions = {id(function): function for item in items if (function := _function(item)) is not None}
    for function in functions.values() if factor else ():
        own = function._hypothesis_internal_use_settings
        function._hypothesis_internal_use_settings = settings(own, max_examples=own.max_examples * factor)


def pytest_runtest_setup(item: pytest.Item) -> None:
    function = _function(item)
    if function is not None:
        # Hypothesis' own key is a hash of the source: a kept example would be lost with the next line that changes.
        function._hypothesis_internal_database_key = item.nodeid.encode()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report: pytest.TestReport = yield
    if report.failed and call.when == "call" and item.config.getoption("--fuzz") and _function(item) is not None:
        text = re.sub(r"^E {7}", "", report.longreprtext, flags=re.MULTILINE)
        shown = re.search(r"^[A-Z][a-z ]+: \w+\(\n.*?^\)", text, re.DOTALL | re.MULTILINE)
        KEPT.keep(item.nodeid, int(item.config.option.hypothesis_seed), shown[0] if shown else "")
    return report
