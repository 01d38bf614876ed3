"""`python -m services.common.outbox list|redrive`: the dead letters of $SERVICE. Run in a container of the service.

Exit status: 0 done, 1 a named id is no dead letter, 2 the arguments or the environment.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
from collections.abc import Sequence
from uuid import UUID

from services.common import database
from services.common.outbox import messages
from services.common.settings import AppDatabaseSettings, DatabaseSettings, ProcessSettings, SettingsError, load


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m services.common.outbox", description="The dead letters of a service."
    )
    commands = made.add_subparsers(dest="command", required=True)
    shown = commands.add_parser("list", help="print them, one JSON object a line, the oldest first")
    shown.add_argument("--task", help="only those of this task")
    shown.add_argument("--count", type=int, default=100, help="at most so many (default 100)")
    again = commands.add_parser("redrive", help="have them tried again, from now; prints their ids")
    which = again.add_mutually_exclusive_group(required=True)
    which.add_argument("ids", nargs="*", type=UUID, default=[], metavar="ID", help="these")
    which.add_argument("--task", help="all of this task")
    which.add_argument("--all", action="store_true", help="all")
    return made


async def run(arguments: argparse.Namespace, settings: DatabaseSettings) -> int:
    """Do what the command line says."""
    engine = database.create_engine(settings, "outbox", connections=2)
    try:
        async with database.create_sessions(engine)() as session, session.begin():
            if arguments.command == "list":
                for letter in await messages.dead_letters(session, arguments.task, arguments.count):
                    sys.stdout.write(json.dumps(dataclasses.asdict(letter), default=str) + "\n")
                return 0
            driven = await messages.redrive(session, ids=arguments.ids, task=arguments.task)
    finally:
        await engine.dispose()
    sys.stdout.writelines(f"{message_id}\n" for message_id in driven)
    missing = sorted(set(arguments.ids) - set(driven))
    if missing:
        sys.stderr.write(f"no dead letters: {', '.join(map(str, missing))}\n")
    return 1 if missing else 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    arguments = parser().parse_args(argv)
    try:
        load(ProcessSettings)
        settings = load(AppDatabaseSettings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return asyncio.run(run(arguments, settings))


if __name__ == "__main__":
    sys.exit(main())
