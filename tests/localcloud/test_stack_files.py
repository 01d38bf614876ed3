"""A stack's file that is no YAML is refused in a sentence with its line, before the engine starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from localcloud.engine.find import Engine
from localcloud.engine.run import EngineFailed, Workspace

pytestmark = pytest.mark.process

HERE = "environments/Pulumi.local.yaml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("config:\n\taws:region: ap-south-1\n", "a tab is no indentation in YAML; use spaces (line 2, column 1)"),
        ("config: {aws:region: ap-south-1\n", "not readable as YAML"),
        ("- config\n", "a mapping is expected at the top, not list"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / HERE).write_text(text)
    (tmp_path / "Pulumi.yaml").write_text("name: matchday\nruntime: python\nstackConfigDir: environments\n")
    engine = Engine(pulumi=tmp_path / "pulumi", version="3.229.0", origin="path")
    workspace = Workspace(
        engine=engine, project=tmp_path, state=tmp_path / "state", provider_port=1, python=Path(sys.executable)
    )
    with pytest.raises(EngineFailed) as caught:
        workspace._write_configuration("local", {})
    (message,) = caught.value.messages
    assert message.startswith(f"{HERE}: ") and expected in message
