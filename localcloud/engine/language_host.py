"""Python language host for a Pulumi CLI that was built from Go modules, where Pulumi's own host is not to be had.

The engine starts the executable `pulumi-language-python`, twice for a run, and waits for it; beside a link of the CLI lies a
shell script of that name (build.py). It runs this file, or, where a command has started one ahead (ahead.py), attaches the
engine to that (attach.py). This file is copied there and so stands alone: it needs only `grpcio` and `pulumi`, from the
interpreter that runs it. It runs programs and policy packs, in the virtual environment that Pulumi.yaml or PulumiPolicy.yaml
names; it installs nothing and generates nothing.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent import futures
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import grpc
from google.protobuf import empty_pb2

# The engine waits for the host. It needs the SDK's messages, not the SDK, which is half of its start: with empty modules of
# these names in their places, the packages' own files are not run.
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


class ProgramAhead:
    """A program's process that has imported what the program will need, and waits to be told which one it is. Used once."""

    def __init__(self) -> None:
        ours, its = socket.socketpair()
        self._socket: socket.socket | None = ours
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-u", str(PROGRAM), "--ahead", str(its.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
            )

    def run(
        self, command: list[str], environment: Mapping[str, str], output: tuple[int, int]
    ) -> subprocess.Popen[bytes] | None:
        """It, running `command` (an interpreter, -u, a script and its arguments); None if it cannot: another interpreter."""
        if self._socket is None or command[0] != sys.executable or self._process.poll() is not None:
            return None
        with self._socket as channel:
            self._socket = None
            order = json.dumps({"arguments": command[3:], "environment": dict(environment)}).encode()
            try:
                socket.send_fds(channel, [len(order).to_bytes(8, "big")], list(output))
                channel.sendall(order)
            except OSError:  # it ended as it was told
                return None
        return self._process


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The LanguageRuntime service (pulumi/proto/language.proto), as far as Python programs and packs need it.

    - engine: its address, until a handshake says another.
    - environment: of the engine, and so of what is run.
    - output: descriptors of the standard output and error that the engine reads.
    - ahead: a process for the first program.
    """

    def __init__(
        self,
        engine: str,
        environment: Mapping[str, str],
        output: tuple[int, int] = (1, 2),
        ahead: ProgramAhead | None = None,
    ) -> None:
        self._engine, self._environment, self._output, self._ahead = engine, environment, output, ahead

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
            **{name: value for name, value in self._environment.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        program = self._ahead.run(command, environment, self._output) if self._ahead else None
        if program is None:
            out, err = self._output
            program = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        with program:
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


def _serve(host: LanguageHost) -> tuple[grpc.Server, int]:
    """The host on a free loopback port."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=_UNLIMITED)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def _attached(connection: socket.socket, ahead: ProgramAhead) -> None:
    """Serve one engine until its side of the connection ends."""
    with connection:
        head, output, _, _ = socket.recv_fds(connection, 8, 2)
        try:
            size, content = int.from_bytes(head, "big"), b""
            while len(content) < size and (chunk := connection.recv(size - len(content))):
                content += chunk
            if len(output) < 2 or len(content) < size:
                return
            request = json.loads(content)
            host = LanguageHost(request["engine"], request["environment"], (output[0], output[1]), ahead)
            server, port = _serve(host)
            connection.sendall(f"{port}\n".encode())
            connection.recv(1)
            server.stop(grace=0)
        finally:
            for descriptor in output:  # the engine waits until nobody holds them
                os.close(descriptor)


def serve_ahead(descriptor: int) -> None:
    """Be the language host of every engine that attaches to a listening socket, until the process that gave it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the command's to end, and that ends us
    ahead = ProgramAhead()
    with socket.socket(fileno=descriptor) as listening:
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_attached, args=(connection, ahead), daemon=True).start()


def main() -> None:
    """Serve on a free loopback port until the engine ends us; the first line of standard output is the port."""
    if sys.argv[1:2] == ["--ahead"]:
        serve_ahead(int(sys.argv[2]))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # The engine interrupts its plugins at the end of every run: an ordinary end, not an error to print.
        signal.signal(number, lambda *_: stop.set())
    server, port = _serve(LanguageHost(sys.argv[-1] if len(sys.argv) > 1 else "", os.environ))
    print(port, flush=True)  # noqa: T201 (the plugin protocol)
    # The engine holds our standard input open as long as it lives; when it dies without a signal, we end too.
    parent = os.getppid()
    while not stop.wait(1.0):
        if os.getppid() != parent:
            break
    server.stop(grace=0)


if __name__ == "__main__":
    main()
