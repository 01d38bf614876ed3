"""The GitHub workflows: no logic in them, nothing unpinned, nothing of a stranger's in a shell, no right that is not needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
#: Who may be trusted with what runs beside a token, each pinned to a commit.
ACTIONS = {"actions/checkout", "actions/upload-artifact", "actions/download-artifact"}
#: Rights that a job may have beyond reading, and the workflow that has a reason for it.
RIGHTS = {("preview", "comment"): {"contents": "read", "pull-requests": "write"}}


def load(file: Path) -> dict[Any, Any]:
    document: dict[Any, Any] = yaml.safe_load(file.read_text())
    return document


def steps(document: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in document["jobs"].values() for step in job["steps"]]


def test_there_are_workflows() -> None:
    assert {file.stem for file in WORKFLOWS} >= {"checks", "preview"}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_each_step_is_one_call_of_a_script_of_the_repository(file: Path) -> None:
    makefile = (PROJECT / "Makefile").read_text()
    for step in steps(load(file)):
        if "run" not in step:
            continue
        line = step["run"].strip()
        assert "\n" not in line and not re.search(r"[;&|<>`]|\$\(|\$\{\{", line), f"{line}: logic, or a stranger's text"
        words = line.split()
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.M), line
        elif words[:2] == [".venv/bin/python", "-m"]:
            assert (PROJECT / f"{words[2].replace('.', '/')}.py").is_file(), line
        else:
            assert (PROJECT / words[0]).stat().st_mode & 0o111, line


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_actions_are_pinned_and_rights_are_the_least(file: Path) -> None:
    document = load(file)
    assert document["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in document[True], "it would run a stranger's program beside our secrets"
    for name, job in document["jobs"].items():
        assert job["timeout-minutes"] <= 60
        assert job.get("permissions", {}) == RIGHTS.get((file.stem, name), {})
    for step in steps(document):
        if "uses" in step:
            action, _, commit = step["uses"].partition("@")
            assert action in ACTIONS and re.fullmatch(r"[0-9a-f]{40}", commit), step["uses"]
            if action == "actions/checkout":
                assert step["with"]["persist-credentials"] is False
    for line in file.read_text().splitlines():
        if "uses:" in line:
            assert re.search(r"# v\d+\.\d+\.\d+$", line), f"{line}: which release is this?"


def test_who_may_comment_runs_nothing_of_the_pull_request() -> None:
    job = load(PROJECT / ".github" / "workflows" / "preview.yml")["jobs"]["comment"]
    checkout = next(step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout"))
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    plan = load(PROJECT / ".github" / "workflows" / "preview.yml")["jobs"]["plan"]
    assert "token" not in str(plan).lower() and "secrets" not in str(plan).lower()
