"""`matchday seed`: something to look at on the running platform (services/<name>/seeds.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.progress import Progress

from cli import console, journeys, local

#: Of the players that are made: on this machine only, so that a person can log in as one of them.
PASSWORD = "correct horse battery staple"  # noqa: S105


def seed(
    players: Annotated[int, typer.Option("--players", min=0, max=5000, help="Players besides the two by name.")] = 500,
    number: Annotated[int, typer.Option("--seed", min=0, help="What the crowd is drawn from.")] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Fill the running platform with a small world through its public APIs; the same again changes nothing.

    Two players to log in as, a crowd drawn from a number with wallets and teams in a match that goes on, a member of staff,
    documents in every state, deposits, a dispute. Another number makes another crowd beside the first.

    Ends at the first step that fails, with exit code 1 and what came instead.
    """
    from services.common.crowd import Crowd
    from services.common.journey import walk

    client = local.require_running()
    with journeys.journey(client, viewers=journeys.VIEWERS) as journey, _bar() as progress:
        journey.run, journey.password = "seed", PASSWORD
        journey.keep(Crowd(players, number, progress))
        outcomes = walk(journey, journeys.steps("seeds"), (lambda _: None) if as_json else journeys.show)
    passed = all(outcome.ok for outcome in outcomes)
    if as_json:
        console.emit({"ok": passed, "steps": [asdict(outcome) for outcome in outcomes]})
    if not passed:
        last = outcomes[-1]
        console.fail(
            f"seeding ended at {last.service}'s {last.name!r}", f"`{console.command('logs')}` shows what was printed."
        )


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """Shows how far the step is that many players take, on a terminal."""
    if not console.progress.is_terminal:
        yield lambda _what, _done, _all: None
        return
    with Progress(console=console.progress, transient=True) as bar:
        task = bar.add_task("", visible=False)
        yield lambda what, done, all_: bar.update(
            task, description=what, completed=done, total=all_, visible=done < all_
        )
