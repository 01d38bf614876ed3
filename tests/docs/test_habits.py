"""What everybody who changes something here meets: the hook, the templates, the licence, the changelog."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_the_hook_before_a_commit_runs_what_make_lint_runs() -> None:
    configuration = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    hooks = [hook for repository in configuration["repos"] for hook in repository["hooks"]]
    assert [(hook["entry"], hook["always_run"], hook["pass_filenames"]) for hook in hooks] == [
        ("make lint", True, False)
    ]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(r"^test: .*\n\t@\$\(MAKE\) .*\blint\b", makefile, re.M), "what CI runs has the same in it"


def test_issues_and_pull_requests_have_templates() -> None:
    for form in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        fields = [entry for entry in yaml.safe_load(form.read_text("utf-8"))["body"] if entry["type"] != "markdown"]
        assert any(entry.get("validations", {}).get("required") for entry in fields), form
    template = (ROOT / ".github" / "pull_request_template.md").read_text("utf-8")
    assert "make test" in template and "CHANGELOG" in template


def test_the_licence_is_the_one_that_the_package_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8").split("Version 2.0")[0]


def test_the_changelog_has_lines_for_what_comes_next() -> None:
    unreleased = (ROOT / "CHANGELOG.md").read_text("utf-8").split("## Unreleased", 1)[1].split("\n## ")[0]
    assert re.search(r"^- \S", unreleased, re.M)
