"""Bootstrap and migrate converge, take turns, and give each role what it needs. The master is as RDS's: no superuser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast
from uuid import uuid4

import asyncpg
import pytest
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import Connection

from services.common.bootstrap import Passwords, bootstrap, bootstrap_all, scram_verifier
from services.common.migrate import config, migrate, wait_for_database
from services.common.settings import DatabaseSettings, SettingsError, login
from tests.services.support import MASTER, Cloud

pytestmark = pytest.mark.postgres


def newest(service: str) -> str:
    """The newest migration of a service."""
    (head,) = ScriptDirectory.from_config(config(service, cast(Connection, None))).get_heads()
    return head


class Stage:
    """A service that is new to the server."""

    def __init__(self, cloud: Cloud, service: str) -> None:
        self.cloud, self.service = cloud, service
        self.passwords = Passwords(owner_password=SecretStr("owner's password"), app_password=SecretStr("app's"))

    def settings(self, user: str, password: str) -> DatabaseSettings:
        host, port = self.cloud.postgres.host, self.cloud.postgres.port
        return DatabaseSettings(
            host=host, port=port, name=self.service, user=user, password=SecretStr(password), tls="disable"
        )

    async def bootstrap(self) -> None:
        await bootstrap(self.service, self.settings(MASTER, self.cloud.secrets["master"]), self.passwords)

    async def connect(self, role: str, password: str, database: str | None = None) -> asyncpg.Connection:
        user = f"{self.service}_{role}"
        settings = self.settings(login(user, password) if role == "app" else user, password)
        return await asyncpg.connect(
            host=settings.host, port=settings.port, user=settings.user, password=password, ssl=False,
            database=database or self.service,
        )  # fmt: skip


@pytest.fixture
async def stage(cloud: Cloud) -> AsyncIterator[Stage]:
    service = f"new-{uuid4().hex[:8]}"
    yield Stage(cloud, service)
    master = await cloud.connect("postgres")
    await master.execute(f'DROP DATABASE IF EXISTS "{service}" WITH (FORCE)')
    for (role,) in await master.fetch("SELECT rolname FROM pg_roles WHERE starts_with(rolname, $1)", service):
        await master.execute(f'DROP ROLE "{role}"')
    await master.close()


async def test_many_at_once_make_one_database(stage: Stage) -> None:
    await asyncio.gather(*(stage.bootstrap() for _ in range(6)))
    await stage.bootstrap()
    app = await stage.connect("app", "app's")
    assert await app.fetchval("SELECT current_database()") == stage.service
    await app.close()


async def test_a_table_is_append_only_until_somebody_says_otherwise(stage: Stage) -> None:
    await stage.bootstrap()
    owner, app = await stage.connect("owner", "owner's password"), await stage.connect("app", "app's")
    await owner.execute("CREATE TABLE things (id bigserial, name text)")
    await app.execute("INSERT INTO things (name) VALUES ('one')")
    assert await app.fetchval("SELECT name FROM things") == "one"
    for statement in (
        "UPDATE things SET name = ''",
        "DELETE FROM things",
        "DROP TABLE things",
        "CREATE TABLE t (i int)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(statement)
    await owner.close()
    await app.close()


async def test_a_service_cannot_reach_anothers_database(stage: Stage) -> None:
    await stage.bootstrap()
    for role, password in (("app", "app's"), ("owner", "owner's password")):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await stage.connect(role, password, database="wallet")


async def test_both_passwords_of_a_rotation_open_and_no_other(stage: Stage) -> None:
    """The old value, both, the new one alone: a process with the old one works until the last step, and then no more."""
    await stage.bootstrap()
    running = await stage.connect("app", "app's")
    owner = await stage.connect("owner", "owner's password")
    await owner.execute("CREATE TABLE things (id int)")
    for secret in ("new-one app's", "new-one"):
        stage.passwords = Passwords(owner_password=SecretStr("owner's password"), app_password=SecretStr(secret))
        await asyncio.gather(*(stage.bootstrap() for _ in range(3)))
        fresh = await stage.connect("app", "new-one")
        await fresh.execute("INSERT INTO things VALUES (1)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await fresh.execute("DELETE FROM things")
        await fresh.close()
        if "app's" in secret:
            await running.execute("INSERT INTO things VALUES (2)")
            await (await stage.connect("app", "app's")).close()
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.InterfaceError)):
        await running.execute("INSERT INTO things VALUES (3)")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await stage.connect("app", "app's")
    await owner.close()


async def test_a_rotations_order_is_databases_first_and_last_and_the_wrong_one_stops_nobody(stage: Stage) -> None:
    """The runbook's steps (ADR 0190): who runs goes on through all of them; whoever skips one only holds a deployment up."""

    async def log_in(password: str) -> None:
        await (await stage.connect("app", password)).close()

    async def databases(*app: str, owner: str) -> None:
        """A deployment of the task `databases`, with what the secrets hold then."""
        stage.passwords = Passwords(owner_password=SecretStr(owner), app_password=SecretStr(" ".join(app)))
        master = stage.settings(MASTER, stage.cloud.secrets["master"])
        assert await bootstrap_all(master, {stage.service: stage.passwords}) == []

    async def migrates(owner: str) -> None:
        await wait_for_database(stage.settings(f"{stage.service}_owner", owner), seconds=0)

    await databases("old", owner="o1")
    running = await stage.connect("app", "old")
    # The secret has "new old"; the service was deployed before `databases`: its new tasks get nowhere, the old ones go on.
    with pytest.raises(asyncpg.InvalidPasswordError):
        await log_in("new")
    assert await running.fetchval("SELECT 1") == 1
    await databases("new", "old", owner="o1")
    for password in ("new", "old"):
        await log_in(password)
    # The secret has "new": the service first, whose tasks may come and go; then `databases`, and from then on the old ends.
    await log_in("new")
    assert await running.fetchval("SELECT 1") == 1
    await databases("new", owner="o1")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await log_in("old")
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.InterfaceError)):
        await running.fetchval("SELECT 1")

    # The owner's, which only `databases` and `migrate` use: the next task's `migrate` waits for `databases`; who runs does not.
    serving = await stage.connect("app", "new")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await migrates("o2")
    await databases("new", owner="o2")
    await migrates("o2")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await migrates("o1")
    assert await serving.fetchval("SELECT 1") == 1
    await serving.close()


