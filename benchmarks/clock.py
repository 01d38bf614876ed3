"""What a person at the keyboard waits for: `matchday up`, `down` and previews in a clone; and what the platform then holds.

Beside each figure stands that of an earlier commit (reference.json). Time by the clock says something on an idle machine only;
the CPU that all processes spent says something on any.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.figures import Figure, cpu_of_children
from localcloud.dataplane.control.client import Client
from localcloud.runtime.aws import Aws
from localcloud.runtime.state import StateDirectory

PROJECT = Path(__file__).resolve().parents[1]
REGION = "ap-south-1"

#: Python processes of the crowded platform.
CROWD = 40

#: What a process is, by what stands in its command line; the first that fits.
_KINDS = {
    "postgres": "PostgreSQL",
    "valkey": "Valkey",
    "caddy": "ingress",
    "localcloud.emulator": "emulator",
    "localcloud.provider": "provider",
    "localcloud.dataplane": "supervisor",
    "guardian": "supervisor",
    "fork_server": "tasks",
    "services.": "tasks",
    "celeryd": "tasks",
}


def _memory(pid: int) -> dict[str, float]:
    """MiB by proportional set size, of the supervisor and of its descendants by what they run."""
    total: dict[str, float] = {}
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        try:
            words = " ".join(process.cmdline())
            used = process.memory_full_info().pss / 2**20
        except (psutil.NoSuchProcess, psutil.ZombieProcess):  # a health check that has ended
            continue
        kind = next((kind for mark, kind in _KINDS.items() if mark in words), "other")
        total[kind] = total.get(kind, 0.0) + used
    return total


def _memory_figures(name: str, pid: int) -> None:
    used = _memory(pid)
    for kind, mebibytes in sorted({**used, "all processes": sum(used.values())}.items()):
        Figure.compared(f"{name}: {kind}", round(mebibytes, 1), "MiB").emit()


def _spent(pid: int) -> float:
    """Seconds of CPU that a process, its descendants and what they have waited for have spent."""
    root = psutil.Process(pid)
    spent = 0.0
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            spent += sum(process.cpu_times()[:4])
    return spent


def _crowd_figures(state: Path, pid: int) -> None:
    """Forty Python processes on the running platform: how soon they all serve, at what cost, and what they take."""
    client = Client.connect(state)
    ecs = Aws(client.info.emulator, REGION).client("ecs")
    (cluster,) = ecs.list_clusters()["clusterArns"]
    services = client.status()["services"]
    grown = [service["name"] for service in services if not service["name"].endswith("scheduler")]
    missing = CROWD - sum(service["desired"] for service in services)
    share, rest = divmod(missing, len(grown))
    for number, name in enumerate(grown):
        before = next(service["desired"] for service in services if service["name"] == name)
        ecs.update_service(cluster=cluster, service=name, desiredCount=before + share + (number < rest))
    begun, spent = time.perf_counter(), _spent(pid)
    for _event in client.converge(300):
        pass
    seconds = time.perf_counter() - begun
    running = sum(service["running"] for service in client.status()["services"])
    Figure.compared(f"{running} processes: {missing} more converge", round(seconds, 2), "s").emit()
    Figure.compared(f"{running} processes: CPU of {missing} more", round(_spent(pid) - spent, 2), "s").emit()
    _memory_figures(f"{running} processes: memory", pid)


#: What a clone needs to run the platform.
_ROOMS = (
    "cli",
    "components",
    "environments",
    "localcloud",
    "model",
    "policies",
    "scoring",
    "services",
    "site",
    "stacks",
)


class _Clone:
    """A copy of the working tree, with a local cloud of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for room in _ROOMS:
            shutil.copytree(PROJECT / room, directory / room, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PROJECT / "Pulumi.yaml", directory)
        self.places = StateDirectory.of(directory)

    @property
    def supervisor(self) -> int | None:
        """Its process, while there is one."""
        with suppress(FileNotFoundError):
            return int(json.loads(self.places.supervisor.read_text())["pid"])
        return None

    def _spent(self) -> float:
        """Seconds of CPU of all commands that have ended, and of the platform's processes."""
        platform = 0.0
        if self.supervisor is not None:
            with suppress(psutil.NoSuchProcess):
                platform = _spent(self.supervisor)
        return cpu_of_children() + platform

    def run(self, name: str, *arguments: str) -> str:
        """Run a command of `matchday` and emit its seconds by the clock, and of CPU; returns what it printed."""
        before, begun = self._spent(), time.perf_counter()
        running = 0.0 if self.supervisor is None else _spent(self.supervisor)
        done = subprocess.run(
            [sys.executable, "-c", "from cli.main import main; main()", *arguments],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": str(self.directory)},
            stdout=subprocess.PIPE,  # why a command fails stands on standard error, for who runs this to read
            text=True,
            check=True,
        )
        seconds, spent = time.perf_counter() - begun, self._spent() - before
        if self.supervisor is None:  # it has ended with the platform, and what it had spent before is no part of this
            spent += running
        Figure.compared(f"{name}: total", round(seconds, 2), "s").emit()
        Figure.compared(f"{name}: CPU of all processes", round(spent, 2), "s").emit()
        return done.stdout

    def up(self, name: str) -> None:
        """`matchday up`, with its own seconds by phase."""
        document = json.loads(self.run(name, "up", "--port", "18080", "--json"))
        for phase, seconds in document["seconds"].items():
            if phase != "total":
                Figure.compared(f"{name}: {phase}", seconds, "s").emit()


def main() -> None:
    """Emit all figures: about three minutes on two cores."""
    with tempfile.TemporaryDirectory(prefix="matchday-bench-") as scratch:
        clone = _Clone(Path(scratch))
        try:
            clone.run("the first command", "preview", "local", "--json")  # compiles what it imports
            clone.run("preview prod", "preview", "prod", "--json")
            clone.up("up from nothing")
            clone.up("up while it runs")
            clone.run("preview local while it runs", "preview", "local", "--json")
            clone.run("down", "down")
            clone.up("up after down")
            assert clone.supervisor is not None
            _memory_figures("memory", clone.supervisor)
            _crowd_figures(clone.places.root, clone.supervisor)
        finally:
            subprocess.run(
                [sys.executable, "-c", "from cli.main import main; main()", "reset", "--yes"],
                cwd=clone.directory,
                env={**os.environ, "PYTHONPATH": str(clone.directory)},
                check=False,
            )
