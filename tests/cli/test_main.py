"""The command as its user meets it: help, wrong calls, honest exit codes."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import console, documents, local
from cli.main import COMMANDS, build

runner = CliRunner()


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str) -> None:
    done = runner.invoke(build([name]), [name, "--help"])
    assert done.exit_code == 0, done.output
    assert name in done.output


def test_help_names_every_command() -> None:
    done = runner.invoke(build(), ["--help"])
    assert done.exit_code == 0
    assert all(name in done.output for name in COMMANDS)


def test_an_unknown_stack_is_one_sentence_that_names_the_known_ones() -> None:
    done = runner.invoke(build(["preview"]), ["preview", "production"])
    assert done.exit_code == 2
    assert "no stack 'production'" in done.stderr
    assert "dev, local, prod" in done.stderr


@pytest.mark.parametrize("arguments", [["status"], ["logs"], ["smoke"], ["seed"], ["env"]])
def test_what_needs_the_platform_says_how_to_start_it(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "STATE", tmp_path)
    done = runner.invoke(build([arguments[0]]), arguments)
    assert done.exit_code == 1
    assert "not running" in done.stderr
    assert "make up" in done.stderr


def test_down_with_nothing_running_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "STATE", tmp_path)
    assert runner.invoke(build(["down"]), ["down"]).exit_code == 0


def test_reset_asks_and_takes_no_for_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "state" / "file"
    kept.parent.mkdir()
    kept.touch()
    monkeypatch.setattr(local, "STATE", kept.parent)
    assert runner.invoke(build(["reset"]), ["reset"], input="n\n").exit_code == 1
    assert kept.exists()
    assert runner.invoke(build(["reset"]), ["reset", "--yes"]).exit_code == 0
    assert not kept.parent.exists()


@pytest.mark.process  # it asks programs for their versions
def test_doctor_lists_what_the_platform_needs() -> None:
    done = runner.invoke(build(["doctor"]), ["doctor", "--json"])
    document = json.loads(done.stdout)
    documents.check("doctor", document)
    assert done.exit_code == (0 if document["ok"] else 1)
    assert {"Linux", "PostgreSQL", "Valkey", "loopback range"} <= {check["name"] for check in document["checks"]}
    assert all(check["found"] for check in document["checks"])


@pytest.mark.parametrize("url", ["https://sts.amazonaws.com", "http://10.0.0.1:4566", "localhost", "http://127.0.0.1"])
def test_an_emulator_that_is_not_on_this_machine_is_refused_before_anything_starts(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "STATE", tmp_path / "state")
    done = runner.invoke(build(["up"]), ["up", "--emulator", url])
    assert done.exit_code == 2
    assert url in done.stderr
    assert "loopback" in done.stderr
    assert not (tmp_path / "state").exists()


def test_a_platform_does_not_move_to_another_emulator_by_accident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "STATE", tmp_path)
    (tmp_path / "up.json").write_text('{"port": 8080, "emulator": null, "code": null}')
    done = runner.invoke(build(["up"]), ["up", "--emulator", "http://127.0.0.1:4566"])
    assert done.exit_code == 2
    assert "matchday reset" in done.stderr


def test_next_steps_are_for_the_project_that_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROJECT", "STATE", "REGION"):
        monkeypatch.setattr(local, name, getattr(local, name))
    monkeypatch.setattr(console, "project", [])
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(tmp_path)
    project = tmp_path / "of my own"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: own\nruntime: python\n")
    done = runner.invoke(build(["ps"]), ["--project", str(project), "ps"])
    assert done.exit_code == 1
    own = shlex.quote(str(Path(sys.executable).with_name("matchday")))
    assert done.stderr.splitlines()[-1] == f"Start it with `{own} --project '{project}' up`."
