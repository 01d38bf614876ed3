"""Names mean one thing each, in one room and in rooms that import each other; code is written in the field's words."""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.docs.test_truth import PRIVATE

ROOT = Path(__file__).parents[2]
ROOMS: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["root_packages"]


#: Longest product module, in lines.
LONGEST = 400

#: Class names that two rooms have of which one imports the other → why both may be called so.
SHARED = {
    "Base": "each service's declarative base stands on the library's, as SQLAlchemy has it",
    "Client": "an OAuth client: as a manifest declares it, and as auth keeps it",
    "Edge": "the edge: its settings, and the module that composes it",
    "Passwords": "auth checks people's; the library's start of a task sets those of database roles",
    "Process": "a process: as a manifest declares it, and as the launcher runs it",
    "Transaction": "the library's is the database's, the wallet's the ledger's; both fields have no other word",
}

#: As a word of an identifier: who says what to whom. Name what it is: output, holder, report, reason.
PRIVATE_WORDS = {"said", "told", "born", "knob", "knobs", "road", "roads"}


def modules() -> Iterator[tuple[str, Path]]:
    """Every product module with the room that it is in; each service is a room, and the shared library."""
    for package in ROOMS:
        for path in sorted((ROOT / package).rglob("*.py")):
            inner = path.relative_to(ROOT).parts[1]
            yield (f"services.{inner}" if package == "services" and not inner.endswith(".py") else package), path


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    """All of a module's, for all who look through them: to walk is most of what each does."""
    return list(ast.walk(tree(path)))


def imported(found: Iterable[ast.AST]) -> Iterator[str]:
    for node in found:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def twins(found: Mapping[str, Mapping[str, list[str]]], meetings: set[frozenset[str]]) -> dict[str, list[str]]:
    """Class name → where it stands more than once in one room, or in rooms that meet."""
    result: dict[str, list[str]] = defaultdict(list)
    for name, places in found.items():
        for room, here in places.items():
            others = [place for other in places if frozenset({room, other}) in meetings for place in places[other]]
            if len(here) > 1 or others:
                result[name] += here
    return result


@pytest.mark.slow
def test_a_class_name_means_one_thing() -> None:
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    meetings: set[frozenset[str]] = set()
    for room, path in modules():
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name][room].append(f"{path.relative_to(ROOT)}:{node.lineno}")
        for name in imported(nodes(path)):
            other = ".".join(name.split(".")[: 2 if name.startswith("services.") else 1])
            # The command imports every room, each for one subcommand: nobody reads two of them at once there.
            if other != room and room != "cli":
                meetings.add(frozenset({room, other}))
    double = twins(found, meetings)
    assert sorted(double) == sorted(SHARED), "\n".join(
        f"{name}: {', '.join(places)}" for name, places in double.items() if name not in SHARED
    )


def test_twins_are_seen() -> None:
    meeting = {frozenset({"a", "b"})}
    assert set(twins({"X": {"a": ["1"], "b": ["2"]}}, meeting)) == {"X"}
    assert set(twins({"X": {"a": ["1", "2"]}}, meeting)) == {"X"}
    assert not twins({"X": {"a": ["1"], "c": ["2"]}}, meeting)


@functools.cache
def is_private(name: str) -> bool:
    return bool(PRIVATE_WORDS & set(re.split(r"_|(?<=[a-z])(?=[A-Z])", name.lower())))


def private_words(found: Iterable[ast.AST]) -> Iterator[str]:
    """Identifiers that are made of private words."""
    for node in found:
        for field in ("id", "attr", "arg", "name"):
            name = getattr(node, field, None)
            if isinstance(name, str) and is_private(name):
                yield f"{getattr(node, 'lineno', '?')}: {name}"


@pytest.mark.slow
def test_identifiers_are_the_fields_own_words() -> None:
    wrong = [f"{path.relative_to(ROOT)}:{word}" for _, path in modules() for word in private_words(nodes(path))]
    assert not wrong, "\n".join(wrong)
    assert list(private_words(ast.walk(ast.parse("def f(x): _told = x.said")))) == ["1: _told", "1: said"]


@pytest.mark.slow
def test_comments_and_messages_are_plain_words() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for _, path in modules()
        if PRIVATE.search(text := path.read_text("utf-8"))
        for number, line in enumerate(text.splitlines(), 1)
        if (match := PRIVATE.search(line)) and "told" not in match.group()
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_one_module_knows_where_the_state_directory_lies() -> None:
    """Paths in it are asked of `localcloud.runtime.state`; the literal stands nowhere else."""
    owners = {
        path.relative_to(ROOT).as_posix()
        for _, path in modules()
        for node in nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.strip("/") == ".matchday"
    }
    assert owners == {"localcloud/runtime/state.py"}


def test_modules_are_small() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for _, path in modules()}
    long = {file: lines for file, lines in lengths.items() if lines > LONGEST}
    assert not long, f"more than {LONGEST} lines; split by what changes together: {long}"
