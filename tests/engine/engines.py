"""The real CLI against the local provider: one emulator, provider and language host for all engine tests of a worker.

Tests that ask for them carry `xdist_group("engine")`, so that one worker has them all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from localcloud.engine import ahead
from localcloud.engine.find import ensure
from localcloud.engine.run import WITHOUT_CHECKPOINTS, Result, Workspace, inherited
from localcloud.runtime.ephemeral import Endpoints, cloud

REGION = "ap-south-1"
PROJECT = Path(__file__).resolve().parents[2]
PACK = PROJECT / "policies"


@dataclass(frozen=True)
class FarEnd:
    """A workspace, and the emulator that its provider drives."""

    workspace: Workspace
    cloud: Endpoints
    store: Path  #: of the provider
    host: Mapping[str, str] = field(default_factory=dict)  #: leads the engine to a language host

    def client(self, service: str) -> Any:
        """A boto3 client of the emulator: how a test acts behind Pulumi's back."""
        from localcloud.runtime.aws import (
            Aws,  # here, because every test session imports this module, and boto3 is slow
        )

        return Aws(self.cloud.endpoint, REGION).client(service)


def _far_end(started: Endpoints, project: Path, state: Path, store: Path, host: Mapping[str, str]) -> FarEnd:
    workspace = Workspace(
        engine=ensure(print),
        project=project,
        state=state,
        provider_port=started.provider_port,
        python=Path(sys.executable),
        extra={**WITHOUT_CHECKPOINTS, **host},
    )
    return FarEnd(workspace, started, store, host)


@pytest.fixture(scope="session")
def far_end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarEnd]:
    """The platform's own project."""
    directory = tmp_path_factory.mktemp("cloud")
    # Every run of the engine starts its language host twice; this one serves them all. What programs load is not noted, as it
    # would be taken for what the platform's own loads.
    with (
        ahead.language_host(ensure(print), PROJECT, Path(sys.executable), inherited()) as variables,
        cloud(directory, region=REGION) as started,
    ):
        host = {name: value for name, value in variables.items() if name == ahead.HOST}
        yield _far_end(started, PROJECT, directory / "pulumi", directory / "provider", host)


@pytest.fixture
def far_end_of(tmp_path: Path, far_end: FarEnd) -> Callable[[str], FarEnd]:
    """A project with one program text, for what the platform itself never does; a backend of its own."""

    def begin(program: str) -> FarEnd:
        project = tmp_path / "project"
        (project / "environments").mkdir(parents=True)
        (project / "Pulumi.yaml").write_text("name: matchday\nruntime: python\nstackConfigDir: environments\n")
        (project / "environments" / "Pulumi.local.yaml").write_text(f"config: {{'aws:region': {REGION}}}\n")
        (project / "__main__.py").write_text(program)
        return _far_end(far_end.cloud, project, tmp_path / "pulumi", far_end.store, far_end.host)

    return begin


@dataclass(frozen=True)
class Preview:
    """A plan: what the engine's events said, and what `pulumi preview --json` printed."""

    result: Result
    printed: bytes


Plans = Callable[[str], Preview]
Previews = Callable[[str], Result]


@pytest.fixture(scope="session")
def plans(far_end: FarEnd) -> Plans:
    """`plans("prod")`: the plan of a stack from nothing, judged by the policy pack; made once for all who look at it."""

    @cache
    def plan(stack: str) -> Preview:
        result = far_end.workspace.run(["preview", "--json", "--policy-pack", str(PACK)], stack)
        return Preview(result, far_end.workspace.places.output.read_bytes())

    return plan


@pytest.fixture(scope="session")
def previews(plans: Plans) -> Previews:
    """What the engine's events said of the same plan."""
    return lambda stack: plans(stack).result
