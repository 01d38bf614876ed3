"""`matchday ps`: every process of the running platform, with the memory and the processor time that it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any

import psutil
import typer

from cli import console, local
from cli.documents import Ps, Usage


def ps(
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """List the processes of the running platform: tasks, data stores, servers, each with memory and processor time.

    Exit code 0; 1 when nothing runs.
    """
    found = list(_usages(local.require_running().status()))
    if as_json:
        document: Ps = {"processes": found, "mebibytes": round(sum(usage["mebibytes"] for usage in found), 1)}
        console.emit(document)
        return
    rows = [
        (
            u["name"],
            str(u["pid"]),
            str(u["processes"]),
            f"{u['mebibytes']:.0f}",
            f"{u['cpu_seconds']:.1f}",
            str(u["up_seconds"]),
        )
        for u in found
    ]
    console.table(rows, ("part", "pid", "procs", "MiB (PSS)", "CPU s", "up s"))
    console.result.print(f"\n{sum(u['mebibytes'] for u in found):.0f} MiB in all")


def _usages(status: dict[str, Any]) -> Iterator[Usage]:
    named = [
        (f"{service['name']}/{task['id'][:8]}", task["pid"])
        for service in status["services"]
        for task in service["tasks"]
    ]
    named += [(f"{store['kind']}/{store['name']}", store["pid"]) for store in status["databases"]]
    named += [(server["name"], server["pid"]) for server in status["servers"]]
    listed = {pid for _, pid in named if pid}
    supervisor = status["supervisor"]["pid"]
    for name, pid in named:
        if pid:
            yield from _usage(name, pid, apart=listed - {pid})
    # What remains is the supervisor itself, the guardian and the parents that tasks are forked from.
    yield from _usage("supervisor", supervisor, apart=listed)


def _usage(name: str, pid: int, apart: set[int]) -> Iterator[Usage]:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        family = [process, *_descendants(process, apart)]
        memory = cpu = 0.0
        for member in family:
            with suppress(psutil.Error):
                memory += member.memory_full_info().pss / 2**20
                times = member.cpu_times()
                cpu += times.user + times.system
        yield Usage(
            name=name,
            pid=pid,
            processes=len(family),
            mebibytes=round(memory, 1),
            cpu_seconds=round(cpu, 2),
            up_seconds=int(time.time() - process.create_time()),
        )


def _descendants(process: psutil.Process, apart: set[int]) -> Iterator[psutil.Process]:
    for child in process.children():
        if child.pid not in apart:
            yield child
            yield from _descendants(child, apart)
