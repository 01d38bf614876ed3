"""A full disk over a whole `up`, and a plain `pulumi up` that was killed: the next `matchday up` mends both."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.cuts import begun_in, has_unread_request, latest
from tests.faults.platform import PATIENCE, Platform
from tests.faults.test_lasting import check, write

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("faults"), pytest.mark.timeout(0)]

MEBIBYTE = 1 << 20
_AUTHOR = ("-c", "user.name=a", "-c", "user.email=a@example.com")


@contextmanager
def _nearly_full(platform: Platform, leave: int) -> Iterator[Path]:
    """The state of a platform that is down, on a file system of its own with so many bytes left, and back where it was.

    Yields the file that fills it.
    """
    state = platform.directory / ".matchday"
    aside = state.with_name("aside")
    state.rename(aside)
    state.mkdir()
    used = int(subprocess.check_output(["du", "-sB1", str(aside)], text=True).split()[0])
    size = used + 24 * MEBIBYTE
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(state)], check=True)
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", str(state)], check=True)
        yield _fill(state, leave)
        platform.run("down")
        shutil.rmtree(aside)
        subprocess.run(["cp", "-a", f"{state}/.", str(aside)], check=True)
    finally:
        platform.run("down", check=False)
        subprocess.run(["umount", "-l", str(state)], check=True)
        state.rmdir()
        aside.rename(state)


def _fill(state: Path, leave: int) -> Path:
    filler = state / "filler"
    free = shutil.disk_usage(state).free
    with filler.open("wb") as file:
        for _ in range(max(0, free - leave) // 4096):
            file.write(bytes(4096))
    return filler


@pytest.mark.parametrize("leave", [16 * 1024, pytest.param(3 * MEBIBYTE, marks=pytest.mark.nightly)])
def test_a_full_disk_ends_an_up_with_a_sentence_and_room_mends_it(platform: Platform, leave: int) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    for store in ("object", "row", "message", "key"):
        platform.steps.append(f"write {store} before the disk is full")
        write(platform, store)
    platform.run("down")
    with _nearly_full(platform, leave) as filler:
        platform.want_extras(0 if platform.wanted_extras else 3)
        code, _, said = platform.run("up", "--port", str(platform.port), check=False)
        assert code in (1, 2), said
        assert "disk is full" in said.lower(), said
        assert "make room" in said
        filler.unlink()
        platform.up()
        check(platform)


@pytest.mark.nightly
def test_a_provider_that_answers_after_the_engines_ten_seconds_is_waited_for(platform: Platform) -> None:
    platform.settle()
    provider = next(p for p in _family(platform) if "localcloud.provider" in p.cmdline())
    provider.send_signal(signal.SIGSTOP)
    try:
        up = platform.start("up", "--port", str(platform.port))
        time.sleep(25)
        assert up.poll() is None, up.communicate()
    finally:
        provider.send_signal(signal.SIGCONT)
    out, err = up.communicate(timeout=PATIENCE)
    assert up.returncode == 0, (out, err)
    check(platform)


#: Four buckets of a name, of which those after the first `free` wait for a file, so that there is a half way.
_PROGRAM = """
import asyncio, pathlib

async def opened():
    pathlib.Path({asked!r}).touch()
    while not pathlib.Path({go!r}).exists():
        await asyncio.sleep(0.05)
    return "yes"

for n in range(4):
    gate = "yes" if n < {free} else pulumi.Output.from_input(opened())
    aws.s3.Bucket(f"b{{n}}", bucket=f"{word}-{{n}}", tags={{"gate": gate}})
