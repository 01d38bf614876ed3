"""`matchday smoke`: a person's journey through the running platform, step by step (services/<name>/journey.py)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cli import console, journeys, local


def smoke(
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Walk through the running platform as people would, and print each step with its time.

    Ends at the first step that fails, with exit code 1 and what came instead.
    """
    from services.common.journey import walk

    client = local.require_running()
    with journeys.journey(client) as journey:
        outcomes = walk(journey, journeys.steps("journey"), (lambda _: None) if as_json else journeys.show)
        url = str(journey.public.base_url)
    passed = all(outcome.ok for outcome in outcomes)
    if as_json:
        total = round(sum(outcome.seconds for outcome in outcomes), 3)
        console.emit({"ok": passed, "url": url, "seconds": total, "steps": [asdict(outcome) for outcome in outcomes]})
    if not passed:
        last = outcomes[-1]
        console.fail(
            f"the journey ended at {last.service}'s {last.name!r}",
            f"`{console.command('logs')}` shows what the services printed.",
        )
