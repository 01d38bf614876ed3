"""A task's network namespace, seen from Python programs that know nothing of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import psutil
import pytest

from localcloud.dataplane.ecs import network_file
from tests.ports import free_port

pytestmark = pytest.mark.process

ADDRESS = "127.97.16.5"


class Sandbox:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "sitecustomize.py").write_bytes(
            (files("localcloud.dataplane.ecs") / "sandbox" / "sitecustomize.py").read_bytes()
        )
        self.names({})

    def names(self, names: dict[str, dict[str, list[tuple[str, int]]]]) -> None:
        network_file.write(self.directory, {"address": ADDRESS, "names": names})

    def popen(self, program: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)],
            env={"PYTHONPATH": str(self.directory), "PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, program: str) -> Any:
        """What the program prints, as JSON."""
        with self.popen(program) as process:
            out, _ = process.communicate(timeout=20)
        assert process.returncode == 0
        return json.loads(out)


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


def test_whoever_looks_between_two_changes_of_one_moment_sees_the_second(sandbox: Sandbox) -> None:
    """A task looks at the time of writing, of which older kernels have one for all that is written within milliseconds."""
    times = []
    for number in range(50):
        sandbox.names({"ledger": {"80": [(ADDRESS, number)]}})
        times.append((sandbox.directory / "network.json").stat().st_mtime_ns)
    assert len(set(times)) == 50


@pytest.mark.parametrize("host", ["0.0.0.0", "", "127.0.0.1", "localhost"])
def test_every_interface_is_the_tasks_own(sandbox: Sandbox, host: str) -> None:
    program = f"""
        import json, socket
        server = socket.socket(); server.bind(({host!r}, 18080)); print(json.dumps(server.getsockname()))
    """
    assert sandbox.run(program) == [ADDRESS, 18080]


@pytest.mark.parametrize("host", ["::", "::1"])
def test_ipv6_wildcard_is_the_tasks_own_too(sandbox: Sandbox, host: str) -> None:
    program = f"""
        import json, socket
        server = socket.socket(socket.AF_INET6); server.bind(({host!r}, 18080)); print(json.dumps(server.getsockname()[0]))
    """
    assert sandbox.run(program) == f"::ffff:{ADDRESS}"


def test_asyncio_server_and_client_meet_on_localhost(sandbox: Sandbox) -> None:
    program = """
        import asyncio, json
        async def main():
            async def answer(reader, writer):
                writer.write(json.dumps(writer.get_extra_info("sockname")).encode()); writer.close()
            found = []
            for host in (None, "0.0.0.0"):
                server = await asyncio.start_server(answer, host, 18081)
                for there in ("localhost", "127.0.0.1"):
                    reader, writer = await asyncio.open_connection(there, 18081)
                    found.append(json.loads(await reader.read())[0]); writer.close()
                server.close(); await server.wait_closed()
            print(json.dumps(found))
        asyncio.run(main())
    """
    assert set(sandbox.run(program)) == {ADDRESS}


def test_two_tasks_listen_on_one_port(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        (tmp_path / "box").mkdir()
        program = f"import json, socket; socket.create_server(('0.0.0.0', {port})); print(json.dumps('bound'))"
        assert Sandbox(tmp_path / "box").run(program) == "bound"


def test_other_loopback_addresses_are_left_alone(sandbox: Sandbox) -> None:
    with socket.create_server(("127.97.99.9", 18083)) as server:
        program = """
            import json, socket
            client = socket.create_connection(("127.97.99.9", 18083))
            code = socket.socket().connect_ex(("127.97.99.9", 18083))
            print(json.dumps([client.getpeername()[0], code]))
        """
        assert sandbox.run(program) == ["127.97.99.9", 0]
        server.accept()


def test_names_lead_to_tasks_and_change_while_the_program_runs(sandbox: Sandbox) -> None:
    with socket.create_server(("127.97.16.7", 18084)), socket.create_server(("127.97.16.8", 18085)):
        sandbox.names({"auth": {"80": [("127.97.16.7", 18084)]}})
        program = """
            import json, socket, sys
            def peer():
                try:
                    with socket.create_connection(("AUTH", 80), 2) as client:
                        return list(client.getpeername())
                except OSError as error:
                    return f"{type(error).__name__} {error.errno}"
            raw = socket.socket(); raw.connect(("auth", 80))
            print(json.dumps([peer(), list(raw.getpeername()), socket.gethostbyname("auth")]), flush=True)
            for _ in sys.stdin:
                print(json.dumps(peer()), flush=True)
        """
        process = sandbox.popen(program)
        assert process.stdin
        assert process.stdout
        assert json.loads(process.stdout.readline()) == [["127.97.16.7", 18084], ["127.97.16.7", 18084], "127.97.16.7"]

        def ask() -> Any:
            assert process.stdin
            assert process.stdout
            process.stdin.write("\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        sandbox.names({"auth": {"80": [("127.97.16.8", 18085)]}})
        assert ask() == ["127.97.16.8", 18085]
        sandbox.names({"auth": {"80": []}})
        assert ask() == f"gaierror {socket.EAI_AGAIN}"
        process.communicate()


def test_requests_are_spread_over_tasks(sandbox: Sandbox) -> None:
    sandbox.names({"auth": {"80": [("127.97.16.7", 80), ("127.97.16.8", 80)]}})
    program = """
        import json, socket
        print(json.dumps([socket.getaddrinfo("auth", 80)[0][4][0] for _ in range(4)]))
    """
    found = sandbox.run(program)
    assert sorted(found) == ["127.97.16.7", "127.97.16.7", "127.97.16.8", "127.97.16.8"]


def test_forked_children_die_with_their_parent(sandbox: Sandbox) -> None:
    program = """
        import os, time
        child = os.fork()
        if child == 0:
            time.sleep(60)
        print(child, flush=True)
        time.sleep(60)
    """
    process = sandbox.popen(program)
    assert process.stdout
    child = int(process.stdout.readline())
    assert psutil.pid_exists(child)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 30
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_child_forked_by_a_passing_thread_lives_on(sandbox: Sandbox) -> None:
    program = """
        import json, multiprocessing, threading, time
        def work(queue): time.sleep(0.3); queue.put("done")
        queue = multiprocessing.get_context("fork").SimpleQueue()
        def begin(): multiprocessing.get_context("fork").Process(target=work, args=(queue,)).start()
        thread = threading.Thread(target=begin); thread.start(); thread.join()
        print(json.dumps(queue.get()))
    """
    assert sandbox.run(program) == "done"


def test_it_costs_a_start_little(sandbox: Sandbox) -> None:
    heavy = {"asyncio", "pathlib", "random", "ctypes", "subprocess"}
    assert sandbox.run(f"import json, sys; print(json.dumps(sorted(set(sys.modules) & {heavy})))") == []
