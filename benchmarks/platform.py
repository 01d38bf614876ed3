"""Who spends the time of an engine run: Python, the program, the provider, the emulator, the engine."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import grpc

from benchmarks.figures import Figure, cpu_of_children
from localcloud.engine.find import ensure
from localcloud.engine.run import Result, Workspace
from localcloud.provider import schema
from localcloud.provider.clients import OperationClients
from localcloud.provider.core import Core
from localcloud.provider.kept import KeptProperties
from localcloud.provider.rows import ROWS
from localcloud.provider.servicer import Servicer, add_to
from localcloud.runtime.addresses import AddressBook
from localcloud.runtime.ephemeral import Endpoints, cloud

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
        super().__init__(endpoint, agent="matchday-bench")
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
                before = cpu_of_children()
                done: Result = workspace.run(command, stack)
                spent = cpu_of_children() - before
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


def main() -> None:
    """Emit all figures: about two minutes on two cores."""
    _engine_figures()
