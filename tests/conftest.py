"""For all tests: how property tests draw, which worker runs what, and the fixtures of the whole session."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

# Before gRPC is imported: what tests do with it in this process, as a server or a client, stays behind when it forks. Its own
# support for that would begin its threads anew in the child, which closes what they poll before it becomes another program: one
# in forty ended by SIGABRT.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

from localcloud.engine import lazy_sdk
from tests.draws import (
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_configure_node,
    pytest_report_header,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_terminal_summary,
)
from tests.engine.engines import far_end, far_end_of, plans, previews
from tests.schedule import one_before_the_others, pytest_xdist_make_scheduler

# As the engine loads them for every program, and before any test imports them: else each service is loaded whole, and in a
# fresh checkout compiled, which takes longer than any test.
lazy_sdk.install()

#: Finds what `make unit` runs.
pytest_plugins = ["tests.unit"]

# As cli does: `pytest` may be called without make, and what it starts should find compiled modules.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

#: Hooks, and fixtures of the whole session: one engine's far end serves tests of several rooms.
__all__ = [
    "far_end",
    "far_end_of",
    "plans",
    "previews",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_make_parametrize_id",
    "pytest_report_header",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_terminal_summary",
    "pytest_xdist_make_scheduler",
]


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Ten thousand tests and what they import stay to the end: no search for garbage looks through them, now or later.

    Nor is it looked for at every 700 objects: to compose an environment makes millions, which live as long as the test does,
    and a third of its CPU went into looking through them.
    """
    gc.disable()
    try:
        with one_before_the_others(session.config):
            return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)


@pytest.fixture(autouse=True)
def no_credentials_of_another_test() -> Iterator[None]:
    """What a test's credentials were ends with it: boto3 keeps them in one session for the whole process, unseen.

    The session itself stays: with it go the descriptions of AWS's services, 0.15 s to read again for each test.
    """
    yield
    session = getattr(sys.modules.get("boto3"), "DEFAULT_SESSION", None)
    if session is not None:
        vars(session._session)["_credentials"] = None


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names that are the same in each worker: a file that a test makes may have the time in it."""
    return argname if isinstance(val, bytes) and len(val) > 60 else None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(obj: object) -> list[pytest.Item] | None:
    """A module that a test imports is no test. Pytest's own look at it would load AWS classes that Pulumi loads when used."""
    return [] if issubclass(type(obj), ModuleType) else None
