"""The environment of a pull request, composed: every role that its program makes is bounded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from environments import branches
from environments.settings import load
from environments.source import DIRECTORY
from model.catalog import load_catalog
from tests.stacks.conftest import SERVICES, Composed, compose

pytestmark = pytest.mark.slow

ROLE = "aws:iam/role:Role"


@pytest.mark.slow
def test_every_role_of_a_pull_request_s_environment_has_the_boundary_and_no_other_stack_s(
    tmp_path: Path, composed: Composed
) -> None:
    base = yaml.safe_load((DIRECTORY / "Pulumi.dev.yaml").read_text())
    image = {"digest": f"sha256:{'a' * 64}", "targets": {"kyc": f"sha256:{'b' * 64}"}}
    document = branches.document("pr-12", base, image)
    (tmp_path / "Pulumi.pr-12.yaml").write_text(yaml.safe_dump(document))
    config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in document["config"].items()}
    settings = load("pr-12", config, tmp_path)
    recorded = compose(settings, load_catalog(SERVICES, settings.tier))
    found = {role.name: role.inputs.get("permissionsBoundary") for role in recorded.of(ROLE)}
    assert len(found) > 10
    assert set(found.values()) == {"arn:aws:iam::123456789012:policy/matchday-branch-boundary"}, found
    assert not any("permissionsBoundary" in role.inputs for role in composed("dev").of(ROLE))
