"""The Pulumi CLI as workflows run it: on the project of the working folder, by the job's environment, its events as a list."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from localcloud.engine import events
from localcloud.engine.find import NoEngine, ensure


class Failed(RuntimeError):
    """The CLI could not do it; its last lines."""


def _progress(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def _cli() -> str:
    try:
        return str(ensure(_progress).pulumi)
    except NoEngine as failure:
        raise Failed(str(failure)) from failure


def run(words: Sequence[str], stack: str) -> list[events.Event]:
    """The events of `pulumi <words>` on a stack; what the CLI prints goes to standard error, as it comes. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="matchday-pulumi-") as scratch:
        log = Path(scratch) / "events.jsonl"
        command = [_cli(), *words, "--stack", stack, "--non-interactive", "--color", "never"]
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


def changes(happened: Sequence[events.Event]) -> Mapping[str, int]:
    """How many resources were created, updated, replaced and deleted, of a run's events; the engine's own do not count."""
    counts = Counter(
        events.OPERATIONS.get(event.operation, "same")
        for event in happened
        if isinstance(event, events.ResourceEvent) and event.stage == "done" and not event.type.startswith("pulumi:")
    )
    return {what: count for what, count in sorted(counts.items()) if what != "same"}


def read(words: Sequence[str]) -> str:
    """What `pulumi <words>` prints, of the short commands that run no program. Raises Failed with its last lines."""
    done = subprocess.run(
        [_cli(), *words, "--non-interactive", "--color", "never"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = " ".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise Failed(f"`pulumi {' '.join(words[:2])}` ended with {done.returncode}: {tail}")
    return done.stdout
