"""What deployments do, on the real engine: a plan is applied, or nothing; drift is said in an issue and the issue closed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli import salt
from scripts.ci import deploy, drift
from scripts.images import signature
from scripts.images.registry import digest as digest_of
from tests.engine.engines import FarEnd
from tests.engine.test_signatures import signing_key, variables
from tests.scripts.github_stand_in import github
from tests.scripts.registry_stand_in import COLLECTOR, Registry, registry

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]

PROGRAM = """
import pulumi
from pulumi_aws import s3
image = pulumi.Config("matchday").require_object("environment")["image"]["digest"]
s3.Bucket("site", bucket="matchday-of-a-deployment", tags={"image": image[7:19]})
"""
MORE = '\ns3.Bucket("more", bucket="matchday-of-nobodys-approval")\n'
SETTINGS = """\
config:
  aws:region: ap-south-1
  matchday:environment:
    image:
      digest: sha256:{} # delivery writes it
      collector: {collector}
"""


@pytest.fixture
def kept() -> Iterator[Registry]:
    with registry() as started:
        yield started


def test_what_was_planned_is_done_and_what_was_changed_by_hand_is_said(
    far_end_of: Callable[[str], FarEnd],
    kept: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    far = far_end_of(PROGRAM)
    project = far.workspace.project
    settings = project / "environments" / "Pulumi.local.yaml"
    collector = digest_of(COLLECTOR)
    settings.write_text(SETTINGS.format("0" * 64, collector=collector))
    salt.put(settings, far.workspace.salt("local"))
    image, plan = tmp_path / "image.json", tmp_path / "plan.json"
    image.write_text(json.dumps({"digest": "sha256:" + "a" * 64, "targets": {}}))
    monkeypatch.chdir(project)
    for name, value in {**far.workspace.environment(), **variables(far)}.items():
        monkeypatch.setenv(name, value)
    signing_key(far)

    def tags() -> dict[str, str]:
        found = far.client("s3").get_bucket_tagging(Bucket="matchday-of-a-deployment")["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def buckets() -> set[str]:
        return {bucket["Name"] for bucket in far.client("s3").list_buckets()["Buckets"]}

    held, image_words = kept.repository, [str(image), kept.repository, str(plan)]
    assert deploy.main(["plan", "local", *image_words]) == 1, "nobody has signed it"
    assert not plan.exists() and "0" * 64 in settings.read_text()
    assert signature.main(["sign", str(image), held]) == 0
    assert deploy.main(["plan", "local", *image_words]) == 2, "nobody has copied the collector"
    assert f"image.collector: {held} has no {collector}" in capfd.readouterr().err
    assert not plan.exists() and "0" * 64 in settings.read_text()
    kept.tags[collector] = COLLECTOR
    assert deploy.main(["plan", "local", *image_words]) == 0
    assert "matchday-of-a-deployment" not in buckets(), "a plan changes nothing"
    (project / "__main__.py").write_text(PROGRAM + MORE)
    assert deploy.main(["apply", "local", *image_words]) == 2
    assert "matchday-of-nobodys-approval" not in buckets(), "not in the plan"
    (project / "__main__.py").write_text(PROGRAM)
    assert deploy.main(["apply", "local", *image_words]) == 0
    deployed = tags()
    assert deployed["image"] == "a" * 12

    with github() as server:
        for name, value in server.variables.items():
            monkeypatch.setenv(name, value)
        by_hand = [{"Key": key, "Value": value} for key, value in {**deployed, "image": "of-somebody"}.items()]
        far.client("s3").put_bucket_tagging(Bucket="matchday-of-a-deployment", Tagging={"TagSet": by_hand})
        assert drift.main(["local"]) == 0
        (issue,) = server.issues
        assert "`aws:s3/bucket:Bucket` `site` | was changed" in issue["body"]
        assert "of-somebody" not in issue["body"], "values may be secrets"
        back = [{"Key": key, "Value": value} for key, value in deployed.items()]
        far.client("s3").put_bucket_tagging(Bucket="matchday-of-a-deployment", Tagging={"TagSet": back})
        assert drift.main(["local"]) == 0
        assert issue["state"] == "closed"