async def test_nobody_logs_in_as_the_group(stage: Stage) -> None:
    await stage.bootstrap()
    settings = stage.settings(f"{stage.service}_app", "app's")
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(
            host=settings.host, port=settings.port, user=settings.user, password="app's", ssl=False, database=stage.service
        )  # fmt: skip


async def test_the_roles_may_nothing_on_the_server(stage: Stage) -> None:
    await stage.bootstrap()
    owner = await stage.connect("owner", "owner's password")
    row = await owner.fetchrow("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user")
    assert not any(row.values())
    await owner.close()


async def test_a_server_that_is_starting_is_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    real, refusals = asyncpg.connect, [ConnectionRefusedError("no"), asyncpg.CannotConnectNowError("starting up")]

    async def connect(**arguments: object) -> object:
        if refusals:
            raise refusals.pop()
        return await real(**arguments)

    async def at_once(_: float) -> None:
        pass

    monkeypatch.setattr(asyncpg, "connect", connect)
    monkeypatch.setattr("services.common.bootstrap.asyncio.sleep", at_once)
    await stage.bootstrap()
    assert not refusals


def test_a_verifier_holds_no_password_and_two_are_never_equal() -> None:
    one, other = scram_verifier("secret"), scram_verifier("secret")
    assert one != other
    assert one.startswith("SCRAM-SHA-256$4096:")
    assert "secret" not in one


async def test_migrations_that_start_together_take_turns(cloud: Cloud) -> None:
    """Three tasks start at once on an empty database; then once more on one that is up to date."""
    name = f"wallet_{uuid4().hex[:12]}"
    master = await cloud.connect("postgres")
    await master.execute(f'CREATE DATABASE "{name}" OWNER wallet_owner')
    settings = cloud.settings("wallet", name, "owner")
    await asyncio.gather(*(migrate("wallet", settings) for _ in range(3)))
    await migrate("wallet", settings)
    owner = await cloud.connect(name, role="owner", service="wallet")
    assert await owner.fetchval("SELECT count(*) FROM accounts") == 80  # the house's, once
    assert await owner.fetchval("SELECT version_num FROM alembic_version") == newest("wallet")
    await owner.close()
    await master.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await master.close()


async def test_migrations_wait_until_the_owner_can_log_in(stage: Stage) -> None:
    """They find everything then: the log-in is the last thing that is made. Who never gets in says why."""
    mine = stage.settings(f"{stage.service}_owner", "owner's password")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await wait_for_database(mine, seconds=0)
    waiting = asyncio.create_task(wait_for_database(mine, seconds=30))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await stage.bootstrap()
    await waiting
    app = await stage.connect("app", "app's")
    await app.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await wait_for_database(stage.settings(f"{stage.service}_owner", "another"), seconds=0)


async def test_one_service_that_cannot_be_done_keeps_no_other_from_its_database(stage: Stage) -> None:
    master = stage.settings(MASTER, stage.cloud.secrets["master"])
    three = Passwords(owner_password=SecretStr("o"), app_password=SecretStr("one two three"))
    assert await bootstrap_all(master, {f"{stage.service}-bad": three, stage.service: stage.passwords}) == [
        f"{stage.service}-bad"
    ]
    app = await stage.connect("app", "app's")
    assert await app.fetchval("SELECT current_database()") == stage.service
    await app.close()


def test_passwords_are_named_by_their_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVE_SCORE_OWNER_PASSWORD", "o")
    with pytest.raises(SettingsError, match="the variable LIVE_SCORE_APP_PASSWORD is not set"):
        Passwords.of("live-score")
    monkeypatch.setenv("LIVE_SCORE_APP_PASSWORD", "a")
    assert Passwords.of("live-score").app_password.get_secret_value() == "a"
