"""What every task of this machine shares, as containers share the ECS agent: images, addresses, names, logs, the guardian."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

from localcloud.dataplane.control.events import Hub
from localcloud.dataplane.ecs import network_file
from localcloud.dataplane.ecs.launcher import Launcher
from localcloud.dataplane.ecs.logs import Shipper
from localcloud.dataplane.network.black_hole import BlackHole
from localcloud.dataplane.network.flows import Flows
from localcloud.dataplane.settings import Config
from localcloud.runtime.addresses import BLACK_HOLE_HOST, PARTNERS, PARTNERS_HOST, PARTNERS_PORT, AddressBook
from localcloud.runtime.aws import Aws

#: Service Connect name -> port -> [(address, port)]
Names = Mapping[str, Mapping[str, list[tuple[str, int]]]]


class Guardian:
    """Our end of the pipe to `localcloud.runtime.guardian`, which outlives us by a moment."""

    def __init__(self) -> None:
        # No parent-death signal and a session of its own: it is the one process that must see us die.
        self._process = subprocess.Popen(
            [sys.executable, "-S", str(files("localcloud.runtime") / "guardian.py")],
            stdin=subprocess.PIPE,
            env={},
            start_new_session=True,
        )

    def watch(self, group: int) -> None:
        """Kill this process group if we die."""
        self._say(f"+{group}\n")

    def release(self, group: int) -> None:
        """The group has ended."""
        self._say(f"-{group}\n")

    def close(self) -> None:
        """Nothing is left to watch."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait(5)

    def _say(self, words: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it was killed: the kernel's signals still hold
            self._process.stdin.write(words.encode())
            self._process.stdin.flush()


class Agent:
    """Shared by all tasks."""

    def __init__(
        self, config: Config, aws: Aws, book: AddressBook, hub: Hub, heard: Callable[[str, str], None]
    ) -> None:
        self.config, self.aws, self.book, self.hub = config, aws, book, hub
        self.shipper = Shipper(aws, config.timing.log_flush, heard)
        self.guardian = Guardian()
        #: Partners outside of AWS, which DNS finds there.
        self.outside = book.host(PARTNERS_HOST)
        place = {str(PARTNERS_PORT): [(self.outside, PARTNERS_PORT)]}
        self.partners: Names = dict.fromkeys(PARTNERS, place)
        self.names: Names = dict(self.partners)
        #: By service's ARN; whose are not here is held to no security group.
        self.flows: Mapping[str, Flows] = {}
        self._nowhere = BlackHole(book.host(BLACK_HOLE_HOST))
        self._nowhere.open()
        self._sandboxes: dict[Path, tuple[str, str]] = {}
        self._source = (files("localcloud.dataplane.ecs") / "sandbox" / "sitecustomize.py").read_bytes()
        self.tasks_directory = config.places.tasks
        shutil.rmtree(self.tasks_directory, ignore_errors=True)
        book.release_all_tasks()
        self.launcher = Launcher(self.tasks_directory, config.places.logs, self._tell_problem)

    def _tell_problem(self, sentence: str) -> None:
        self.hub.emit("problem", "matchday", "problem", sentence)

    def open_sandbox(self, directory: Path, address: str, owner: str) -> Path:
        """Make the network namespace of a task of the service `owner`: the folder that goes on its PYTHONPATH."""
        sandbox = directory / "sandbox"
        sandbox.mkdir(parents=True, mode=0o700)
        (sandbox / "sitecustomize.py").write_bytes(self._source)
        self._sandboxes[sandbox] = (address, owner)
        self._write(sandbox, address, owner)
        return sandbox

    def close_sandbox(self, directory: Path) -> None:
        """Forget it and everything that the task wrote below its directory."""
        self._sandboxes.pop(directory / "sandbox", None)
        shutil.rmtree(directory, ignore_errors=True)

    def publish(self, names: Names, flows: Mapping[str, Flows]) -> None:
        """Tell every task where the Service Connect names lead now, and what it may connect to, if that has changed."""
        if names != self.names or flows != self.flows:
            self.names, self.flows = names, flows
            for sandbox, (address, owner) in self._sandboxes.items():
                self._write(sandbox, address, owner)

    def close(self) -> None:
        """All tasks have ended: let go of what they shared."""
        self._nowhere.close()
        self.guardian.close()

    def _write(self, sandbox: Path, address: str, owner: str) -> None:
        network = {
            "address": address,
            "names": self.names,
            "flows": self.flows.get(owner, {}),
            "nowhere": self._nowhere.address,
        }
        network_file.write(sandbox, network)
