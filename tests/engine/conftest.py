"""The real CLI against the local provider and an emulator of its own, one for each test module."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from localcloud.engine.find import ensure
from localcloud.engine.run import Workspace
from localcloud.runtime.ephemeral import Endpoints, cloud

REGION = "ap-south-1"
PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class FarEnd:
    """A workspace on the project, and the emulator that its provider drives."""

    workspace: Workspace
    cloud: Endpoints

    def client(self, service: str) -> Any:
        """A boto3 client of the emulator: how a test acts behind Pulumi's back."""
        return boto3.client(
            service,
            endpoint_url=self.cloud.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


def _far_end(directory: Path, project: Path) -> Iterator[FarEnd]:
    with cloud(directory, region=REGION) as started:
        workspace = Workspace(
            engine=ensure(print),
            project=project,
            state=directory / "pulumi",
            provider_port=started.provider_port,
            python=Path(sys.executable),
        )
        yield FarEnd(workspace, started)


@pytest.fixture(scope="module")
def far_end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarEnd]:
    """The platform's own project."""
    yield from _far_end(tmp_path_factory.mktemp("cloud"), PROJECT)


@pytest.fixture
def far_end_of(tmp_path: Path) -> Iterator[Callable[[str], FarEnd]]:
    """A project with one program text, for what the platform itself never does."""
    started: list[Iterator[FarEnd]] = []

    def begin(program: str) -> FarEnd:
        project = tmp_path / "project"
        (project / "environments").mkdir(parents=True)
        (project / "Pulumi.yaml").write_text("name: matchday\nruntime: python\nstackConfigDir: environments\n")
        (project / "environments" / "Pulumi.local.yaml").write_text(f"config: {{'aws:region': {REGION}}}\n")
        (project / "__main__.py").write_text(program)
        running = _far_end(tmp_path / "cloud", project)
        started.append(running)
        return next(running)

    yield begin
    for running in started:
        running.close()  # type: ignore[attr-defined]