"""


def _cut_off(platform: Platform, word: str, free: int, asked: Path, go: Path) -> str:
    """A plain `pulumi up` of _PROGRAM, killed when the first `free` buckets are made and the others asked for; returns the
    state that it leaves.

    From when these are let go the emulator answers nothing: what has begun is not over before the engine is dead.
    """
    for words in (["init", "-q"], ["add", "environments", "Pulumi.yaml"], [*_AUTHOR, "commit", "-qm", "as it is"]):
        subprocess.run(["git", *words], cwd=platform.directory, check=words[-1] != "as it is")
    _, exports, _ = platform.run("env")
    state = platform.directory / ".matchday" / "pulumi" / "backend" / ".pulumi" / "stacks" / "tiny" / "local.json"
    emulator = next(p for p in _family(platform) if "localcloud.emulator" in p.cmdline())
    command = "exec pulumi up --yes --skip-preview -s local"
    plain = subprocess.Popen(
        ["bash", "-c", f"{exports}\n{command}"],
        cwd=platform.directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )

    def until(reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not reached():
            assert plain.poll() is None, plain.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def made() -> int:
        found = [
            each.get("outputs", {}).get("bucket", "") for each in latest(state)["resources"] if not each.get("delete")
        ]
        return sum(bucket.startswith(word) for bucket in found)

    try:
        until(lambda: asked.exists() and made() == free and not begun_in(state))
        emulator.send_signal(signal.SIGSTOP)
        go.touch()
        until(lambda: begun_in(state) == {f"b{n}" for n in range(free, 4)})
        until(
            lambda: has_unread_request(platform.info["emulator"])
        )  # noted in the state is what is only about to be asked for
        for process in (*psutil.Process(plain.pid).children(recursive=True), psutil.Process(plain.pid)):
            process.kill()
    finally:
        emulator.send_signal(signal.SIGCONT)
        plain.kill()
        printed, _ = plain.communicate(timeout=60)
    # As an engine leaves it that is killed just while it writes it.
    state.with_name(f"{state.name}.attrs").write_bytes(b"")
    left = state.read_text()
    assert '"pending_operations"' in left, printed.decode()
    changed = ["git", "status", "--porcelain", "environments"]
    assert subprocess.check_output(changed, cwd=platform.directory, text=True) == ""
    return left


#: A word in the buckets' names, and how many of them are made when a plain run is killed that makes the others.
_MADE = ("made-by-a-killed-run", 0)
_REPLACED_WHILE_MADE = ("replaced-while-made", 0)
_REPLACED_BEFORE_DELETED = ("replaced-before-deleted", 3)


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param([_MADE, _REPLACED_BEFORE_DELETED], id="twice"),
        pytest.param(
            [_MADE, _REPLACED_WHILE_MADE, _REPLACED_BEFORE_DELETED], id="three times", marks=pytest.mark.nightly
        ),
    ],
)
def test_what_a_killed_plain_pulumi_had_begun_is_found_and_ends_as_one_resource(
    platform: Platform, kills: list[tuple[str, int]], tmp_path: Path
) -> None:
    """Killed while it makes buckets; then, as these are replaced, before the old ones are deleted, and by night also while the
    new ones are made, when the old ones are there, too."""
    platform.settle()
    program = platform.directory / "__main__.py"
    original = program.read_text()

    def cut_off(word: str, free: int) -> None:
        """Four buckets of a name; the run that makes them is killed, and the next `up` ends with them alone."""
        before, asked, go = _buckets(platform), tmp_path / f"{word}-asked", tmp_path / f"{word}-go"
        program.write_text(original + _PROGRAM.format(word=word, free=free, asked=str(asked), go=str(go)))
        left = _cut_off(platform, word, free, asked, go)
        assert word in left and len(re.findall(r'"delete":\s*true', left)) == free
        if before != {"kept"}:
            assert before <= _buckets(platform), "the old ones were gone before the engine was killed"
        _, _, said = platform.run("up", "--port", str(platform.port))
        assert "was cut off at" in said
        assert _buckets(platform) == {"kept", *(f"{word}-{n}" for n in range(4))}

    for kill in kills:
        cut_off(*kill)
    program.write_text(original)
    platform.up()
    assert _buckets(platform) == {"kept"}
    check(platform)


def _buckets(platform: Platform) -> set[str]:
    return {bucket["Name"] for bucket in platform.client("s3").list_buckets()["Buckets"]}


def _family(platform: Platform) -> list[psutil.Process]:
    return psutil.Process(platform.info["pid"]).children(recursive=True)
