"""`matchday seed`: something to look at on the running platform (services/<name>/seeds.py)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cli import console, journeys, local

#: Of the players that are made: on this machine only, so that a person can log in as one of them.
PASSWORD = "correct horse battery staple"  # noqa: S105


def seed(
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Fill the running platform with players, accounts and whatever else the services bring; again changes nothing.

    Ends at the first step that fails, with exit code 1 and what came instead.
    """
    from services.common.journey import walk

    client = local.require_running()
    with journeys.journey(client, viewers=journeys.VIEWERS) as journey:
        journey.run, journey.password = "seed", PASSWORD
        outcomes = walk(journey, journeys.steps("seeds"), (lambda _: None) if as_json else journeys.show)
    passed = all(outcome.ok for outcome in outcomes)
    if as_json:
        console.emit({"ok": passed, "steps": [asdict(outcome) for outcome in outcomes]})
    if not passed:
        last = outcomes[-1]
        console.fail(
            f"seeding ended at {last.service}'s {last.name!r}", f"`{console.command('logs')}` shows what was printed."
        )
