"""What an outside scanner fails on prod is seen by the pack too, or explained in a table; nightly the scanner runs again."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import policies
from policies.catalog import all_controls
from policies.model import Status, status_of
from tests.policies.platform import platform
from tests.policies.scanner import plan, terraform_type, write_plan
from tests.tables import every_row

pytestmark = pytest.mark.slow

TABLES: Mapping[str, Any] = yaml.safe_load(
    (Path(policies.__file__).parent / "data" / "scanners.yaml").read_text(encoding="utf-8")
)
CHECKS = [(scanner, check) for scanner in TABLES for check in TABLES[scanner]["failed"]]
CONTROLS = {control.id: control for control in all_controls()}


@every_row("scanner, check", {f"{scanner}: {check}": (scanner, check) for scanner, check in CHECKS})
def test_the_pack_sees_it_too_or_says_why_not(scanner: str, check: str) -> None:
    row = TABLES[scanner]["failed"][check]
    assert row["what"]
    if "control" not in row and "account" not in row:
        assert len(row["why"]) > 40
    if "control" in row:
        found = CONTROLS[row["control"]].evaluate(platform("prod").stack)
        assert any(finding.verdict.status is Status.NON_COMPLIANT for finding in found)
    for key, stack in (("account", "account"), ("holds", "prod")):
        if key in row:
            assert status_of(CONTROLS[row[key]].evaluate(platform(stack).stack)) is Status.COMPLIANT


def test_the_plan_has_every_resource_of_aws_and_their_references() -> None:
    stack = platform("prod").stack
    made = plan(stack)
    wanted = [resource for resource in stack.resources if resource.type.startswith("aws:")]
    assert len(made["planned_values"]["root_module"]["resources"]) == len(wanted)
    configured = made["configuration"]["root_module"]["resources"]
    block = next(row for row in configured if row["type"] == "aws_s3_bucket_public_access_block")
    assert block["expressions"]["bucket"]["references"][0].startswith("aws_s3_bucket.")
    assert terraform_type("matchday:data:Postgres") == ""


@pytest.mark.nightly
def test_checkov_fails_what_the_table_says(tmp_path: Path) -> None:
    scanner = shutil.which("checkov")
    if scanner is None:
        pytest.skip(
            "checkov is not installed: it is no dependency; `pip install checkov` in a venv of its own, on the PATH"
        )
    write_plan(platform("prod").stack, tmp_path)
    done = subprocess.run(
        [scanner, "-f", "plan.json", "--framework", "terraform_plan", "--skip-download", "--compact", "-o", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0 and report["summary"]["passed"] > 400
    failed = {row["check_id"] for row in report["results"]["failed_checks"]}
    assert failed == set(TABLES["checkov"]["failed"])
