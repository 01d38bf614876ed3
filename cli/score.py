"""`matchday score`: fantasy points of a match, a race or a whole directory of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cli import console
from cli.score_run import Run, is_batch, refusal, seen_at
from scoring.engine import registry
from scoring.engine.errors import RulesError, ScoringError, SourceError
from scoring.sources import roster_file


@contextmanager
def refusing() -> Iterator[None]:
    """Bad input ends the command with one line on standard error and exit code 2."""
    try:
        yield
    except ScoringError as error:
        typer.echo(refusal(error), err=True)
        raise typer.Exit(console.NOT_ASKED) from error


def parameters(settings: list[str]) -> dict[str, str | int]:
    """NAME=VALUE settings of rules parameters; a value that is a plain number stands for a number or its text."""
    chosen: dict[str, str | int] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise RulesError(f"--set {setting}", "expected NAME=VALUE")
        chosen[name] = value
    return chosen


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
    players: Annotated[
        Path | None,
        typer.Option("--players", metavar="LIST", help="Your player list: roles, teams and prices (JSON)."),
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept",
            metavar="REASON",
            help="Score a file that contradicts itself, since you have looked at it; the reason stays in the output.",
        ),
    ] = None,
    season: Annotated[
        bool,
        typer.Option("--standings", help="After a directory: the championship, of which only the best results count."),
    ] = False,
) -> None:
    """Print the fantasy points of a match under given rules.

    Of a directory every match is scored that can be: what is refused is named on standard error and the exit code is 1.
    """
    with refusing():
        if as_json and explain:
            raise RulesError("--json --explain", "choose one of the two")
        if accept is not None and not accept.strip():
            raise RulesError("--accept", "give the reason for which the file may be scored")
        weeks = None if roster is None else roster_file.read_weeks(roster)
        if (weeks is not None or season) and not is_batch(path):
            raise SourceError(str(path), "several matches are a directory of them")
        run = Run(
            rules=registry.load(rules, parameters(settings or [])),
            roster=roster if weeks is None else None,
            weeks=weeks,
            standings=season,
            players=None if players is None else roster_file.read_players(players),
            players_seen=seen_at(players) if players is not None else None,
            accept=accept,
            as_json=as_json,
            explain=explain,
        )
        if not is_batch(path):
            typer.echo(run.shown(*run.scored(path)))
            return
        done, refused = run.batch(path)
        for together in run.together(str(roster)):
            typer.echo(together)
    if refused:
        typer.echo(f"matchday: {refused} of {done + refused} refused, each with its reason above", err=True)
        raise typer.Exit(console.NO if done else console.NOT_ASKED)
