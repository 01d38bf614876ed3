"""The real engine on each environment: it plans what the golden files say, and refuses what is wrong in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.engine.find import ensure
from localcloud.engine.run import EngineFailed, Workspace
from localcloud.runtime.ephemeral import cloud
from tests.stacks.conftest import settings_of

GOLDEN = Path(__file__).parent / "golden"

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("stacks-engine")]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The repository's own program, against a cloud of this module."""
    directory = tmp_path_factory.mktemp("cloud")
    with cloud(directory, region=settings_of("dev").region) as far_end:
        yield Workspace(
            engine=ensure(print),
            project=GOLDEN.parents[2],
            state=directory / "pulumi",
            provider_port=far_end.provider_port,
            python=Path(sys.executable),
        )


@pytest.mark.parametrize("stack", ["dev", "prod"])  # tests/engine takes `local` through its whole life
def test_the_engine_plans_what_the_golden_file_says(workspace: Workspace, stack: str) -> None:
    planned = workspace.run(["preview"], stack)
    made = {
        resource.urn
        for resource in planned.resources
        if resource.operation == "create" and not resource.type.startswith("pulumi:")
    }
    assert made == set((GOLDEN / f"{stack}.txt").read_text().splitlines())


def test_a_refusal_is_one_sentence_and_plans_nothing(workspace: Workspace) -> None:
    with pytest.raises(EngineFailed) as caught:
        workspace.run(["preview"], "dev", config={"matchday:environment": {"tier": "huge"}})
    text = str(caught.value)
    assert "environments/Pulumi.dev.yaml: matchday:environment.tier: 'huge' is no tier; accepted: production" in text
    assert "Traceback" not in text and "unhandled" not in text
