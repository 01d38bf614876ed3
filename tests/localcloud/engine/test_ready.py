"""A provider that is slow to serve is waited for, and an engine that did not wait long enough runs once more."""

from __future__ import annotations

import socket
import sys
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from localcloud.engine import ready
from localcloud.engine.find import Engine
from localcloud.engine.run import EngineFailed, Workspace
from tests.ports import free_port

#: What the CLI prints when it gives up (3.259), with the prefix of each kind of plugin.
GIVEN_UP = (
    "error: aws (resource) plugin [aws] did not begin responding to RPC connections",
    "could not create stack: python (language) plugin [/x/pulumi-language-python] did not begin responding to RPC connections",
    "aws (resource) plugin [aws] did not come alive: rpc error: code = DeadlineExceeded desc = context deadline exceeded",
)


def serve(port: int) -> grpc.Server:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    assert server.add_insecure_port(f"127.0.0.1:{port}") == port
    server.start()
    return server


def test_a_server_that_comes_late_is_waited_for() -> None:
    port, made = free_port(), []
    late = threading.Timer(0.4, lambda: made.append(serve(port)))
    begun = time.monotonic()
    late.start()
    try:
        assert ready.serves(port)
        assert time.monotonic() - begun >= 0.4
    finally:
        late.join()
        made[0].stop(0)


def test_a_port_where_nobody_answers_is_not_a_provider() -> None:
    assert not ready.serves(free_port(), within=0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not ready.serves(silent.getsockname()[1], within=0.2)


@pytest.mark.parametrize("said", GIVEN_UP)
def test_what_the_cli_says_of_a_plugin_that_it_gave_up_is_known(said: str) -> None:
    assert ready.given_up(f"`pulumi up` failed:\n{said}\n")
    assert not ready.given_up("error: the program exited with code 1")


def workspace(tmp_path: Path, script: str, port: int) -> Workspace:
    """One whose CLI is a shell script that finds the number of this run in $run."""
    project, pulumi = tmp_path / "project", tmp_path / "pulumi"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    pulumi.write_text(f"#!/bin/sh\necho run >>{tmp_path}/runs\nrun=$(wc -l <{tmp_path}/runs)\n{script}\n")
    pulumi.chmod(0o755)
    engine = Engine(pulumi=pulumi, version="3.259.0", origin="path")
    return Workspace(
        engine=engine, project=project, state=tmp_path / "state", provider_port=port, python=Path(sys.executable)
    )


@pytest.mark.parametrize("said", GIVEN_UP)
def test_an_engine_that_gave_a_plugin_up_runs_once_more_and_says_so(tmp_path: Path, said: str) -> None:
    server = serve(port := free_port())
    try:
        slow_once = workspace(tmp_path, f'[ "$run" = 2 ] || {{ echo "{said}"; exit 255; }}', port)
        lines: list[str] = []
        slow_once.say = lines.append
        slow_once.run(["up"], "local")
        assert len(lines) == 1
        assert "running it again" in lines[0]
        (tmp_path / "runs").unlink()
        slow_once.engine.pulumi.write_text(f"#!/bin/sh\necho run >>{tmp_path}/runs\necho '{said}'\nexit 255\n")
        with pytest.raises(EngineFailed, match=r"did not (begin|come)"):
            slow_once.run(["up"], "local")
        assert (tmp_path / "runs").read_text() == "run\nrun\n"
    finally:
        server.stop(0)


def test_what_has_begun_is_not_repeated_and_other_failures_are_not(tmp_path: Path) -> None:
    """The event log holds a resource of the provider's: `up` settles that, not a second run."""
    server = serve(port := free_port())
    event = (
        '{"resourcePreEvent": {"metadata": {"op": "create", "urn": "urn:pulumi:local::p::aws:s3/bucket:Bucket::b",'
        ' "type": "aws:s3/bucket:Bucket"}}}'
    )
    find_log = 'for word; do [ "$last" = --event-log ] && log=$word; last=$word; done'
    try:
        begun = workspace(tmp_path, f"{find_log}\necho '{event}' >\"$log\"\necho '{GIVEN_UP[0]}'\nexit 255", port)
        with pytest.raises(EngineFailed, match="did not begin"):
            begun.run(["up"], "local")
        assert (tmp_path / "runs").read_text() == "run\n"
        begun.engine.pulumi.write_text(f"#!/bin/sh\necho run >>{tmp_path}/runs\necho 'error: no'\nexit 1\n")
        with pytest.raises(EngineFailed, match="error: no"):
            begun.run(["up"], "local")
        assert (tmp_path / "runs").read_text() == "run\nrun\n"
    finally:
        server.stop(0)


def test_no_engine_is_started_for_a_provider_that_does_not_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready.serves, "__defaults__", (0.1,))
    nobody = workspace(tmp_path, "exit 0", free_port())
    with pytest.raises(EngineFailed, match=r"the provider does not answer on 127\.0\.0\.1:\d+ within"):
        nobody.run(["up"], "local")
    assert not (tmp_path / "runs").exists()
