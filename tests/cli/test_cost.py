"""`matchday cost`: every resource of the stacks that have plans is reckoned or named, and the command says what it assumed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from cli import console, cost, local
from cli.documents import check
from model.cost.estimate import estimate, resources
from model.cost.kinds import FREE, KINDS
from tests.engine.engines import Plans

PROJECT = Path(__file__).resolve().parents[2]
TINY = PROJECT / "tests" / "faults" / "tiny"


@pytest.mark.engine
@pytest.mark.xdist_group("engine")
@pytest.mark.parametrize("stack", [pytest.param("dev", marks=pytest.mark.nightly), "prod"])
def test_every_resource_of_a_stack_is_priced_free_or_billed_by_use(plans: Plans, stack: str) -> None:
    printed = plans(stack).printed
    steps = json.loads(printed[printed.find(b"{") :])["steps"]
    found = resources(step["newState"] for step in steps if step.get("newState"))
    missing = {resource.type for resource in found} - FREE - set(KINDS)
    assert not missing, f"say in model/cost/kinds.py how these are billed, or that they are free in free.txt: {missing}"
    reckoned = estimate(found, *cost.assumptions(stack))
    assert reckoned.unpriced == ()
    assert all(line.monthly > 0 for line in reckoned.lines)
    assert set(reckoned.services()) >= {
        "Fargate",
        "RDS",
        "ElastiCache",
        "Elastic Load Balancing",
        "WAF",
        "CloudWatch",
        "KMS",
    }
    priced = {line.type for line in reckoned.lines} | {left.type for left in reckoned.usage} | FREE
    assert {resource.type for resource in found} <= priced
    check("cost", cost.document(stack, *cost.assumptions(stack), reckoned))


def test_the_assumptions_are_the_settings_of_an_environment_and_none_of_another_stack() -> None:
    region, usage = cost.assumptions("prod")
    assert (region, usage.hours) == ("ap-south-1", 730)
    assert usage.requests_millions > 0
    assert cost.assumptions("account")[1].requests_millions == 0


@pytest.fixture
def priced() -> Any:
    """A stack with each kind of line: its own, of its kind's use, by another Region's price, by use, and without a price."""
    documents = [
        {"urn": f"urn:pulumi:prod::p::{kind}::{name}", "type": kind, "custom": True, "inputs": inputs}
        for kind, name, inputs in (
            ("aws:kms/key:Key", "key", {}),
            ("aws:s3/bucket:Bucket", "bucket", {}),
            (
                "aws:rds/instance:Instance",
                "data",
                {"instanceClass": "db.r7g.large", "multiAz": True, "allocatedStorage": 20},
            ),
            ("aws:sns/topic:Topic", "topic", {}),
            ("aws:quantum/computer:Computer", "machine", {}),
        )
    ]
    region, usage = cost.assumptions("prod")
    return cost.document("prod", region, usage, estimate(resources(documents), region, usage))


def test_a_person_reads_sums_assumptions_and_what_is_left_out(
    priced: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check("cost", priced)
    monkeypatch.setattr(console.result, "width", 200)
    cost.show(priced)
    shown = " ".join(capsys.readouterr().out.split())
    assert "key kms-key 1 month 1 1.00" in shown
    assert "all Bucket s3-standard 200 GB-month 0.025 5.00" in shown
    assert "data rds-postgres-db.r7g.large-multi 730 hour 0.478 (us-east-1) 348.94" in shown
    assert "no price of rds-postgres-db.r7g.large-multi in ap-south-1 is known: reckoned at that of us-east-1" in shown
    assert "1 × Topic: by message" in shown
    assert "machine Computer: this kind of resource is not in the table" in shown
    assert "hours 730, requests_millions 100" in shown
    assert f"prod: {priced['monthly']:,.2f} USD a month in ap-south-1, at list prices of 2026-11-26" in shown


def test_settings_that_are_refused_are_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "Pulumi.prod.yaml"
    text = (PROJECT / "environments" / "Pulumi.prod.yaml").read_text()
    file.write_text(text.replace("    tier: production\n", "    tier: production\n    usage: {logs_gb: -1}\n"))
    monkeypatch.setattr(local, "stack_files", lambda: tmp_path)
    with pytest.raises(typer.Exit) as caught:
        cost.assumptions("prod")
    assert caught.value.exit_code == 1
    assert "usage.logs_gb: -1: at least 0 is accepted" in capsys.readouterr().err


@pytest.mark.engine
def test_a_foreign_projects_stack_is_reckoned_with_what_its_plan_says(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--project", str(TINY), "cost", "local", "--json"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    check("cost", document)
    # db.t4g.micro 730 × 0.021, 20 GB of gp3 × 0.131, a node 730 × 0.016, a secret 0.40
    assert document["services"] == {"RDS": 17.95, "ElastiCache": 11.68, "Secrets Manager": 0.4}
    assert document["monthly"] == 30.03
    assert document["unpriced"] == []
    assert {left["type"] for left in document["usage"]} >= {"aws:s3/bucket:Bucket", "aws:sqs/queue:Queue"}
    assert document["prices"]["source"] == "model/cost/prices.yaml"
