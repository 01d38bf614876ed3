"""The Pulumi CLI as workflows run it: on the project of the working folder, by the job's environment, its events as a list."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from localcloud.engine import events
from localcloud.engine.find import NoEngine, ensure


class Failed(RuntimeError):
    """The CLI could not do it; its last lines."""


def _progress(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def run(words: Sequence[str], stack: str) -> list[events.Event]:
    """The events of `pulumi <words>` on a stack; what the CLI prints goes to standard error, as it comes. Raises Failed."""
    try:
        cli = ensure(_progress)
    except NoEngine as failure:
        raise Failed(str(failure)) from failure
    with tempfile.TemporaryDirectory(prefix="matchday-pulumi-") as scratch:
        log = Path(scratch) / "events.jsonl"
        command = [str(cli.pulumi), *words, "--stack", stack, "--non-interactive", "--color", "never"]
        done = subprocess.run(
            [*command, "--event-log", str(log)],
            # --event-log is one of the CLI's debug flags, plans are an experiment of its.
            env={**os.environ, "PULUMI_DEBUG_COMMANDS": "true", "PULUMI_EXPERIMENTAL": "true"},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            check=False,
        )
        if done.returncode:
            raise Failed(f"`pulumi {words[0]} --stack {stack}` ended with {done.returncode}")
        return list(events.read(log))
