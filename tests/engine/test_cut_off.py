"""Two deployments at once, and one that is killed: by the plain CLI, as GitHub's jobs and people run it (deploy-cut-off)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from localcloud.engine.run import WITHOUT_CHECKPOINTS, inherited
from localcloud.runtime import processes
from tests.cuts import begun_in, has_unread_request
from tests.engine.engines import FarEnd

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]

#: One after the other, and the fourth waits for a file, so that there is a half way. Their names are the program's, so that S3
#: refuses a second of the same.
PROGRAM = """
import asyncio, pathlib
import pulumi
from pulumi_aws import s3

async def opened():
    while not pathlib.Path("go").exists():
        await asyncio.sleep(0.05)
    return "yes"

last = []
for number in range(6):
    tags = {"gate": pulumi.Output.from_input(opened())} if number == 3 else None
    last = [s3.Bucket(f"b{number}", bucket=f"cut-off-b{number}", tags=tags, opts=pulumi.ResourceOptions(depends_on=last))]
"""


#: No code is written for it, as the program has it; and it is protected if the program says so.
_AS_IT_IS = ("--generate-code=false", "--protect=false")


class Cli:
    """The CLI on the stack `local` of a project, by nothing of ours but its environment."""

    def __init__(self, far: FarEnd) -> None:
        # A job of GitHub writes its state after each step: it may end at any moment.
        own = {name: value for name, value in far.workspace.environment().items() if name not in WITHOUT_CHECKPOINTS}
        self._how: dict[str, Any] = {"cwd": far.workspace.project, "env": {**inherited(), **own}}
        self._binary = str(far.workspace.engine.pulumi)
        self._s3 = far.client("s3")

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [self._binary, *words, "--stack", "local", "--non-interactive", "--color", "never"]
        return subprocess.Popen(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, **self._how
        )

    def run(self, *words: str) -> tuple[int, str]:
        """Exit code, and all that it said."""
        started = self.start(*words)
        said, _ = started.communicate(timeout=600)
        return started.returncode, said

    def done(self, *words: str) -> str:
        code, said = self.run(*words)
        assert code == 0, said
        return said

    def state(self) -> dict[str, Any]:
        deployment: dict[str, Any] = json.loads(self.done("stack", "export"))["deployment"]
        return deployment

    def buckets(self) -> list[str]:
        names = [bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]]
        return [name for name in names if name.startswith("cut-off-")]


def _cut_off(far: FarEnd, cli: Cli) -> dict[str, Any]:
    """Two deployments at once, of which the second is refused, and the first killed while it makes a bucket: what was begun."""
    at = urlsplit(far.cloud.endpoint)
    emulator = psutil.Process(processes.listener(str(at.hostname), int(at.port or 0)))
    first = cli.start("up", "--yes", "--skip-preview")
    try:
        _until(lambda: len(cli.buckets()) == 3, first)
        code, said = cli.run("up", "--yes", "--skip-preview")
        assert code != 0 and "the stack is currently locked by 1 lock(s)" in said
        assert len(cli.buckets()) == 3
        state = far.workspace.state_file("local")
        _until(lambda: not begun_in(state), first)  # the third is there before all is done about it
        # It answers nothing from here on: what has begun is not over before the engine is dead.
        emulator.suspend()
        (far.workspace.project / "go").touch()
        _until(lambda: begun_in(state) == {"b3"}, first)
        # The engine notes it before it asks for it: killed in between, it would have begun what nobody was asked for.
        _until(lambda: has_unread_request(far.cloud.endpoint), first)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
        emulator.resume()
    _until(lambda: len(cli.buckets()) == 4)  # the provider ends what the engine had asked of it
    (begun,) = cli.state()["pending_operations"]
    assert (begun["type"], begun["resource"]["urn"].rpartition("::")[2]) == ("creating", "b3")
    resource: dict[str, Any] = begun["resource"]
    return resource


@pytest.fixture
def far(far_end_of: Callable[[str], FarEnd]) -> Iterator[FarEnd]:
    made = far_end_of(PROGRAM)
    made.workspace.ensure_stack("local")
    yield made
    s3 = made.client("s3")
    for name in (bucket["Name"] for bucket in s3.list_buckets()["Buckets"]):
        s3.delete_bucket(Bucket=name)


def test_of_two_at_once_one_is_refused_and_a_killed_one_says_what_it_had_begun(far: FarEnd) -> None:
    _cut_off(far, Cli(far))


@pytest.mark.nightly
def test_what_a_killed_one_left_is_repaired_and_the_next_ends_it(far: FarEnd) -> None:
    """By the steps of the runbook, and not before them."""
    cli = Cli(far)
    begun = _cut_off(far, cli)
    code, said = cli.run("up", "--yes", "--skip-preview")
    assert code != 0 and "currently locked" in said, "nobody takes another's lock by himself"
    cli.done("cancel", "--yes")
    cli.done("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    code, said = cli.run("up", "--yes", "--skip-preview")
    assert code != 0 and "BucketAlreadyOwnedByYou" in said, "what AWS has made is not made again"
    cli.done("import", begun["type"], "b3", "cut-off-b3", "--yes", "--skip-preview", *_AS_IT_IS)
    cli.done("up", "--yes", "--skip-preview")
    left = cli.state()
    known = {each["id"] for each in left["resources"] if each["type"] == "aws:s3/bucket:Bucket"}
    assert (len(known), set(cli.buckets())) == (6, known)
    assert not left.get("pending_operations")


def _until(reached: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + 300
    while not reached():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
