"""The GitHub workflows: no logic in them, nothing unpinned, nothing of a stranger's in a shell, no right that is not needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.engine import build
from localcloud.runtime.state import cache_directory

PROJECT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
#: Who may be trusted with what runs beside a token, each pinned to a commit.
ACTIONS = {"actions/checkout", "actions/upload-artifact", "actions/download-artifact"}
#: Acts in AWS under an identity that GitHub signs for the job and its environment.
SIGNED = {"contents": "read", "id-token": "write"}
#: Rights that a job may have beyond reading, and the workflow that has a reason for it.
RIGHTS = {
    ("preview", "comment"): {"contents": "read", "pull-requests": "write"},
    ("deploy", "image"): SIGNED,
    ("deploy", "dev"): SIGNED,
    ("deploy", "plan-prod"): SIGNED,
    ("deploy", "prod"): SIGNED,
    ("nightly", "drift"): {**SIGNED, "issues": "write"},
    ("nightly", "branches"): {**SIGNED, "pull-requests": "write"},
    ("branches", "which"): {"contents": "read", "pull-requests": "read"},
    ("branches", "image"): SIGNED,
    ("branches", "deploy"): {**SIGNED, "pull-requests": "write"},
}


def load(file: Path) -> dict[Any, Any]:
    document: dict[Any, Any] = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
    return document


def steps(document: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in document["jobs"].values() for step in job["steps"]]


def test_there_are_workflows() -> None:
    assert {file.stem for file in WORKFLOWS} == {"branches", "checks", "deploy", "nightly", "preview"}


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    """Built from its Go module, which Go checks against its own list of sums; once for each machine."""
    version = "v1.7.7"
    binary = cache_directory() / f"actionlint-{version}" / "actionlint"
    if not binary.exists():
        go = build.go(cache_directory(), print)
        environment = {**os.environ, "GOBIN": str(tmp_path), "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}
        package = f"github.com/rhysd/actionlint/cmd/actionlint@{version}"
        subprocess.run([go, "install", package], env=environment, check=True)
        binary.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / "actionlint", binary.with_suffix(f".{os.getpid()}"))
        binary.with_suffix(f".{os.getpid()}").rename(binary)
    command = [str(binary), "-shellcheck=", "-pyflakes=", *map(str, WORKFLOWS)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_who_may_act_in_aws_runs_what_is_on_main_and_nothing_of_a_pull_request() -> None:
    for file in WORKFLOWS:
        document = load(file)
        signed = [name for name, job in document["jobs"].items() if "id-token" in job.get("permissions", {})]
        if not signed:
            continue
        assert set(document[True]) <= {"schedule", "workflow_dispatch", "workflow_run"}, file.name
        for name in signed:
            job = document["jobs"][name]
            assert job["environment"], f"{name}: AWS trusts the jobs of an environment"
            (checkout,) = (step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout"))
            ref = checkout["with"].get("ref", "")
            if file.stem == "branches":
                assert (job["environment"], ref) == ("branches", "${{ needs.which.outputs.commit }}")
            else:
                assert ref in ("", "${{ github.event.workflow_run.head_sha }}")
    trigger = load(PROJECT / ".github" / "workflows" / "deploy.yml")
    assert trigger[True]["workflow_run"]["branches"] == ["main"]
    condition = trigger["jobs"]["image"]["if"]
    assert "conclusion == 'success'" in condition and "event == 'push'" in condition, (
        "a fork may have a branch `main`, too"
    )


def test_a_pull_requests_program_acts_by_the_role_of_its_stacks_alone() -> None:
    """What is checked out there is the pull request's, so the environment of GitHub names no other role; `which` is main's."""
    jobs = load(PROJECT / ".github" / "workflows" / "branches.yml")["jobs"]
    (checkout,) = (step for step in jobs["which"]["steps"] if step.get("uses", "").startswith("actions/checkout"))
    assert "ref" not in checkout["with"] and "id-token" not in jobs["which"]["permissions"]
    for name in ("image", "deploy"):
        assert "which" in jobs[name]["needs"]
    nightly = load(PROJECT / ".github" / "workflows" / "nightly.yml")["jobs"]["branches"]
    for job in (jobs["image"], jobs["deploy"], nightly):
        assert set(re.findall(r"vars\.(AWS_\w+ROLE)", str(job))) == {"AWS_BRANCH_ROLE"}
    assert "signing" not in str(jobs["image"]).lower(), "what a pull request builds is not for prod"
    for file in WORKFLOWS:
        for name, job in load(file)["jobs"].items():
            if job.get("environment") == "branches":
                assert (file.stem, name) in {("branches", "image"), ("branches", "deploy"), ("nightly", "branches")}


def test_prod_is_deployed_as_it_was_planned_and_after_dev() -> None:
    jobs = load(PROJECT / ".github" / "workflows" / "deploy.yml")["jobs"]
    assert [(name, job.get("needs"), job["environment"]) for name, job in jobs.items()] == [
        ("image", None, "dev"), ("dev", "image", "dev"), ("plan-prod", "dev", "prod-plan"), ("prod", "plan-prod", "prod"),
    ]  # fmt: skip
    assert not [step for step in jobs["prod"]["steps"] if " plan " in step.get("run", "")]


def test_the_page_names_what_an_environment_of_github_has_to_hold() -> None:
    used = {name for file in WORKFLOWS for name in re.findall(r"\bvars\.(\w+)", file.read_text())}
    assert used == {
        "AWS_BRANCH_ROLE", "AWS_DEPLOY_ROLE", "AWS_PREVIEW_ROLE", "AWS_REGION", "IMAGE_REPOSITORY", "PULUMI_BACKEND_URL",
        "PULUMI_SECRETS_PROVIDER",
    }  # fmt: skip
    page = (PROJECT / "docs" / "delivery.md").read_text()
    assert [name for name in sorted(used) if f"`{name}`" not in page] == []
    assert not [file for file in WORKFLOWS if "secrets." in file.read_text()], "no key is kept anywhere"


def test_what_is_pinned_is_renewed() -> None:
    renewed = yaml.safe_load((PROJECT / ".github" / "dependabot.yml").read_text())["updates"]
    assert {entry["package-ecosystem"] for entry in renewed} == {"docker", "github-actions", "pip"}
    for entry in renewed:
        assert (PROJECT / entry["directory"].strip("/")).is_dir()


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


def test_every_stack_is_rehearsed_on_a_pull_request() -> None:
    job = load(PROJECT / ".github" / "workflows" / "preview.yml")["jobs"]["rehearse"]
    files = (PROJECT / "environments").glob("Pulumi.*.yaml")
    assert set(job["strategy"]["matrix"]["stack"]) == {file.name.split(".")[1] for file in files}
    assert {'scripts/ci/rehearse.sh "$STACK"'} == {
        step["run"] for step in job["steps"] if step.get("run", "").startswith("scripts/")
    }


def test_who_may_comment_runs_nothing_of_the_pull_request() -> None:
    job = load(PROJECT / ".github" / "workflows" / "preview.yml")["jobs"]["comment"]
    checkout = next(step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout"))
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    plan = load(PROJECT / ".github" / "workflows" / "preview.yml")["jobs"]["plan"]
    assert "token" not in str(plan).lower() and "secrets" not in str(plan).lower()
