"""The task `databases`: `python -m services.common.bootstrap` makes database and roles of each of $SERVICES, as RDS's master.

It is the only one that is given the master's password. A service's own tasks wait until its owner can log in
(`services.common.migrate`), which is the last thing that is made. Done, the process stays, healthy, until ECS ends it.

`<service>_owner` owns everything and migrates. `<service>_app` is a group that nobody logs in as: its members are one role for
each password that the secret holds, so that a password can change while processes run. With a new table the group may do
SELECT and INSERT; a migration grants more where a table is meant to change, so that a table is append-only unless somebody
said otherwise. Every start runs this: it converges, and waits its turn.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import asyncpg
from pydantic import Field, SecretStr

from services.common import heartbeat, logs
from services.common.rotating import accepted
from services.common.settings import DatabaseSettings, ProcessSettings, Settings, SettingsError, load, login, variable

#: One lock for all services of a server: roles are the server's, and CREATE DATABASE copies one template.
LOCK = 0x6D61746368646179  # "matchday"

#: Always there, belongs to no service.
MAINTENANCE_DATABASE = "postgres"

_CONNECT_ATTEMPTS = 15

#: What cannot be done for one service; the others' databases are made all the same.
_FAILURES = (OSError, TimeoutError, ValueError, asyncpg.PostgresError)

#: Of a password's hash, as PostgreSQL's own default.
ITERATIONS = 4096

log = logging.getLogger(__name__)


class DatabasesSettings(Settings):
    """Whose databases are made: names of services with commas between."""

    services: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,19}(,[a-z][a-z0-9-]{1,19})*$")]


class Passwords(Settings):
    """What the roles of one service log in with."""

    owner_password: SecretStr
    app_password: SecretStr

    @classmethod
    def of(cls, service: str) -> Passwords:
        """Those of `service`: <SERVICE>_OWNER_PASSWORD and <SERVICE>_APP_PASSWORD. Raises SettingsError."""
        prefix = service.upper().replace("-", "_")
        return cls(
            owner_password=SecretStr(variable(f"{prefix}_OWNER_PASSWORD")),
            app_password=SecretStr(variable(f"{prefix}_APP_PASSWORD")),
        )


def scram_verifier(password: str) -> str:
    """What PostgreSQL keeps of a password (RFC 5803), made here so that the password reaches no statement log."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${ITERATIONS}:{salt64}${stored64}:{server64}"


async def connect(settings: DatabaseSettings, database: str) -> Any:
    """A connection to `database`; a server that is just starting or failing over is waited for a while."""
    for attempt in range(1, _CONNECT_ATTEMPTS + 1):
        try:
            return await asyncpg.connect(
                host=settings.host,
                port=settings.port,
                user=settings.user,
                password=settings.password.get_secret_value(),
                database=database,
                ssl=settings.ssl_context(),
                timeout=10,
                server_settings={"application_name": "bootstrap"},
            )
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError) as error:
            if attempt == _CONNECT_ATTEMPTS:
                raise
            log.info("database not reachable yet", extra={"attempt": attempt, "reason": str(error)})
            await asyncio.sleep(1)
    raise AssertionError


async def bootstrap(service: str, settings: DatabaseSettings, passwords: Passwords) -> None:
    """Make or bring up to date the roles and the database of `service`."""
    owner, app = f"{service}_owner", f"{service}_app"
    master = await connect(settings, MAINTENANCE_DATABASE)
    try:
        await master.execute("SELECT pg_advisory_lock($1)", LOCK)
        await _role(master, owner)
        await _role(master, app, "NOLOGIN PASSWORD NULL")
        await _logins(master, app, accepted(passwords.app_password, "DATABASE_APP_PASSWORD"))
        # The master of RDS is no superuser: to make a database of another's, it has to be a member of that role.
        await master.execute(f'GRANT "{owner}" TO CURRENT_USER')
        if not await master.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", settings.name):
            await master.execute(f'CREATE DATABASE "{settings.name}" OWNER "{owner}"')
            log.info("database made", extra={"database": settings.name})
        inside = await connect(settings, settings.name)
        try:
            async with inside.transaction():
                await inside.execute(_privileges(settings.name, owner, app))
        finally:
            await inside.close()
        # Last: who migrates waits until its owner can log in, and then finds all of the above.
        await _role(master, owner, f"LOGIN {_password(passwords.owner_password.get_secret_value())}")
    finally:
        await master.close()  # gives the lock back


