"""A language host that was started ahead serves the engines that attach to it, and ends with the command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from localcloud.engine import ahead, build
from localcloud.engine.find import Engine

#: In the place of Pulumi's launcher: says what it was started with.
_LAUNCHER = """
import os, sys
import pulumi_aws.kms.key
print(sys.argv[1:], os.environ["MARK"], os.environ["PULUMI_CONFIG"], os.getcwd(), os.getpid(), flush=True)
print("error", file=sys.stderr, flush=True)
sys.exit(3)
"""


def _hosts() -> set[psutil.Process]:
    """Language hosts of this process: tests of the engine may have one of their own on the same worker."""
    return {child for child in psutil.Process().children() if "--ahead" in " ".join(child.cmdline())}


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    directory = tmp_path / "bin"
    shutil.copytree(Path(ahead.__file__).parent, directory, ignore=shutil.ignore_patterns("cli_build", "__pycache__"))
    (directory / "pulumi-language-python-exec").write_text(_LAUNCHER)
    wrapper = directory / "pulumi-language-python"
    wrapper.write_text(build._WRAPPER)
    wrapper.chmod(0o755)
    return Engine(pulumi=directory / "pulumi", version="0", origin="built")


@contextmanager
def _attached(engine: Engine, variables: Mapping[str, str]) -> Iterator[tuple[Any, subprocess.Popen[str]]]:
    """What the engine starts, as it starts it, and a stub of the service behind the port that it says."""
    environment = {**os.environ, **variables, "MARK": "the engine's", "MATCHDAY_PYTHON": sys.executable}
    wrapper = engine.pulumi.with_name("pulumi-language-python")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [wrapper, "127.0.0.1:1"], env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as plugin:
        assert plugin.stdout is not None
        port = int(plugin.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield language_pb2_grpc.LanguageRuntimeStub(channel), plugin
        plugin.kill()


def _run(stub: Any, project: Path, plugin: subprocess.Popen[str]) -> list[str]:
    info = language_pb2.ProgramInfo(
        root_directory=str(project), program_directory=str(project), entry_point=".", options=struct_pb2.Struct()
    )
    answer = stub.Run(language_pb2.RunRequest(project="p", stack="s", parallel=4, config={"p:a": "b"}, info=info))
    assert answer.error == "the program exited with code 3"
    assert plugin.stdout is not None
    return plugin.stdout.readline().split("] ", 1)[1].split()


def test_programs_run_as_ever_and_the_first_in_the_process_that_was_ready(engine: Engine, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    before = _hosts()
    with ahead.language_host(engine, project, Path(sys.executable), dict(os.environ)) as variables:
        (host,) = _hosts() - before
        with _attached(engine, variables) as (stub, plugin):  # the engine asks first, and ends its plugin
            assert stub.About(language_pb2.AboutRequest()).executable == sys.executable
        # What it read from the engine's pipes has ended: nobody else holds them.
        with _attached(engine, variables) as (stub, plugin):
            (ready,) = host.children()
            mark, engine_mark, *config, where, pid = ["MARK", *_run(stub, project, plugin)]
            assert (mark, engine_mark, " ".join(config)) == ("MARK", "the", 'engine\'s {"p:a": "b"}')
            assert where == str(project)
            assert int(pid) == ready.pid
            again = _run(stub, project, plugin)
            assert again[-2:-1] == [str(project)]
            assert int(again[-1]) != ready.pid
            assert plugin.stderr is not None
            plugin.kill()
            assert plugin.stderr.read().splitlines() == ["error", "error"]
        noted = ahead.modules_file(project, Path(sys.executable)).read_text().split()
        assert "pulumi_aws.kms.key" in noted
        assert not [name for name in noted if name.startswith(("localcloud", "_"))]
    assert not host.is_running() or host.status() == psutil.STATUS_ZOMBIE
    assert not Path(variables[ahead.HOST]).parent.exists()


def test_a_program_ends_with_its_host_whatever_it_is_about(engine: Engine, tmp_path: Path) -> None:
    """As after a SIGKILL of the command: nothing closes in order, and a program may be busy or wait for what never comes."""
    launcher = engine.pulumi.with_name("pulumi-language-python-exec")
    launcher.write_text('import time\nprint("started", flush=True)\ntime.sleep(600)\n')
    before = _hosts()
    with ahead.language_host(engine, tmp_path, Path(sys.executable), dict(os.environ)) as variables:
        (host,) = _hosts() - before
        with _attached(engine, variables) as (stub, plugin):
            (ready,) = host.children()
            info = language_pb2.ProgramInfo(
                root_directory=str(tmp_path),
                program_directory=str(tmp_path),
                entry_point=".",
                options=struct_pb2.Struct(),
            )
            running = stub.Run.future(language_pb2.RunRequest(project="p", stack="s", parallel=4, info=info))
            assert plugin.stdout is not None
            assert plugin.stdout.readline().endswith("started\n")
            host.kill()
            psutil.wait_procs([ready], timeout=60)
            assert not ready.is_running() or ready.status() == psutil.STATUS_ZOMBIE
            running.cancel()


def test_an_engine_whose_host_has_ended_gets_one_of_its_own(engine: Engine, tmp_path: Path) -> None:
    before = _hosts()
    with ahead.language_host(engine, tmp_path, Path(sys.executable), dict(os.environ)) as variables:
        (host,) = _hosts() - before
        host.kill()
        host.wait()
        with _attached(engine, variables) as (stub, plugin):
            assert psutil.Process(plugin.pid).cmdline()[2].endswith("language_host.py")
            assert stub.About(language_pb2.AboutRequest()).executable == sys.executable


def test_a_cli_that_brings_its_own_host_gets_none(tmp_path: Path) -> None:
    official = Engine(pulumi=tmp_path / "pulumi", version="0", origin="official")
    with ahead.language_host(official, tmp_path, Path(sys.executable), {}) as variables:
        assert variables == {}
