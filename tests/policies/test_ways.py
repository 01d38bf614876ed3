"""A preview, an update, `policy analyze` and the audits of plan and state say the same of the same resources."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

import policies
from cli import local
from cli.stand_ins import StandIns
from localcloud.engine import events
from localcloud.engine.run import EngineFailed
from policies import exceptions, levels
from policies.audit.report import Result, audit
from policies.audit.state import parse
from policies.pack.server import SELF
from tests.engine.engines import PROJECT, FarEnd
from tests.policies import ways

pytestmark = pytest.mark.process

#: What is known before a deployment hangs on other resources: ARNs in documents, a replica's settings, containers.
PROGRAM = """
import json
import pulumi
import pulumi_aws as aws

tags = {"Project": "matchday"}

def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})

key = aws.kms.Key("data", enable_key_rotation=False, tags=tags)
aws.kms.Key("second", enable_key_rotation=key.arn.apply(lambda _: False), tags=tags)

topic = aws.sns.Topic("news", kms_master_key_id=key.id, tags=tags)
aws.sns.TopicPolicy("news", arn=topic.arn, policy=topic.arn.apply(lambda arn: document(
    {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": arn})))
queue = aws.sqs.Queue("work", tags=tags)
aws.sqs.QueuePolicy("work", queue_url=queue.url, policy=pulumi.Output.all(queue.arn, topic.arn).apply(
    lambda arns: document({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arns[0],
        "Condition": {"ArnEquals": {"aws:SourceArn": arns[1]}}})))

trust = document({"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"})
role = aws.iam.Role("task", assume_role_policy=trust, tags=tags)
aws.iam.RolePolicy("task", role=role.id, policy=key.arn.apply(lambda arn: document(
    {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": arn},
    {"Effect": "Allow", "Action": ["iam:PutRolePolicy"], "Resource": "*"})))
secret = aws.secretsmanager.Secret("kek", kms_key_id=key.arn, tags=tags)
aws.ecs.TaskDefinition("app", family="app", cpu="256", memory="512", network_mode="awsvpc",
    requires_compatibilities=["FARGATE"], execution_role_arn=role.arn, task_role_arn=role.arn, tags=tags,
    container_definitions=secret.arn.apply(lambda arn: json.dumps([{"name": "app", "image": "x/app:1", "essential": True,
        "user": "0", "secrets": [{"name": "KEK", "valueFrom": arn}]}])))

bucket = aws.s3.Bucket("objects", tags=tags)
aws.s3.BucketPolicy("objects", bucket=bucket.id, policy=bucket.arn.apply(lambda arn: document(
    {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": arn + "/*"})))
network = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16", tags=tags)
group = aws.ec2.SecurityGroup("door", vpc_id=network.id, tags=tags)
aws.vpc.SecurityGroupIngressRule("ssh", security_group_id=group.id, ip_protocol="tcp", from_port=22, to_port=22,
    cidr_ipv4="0.0.0.0/0")
source = aws.rds.Instance("store", identifier="store", engine="postgres", engine_version="17", instance_class="db.t4g.micro",
    allocated_storage=20, username="postgres", password="a-password-of-a-test", skip_final_snapshot=True,
    backup_retention_period=7, tags=tags)
aws.rds.Instance("copy", identifier="copy", replicate_source_db=source.identifier, instance_class="db.t4g.micro",
    skip_final_snapshot=True, tags=tags)
"""

#: Why an answer that could be given before the deployment is another one after it: control → (before, after).
EXPLAINED = {
    # A topic has no policy in a plan; AWS gives it one (its default, or the TopicPolicy's), and says so.
    "SNS.4": {("not applicable", "compliant"), ("not applicable", "violation")},
}


def _same(found: ways.Ways, *outside: str) -> set[str]:
    """Asserts that nothing differs but for what is explained; the controls whose answers came with the deployment.

    `outside`: controls that ask for what the stack does not hold, which no deployment answers.
    """
    assert found.preview == found.plan
    assert found.update == found.analysis == found.state
    assert set(found.state.untold) == set(outside)
    assert set(found.plan.answers) == set(found.state.answers)
    decided = set()
    for asked, before in found.plan.answers.items():
        after = found.state.answers[asked]
        if before == Result.CANNOT_TELL:
            decided |= {asked[0]} - set(outside)
        elif before != after:
            assert (before, after) in EXPLAINED.get(asked[0], set()), asked
    return decided


@pytest.mark.engine
@pytest.mark.xdist_group("engine")
@pytest.mark.timeout(900)
def test_every_way_says_the_same_before_and_after(far_end_of: Callable[[str], FarEnd], tmp_path: Path) -> None:
    workspace = far_end_of(PROGRAM).workspace
    found = ways.ask(workspace, "local", tmp_path, {})
    decided = _same(found, "RDS.46")  # the databases are in the account's default VPC
    said = {(control, urn.rpartition("::")[2]) for control, urn in found.state.violations}
    early = {(control, urn.rpartition("::")[2]) for control, urn in found.preview.violations}
    # What hangs on a value that only the deployment gives cannot be told, and is a violation afterwards.
    late = {
        ("KMS.4", "second"),
        ("RDS.23", "copy"),
        ("SNS.4", "news"),
        ("S3.2", "objects"),
        ("MD.IAM.2", "task"),
        ("ECS.20", "app"),
    }
    assert late <= said and not late & early
    assert {control for control, _ in late} <= decided
    assert {("KMS.4", "data"), ("EC2.13", "ssh"), ("RDS.23", "store"), ("RDS.25", "store")} <= early <= said
    assert ("SQS.3", "work") not in said

    strict = workspace.state / "strict.json"
    strict.write_text(json.dumps({"KMS.4": "mandatory"}))
    pack = tmp_path / "policies"
    with pytest.raises(EngineFailed) as refused:
        workspace.run(["preview", "--policy-pack", str(pack), "--policy-pack-config", str(strict)], "local")
    violations = [event for event in events.read(refused.value.log) if isinstance(event, events.Violation)]
    assert {violation.policy for violation in violations if violation.level == "mandatory"} == {"KMS.4"}


@dataclass(frozen=True)
class Deployed:
    """prod on an emulator of its own, for as long as this module asks."""

    found: ways.Ways
    endpoint: str
    directory: Path


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    directory = tmp_path_factory.mktemp("prod")
    with local.isolated() as (workspace, endpoint):
        found = ways.ask(workspace, "prod", directory, StandIns(endpoint).settings(workspace, "prod"))
        yield Deployed(found, endpoint, directory)


@pytest.mark.engine
@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_every_way_says_the_same_of_prod(prod: Deployed, tmp_path: Path) -> None:
    """prod deployed offline, and what `matchday audit prod` says beside it."""
    found = prod.found
    assert len(_same(found)) > 10
    assert len(found.state.violations) > 50 and len(found.state.answers) > 1000
    done = subprocess.run(
        [sys.executable, "-m", "cli", "audit", "prod", "--json", "--out", str(tmp_path / "evidence")],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    accepted = {
        (c["id"], a["urn"])
        for c in printed["controls"]
        for a in c["answers"]
        if a["result"] in ("excepted", "violation")
    }
    assert accepted == found.plan.violations
    report = audit(
        parse((prod.directory / "state.json").read_bytes(), "state"),
        source="state",
        levels=levels.load(),
        register=exceptions.load(),
        now=datetime.now(UTC),
    )
    assert not report.mandatory and not report.untold
    assert SELF not in {answer.control.id for answer in report.answers}


@pytest.mark.engine
@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_prowler_fails_what_the_table_explains(prod: Deployed, tmp_path: Path) -> None:
    scanner = shutil.which("prowler")
    if scanner is None:
        pytest.skip(
            "prowler is not installed: it is no dependency; `pip install prowler` in a venv of its own, on the PATH"
        )
    data = Path(policies.__file__).parent / "data" / "scanners.yaml"
    table = yaml.safe_load(data.read_text(encoding="utf-8"))["prowler"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    arguments = ["aws", "--no-banner", "--region", "ap-south-1", "us-east-1", "--services", *table["services"]]
    subprocess.run(
        [scanner, *arguments, "-M", "json-ocsf", "-o", str(tmp_path), "--ignore-exit-code-3"],
        # The emulator's address, and keys that open nothing else; nobody's own configuration.
        env={
            **kept,
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": prod.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
        },
        check=True,
        timeout=3000,
        stdout=subprocess.DEVNULL,
    )
    (written,) = tmp_path.glob("*.ocsf.json")
    found = json.loads(written.read_text(encoding="utf-8"))
    failed = {row["metadata"]["event_code"] for row in found if row["status_code"] == "FAIL"}
    assert len(found) > 500
    assert failed == set(table["failed"])