async def _role(master: Any, role: str, options: str = "") -> None:
    if not await master.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        await master.execute(f'CREATE ROLE "{role}"')
        log.info("role made", extra={"role": role})
    if options:
        await master.execute(f'ALTER ROLE "{role}" {options}')


def _password(password: str) -> str:
    # A statement of this kind takes no parameters; a verifier's characters need no quoting.
    return f"PASSWORD '{scram_verifier(password)}'"


async def _logins(master: Any, app: str, passwords: Sequence[str]) -> None:
    """One member of `app` for each of `passwords`, and none else: what is no longer in the secret opens nothing."""
    wanted = {login(app, password): password for password in passwords}
    for role, password in wanted.items():
        await _role(master, role, f"LOGIN INHERIT {_password(password)}")
        await master.execute(f'GRANT "{app}" TO "{role}"')
    members = await master.fetch(
        "SELECT role.rolname FROM pg_auth_members JOIN pg_roles role ON role.oid = member JOIN pg_roles app ON app.oid = roleid"
        " WHERE app.rolname = $1 AND starts_with(role.rolname, $1 || '_')",
        app,
    )
    for (role,) in members:
        if role not in wanted:
            await master.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", role)
            await master.execute(f'DROP ROLE "{role}"')
            log.info("role dropped: its password is no longer in the secret", extra={"role": role})


def _privileges(database: str, owner: str, app: str) -> str:
    return f"""
        SET LOCAL ROLE "{owner}";
        REVOKE ALL ON DATABASE "{database}" FROM PUBLIC;
        GRANT CONNECT ON DATABASE "{database}" TO "{app}";
        REVOKE ALL ON SCHEMA public FROM PUBLIC;
        GRANT USAGE ON SCHEMA public TO "{app}";
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT ON TABLES TO "{app}";
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO "{app}";
    """


async def bootstrap_all(settings: DatabaseSettings, services: Mapping[str, Passwords]) -> list[str]:
    """Bootstrap each of `services`, in turn; those that could not be done, each named in the log."""
    failed = []
    for service, passwords in services.items():
        try:
            await bootstrap(service, settings.model_copy(update={"name": service}), passwords)
        except _FAILURES as error:
            failed.append(service)
            reason = f"{type(error).__name__}: {error}"
            log.error("bootstrap failed", extra={"of": service, "reason": reason, "runbook": "service-tasks"})
        else:
            log.info("bootstrapped", extra={"of": service})
    return failed


async def _run(settings: DatabaseSettings, services: Mapping[str, Passwords]) -> int:
    """Bootstrap all, then be healthy until SIGTERM: ECS would start a task that ends again and again."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    if await bootstrap_all(settings, services):
        return 1
    while not ended.is_set():
        heartbeat.beat()
        try:
            async with asyncio.timeout(heartbeat.INTERVAL_SECONDS):
                await ended.wait()
        except TimeoutError:
            continue
    return 0


def main() -> int:
    """Bootstrap $SERVICES."""
    try:
        process, settings = load(ProcessSettings), load(DatabaseSettings)
        services = {name: Passwords.of(name) for name in load(DatabasesSettings).services.split(",")}
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(
        service=process.service, process=process.process, environment=process.environment, level=process.log_level
    )
    return asyncio.run(_run(settings, services))


if __name__ == "__main__":
    sys.exit(main())
