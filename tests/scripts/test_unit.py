"""What `make unit` leaves out (tests/unit.py) is found in what tests call, and a unit test that starts a process fails."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.runtime import ephemeral
from tests import unit
from tests.clones import Clone
from tests.policies.platform import platform
from tests.services import conftest as services
from tests.stacks import conftest as stacks
from tests.stacks.accounts import compose_account

STARTING = unit.STARTERS | unit.CALLS


def _helper() -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


@contextmanager
def _manager() -> Iterator[None]:
    _helper()
    yield


class _Holder:
    @property
    def held(self) -> None:
        return _helper()


def _by_helper() -> None:
    _helper()


def _by_manager() -> None:
    with _manager():
        pass


def _by_class() -> None:
    assert _Holder().held is None


def _by_module(directory: object) -> None:
    with ephemeral.cloud(directory, region="ap-south-1"):  # type: ignore[arg-type]  # never called
        pass


def _within() -> None:
    def inner() -> None:
        _helper()

    inner()


@given(st.integers())
def _by_property(number: int) -> None:
    assert number == number
    _helper()


def _pure() -> None:
    assert sys.executable


@pytest.mark.parametrize("function", [_by_helper, _by_manager, _by_class, _by_module, _within, _by_property, Clone])
def test_what_starts_a_process_is_found(function: object) -> None:
    assert unit.calls(function, STARTING)


def test_so_is_a_fixture_that_starts_servers() -> None:
    (definition,) = (services.cloud._get_wrapped_function(),)
    assert unit.calls(definition, STARTING)


def test_what_does_not_is_a_unit_test() -> None:
    assert not unit.calls(_pure, STARTING | unit.COMPOSERS)


def _account() -> None:
    compose_account()


@pytest.mark.parametrize("function", [stacks.composed._get_wrapped_function(), platform, _account])
def test_what_composes_an_environment_is_slow(function: object) -> None:
    assert unit.calls(function, unit.COMPOSERS)


_HEADS = {
    "": set(),
    "pytestmark = pytest.mark.slow  # pytest.mark.engine": {"slow"},
    'pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("faults"), pytest.mark.timeout(0)]': {
        "engine",
        "xdist_group",
        "timeout",
    },
    "pytestmark = [\n    pytest.mark.postgres,\n    pytest.mark.nightly,\n]": {"postgres", "nightly"},
    "def test_x() -> None:\n    pytestmark = pytest.mark.slow": set(),
}


@pytest.mark.parametrize(("head", "names"), _HEADS.items(), ids=range(len(_HEADS)))
def test_the_markers_of_a_file_are_read_where_they_stand(head: str, names: set[str]) -> None:
    assert unit.markers(f"import pytest\n{head}\n\nVALUE = pytest.mark.e2e\n") == names


def test_only_what_leaves_a_test_out_by_itself_leaves_a_file_out() -> None:
    assert unit.left_out("not nightly") == {"nightly"}
    assert unit.left_out("not engine and not slow") == {"engine", "slow"}
    for expression in ("", "nightly", "not (engine or slow)", "not engine or not slow", "hypothesis and not engine"):
        assert unit.left_out(expression) == set()


@pytest.mark.process
@pytest.mark.parametrize("phase", ["setup", "call"])
def test_one_that_is_not_found_fails(request: pytest.FixtureRequest, phase: str) -> None:
    around = getattr(unit.Guard(), f"pytest_runtest_{phase}")(request.node)
    next(around)
    _helper()
    with pytest.raises(AssertionError, match=r"needs the marker `process`: .*subprocess\.Popen"):
        next(around)
