"""`matchday rehearse`: everything up, nothing changes by itself, nothing is left."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli import documents, local, rehearse
from cli.stand_ins import StandIns, _copies
from environments.settings import KEY, load
from environments.source import DIRECTORY
from localcloud.engine.find import ensure
from localcloud.engine.run import Workspace

PROJECT = Path(__file__).resolve().parents[2]

#: One of each thing that does not let itself be deleted, and a certificate of the settings.
PROGRAM = """
import pulumi, pulumi_aws as aws
bucket = aws.s3.Bucket("logs", bucket="logs", opts=pulumi.ResourceOptions(protect=True))
aws.s3.BucketObject("line", bucket=bucket.id, key="a", content="b", opts=pulumi.ResourceOptions(retain_on_delete=True))
aws.rds.Instance("data", identifier="data", engine="postgres", engine_version="17", instance_class="db.t4g.micro",
    allocated_storage=20, username="data", password="a-password-of-a-test", skip_final_snapshot=True, deletion_protection=True)
for index, zone in enumerate(("a", "b")):
    if not index:
        vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
        gateway = aws.ec2.InternetGateway("net", vpc_id=vpc.id)
        subnets = []
    subnets.append(aws.ec2.Subnet(zone, vpc_id=vpc.id, cidr_block=f"10.0.{index}.0/24", availability_zone=f"ap-south-1{zone}"))
balancer = aws.lb.LoadBalancer("door", name="door", subnets=[s.id for s in subnets], enable_deletion_protection=True,
    opts=pulumi.ResourceOptions(depends_on=[gateway]))
aws.lb.Listener("https", load_balancer_arn=balancer.arn, port=443, protocol="HTTPS",
    certificate_arn=pulumi.Config().require("certificate"),
    default_actions=[{"type": "fixed-response", "fixed_response": {"content_type": "text/plain", "status_code": "404"}}])
"""
CERTIFICATE = "arn:aws:acm:ap-south-1:111122223333:certificate/5d0d3a0c-6b0e-4a57-9a51-0f3a4f7c1b01"


def _rehearse(project: Path, stack: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--project", str(project), "rehearse", stack, "--json"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    documents.check("rehearse", document)
    assert set(document["seconds"]) == {"up", "preview", "refresh", "destroy"}
    return document


@pytest.mark.engine
def test_what_does_not_let_itself_be_deleted_is_rehearsed_with_its_certificate(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: door\nruntime: python\n")
    (tmp_path / "Pulumi.local.yaml").write_text(
        f"config:\n  aws:region: ap-south-1\n  door:certificate: {CERTIFICATE}\n"
    )
    (tmp_path / "__main__.py").write_text(PROGRAM)
    document = _rehearse(tmp_path, "local")
    assert {key: document[key] for key in ("stack", "noop", "refreshed", "left")} == {
        "stack": "local", "noop": 0, "refreshed": 0, "left": 0,
    }  # fmt: skip
    assert document["created"] >= 9
    assert document["kept"] == ["aws:s3/bucketObject:BucketObject::line"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".matchday")] == []


@pytest.mark.engine
@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("stack", ["local", "dev", "prod", "account", "recovery", "pr-424242"])
def test_every_stack_is_rehearsed_at_full_size(stack: str) -> None:
    document = _rehearse(PROJECT, stack)
    assert document["created"] > {"account": 150, "recovery": 40}.get(stack, 250)
    assert (document["noop"], document["refreshed"], document["left"]) == (0, 0, 0)
    kept = {kind.partition("::")[0] for kind in document["kept"]}
    deploys = stack not in ("local", "account", "recovery")  # local's tag moves; the others start no task
    assert kept == ({"aws:ecs/taskDefinition:TaskDefinition"} if deploys else set())


def test_a_certificate_has_one_stand_in_wherever_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(PROJECT / "tests" / "faults" / "tiny", tmp_path / "tiny")
    (tmp_path / "tiny" / "environments" / "Pulumi.prod.yaml").write_text(
        f"config:\n  tiny:one: {CERTIFICATE}\n  tiny:two: [{CERTIFICATE}, other]\n  tiny:three: 3\n"
    )
    made: list[str] = []

    def here(self: StandIns, arn: str, region: str) -> str:
        made.append(region)
        return self._made.setdefault(arn, "arn:aws:acm:ap-south-1:123456789012:certificate/0f")

    monkeypatch.setattr(StandIns, "_here", here)
    workspace = Workspace(
        engine=ensure(print), project=tmp_path / "tiny", state=tmp_path / "state", provider_port=0, python=Path()
    )
    certificates = StandIns("http://127.0.0.1:1")
    settings = certificates.settings(workspace, "prod")
    stand_in = "arn:aws:acm:ap-south-1:123456789012:certificate/0f"
    assert settings == {"tiny:one": stand_in, "tiny:two": [stand_in, "other"]}
    assert certificates.named_as_in_settings({"plan": [stand_in]}) == {"plan": [CERTIFICATE]}
    assert certificates.settings(workspace, "nowhere") == {}


def test_the_buckets_that_a_stack_copies_into_are_there_before_it() -> None:
    """By the rule that the program itself follows: else S3 would refuse the rule that names them."""
    config = {
        "matchday:environment": {"recovery": {"region": "ap-south-2"}},
        "matchday:account": {"recovery_region": "ap-south-2", "recovery": "keeper"},
    }
    assert list(_copies("prod", config)) == [
        ("ap-south-2", "matchday-recovery-prod-site"),
        ("ap-south-2", "matchday-keeper-prod-state"),
        ("ap-south-2", "matchday-keeper-prod-trail-records"),
    ]
    assert list(_copies("dev", {"matchday:environment": {"tier": "development"}, "matchday:account": {}})) == []


def test_a_pull_requests_stack_has_a_file_for_as_long_as_it_is_rehearsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: matchday\nruntime: python\nstackConfigDir: environments\n")
    environments = tmp_path / "environments"
    environments.mkdir()
    shutil.copy(DIRECTORY / "Pulumi.dev.yaml", environments)
    monkeypatch.setattr(local, "PROJECT", tmp_path)
    file = environments / "Pulumi.pr-12.yaml"
    with rehearse.file_of_a_branch("pr-12"):
        content = yaml.safe_load(file.read_text())["config"]
        config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in content.items()}
        settings = load("pr-12", config, environments)
        dev = yaml.safe_load((environments / "Pulumi.dev.yaml").read_text())["config"][KEY]
        assert (settings.edge.domain, settings.image.digest) == ("pr-12.dev.matchday.example", dev["image"]["digest"])
    assert not file.exists()

    file.write_text("somebody's")  # as CI has it, and leaves it
    with rehearse.file_of_a_branch("pr-12"):
        pass
    assert file.read_text() == "somebody's"
    for wrong in ("pr-012", "pr-1/../prod", "pr-", "pr-x"):
        with pytest.raises(typer.Exit), rehearse.file_of_a_branch(wrong):
            pass
        assert "accepted: its number, 1 to 999999, without a zero in front" in capsys.readouterr().err
    assert sorted(path.name for path in environments.iterdir()) == ["Pulumi.dev.yaml", "Pulumi.pr-12.yaml"]
