"""How long the platform takes, and who spends the time; how much memory it holds."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import grpc
import psutil

from benchmarks.figures import Figure
from localcloud.dataplane.control.client import Client
from localcloud.engine.find import ensure
from localcloud.engine.run import Result, Workspace
from localcloud.provider import schema
from localcloud.provider.clients import OperationClients
from localcloud.provider.core import Core
from localcloud.provider.kept import KeptProperties
from localcloud.provider.rows import ROWS
from localcloud.provider.servicer import Servicer, add_to
from localcloud.runtime.addresses import AddressBook
from localcloud.runtime.aws import Aws
from localcloud.runtime.ephemeral import Endpoints, cloud
from localcloud.runtime.state import StateDirectory

PROJECT = Path(__file__).resolve().parents[1]
REGION = "ap-south-1"
UP = ["up", "--yes", "--skip-preview", "--parallel", "16"]
_UNLIMITED = [("grpc.max_receive_message_length", 400 << 20), ("grpc.max_send_message_length", 400 << 20)]

#: Import and program apart: the first composition loads the AWS classes, the second only makes objects.
_COMPOSE = """
import asyncio, json, sys, time
begun = time.perf_counter()
import pulumi
from pulumi.runtime import mocks
from environments.settings import load
from model.catalog import load_catalog
from stacks.environment.program import Environment
import yaml

class Mocks(mocks.Mocks):
    def new_resource(self, args):
        return args.name + "-id", {**args.inputs, "arn": "arn:aws:x:ap-south-1:123456789012:" + args.name, "name": args.name}
    def call(self, args):
        return {"accountId": "123456789012", "id": "pl-1", "arn": "arn:aws:x:::y"}

file = yaml.safe_load(open("environments/Pulumi.local.yaml"))["config"]
settings = load("local", {k: v if isinstance(v, str) else json.dumps(v) for k, v in file.items()})
catalog = load_catalog(__import__("pathlib").Path("services"), settings.tier.value)
loaded = time.perf_counter()
times = []
for _ in range(2):
    asyncio.set_event_loop(asyncio.new_event_loop())
    mocks.set_mocks(Mocks(), project="matchday", stack="local")
    start = time.perf_counter()
    Environment(settings, catalog)
    times.append(time.perf_counter() - start)
print(json.dumps({"import": loaded - begun + times[0] - times[1], "program": times[1]}))
"""


class Busy:
    """Wall time during which at least one of many overlapping calls was under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        self.seconds, self.calls, self._inside, self._since = 0.0, 0, 0, 0.0

    @contextmanager
    def call(self) -> Iterator[None]:
        with self._lock:
            if self._inside == 0:
                self._since = time.perf_counter()
            self._inside += 1
            self.calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self.seconds += time.perf_counter() - self._since


class _TimedClients(OperationClients):
    def __init__(self, endpoint: str, busy: Busy) -> None:
        super().__init__(endpoint)
        self._busy = busy

    def call(self, *arguments: Any) -> dict[str, Any]:
        with self._busy.call():
            return super().call(*arguments)


if TYPE_CHECKING:
    Interceptor = grpc.ServerInterceptor[Any, Any]
else:
    Interceptor = grpc.ServerInterceptor


class _TimedCalls(Interceptor):
    def __init__(self, busy: Busy) -> None:
        self._busy = busy

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler

        def timed(request: Any, context: Any) -> Any:
            with self._busy.call():
                return handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(timed, handler.request_deserializer, handler.response_serializer)


@contextmanager
def _timed_provider(far_end: Endpoints, directory: Path, rpc: Busy, api: Busy) -> Iterator[int]:
    """The provider in this process, with a clock on its calls and on those that it makes; yields its port."""
    core = Core(
        ROWS,
        schema.load(directory / "store", ROWS),
        _TimedClients(far_end.endpoint, api),
        KeptProperties(directory / "store"),
        AddressBook(directory),
        "127.0.0.1:8080",
    )
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=32), interceptors=[_TimedCalls(rpc)], options=_UNLIMITED
    )
    add_to(server, Servicer(core, REGION, version("pulumi-aws")))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=1)


def _raw_calls(endpoint: str, count: int) -> float:
    """Seconds of `count` bare boto3 writes, one after the other: what the emulator costs with nothing in between."""
    client = boto3.client(
        "ssm", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )
    client.put_parameter(Name="/warm", Value="x", Type="String", Overwrite=True)
    begun = time.perf_counter()
    for number in range(count):
        client.put_parameter(Name=f"/bench/{number}", Value="x", Type="String", Overwrite=True)
    return time.perf_counter() - begun


