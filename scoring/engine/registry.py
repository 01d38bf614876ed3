"""The rules documents that ship with the platform, by id and version, and rules read from a file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from scoring.engine.document import Rules, Vocabulary
from scoring.engine.errors import RulesError
from scoring.engine.linting import lint
from scoring.engine.parsing import RULES_DIRECTORY, parse_rules, parse_vocabulary

#: Of the vocabulary that a document means unless it says so.
_FIRST = "1.0.0"

_FILE = re.compile(r"(?P<id>[a-z][a-z0-9-]{0,39})@(?P<version>[0-9]+\.[0-9]+\.[0-9]+)\.json")

#: No rules document needs more; a larger file is a mistake.
_LARGEST = 1_000_000


def published(directory: Path = RULES_DIRECTORY) -> dict[str, list[str]]:
    """Rule ids with their versions, oldest first."""
    found: dict[str, list[str]] = {}
    for path in sorted(directory.glob("*.json")):
        match = _FILE.fullmatch(path.name)
        if match is not None:
            found.setdefault(match["id"], []).append(match["version"])
    return {id_: sorted(versions, key=_precedence) for id_, versions in sorted(found.items())}


def load(reference: str, parameters: Mapping[str, str | int] | None = None, directory: Path = RULES_DIRECTORY) -> Rules:
    """The rules `ID`, `ID@VERSION` (without a version: the newest) or a path ending in .json, ready to score with.

    RulesError if there are none, or if the document is invalid.
    """
    return load_file(path_of(reference, directory), parameters)


def path_of(reference: str, directory: Path = RULES_DIRECTORY) -> Path:
    """The file of `ID`, `ID@VERSION` or a path ending in .json; RulesError for an unknown id or version."""
    if reference.endswith(".json"):
        return Path(reference)
    id_, _, version = reference.partition("@")
    known = published(directory)
    if id_ not in known:
        raise RulesError(f"rules {reference!r}", f"unknown id {id_!r} (known: {', '.join(known)})")
    if version and version not in known[id_]:
        raise RulesError(f"rules {reference!r}", f"{id_} has no version {version!r} (it has: {', '.join(known[id_])})")
    return directory / f"{id_}@{version or known[id_][-1]}.json"


def load_file(path: Path, parameters: Mapping[str, str | int] | None = None) -> Rules:
    """Rules from a file, checked; RulesError names the file and the place in it."""
    rules = read(path, parameters)
    errors = [finding for finding in lint(rules) if finding.error]
    if errors:
        more = f" (and {len(errors) - 1} more; see `matchday rules lint`)" if len(errors) > 1 else ""
        raise RulesError(f"{path}: {errors[0].path}", f"{errors[0].message}{more}")
    return rules


def read(path: Path, parameters: Mapping[str, str | int] | None = None) -> Rules:
    """Rules from a file that keeps to the schema, not yet linted."""
    document = _read_json(path)
    given = document if isinstance(document, Mapping) else {}
    words = vocabulary(given.get("sport"), str(path), given.get("vocabulary", _FIRST))
    return parse_rules(document, words, str(path), parameters)


def vocabulary(sport: object, place: str, version: object = None) -> Vocabulary:
    """The vocabulary of a sport, the newest unless a version is given; RulesError if there is none."""
    known = published(RULES_DIRECTORY / "vocabularies")
    if not isinstance(sport, str) or sport not in known:
        raise RulesError(f"{place}: sport", f"{sport!r} is not one of {', '.join(known)}")
    if version is not None and version not in known[sport]:
        listed = ", ".join(known[sport])
        raise RulesError(f"{place}: vocabulary", f"{version!r} is no version of that of {sport} (there are: {listed})")
    return _vocabulary(RULES_DIRECTORY / "vocabularies" / f"{sport}@{version or known[sport][-1]}.json")


@lru_cache
def _vocabulary(path: Path) -> Vocabulary:
    return parse_vocabulary(_read_json(path), str(path))


def _read_json(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST:
            raise RulesError(str(path), f"larger than {_LARGEST} bytes; no rules document is")
        return json.loads(
            path.read_bytes().decode("utf-8"),
            object_pairs_hook=lambda pairs: _once(pairs, path),
            parse_float=lambda number: _no_float(number, path),
            parse_constant=lambda number: _no_float(number, path),
        )
    except OSError as error:
        raise RulesError(str(path), error.strerror or "cannot be read") from error
    except UnicodeDecodeError as error:
        raise RulesError(str(path), f"not UTF-8 (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise RulesError(str(path), f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from error
    except (RecursionError, ValueError) as error:
        if isinstance(error, RulesError):
            raise
        raise RulesError(str(path), "not JSON that can be read: too deep, or a number too long") from error


def _once(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RulesError(str(path), f"the key {twice!r} stands twice in one object")
    return seen


def _no_float(number: str, path: Path) -> NoReturn:
    raise RulesError(str(path), f"the number {number[:30]}; write what is no whole number as a decimal string")


def _precedence(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
