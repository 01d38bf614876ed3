"""A workspace's stacks and the CLI's own log."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from localcloud.engine.find import ensure
from localcloud.engine.run import EngineFailed, Workspace

pytestmark = pytest.mark.process


def _workspace(tmp_path: Path) -> Workspace:
    project = tmp_path / "project"
    project.mkdir(exist_ok=True)
    (project / "Pulumi.yaml").write_text("name: matchday\nruntime: python\nstackConfigDir: .\n")
    return Workspace(
        engine=ensure(print), project=project, state=tmp_path / "state", provider_port=1, python=Path(sys.executable)
    )


def test_the_cli_takes_a_stack_that_we_made_and_its_passphrase_for_its_own(tmp_path: Path) -> None:
    workspace = _workspace(tmp_path)
    workspace.ensure_stack("one")
    workspace.ensure_stack("two")
    assert [line.split()[0].strip("*") for line in workspace.call(["stack", "ls"]).splitlines()[1:]] == ["one", "two"]
    assert '"deployment"' in workspace.call(["stack", "export", "--stack", "one"])

    configured = ["--stack", "one", "--config-file", str(tmp_path / "state" / "init" / "Pulumi.one.yaml")]
    workspace.call(["config", "set", "--secret", "word", "hidden", *configured])
    assert workspace.call(["config", "get", "word", *configured]).strip() == "hidden"
    (tmp_path / "state" / "passphrase").write_text("another")
    with pytest.raises(EngineFailed, match="incorrect passphrase"):
        workspace.call(["config", "get", "word", *configured])


def test_the_cli_keeps_no_log_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "state" / "home" / "logs").mkdir(parents=True)
    (tmp_path / "state" / "home" / "logs" / "old.log").touch()
    workspace = _workspace(tmp_path)
    workspace.call(["stack", "ls"])
    assert (tmp_path / "state" / "home" / "logs").is_file()
