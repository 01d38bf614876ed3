"""What `make unit` runs: quick tests that need their own process alone, no engine, no platform, no server, no other program.

Every other test gets a marker, found in what it and its fixtures call, so that nobody keeps a list: `process`, or `slow` if it
composes a whole environment. What is not seen there carries it by hand: `process` a command of ours that calls git (`make unit`
fails a test that starts a process), `slow` a test that takes half a second of CPU or more.

A file whose `pytestmark` leaves all of it out is not even imported: a third of the files, and most of what is slow to import.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

#: What is started with these, by module or by module and name. Functions and classes of tests are looked into.
STARTERS = frozenset(
    {
        "subprocess",
        "multiprocessing",
        "cli.local.isolated",
        "localcloud.engine.build",
        "localcloud.engine.find",
        "localcloud.engine.find.ensure",
        "localcloud.engine.run.Workspace",
        "localcloud.dataplane.control.client",
        "localcloud.dataplane.control.client.start",
        "localcloud.dataplane.ecs.launcher.Launcher",
        "localcloud.dataplane.ingress.caddy.Ingress",
        "localcloud.dataplane.stores.postgres.PostgresServer",
        "localcloud.dataplane.stores.valkey.ValkeyServer",
        "localcloud.runtime.ephemeral.cloud",
        "localcloud.runtime.processes.spawn",
        "services.kyc.sandbox.Sandbox",
        "tests.localcloud.emulator.forked.Forked",
    }
)
#: What composes a whole environment: seconds of CPU.
COMPOSERS = frozenset(
    {
        "tests.stacks.accounts.compose_account",
        "tests.stacks.conftest.compose",
        "tests.stacks.recoveries.compose_recovery",
    }
)
#: Names that start a process, whatever they are of.
CALLS = frozenset({"create_subprocess_exec", "fork"})

#: Audit events of a process that begins (docs.python.org, "Audit events table").
EVENTS = frozenset({"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"})


def _names(code: CodeType) -> Iterator[str]:
    """Every name that a function, and what is defined in it, looks up."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


@cache
def calls(thing: Any, sought: frozenset[str]) -> bool:
    """Whether a function or class of the tests calls, directly or by others of the tests, one of what is `sought`."""
    seen: set[Any] = set()
    left = [thing]
    while left:
        current = left.pop()
        if current in seen:
            continue
        seen.add(current)
        found, others = _looked_up(current)
        if sought & found:
            return True
        left += others
    return False


@cache
def _looked_up(thing: Any) -> tuple[frozenset[str], tuple[Any, ...]]:
    """The names, modules and modules' attributes that it looks up itself, and what of the tests is among them.

    Most helpers are called by hundreds of tests.
    """
    found: set[str] = set()
    others: list[Any] = []
    for function in _functions(thing):
        names = set(_names(function.__code__))
        values = [_plain(function.__globals__[name]) for name in names if name in function.__globals__]
        found |= names
        found.update(_path(value) for value in values)
        found.update(f"{value.__name__}.{name}" for value in values if isinstance(value, ModuleType) for name in names)
        others += [
            value
            for value in values
            if isinstance(value, FunctionType | type) and value.__module__.startswith("tests.")
        ]
    return frozenset(found), tuple(others)


def _functions(thing: Any) -> Iterator[FunctionType]:
    members = vars(thing).values() if isinstance(thing, type) else (thing,)
    for member in members:
        plain = inspect.unwrap(getattr(member, "fget", None) or getattr(member, "__func__", member))
        if isinstance(plain, FunctionType):
            yield plain
            # Property tests: what hypothesis wraps.
            inner = getattr(getattr(plain, "hypothesis", None), "inner_test", None)
            if isinstance(inner, FunctionType):
                yield inner


def _plain(value: Any) -> Any:
    """What a decorator has wrapped."""
    return inspect.unwrap(value) if callable(value) and hasattr(value, "__wrapped__") else value


def _path(value: Any) -> str:
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, FunctionType | type):
        return f"{value.__module__}.{value.__qualname__}"
    return ""


def _callables(item: pytest.Item) -> Iterator[Callable[..., Any]]:
    """The test and its fixtures."""
    if isinstance(item, pytest.Function):
        yield item.function
        for definitions in item._fixtureinfo.name2fixturedefs.values():
            yield from (
                definition.func for definition in definitions if definition.func.__module__.startswith("tests.")
            )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Before `-m` chooses; where it does not choose by these markers, nobody reads thousands of functions for them."""
    if not re.search(r"\b(process|slow)\b", config.option.markexpr):
        return
    for item in items:
        for marker, sought in (("process", STARTERS | CALLS), ("slow", COMPOSERS)):
            if any(calls(function, sought) for function in _callables(item)):
                item.add_marker(marker)


#: `pytestmark = …` at the head of a file, with the lines that go on with it.
_MARKS = re.compile(r"^pytestmark = .*\n(?:[ \])].*\n)*", re.MULTILINE)


def markers(source: str) -> frozenset[str]:
    """The names of the markers that a file's `pytestmark` puts on every test of it."""
    found = _MARKS.search(source)
    if found is None:
        return frozenset()
    (statement,) = ast.parse(found[0]).body
    assert isinstance(statement, ast.Assign)
    value = statement.value
    marks = value.elts if isinstance(value, ast.List) else [value]
    plain = [mark.func if isinstance(mark, ast.Call) else mark for mark in marks]
    return frozenset(mark.attr for mark in plain if isinstance(mark, ast.Attribute))


@cache
def left_out(expression: str) -> frozenset[str]:
    """The markers of which each alone leaves a test out: `-m "not engine and not slow"`. Another form leaves out no file."""
    terms = [re.fullmatch(r"not (\w+)", term.strip()) for term in expression.split(" and ")]
    return frozenset(term[1] for term in terms if term) if all(terms) else frozenset()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """No file is imported to leave out all that is in it. One that is asked for by name is."""
    names = left_out(config.option.markexpr)
    asked = {(config.invocation_params.dir / argument.partition("::")[0]).resolve() for argument in config.args}
    if not names or collection_path.suffix != ".py" or collection_path in asked:
        return None
    return True if markers(collection_path.read_text("utf-8")) & names else None


class Guard:
    """Fails a unit test while which, or while whose fixtures, a process begins."""

    def __init__(self) -> None:
        self._on = False
        self._seen: list[str] = []
        sys.addaudithook(self._heard)

    def _heard(self, event: str, words: tuple[object, ...]) -> None:
        if self._on and event in EVENTS:
            self._seen.append(f"{event} {words[:2]!r}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        return (yield from self._watched(item))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        return (yield from self._watched(item))

    def _watched(self, item: pytest.Item) -> Generator[None, None, None]:
        self._on = True
        self._seen.clear()
        try:
            return (yield)
        finally:
            self._on = False
            assert not self._seen, f"{item.nodeid} starts a process, so it needs the marker `process`: {self._seen}"


def pytest_configure(config: pytest.Config) -> None:
    """Where only unit tests are wanted, they are held to it."""
    if "not process" in config.option.markexpr:
        config.pluginmanager.register(Guard())
