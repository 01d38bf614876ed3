"""Python language host for a Pulumi CLI that was built from Go modules, where Pulumi's own host is not to be had.

The engine starts the executable `pulumi-language-python`; our build puts a two-line shell script of that name beside the CLI,
which runs this file. It is copied there and so stands alone: it needs only `grpcio` and `pulumi`, from the interpreter that
runs it. It runs programs and policy packs, in the virtual environment that Pulumi.yaml or PulumiPolicy.yaml names; it installs
nothing and generates nothing.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import grpc
from google.protobuf import empty_pb2

# The engine starts the host twice for a run, and waits. It needs the SDK's messages, not the SDK, which is half of its start:
# with empty modules of these names in their places, the packages' own files are not run.
for _name in ("pulumi", "pulumi.runtime"):
    _empty = ModuleType(_name)
    _spec = find_spec(_name)
    _empty.__path__ = list(_spec.submodule_search_locations or ()) if _spec else []
    sys.modules[_name] = _empty

from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2  # noqa: E402 (into the modules above)

#: Pulumi's own launcher of a Python program, from the module cache of the build, beside this file.
LAUNCHER = Path(__file__).with_name("pulumi-language-python-exec")

#: What runs the launcher.
PROGRAM = Path(__file__).with_name("program.py")

#: The launcher's exit code when it has already shown the user what is wrong (pulumi-language-python-exec).
ALREADY_SHOWN = 32

_UNLIMITED = [("grpc.max_receive_message_length", 400 << 20), ("grpc.max_send_message_length", 400 << 20)]


def interpreter(info: Any) -> str:
    """The Python of the `virtualenv` option (relative to the project's folder) if it names one, else this one."""
    options = dict(info.options.items()) if info.HasField("options") else {}
    name = options.get("virtualenv")
    if name:
        python = Path(info.root_directory) / name / "bin" / "python"
        if python.exists():
            return str(python)
    return sys.executable


def _output(field: str, chunk: bytes) -> Any:
    message = language_pb2.RunPluginResponse()
    setattr(message, field, chunk)
    return message


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The LanguageRuntime service (pulumi/proto/language.proto), as far as Python programs and packs need it."""

    def __init__(self, engine: str) -> None:
        self._engine = engine

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._engine = request.engine_address or self._engine
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version="3.259.0")

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        # Empty on purpose: the engine would try to download whatever is named here.
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.GetRequiredPluginsResponse()

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.GetProgramDependenciesResponse()

    def RuntimeOptionsPrompts(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.RuntimeOptionsResponse()

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        message = "Dependencies are locked in requirements/: run `make setup`.\n"
        yield language_pb2.InstallDependenciesResponse(stdout=message.encode())

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Run a program to its end."""
        options = {
            "monitor": request.monitor_address,
            "engine": self._engine,
            "project": request.project,
            "stack": request.stack,
            "pwd": request.info.program_directory or request.pwd,
            "root_directory": request.info.root_directory,
            "dry_run": str(request.dryRun).lower(),
            "parallel": str(request.parallel),
            "organization": request.organization,
        }
        command = [interpreter(request.info), "-u", str(PROGRAM), str(LAUNCHER)]
        for name, value in options.items():
            if value:
                command += [f"--{name}", value]
        command += [request.info.entry_point or ".", *request.args]
        environment = {
            # Without compiled modules a program that uses pulumi_aws takes 10 s longer to start.
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL) as program:
            context.add_callback(program.terminate)
            code = program.wait()
        if code == ALREADY_SHOWN:
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=f"the program exited with code {code}" if code else "")

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Run a plugin written in Python (a policy pack) and stream what it prints; the last message is its exit code."""
        info = request.info
        entry = info.entry_point if info.entry_point not in ("", ".") else ""
        plugin = subprocess.Popen(
            [interpreter(info), "-u", str(Path(info.program_directory) / entry), *request.args],
            cwd=request.pwd,
            env=dict(pair.split("=", 1) for pair in request.env) if request.env else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        context.add_callback(plugin.kill)
        chunks: queue.Queue[Any] = queue.Queue()

        def pump(stream: IO[bytes], field: str) -> None:
            while chunk := os.read(stream.fileno(), 65536):
                chunks.put(_output(field, chunk))
            chunks.put(None)

        streams = {"stdout": plugin.stdout, "stderr": plugin.stderr}
        for field, stream in streams.items():
            threading.Thread(target=pump, args=(stream, field), daemon=True).start()
        ended = 0
        while ended < len(streams):
            message = chunks.get()
            if message is None:
                ended += 1
            else:
                yield message
        yield language_pb2.RunPluginResponse(exitcode=plugin.wait())


def main() -> None:
    """Serve on a free loopback port until the engine ends us; the first line of standard output is the port."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # The engine interrupts its plugins at the end of every run: an ordinary end, not an error to print.
        signal.signal(number, lambda *_: stop.set())
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=_UNLIMITED)
    host = LanguageHost(sys.argv[-1] if len(sys.argv) > 1 else "")
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 (the plugin protocol)
    # The engine holds our standard input open as long as it lives; when it dies without a signal, we end too.
    parent = os.getppid()
    while not stop.wait(1.0):
        if os.getppid() != parent:
            break
    server.stop(grace=0)


if __name__ == "__main__":
    main()
