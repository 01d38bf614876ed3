"""Which worker of pytest-xdist runs what: a group of tests, or else a file, stays together; the long ones begin first.

`--dist loadgroup` alone deals out single tests, so that both workers make each module's fixtures (an emulator, a supervisor, a
copy of the sources), and its controller walks thousands of finished units after every test.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

#: The order of what begins first: groups, each minutes of one worker; then folders whose tests start processes and wait for
#: them. What is left for the end is short, so that neither worker ends long before the other.
FIRST = (
    "@platform",
    "@engine",
    "@faults",
    "@",
    "tests/services",
    "tests/localcloud",
    "tests/components",
    "tests/scripts",
    "tests/cli",
    "",
)

#: Folders whose tests need the same, once and not on each worker: the composed environments, as tests of the engine do, seconds
#: of CPU each; the classes of AWS's kinds, which take as long to load.
TOGETHER = {"tests/policies/": "@engine", "tests/stacks/": "@engine", "tests/components/": "tests/components"}


def unit(nodeid: str) -> str:
    """What stays on one worker: the test's `xdist_group`, which xdist writes behind an @, or its file, or folders of them."""
    if nodeid.rfind("@") > nodeid.rfind("]"):
        return "@" + nodeid.rsplit("@", 1)[1]
    shared = (name for folder, name in TOGETHER.items() if nodeid.startswith(folder))
    return next(shared, nodeid.split("::", 1)[0])


def rank(name: str) -> int:
    """Its place in that order."""
    return next(place for place, prefix in enumerate(FIRST) if name.startswith(prefix))


#: As many tests may have changed until one worker compiles them before the others: a second's work.
FEW = 20


@contextmanager
def one_before_the_others(config: pytest.Config) -> Iterator[None]:
    """One worker collects alone, and the others find compiled what it imported, and rewritten what are tests.

    In a fresh checkout that is most of a collection, and all of them did it at the same time. Where hardly anything changed
    since, nobody waits: to collect takes as long as a quarter of `make unit`.
    """
    cache = config.cache
    if cache is None or not hasattr(config, "workerinput"):
        yield
        return
    directory = cache.mkdir("collection")
    if is_compiled(config.rootpath / "tests", directory / "compiled"):
        yield
        return
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    (directory / "compiled").touch()


def is_compiled(tests: Path, stamp: Path) -> bool:
    """Whether all but a few of the tests are as they were when they were collected last."""
    if not stamp.exists():
        return False
    collected = stamp.stat().st_mtime
    return sum(file.stat().st_mtime >= collected for file in tests.rglob("*.py")) <= FEW


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling

    class Scheduling(LoadGroupScheduling):  # type: ignore[misc]  # xdist has no types
        """Within a rank the units with most tests come first, as xdist itself orders them."""

        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

        def _assign_work_unit(self, node: Any) -> None:
            self.workqueue.move_to_end(min(self.workqueue, key=rank), last=False)
            super()._assign_work_unit(node)

    return Scheduling(config, log)
