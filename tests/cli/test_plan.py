"""`matchday plan`: what an event needs, and what it says when there is none or the environment cannot carry it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli import documents, local
from cli.plan import plan

SERVICES = Path(__file__).parents[2] / "services"
EVENT = {"start": "2999-12-06T19:30:00+05:30", "end": "2999-12-06T23:30:00+05:30", "peak": {"wallet": 500}}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository's prod with a final, and a wallet that was measured."""
    content = yaml.safe_load((local.stack_files() / "Pulumi.prod.yaml").read_text())
    content["config"]["matchday:environment"]["events"] = {"final": EVENT}
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "Pulumi.prod.yaml").write_text(yaml.safe_dump(content))
    for file in SERVICES.glob("*/service.yaml"):
        manifest: dict[str, Any] = yaml.safe_load(file.read_text())
        if manifest["name"] == "wallet":
            manifest["tiers"]["production"]["processes"]["web"]["throughput"] = 100
        folder = tmp_path / "services" / file.parent.name
        folder.mkdir(parents=True)
        (folder / "service.yaml").write_text(yaml.safe_dump(manifest))
    monkeypatch.setattr(local, "PROJECT", tmp_path)
    monkeypatch.setattr(local, "stack_files", lambda: tmp_path / "environments")
    return tmp_path


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_it_prints_tasks_and_what_they_take(capsys: pytest.CaptureFixture[str]) -> None:
    plan("final", stack="prod", as_json=False)
    shown = capsys.readouterr().out
    assert "wallet web: 8 tasks (usually 2), at most 12, for 500 requests/s at 100 each" in shown
    plan("final", stack="prod", as_json=True)
    document = json.loads(capsys.readouterr().out)
    documents.check("plan", document)
    assert (document["needs"][0]["planned"], document["vcpu"]) == (8, 4.0)
    # Six tasks more for 4 h 50 min, of half a vCPU and 1 GB each: AWS's list prices in Mumbai, of arm64.
    assert document["cost"]["planned"] == 0.42 and document["cost"]["most"] == 0.70
    assert "tasks cost 0.42 USD more than usual, 0.70 at most" in shown
    cache = document["cache"]
    assert cache["mebibytes"] == 14_037_181_030 * cache["shards"] * 80 // 100 // 1024**2
    assert f"{cache['shards']} × cache.r7g.large, {cache['mebibytes']} MiB before its alarm rings" in shown


@pytest.mark.usefixtures("project")
def test_an_event_that_is_none_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        plan("semi-final", stack="prod", as_json=False)
    assert caught.value.exit_code == 2
    shown = capsys.readouterr().err
    assert "there is no event 'semi-final'" in shown and "Known: final" in shown


def test_what_cannot_be_carried_is_said_with_its_consumers(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = project / "environments" / "Pulumi.prod.yaml"
    file.write_text(file.read_text().replace("wallet: 500", "wallet: 50000"))
    with pytest.raises(typer.Exit) as caught:
        plan("final", stack="prod", as_json=False)
    assert caught.value.exit_code == 1
    assert "connections to PostgreSQL" in capsys.readouterr().err
