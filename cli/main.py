"""`matchday`: the one command of the platform team, of auditors and of anyone who cloned the repository."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cli import boundary, local
from cli.arguments import Command

#: Subcommand → (module, its function, or the Typer application of a command with subcommands of its own).
COMMANDS: dict[str, str] = {
    "up": "cli.up:up",
    "down": "cli.down:down",
    "reset": "cli.down:reset",
    "status": "cli.status:status",
    "dashboard": "cli.dashboard.command:dashboard",
    "ps": "cli.ps:ps",
    "logs": "cli.logs:logs",
    "trace": "cli.trace:trace",
    "scale": "cli.scale:scale",
    "rollback": "cli.rollback:rollback",
    "sql": "cli.sql:sql",
    "drill": "cli.drill:drill",
    "chaos": "cli.chaos:chaos",
    "smoke": "cli.smoke:smoke",
    "seed": "cli.seed:seed",
    "preview": "cli.preview:preview",
    "rehearse": "cli.rehearse:rehearse",
    "plan": "cli.plan:plan",
    "event-report": "cli.event_report:event_report",
    "cost": "cli.cost:cost",
    "pr-comment": "cli.pr_comment:pr_comment",
    "env": "cli.env:env",
    "doctor": "cli.doctor:doctor",
    "audit": "cli.audit:audit",
    "score": "cli.score:score",
    "replay": "cli.replay:replay",
    "rules": "cli.rules:app",
}


def build(names: Sequence[str] = tuple(COMMANDS)) -> typer.Typer:
    """The application with the subcommands `names`; importing only what is called keeps `matchday` quick to start."""
    app = typer.Typer(
        name="matchday",
        help="A real-money fantasy-sports platform on AWS, and all of it on this machine.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in names:
        module, _, attribute = COMMANDS[name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name, cls=Command)(boundary.guarded(command))
    return app


def _root(
    project: Annotated[
        Path | None,
        typer.Option(
            "--project", metavar="DIR", help="Another project than this clone's: the folder of its Pulumi.yaml."
        ),
    ] = None,
) -> None:
    """A real-money fantasy-sports platform on AWS, and all of it on this machine."""
    if project is not None:
        local.use(project)


def main() -> None:
    """Entry point of the console script."""
    called = next((word for word in sys.argv[1:] if word in COMMANDS), "")
    build([called] if called else tuple(COMMANDS))()
