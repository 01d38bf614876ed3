"""Environments of pull requests on the real engine: made, renewed, over, taken away, and nothing else ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from environments import branches as plan
from environments.source import DIRECTORY, SettingsError
from localcloud.engine.run import WITHOUT_CHECKPOINTS
from scripts.ci import branch_stacks, branches, pulumi
from scripts.ci import github as rest
from tests.engine.engines import FarEnd
from tests.scripts.github_stand_in import Server, github

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM = """
import pulumi
from pulumi_aws import s3
stack = pulumi.get_stack()
digest = pulumi.Config("matchday").require_object("environment")["image"]["digest"]
for number in range(COUNT):
    s3.Bucket(f"b{number}", bucket=f"matchday-{stack}-b{number}", tags={"image": digest[7:19]}, force_destroy=True)
pulumi.export("secret", pulumi.Output.secret("of a pull request"))
"""
IN_A_ROW = (
    PROGRAM.replace("COUNT", "40")
    .replace("for number", "last = []\nfor number")
    .replace("    s3.Bucket(", "    opts = pulumi.ResourceOptions(depends_on=last)\n    last = [s3.Bucket(")
    .replace("force_destroy=True)", "force_destroy=True, opts=opts)]")
)
A, B = ({"digest": f"sha256:{letter * 64}"} for letter in "ab")


class Place:
    """A checkout whose stacks are in a backend of their own, and the buckets that they have."""

    def __init__(self, far: FarEnd) -> None:
        self.far = far
        self.project = far.workspace.project

    def buckets(self) -> dict[str, str]:
        """Name → what its tag says of the image."""
        s3 = self.far.client("s3")
        names = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        found = {}
        for name in (name for name in names if name.startswith("matchday-pr-") or "-prod-" in name):
            tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]}
            found[name] = tags["image"]
            assert tags.get("Lifetime", "").startswith("72 hours") == name.startswith("matchday-pr-")
        return found

    def count(self) -> int:
        """How many buckets there are, without a look at each."""
        return len(self.far.client("s3").list_buckets()["Buckets"])

    def fresh(self) -> None:
        """Another job's checkout: no stack's file is there."""
        for file in (self.project / "environments").glob("Pulumi.pr-*.yaml"):
            file.unlink()

    def deploy(self, stack: str, image: dict[str, str]) -> tuple[datetime, Any]:
        self.fresh()
        branch_stacks.write(stack, image)
        return branch_stacks.deploy(stack)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with github() as started:
        for name, value in started.variables.items():
            monkeypatch.setenv(name, value)
        yield started


@pytest.fixture
def place(far_end_of: Callable[[str], FarEnd], monkeypatch: pytest.MonkeyPatch) -> Place:
    far = far_end_of(PROGRAM.replace("COUNT", "2"))
    made = Place(far)
    (made.project / "environments" / "Pulumi.dev.yaml").write_text((DIRECTORY / "Pulumi.dev.yaml").read_text())
    monkeypatch.chdir(made.project)
    for name, value in far.workspace.environment().items():
        if name not in WITHOUT_CHECKPOINTS:  # a job of GitHub has them: it may end at any moment
            monkeypatch.setenv(name, value)
    return made


def clean(now: datetime) -> tuple[int, list[str]]:
    """The clean-up at a moment: its exit code, and what it said of each stack."""
    said: list[str] = []

    def act(client: httpx.Client, repository: str) -> str:
        try:
            said.append(branches.clean(client, repository, now))
        except pulumi.Failed as failure:
            said.append(str(failure))
            raise rest.Refused(str(failure)) from failure
        return said[-1]

    return rest.run([], act), said[-1].splitlines()


def test_an_environment_is_made_renewed_and_taken_away_and_no_other_stack(
    place: Place, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.pull(12)
    until, changed = place.deploy("pr-12", A)
    assert changed == {"create": 2}
    assert timedelta(hours=71) < until - datetime.now(UTC) <= plan.LIFETIME
    assert place.buckets() == {"matchday-pr-12-b0": "a" * 12, "matchday-pr-12-b1": "a" * 12}
    later, changed = place.deploy("pr-12", B)
    assert later >= until and changed == {"update": 2}
    assert branch_stacks.expires("pr-12") == later

    # Stacks that are no pull request's, in the same backend by somebody's mistake.
    for stack in ("prod", "pr-01"):
        (place.project / "environments" / f"Pulumi.{stack}.yaml").write_text("config: {}\n")
        pulumi.read(["stack", "init", stack])
    with pytest.raises(SettingsError):
        branch_stacks.remove("prod")
    with pytest.raises(SettingsError):
        branch_stacks.remove("pr-1/../prod")
    place.fresh()
    code, lines = clean(datetime.now(UTC))
    assert (code, lines) == (
        0,
        ["pr-01: no pull request's, left alone", "pr-12: stays", "prod: no pull request's, left alone"],
    )

    monkeypatch.setattr(plan, "QUOTA", 1)
    with pytest.raises(pulumi.Failed, match=r"pr-13: there are 1 environments .*pr-12.*accepted: at most 1"):
        place.deploy("pr-13", A)
    place.fresh()
    code, lines = clean(later + timedelta(seconds=1))
    assert code == 0 and "pr-12: taken away: its time was over" in lines[1]
    assert server.said(12) == [
        f"{branches.MARKER}\n### Environment `pr-12`\n\nTaken away: {lines[1].partition('away: ')[2]}."
    ]
    assert place.buckets() == {}
    assert branch_stacks.listed() == ["pr-01", "prod"]
    assert clean(later)[0] == 0


@pytest.mark.nightly
def test_a_clean_up_that_is_killed_half_way_is_done_by_the_next(place: Place, server: Server) -> None:
    """And a making, too: what it left is taken away, once its pull request is closed."""
    # One after the other, so that there is a half way.
    (place.project / "__main__.py").write_text(IN_A_ROW)
    server.pull(7, state="closed")
    place.deploy("pr-7", A)
    assert len(place.buckets()) == 40
    place.fresh()
    command = [sys.executable, "-m", "scripts.ci.branches", "clean"]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    kills = 0
    while kills < 3 and (begun := place.count()):
        child = subprocess.Popen(command, env=environment, start_new_session=True)
        while child.poll() is None and place.count() == begun:
            time.sleep(0.02)
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            kills += 1
        child.wait()
        place.fresh()
    assert kills, "it was never ended half way"
    done = subprocess.run(command, env=environment, check=False, timeout=300)
    assert (done.returncode, place.buckets(), branch_stacks.listed()) == (0, {}, [])

    branch_stacks.write("pr-8", A)
    child = subprocess.Popen(
        [sys.executable, "-c", "from scripts.ci import branch_stacks as b; b.deploy('pr-8')"],
        env=environment, start_new_session=True,
    )  # fmt: skip
    while child.poll() is None and not place.count():
        time.sleep(0.02)
    assert child.poll() is None, "it was done before it could be ended"
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    place.fresh()
    code, said = clean(datetime.now(UTC))
    assert (code, branch_stacks.listed()) == (0, []), "pull request 8 was never opened"
    left = [name.removeprefix("matchday-pr-8-") for name in place.buckets()]
    assert len(left) <= 1, "but for the one that was being made, which no state knows"
    assert all(f"Bucket {name}" in said[0] for name in left)
    for name in left:
        place.far.client("s3").delete_bucket(Bucket=f"matchday-pr-8-{name}")


@pytest.mark.nightly
def test_the_workflows_words_from_the_label_to_the_end(
    place: Place, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the very commands of the workflow, `matchday cost` among them."""
    outputs, image = tmp_path / "outputs", tmp_path / "image.json"
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    image.write_text(json.dumps({"reference": "x", **A}))
    server.pull(3)
    server.pull(4, branches.LABEL)
    server.pull(5, branches.LABEL, repository="mallory/platform")
    server.pull(6, branches.LABEL, state="closed")
    for number, by, code, wanted in (
        ("3", "label", 0, "false"), ("3", "command", 0, "true"), ("4", "label", 0, "true"), ("5", "command", 2, None),
        ("6", "command", 2, None), ("9", "command", 2, None), ("1/../prod", "command", 2, None), ("04", "label", 2, None),
    ):  # fmt: skip
        outputs.write_text("")
        assert branches.main(["which", number, by]) == code, number
        read = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
        assert read == ({} if wanted is None else {"wanted": wanted, "commit": f"{int(number):040x}", "number": number})

    for wrong in ("1/../prod", "prod", "04"):
        assert branches.main(["deploy", wrong, str(image)]) == 2
    assert branches.main(["deploy", "4", str(image)]) == 0
    (text,) = server.said(4)
    assert "https://pr-4.dev.matchday.example runs image `sha256:aaaaaaaaaaaa…` (2 created)" in text
    assert "USD a month by list prices" in text and "It stays until 2" in text
    monkeypatch.setattr(plan, "MONTHLY", -1)
    assert branches.main(["deploy", "4", str(image)]) == 2, "too dear"
    server.pull(4, state="closed")
    assert branches.main(["clean"]) == 0
    assert place.buckets() == {}
    assert server.said(4) == [f"{branches.MARKER}\n### Environment `pr-4`\n\nTaken away: the pull request is closed."]
