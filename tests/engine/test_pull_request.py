"""A pull request from its opening to its end, by the workflows' scripts in their order, on a repository and a local cloud."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from environments.source import DIRECTORY
from localcloud.engine.run import WITHOUT_CHECKPOINTS
from scripts.ci import branches, deploy, drift, post_comment, pulumi
from scripts.images import signature
from scripts.images.registry import digest as digest_of
from tests.engine.engines import FarEnd
from tests.engine.test_signatures import signing_key, variables
from tests.scripts.github_stand_in import Server, github
from tests.scripts.registry_stand_in import COLLECTOR, Registry, registry

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine"), pytest.mark.nightly]

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM = """
import pulumi
from pulumi_aws import s3, sqs
stack = pulumi.get_stack()
image = pulumi.Config("matchday").require_object("environment")["image"]["digest"]
s3.Bucket("site", bucket=f"matchday-{stack}-site-of-a-request", tags={"image": image[7:19]}, force_destroy=True)
"""
CHANGE = 'sqs.Queue("letters", name=f"matchday-{stack}-letters")\n'
RELEASE = {"reference": "x", "digest": "sha256:" + "a" * 64, "targets": {"kyc": "sha256:" + "b" * 64}}


def git(directory: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.test", *words],
        cwd=directory, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with github() as started:
        for name, value in started.variables.items():
            monkeypatch.setenv(name, value)
        yield started


@pytest.fixture
def images() -> Iterator[Registry]:
    with registry() as started:
        yield started


def test_from_the_opening_to_the_end(
    far_end_of: Callable[[str], FarEnd],
    server: Server,
    images: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    far = far_end_of(PROGRAM)
    project = far.workspace.project
    settings = project / "environments" / "Pulumi.dev.yaml"
    collector = digest_of(COLLECTOR)
    settings.write_text(re.sub(r"(collector:) sha256:\w+", rf"\1 {collector}", (DIRECTORY / settings.name).read_text()))
    images.tags[collector] = COLLECTOR  # which whoever sets up the repository has copied there
    git(project, "init", "-q", "-b", "main")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "base")
    base = git(project, "rev-parse", "HEAD")
    monkeypatch.chdir(project)

    # preview.yml: the plan of the change, without any credential; then one comment, and the same one at the next push.
    plans = tmp_path / "plans"
    server.pull(21, branches.LABEL)
    for change in (CHANGE, CHANGE.replace("letters", "words")):
        (project / "__main__.py").write_text(PROGRAM + change)
        planned = {**os.environ, "BASE": base}
        subprocess.run([CHECKOUT / "scripts" / "ci" / "plan.sh", plans, "dev"], env=planned, check=True)
        assert post_comment.main([str(plans / "comment.md"), "21"]) == 0
    (said,) = server.said(21)
    assert "`words`" in said and "`letters`" not in said and "matchday-dev-site" not in said

    for name, value in {**far.workspace.environment(), **variables(far)}.items():
        if name not in WITHOUT_CHECKPOINTS:
            monkeypatch.setenv(name, value)

    def buckets() -> set[str]:
        return {each["Name"] for each in far.client("s3").list_buckets()["Buckets"] if "of-a-request" in each["Name"]}

    # branches.yml: an environment of its own, for as long as it is open.
    image, plan, outputs = tmp_path / "image.json", tmp_path / "plan.json", tmp_path / "outputs"
    image.write_text(json.dumps(RELEASE))
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    assert branches.main(["which", "21", "label"]) == 0 and "wanted=true" in outputs.read_text()
    assert branches.main(["deploy", "21", str(image)]) == 0
    assert buckets() == {"matchday-pr-21-site-of-a-request"}
    assert len(server.said(21)) == 2

    # deploy.yml: merged; dev is planned and deployed from what is signed.
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "the change")
    pulumi.read(["stack", "init", "dev"])
    words = ["dev", str(image), images.repository, str(plan)]
    signing_key(far)
    assert deploy.main(["plan", *words]) == 1, "a pull request's image is not signed"
    assert signature.main(["sign", str(image), images.repository]) == 0
    assert deploy.main(["plan", *words]) == 0
    assert deploy.main(["apply", *words]) == 0
    assert buckets() == {"matchday-pr-21-site-of-a-request", "matchday-dev-site-of-a-request"}

    # nightly.yml: what somebody changed by hand is an issue; the environment goes, dev stays.
    assert drift.main(["dev"]) == 0 and server.issues == []
    tags = [{"Key": "image", "Value": "of-somebody"}]
    far.client("s3").put_bucket_tagging(Bucket="matchday-dev-site-of-a-request", Tagging={"TagSet": tags})
    assert drift.main(["dev"]) == 0
    assert [issue["title"] for issue in server.issues] == ["Drift: dev"]
    server.pull(21, state="closed")
    assert branches.main(["clean"]) == 0
    assert buckets() == {"matchday-dev-site-of-a-request"}
    assert "Taken away: the pull request is closed" in server.said(21)[1]
    assert said == server.said(21)[0]
