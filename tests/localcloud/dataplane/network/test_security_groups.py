"""Security groups: what the rules of both sides let be connected to, and how what they drop looks to a task."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from localcloud.dataplane.model import Database, DesiredState, Permission, SecurityGroup, Service, TaskDefinition
from localcloud.dataplane.network.black_hole import BlackHole
from localcloud.dataplane.network.flows import flows, stores
from localcloud.dataplane.network.security_groups import Ports, leaves, reachable
from localcloud.runtime.addresses import AddressBook

EVERYTHING = Permission(protocol="-1", ranges=["0.0.0.0/0"])


def tcp(first: int, last: int | None = None, **more: Any) -> Permission:
    return Permission(protocol="tcp", first=first, last=last or first, **more)


def group(ingress: Sequence[Permission] = (), egress: Sequence[Permission] = ()) -> SecurityGroup:
    return SecurityGroup(ingress=ingress, egress=egress)


#: caller's egress, peer's ingress, what is reachable. The caller is in the group `one`, the peer in `two`.
CASES: list[tuple[list[Permission], list[Permission], list[Ports]]] = [
    ([], [], []),
    ([EVERYTHING], [], []),
    ([], [EVERYTHING], []),
    ([EVERYTHING], [EVERYTHING], [(0, 65535)]),
    ([tcp(5432, groups=["two"])], [tcp(5432, groups=["one"])], [(5432, 5432)]),
    ([tcp(5432, groups=["two"])], [tcp(5432, groups=["three"])], []),
    ([tcp(5432, groups=["three"])], [tcp(5432, groups=["one"])], []),
    ([tcp(80, 90, groups=["two"])], [tcp(85, 99, groups=["one"])], [(85, 90)]),
    ([tcp(80, groups=["two"])], [tcp(90, groups=["one"])], []),
    ([tcp(80, ranges=["10.0.0.0/16"])], [tcp(80, ranges=["10.0.1.0/24"])], [(80, 80)]),
    ([tcp(80, ranges=["8.8.8.0/24"])], [tcp(80, ranges=["0.0.0.0/0"])], []),
    ([Permission(protocol="udp", first=80, last=80, groups=["two"])], [tcp(80, groups=["one"])], []),
    ([Permission(protocol="6", first=80, last=80, groups=["two"])], [tcp(80, groups=["one"])], [(80, 80)]),
]


@pytest.mark.parametrize(("egress", "ingress", "wanted"), CASES)
def test_both_sides_have_to_admit(egress: list[Permission], ingress: list[Permission], wanted: list[Ports]) -> None:
    groups = {"one": group(egress=egress), "two": group(ingress=ingress)}
    assert reachable(groups, ["one"], ["two"]) == wanted
    # Another group of the caller's adds what it admits; it takes nothing away.
    assert reachable({**groups, "more": group()}, ["one", "more"], ["two", "more"]) == wanted


def test_who_is_in_no_group_is_held_to_none() -> None:
    groups = {"one": group(egress=[tcp(80, groups=["two"])], ingress=[tcp(90, groups=["two"])])}
    assert reachable(groups, [], []) == [(0, 65535)]
    # The other side's groups still hold: it leaves towards the group `two` alone, and lets in from there alone.
    assert reachable(groups, ["one"], []) == reachable(groups, [], ["one"]) == []
    assert leaves(groups, [], 443)


def test_the_internet_is_left_by_public_addresses() -> None:
    def out(*ranges: str, port: int = 443) -> bool:
        return leaves({"one": group(egress=[tcp(port, ranges=list(ranges))])}, ["one"], 443)

    assert out("0.0.0.0/0")
    assert out("203.0.113.0/24")
    assert not out("10.0.0.0/8", "192.168.1.0/24")
    assert not out("0.0.0.0/0", port=80)
    assert not out()


def service(name: str, *groups: str) -> Service:
    definition = TaskDefinition(arn=f"task/{name}:1", family=name, containers=[])
    return Service(arn=name, name=name, cluster="c", desired=1, definition=definition, deployment="1", groups=groups)


def test_flows_are_those_of_the_services_groups(tmp_path: Path) -> None:
    book = AddressBook(tmp_path)
    desired = DesiredState(
        services=[service("web", "web"), service("jobs", "jobs"), service("free")],
        databases=[Database(identifier="main", port=5432, user="u", password="p", groups=["store"])],
        groups={
            "web": group(egress=[tcp(8080, groups=["jobs"]), tcp(443, ranges=["0.0.0.0/0"])]),
            "jobs": group(ingress=[tcp(8080, groups=["web"])], egress=[tcp(5432, groups=["store"])]),
            "store": group(ingress=[tcp(5432, groups=["jobs"])]),
        },
    )
    tasks = {"web": ["127.9.0.1"], "jobs": ["127.9.0.2"], "free": ["127.9.0.3"]}
    store = book.lease("rds", "main")
    found = flows(desired, stores(desired, book), tasks, "127.9.0.9")
    nowhere: dict[str, list[Ports]] = {
        address: [] for address in (store, "127.9.0.1", "127.9.0.2", "127.9.0.3", "127.9.0.9")
    }
    assert found == {
        "web": {**nowhere, "127.9.0.2": [(8080, 8080)], "127.9.0.3": [(443, 443)], "127.9.0.9": [(0, 65535)]},
        "jobs": {**nowhere, store: [(5432, 5432)]},
    }


@pytest.fixture
def book(tmp_path: Path) -> AddressBook:
    return AddressBook(tmp_path / "state")


async def test_a_black_hole_answers_nothing(book: AddressBook) -> None:
    hole = BlackHole(book.host(5))
    hole.open()
    try:
        for _ in range(5):
            with pytest.raises(TimeoutError):
                socket.create_connection(hole.address, timeout=0.2)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.open_connection(*hole.address), 0.2)
    finally:
        hole.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(hole.address, timeout=5)


def test_a_task_hears_nothing_of_what_is_not_allowed(book: AddressBook, tmp_path: Path) -> None:
    source = files("localcloud.dataplane.ecs") / "sandbox" / "sitecustomize.py"
    (tmp_path / "sitecustomize.py").write_bytes(source.read_bytes())
    hole = BlackHole(book.host(5))
    hole.open()
    peer, port = str(book.network[4000]), 18080
    with socket.create_server((peer, port)), socket.create_server((str(book.network[4001]), port)):
        program = f"""
            import asyncio, json, socket, sys

            def ask(host, seconds):
                try:
                    socket.create_connection((host, {port}), timeout=seconds).close()
                    return "connected"
                except OSError as error:
                    return type(error).__name__

            async def ask_async(host, seconds):
                try:
                    (await asyncio.wait_for(asyncio.open_connection(host, {port}), seconds))[1].close()
                    return "connected"
                except OSError as error:
                    return type(error).__name__

            for line in sys.stdin:
                host, seconds = line.split()
                print(json.dumps([ask(host, float(seconds)), asyncio.run(ask_async(host, float(seconds)))]), flush=True)
        """

        def let(*ports: Ports) -> None:
            network = {
                "address": str(book.network[4001]),
                "names": {"peer": {str(port): [(peer, port)]}},
                "flows": {peer: ports, str(book.network[4001]): []},
                "nowhere": hole.address,
            }
            draft = tmp_path / "network.new"
            draft.write_text(json.dumps(network))
            draft.replace(tmp_path / "network.json")

        let()
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)],
            env={"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as task:
            assert task.stdin is not None and task.stdout is not None

            def ask(host: str, seconds: float = 60) -> list[str]:
                """Whether a connection comes about: who waits for none waits shortly, and a busy machine may take its time."""
                assert task.stdin is not None and task.stdout is not None
                task.stdin.write(f"{host} {seconds}\n")
                task.stdin.flush()
                answers: list[str] = json.loads(task.stdout.readline())
                return answers

            try:
                assert ask(peer, 0.3) == ask("peer", 0.3) == ["TimeoutError"] * 2
                assert ask("localhost") == ["connected"] * 2  # nothing within a task passes a group
                let((port - 1, port))
                assert ask(peer) == ask("peer") == ["connected"] * 2
                let((port + 1, port + 1))
                assert ask(peer, 0.3) == ["TimeoutError"] * 2
            finally:
                task.kill()
                hole.close()
