"""The whole platform in a clone of its own: brought up once, for tests that follow one another and each leave it whole.

pytest runs the modules by name: what ends the platform's processes comes last (test_recovery), and there what destroys it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.dataplane.control.client import Client
from localcloud.engine import events
from localcloud.engine.find import ensure
from localcloud.engine.run import WITHOUT_CHECKPOINTS, Workspace
from localcloud.runtime.aws import Aws
from localcloud.runtime.state import EngineDirectory, StateDirectory
from tests.clones import Clone, make_clone
from tests.ports import free_port

#: For what a loaded machine may take long to do; nothing waits so long where it is done sooner.
PATIENCE = 300


@pytest.fixture(scope="package")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """One clone for all of them; whatever they leave running is ended by `reset` after the last one."""
    made = make_clone(tmp_path_factory.mktemp("clone"), free_port())
    yield made
    made.run("reset", "--yes")
    assert made.processes() == []


@pytest.fixture(scope="package")
def up(clone: Clone) -> dict[str, Any]:
    """The document of the first `up`."""
    document: dict[str, Any] = clone.json("up", "--port", str(clone.port))
    return document


def log_groups(clone: Clone) -> list[dict[str, Any]]:
    """The program's: `aws/spans` is X-Ray's own, which comes with the first span and stays, as in AWS."""
    found = aws(clone, "logs").describe_log_groups()["logGroups"]
    return [group for group in found if group["logGroupName"] != "aws/spans"]


def until(condition: Callable[[], Any], what: str, *, every: float = 0.2) -> Any:
    """What `condition` returns once that is true; asked again after so many seconds."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(every)
    raise AssertionError(f"{what}: not within {PATIENCE} s")


def places(clone: Clone) -> StateDirectory:
    """What lies where in the clone's state directory."""
    return StateDirectory.of(clone.directory)


def supervisor(clone: Clone) -> Client:
    """The running platform, asked without a command's start."""
    return Client.connect(places(clone).root)


def tasks(clone: Clone) -> dict[str, list[dict[str, Any]]]:
    """The tasks that run, by service."""
    return {service["name"]: service["tasks"] for service in supervisor(clone).status()["services"]}


def tasks_of(clone: Clone, service: str) -> list[dict[str, Any]]:
    return next(found for name, found in tasks(clone).items() if name.endswith(service))


def pids(found: list[dict[str, Any]]) -> set[int]:
    return {task["pid"] for task in found}


def aws(clone: Clone, service: str) -> Any:
    """A boto3 client of the platform's emulator: how a test acts behind Pulumi's back."""
    return Aws(supervisor(clone).info.emulator, "ap-south-1").client(service)


def workspace(clone: Clone) -> Workspace:
    """The running platform's stack, for what no command of ours does."""
    return Workspace(
        engine=ensure(print),
        project=clone.directory,
        state=places(clone).pulumi,
        provider_port=supervisor(clone).info.provider_port,
        python=Path(sys.executable),
        extra={**WITHOUT_CHECKPOINTS, "PYTHONPATH": str(clone.directory)},
    )


def event_log(clone: Clone, command: str = "up") -> Path:
    """The engine's, of the last `up`, or of the last preview."""
    return EngineDirectory(places(clone).pulumi).events(command, "local")


def last_up(clone: Clone) -> list[events.ResourceEvent]:
    """What the engine did with each resource in the last `up`, without what stayed the same."""
    return [
        event
        for event in events.read(event_log(clone))
        if isinstance(event, events.ResourceEvent)
        and event.stage == "started"
        and events.OPERATIONS.get(event.operation, "same") != "same"
    ]


def looked_at(clone: Clone, command: str = "up") -> dict[str, str]:
    """The type of each resource of the last `up`, or of the last preview, by URN."""
    found = (event for event in events.read(event_log(clone, command)) if isinstance(event, events.ResourceEvent))
    return {event.urn: event.type for event in found}


def refreshed(clone: Clone) -> set[str]:
    """The URNs of what the last `preview --refresh` found to be otherwise than the state says; looked at is everything."""
    read = [
        step["metadata"]
        for step in (json.loads(line).get("resOutputsEvent") for line in event_log(clone, "preview").open())
        if step and step["metadata"]["op"] == "refresh"
    ]
    assert len(read) > 100
    return {step["urn"] for step in read if step["old"]["inputs"] != (step["new"] or {}).get("inputs")}


def touched(document: dict[str, Any]) -> dict[str, int]:
    """How many resources each operation touched, of what a command printed."""
    return {name: count for name, count in document["changes"].items() if count and name != "same"}
