"""`matchday score`: fantasy points of a match, a race or a whole directory of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from scoring import report
from scoring.engine import catalogue
from scoring.engine.document import Rules
from scoring.engine.errors import RosterError, RulesError, ScoringError
from scoring.engine.rosters import Roster, RosterScore, apply_multipliers, validate
from scoring.engine.scoring import Scorecard, scorecard
from scoring.sources import find_matches, open_match, roster_file
from scoring.sources.match import Match


@contextmanager
def refusing() -> Iterator[None]:
    """Bad input ends the command with one line on standard error and exit code 2."""
    try:
        yield
    except ScoringError as error:
        typer.echo(" ".join(f"matchday: {error}".split()), err=True)
        raise typer.Exit(2) from error


def parameters(settings: list[str]) -> dict[str, str | int]:
    """NAME=VALUE settings of rules parameters; a value that is a plain number stands for a number or its text."""
    chosen: dict[str, str | int] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise RulesError(f"--set {setting}", "expected NAME=VALUE")
        chosen[name] = value
    return chosen


def seen_at(path: Path) -> datetime:
    """When a file came to us: its modification time (the epoch for one that is not there, whose reading will fail)."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return datetime.fromtimestamp(0, UTC)


def check_sport(rules: Rules, match: Match) -> None:
    """Rules score matches of their own sport only."""
    if match.sport != rules.sport:
        raise RulesError(rules.name, f"is for {rules.sport}; {match.id} is {match.sport}")


def score(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|DIR",
            help="A Cricsheet JSON file, an f1db race directory, an event log, or a directory of these.",
        ),
    ],
    rules: Annotated[
        str,
        typer.Option(
            "--rules",
            metavar="ID[@VERSION]",
            help="Which rules (`matchday rules list`), or a rules file ending in .json.",
        ),
    ],
    roster: Annotated[
        Path | None,
        typer.Option("--roster", metavar="R", help="A roster to check and score too (JSON; see docs/scoring.md)."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; one document per line for a directory of matches.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print every line behind the points.")] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Choose a variant of the rules.")
    ] = None,
) -> None:
    """Print the fantasy points of a match under given rules."""
    with refusing():
        if as_json and explain:
            raise RulesError("--json --explain", "choose one of the two")
        chosen = catalogue.load(rules, parameters(settings or []))
        paths = list(find_matches(path))
        for place in paths:
            match = open_match(place, seen_at(place))
            card, scored = _score(chosen, match, roster)
            if as_json:
                document = report.as_json(match, card, scored)
                typer.echo(json.dumps(document, ensure_ascii=False, indent=2 if len(paths) == 1 else None))
            else:
                typer.echo(report.as_text(match, card, scored, explain=explain) + ("\n" if len(paths) > 1 else ""))


def _score(rules: Rules, match: Match, roster_path: Path | None) -> tuple[Scorecard, RosterScore | None]:
    check_sport(rules, match)
    if roster_path is None:
        return scorecard(rules, match.events), None
    given = roster_file.read(roster_path)
    card = scorecard(rules, [*match.events, *roster_file.role_events(rules, given, seen_at(roster_path))])
    roster: Roster = roster_file.complete(given, card.profiles, str(roster_path))
    problems = validate(rules, roster)
    if problems:
        raise RosterError(str(roster_path), "; ".join(str(problem) for problem in problems))
    return card, apply_multipliers(rules, roster, card.lines)