def _spent_by_children() -> float:
    """Seconds of CPU of the processes that this one has started and waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _floor(directory: Path, port: int) -> float:
    """Seconds of a preview of one resource: the CLI, the language host and an interpreter, and hardly a program."""
    project = directory / "one-resource"
    project.mkdir(exist_ok=True)
    (project / "Pulumi.yaml").write_text("name: floor\nruntime: python\n")
    (project / "__main__.py").write_text("import pulumi_aws as aws\naws.ec2.Vpc('only', cidr_block='10.0.0.0/16')\n")
    workspace = Workspace(
        engine=ensure(lambda _message: None),
        project=project,
        state=project / "state",
        provider_port=port,
        python=Path(sys.executable),
    )
    return workspace.run(["preview"], "floor").seconds


def _composition() -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", _COMPOSE], cwd=PROJECT, capture_output=True, text=True, check=True)
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return times


def _engine_figures() -> None:
    rpc, api = Busy(), Busy()
    with tempfile.TemporaryDirectory(prefix="matchday-bench-") as scratch:
        directory = Path(scratch)
        with cloud(directory, region=REGION) as far_end, _timed_provider(far_end, directory, rpc, api) as port:
            workspace = Workspace(
                engine=ensure(lambda _message: None),
                project=PROJECT,
                state=directory / "pulumi",
                provider_port=port,
                python=Path(sys.executable),
            )

            def timed(name: str, command: list[str], stack: str = "local") -> None:
                rpc.reset()
                api.reset()
                workspace.ensure_stack(stack)
                before = _spent_by_children()
                done: Result = workspace.run(command, stack)
                spent = _spent_by_children() - before
                count = sum(done.changes.values())
                parts = _composition()
                # Overlaps are counted for the innermost: emulator, then provider, then Python; the rest is the engine's.
                emulator, provider = api.seconds, max(0.0, rpc.seconds - api.seconds)
                python = 0.0 if command[0] == "refresh" else parts["import"] + parts["program"]
                calls = api.calls
                floor = _floor(directory, port)
                Figure(name=f"{name}: wall", value=round(done.seconds, 2), unit="s", reference=round(floor, 2),
                       against="a preview of one resource").emit()  # fmt: skip
                # Less noisy than time where others use the machine, too.
                Figure(name=f"{name}: CPU of the CLI, the language host and the program", value=round(spent, 2), unit="s",
                       reference=round(done.seconds, 2), against="its wall time").emit()  # fmt: skip
                Figure(name=f"{name}: rate", value=round(count / done.seconds, 1), unit="resources/s",
                       reference=round(1 / floor, 2), against="a preview of one resource").emit()  # fmt: skip
                if calls > count:
                    raw = _raw_calls(far_end.endpoint, calls)
                    Figure(name=f"{name}: emulator, {calls} calls", value=round(emulator, 2), unit="s",
                           reference=round(raw, 2), against="as many bare writes, one by one").emit()  # fmt: skip
                split = {
                    "Python import": parts["import"] if python else 0.0,
                    "program": parts["program"] if python else 0.0,
                    "provider": provider,
                    "emulator": emulator,
                    "engine, and the program's calls to it": max(0.0, done.seconds - python - provider - emulator),
                }
                for part, seconds in split.items():
                    Figure(name=f"{name}: {part}", value=round(seconds, 2), unit="s", reference=round(done.seconds, 2),
                           against="its wall time").emit()  # fmt: skip

            timed("up local", UP)
            timed("no-op preview local", ["preview"])
            timed("refresh local", ["refresh", "--yes"])
            timed("preview prod", ["preview"], "prod")


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
    for kind, mebibytes in sorted(used.items()):
        Figure(name=f"{name}: {kind}", value=round(mebibytes, 1), unit="MiB", reference=round(sum(used.values()), 1),
               against="the whole platform").emit()  # fmt: skip


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
    Figure(name=f"{running} processes: {missing} more converge", value=round(seconds, 2), unit="s",
           reference=round((_spent(pid) - spent) / (os.cpu_count() or 1), 2),
           against="the CPU they cost, shared by all cores").emit()  # fmt: skip
    _memory_figures(f"{running} processes: memory", pid)


def _up_figures() -> None:
    """`matchday up` in a clone of its own: from nothing, again while it runs, and again after a stop."""
    with tempfile.TemporaryDirectory(prefix="matchday-bench-") as scratch:
        clone = Path(scratch)
        for room in (
            "cli",
            "components",
            "environments",
            "localcloud",
            "model",
            "policies",
            "scoring",
            "services",
            "stacks",
        ):
            shutil.copytree(PROJECT / room, clone / room, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PROJECT / "Pulumi.yaml", clone)
        command = [sys.executable, "-c", "from cli.main import main; main()"]

        def matchday(*arguments: str) -> str:
            environment = {**os.environ, "PYTHONPATH": str(clone)}
            done = subprocess.run(
                [*command, *arguments], cwd=clone, env=environment, capture_output=True, text=True, check=True
            )
            return done.stdout

        floor = _composition()
        try:
            for name, before in (("from nothing", None), ("while it runs", None), ("after down", "down")):
                if before:
                    matchday(before)
                document = json.loads(matchday("up", "--port", "18080", "--json"))
                for phase, seconds in document["seconds"].items():
                    Figure(name=f"up {name}: {phase}", value=seconds, unit="s", reference=round(sum(floor.values()), 2),
                           against="importing and running the program once").emit()  # fmt: skip
            places = StateDirectory.of(clone)
            pid = json.loads(places.supervisor.read_text())["pid"]
            _memory_figures("memory", pid)
            _crowd_figures(places.root, pid)
        finally:
            matchday("reset", "--yes")


def main() -> None:
    """Emit all figures: about four minutes on two cores."""
    _engine_figures()
    _up_figures()
