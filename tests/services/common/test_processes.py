"""The containers' commands as processes of their own, against real servers: start, health, work, drain, end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from services.common import heartbeat
from services.common import scheduler as scheduling
from services.common.broker import SCHEDULED_EXPIRES_SECONDS, create_celery, jobs_of
from services.common.settings import BrokerSettings, load
from services.common.vitals import Vitals
from tests.ports import free_port
from tests.services.common.processes import Process, process
from tests.services.support import Cloud, environ

pytestmark = pytest.mark.postgres

#: How many requests for a lock of a table wait in the database.
WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE NOT granted AND datname = current_database()
"""


#: A web process whose times are such that a busy machine sees both: that it takes requests still, and that it does no more.
PATIENT = """
from services.common import postgres, web
web.LINGER_SECONDS, postgres.COMMAND_SECONDS = 3, 60.0
postgres.LIMITS |= {"statement_timeout": "60000", "lock_timeout": "60000"}
raise SystemExit(web.main())
"""


@asynccontextmanager
async def web(
    cloud: Cloud, service: str, directory: Path, command: list[str] | None = None
) -> AsyncIterator[tuple[Process, str, str]]:
    port = free_port()
    async with cloud.fresh(service) as database:
        environment = cloud.process_environment(service, database, directory, PORT=str(port))
        with process("web", environment, directory, command) as started:
            await started.wait_healthy()
            yield started, f"http://127.0.0.1:{port}", database


async def test_a_web_process_serves_logs_and_ends_with_status_0(cloud: Cloud, tmp_path: Path) -> None:
    async with web(cloud, "auth", tmp_path) as (started, url, _), httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        headers = {"X-Request-Id": "request-of-a-test"}
        answer = await client.get("/auth/.well-known/jwks.json", headers=headers)
        assert len(answer.json()["keys"]) == 2
        assert answer.headers["x-request-id"] == "request-of-a-test"
        assert "server" not in answer.headers
        assert await started.end() == 0
        (line,) = [line for line in started.lines() if line.get("request_id") == "request-of-a-test"]
        expected = {"logger": "access", "service": "auth", "path": "/auth/.well-known/jwks.json", "status": 200}
        assert line.items() >= expected.items()


async def test_draining_turns_readiness_off_and_finishes_requests(cloud: Cloud, tmp_path: Path) -> None:
    """A transfer that waits for a lock when SIGTERM comes is answered, not cut off."""
    async with web(cloud, "auth", tmp_path, [sys.executable, "-c", PATIENT]) as (started, url, database):
        owner = await cloud.connect(database, role="owner", service="auth")
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            held = owner.transaction()
            await held.start()
            await owner.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
            body = {"email": "slow@example.com", "password": "correct horse battery"}
            slow = asyncio.create_task(client.post("/auth/register", json=body))
            async with asyncio.timeout(20):
                while not await owner.fetchval(WAITING):  # noqa: ASYNC110 - PostgreSQL has no event for it
                    await asyncio.sleep(0.05)
            started.popen.send_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                while (ready := await client.get("/readyz")).status_code == 200:  # noqa: ASYNC110 - as a balancer polls
                    await asyncio.sleep(0.02)
            assert (ready.status_code, ready.json()) == (503, {"status": "draining"})
            assert ready.headers["connection"] == "close"
            # Requests are still taken: who routes has not noticed yet.
            assert (await client.get("/auth/.well-known/jwks.json")).status_code == 200
            with pytest.raises(httpx.ConnectError):
                async with (
                    asyncio.timeout(20),
                    httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0)) as new,
                ):
                    while True:
                        await new.get(url)
                        await asyncio.sleep(0.1)
            await held.rollback()
            assert (await slow).status_code == 202
        assert await asyncio.to_thread(started.popen.wait, 60) == 0
        await owner.close()


async def test_readiness_follows_the_database(cloud: Cloud, tmp_path: Path) -> None:
    async with web(cloud, "auth", tmp_path) as (started, url, database), httpx.AsyncClient(base_url=url) as client:
        master = await cloud.connect("postgres")
        await master.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
        await master.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database)
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "unready")
        assert started.healthy()  # restarting the process would not bring the database back
        await master.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
        assert (await client.get("/readyz")).status_code == 200
        await master.close()


async def test_a_web_process_that_cannot_start_says_why(cloud: Cloud, tmp_path: Path) -> None:
    environment = cloud.process_environment("auth", "no-such-database", tmp_path, PORT=str(free_port()))
    with process("web", environment, tmp_path) as started:
        assert await asyncio.to_thread(started.popen.wait, 120) not in (0, None)
        assert "no-such-database" in started.text()
        assert not started.healthy()


@pytest.mark.parametrize(
    "name",
    [
        "web",
        "migrate",
        *(pytest.param(name, marks=pytest.mark.nightly) for name in ("worker", "scheduler", "bootstrap")),
    ],
)
async def test_a_variable_that_is_missing_is_named(cloud: Cloud, tmp_path: Path, name: str) -> None:
    """All of them at night: who serves and who migrates are enough for each run."""
    environment = cloud.process_environment("wallet", "wallet", tmp_path) | {"LOG_LEVEL": "LOUD"}
    with process(name, environment, tmp_path) as started:
        assert await asyncio.to_thread(started.popen.wait, 120) == 2
        assert started.text().startswith("the variable LOG_LEVEL: 'LOUD': ")


async def test_who_makes_databases_is_healthy_once_they_are_made_and_ends_when_asked(
    cloud: Cloud, tmp_path: Path
) -> None:
    service = f"made-{os.urandom(4).hex()}"
    prefix = service.upper().replace("-", "_")
    passwords = {f"{prefix}_OWNER_PASSWORD": "the-owners", f"{prefix}_APP_PASSWORD": "the-apps"}
    master = cloud.settings("master", "postgres", "master")
    environment = cloud.process_environment(
        "wallet", "postgres", tmp_path, process="bootstrap", SERVICE="databases", SERVICES=service, **passwords,
        DATABASE_USER=master.user, DATABASE_PASSWORD=master.password.get_secret_value(),
    )  # fmt: skip
    administrator = await cloud.connect("postgres")
    try:
        with process("bootstrap", environment, tmp_path) as started:
            await started.wait_healthy()
            made = "SELECT 1 FROM pg_database WHERE datname = $1"
            assert await administrator.fetchval(made, service), "healthy means that all is there"
            assert await started.end() == 0
            assert not any(value in started.text() for value in passwords.values())
    finally:
        await administrator.execute(f'DROP DATABASE IF EXISTS "{service}" WITH (FORCE)')
        for (role,) in await administrator.fetch(
            "SELECT rolname FROM pg_roles WHERE starts_with(rolname, $1)", service
        ):
            await administrator.execute(f'DROP ROLE "{role}"')
        await administrator.close()


async def test_worker_and_scheduler_do_their_work(cloud: Cloud, tmp_path: Path) -> None:
    """An outbox row becomes a notification through real Redis and Celery; a scheduled task runs; SIGTERM ends both."""
    directories = {name: tmp_path / name for name in ("worker", "scheduler")}
    for directory in directories.values():
        directory.mkdir()
    async with cloud.fresh("wallet") as database:
        owner = await cloud.connect(database, role="owner", service="wallet")
        environments = {
            name: cloud.process_environment("wallet", database, directory, process=name)
            for name, directory in directories.items()
        }
        with (
            process("worker", environments["worker"], tmp_path) as worker,
            process("scheduler", environments["scheduler"], tmp_path) as scheduler,
        ):
            await asyncio.gather(worker.wait_healthy(), scheduler.wait_healthy())
            player, transaction, message = (os.urandom(16).hex() for _ in range(3))
            async with owner.transaction():
                await owner.execute("INSERT INTO accounts VALUES ($1, $1, now())", player)
                await owner.execute("INSERT INTO balances VALUES ($1, true, 5, 1)", player)
                await owner.execute("INSERT INTO transactions VALUES ($1, 'credit', 'r', '', 't', now())", transaction)
                for account, amount in ((player, 5), ("00000000-0000-7000-8000-000000000001", -5)):
                    await owner.execute(
                        "INSERT INTO entries VALUES ($1, 1, $2, $3, $3, now())", account, transaction, amount
                    )
                await owner.execute(
                    "INSERT INTO outbox (id, task, payload, request_id) VALUES ($1, 'wallet.notify', $2, 'request-1')",
                    message,
                    json.dumps({"transaction": transaction}),
                )
            deadline = time.monotonic() + 120
            while not await owner.fetchval("SELECT count(*) FROM notifications"):
                assert time.monotonic() < deadline, worker.text()
                await asyncio.sleep(0.1)
            assert await owner.fetchval("SELECT done_at FROM outbox") is not None
            # What the scheduler would send at the next full minute.
            with environ(environments["scheduler"]):
                celery = create_celery("wallet", load(BrokerSettings))
            await asyncio.to_thread(celery.send_task, "wallet.reconcile", expires=SCHEDULED_EXPIRES_SECONDS)
            deadline = time.monotonic() + 120
            while not await owner.fetchval("SELECT count(*) FROM reconciliation_reports"):
                assert time.monotonic() < deadline, scheduler.text()
                await asyncio.sleep(0.2)
            assert worker.healthy()
            assert scheduler.healthy()
            assert await asyncio.gather(worker.end(), scheduler.end()) == [0, 0]
            (told,) = [line for line in worker.lines() if line["message"] == "messages"]
            expected = {"task": "wallet.notify", "done": 1, "failed": 0, "duplicates": 0, "process": "worker"}
            assert told.items() >= expected.items()
            assert [line for line in worker.lines() if "OutboxDepth" in line], "depth and age are metrics"
        await owner.close()


async def test_the_scheduler_hands_due_jobs_to_its_services_queue(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own loop with a schedule of a moment instead of minutes, and the real broker."""
    cloud.broker.command("FLUSHALL")
    for name, value in cloud.process_environment("auth", "auth", tmp_path, process="scheduler").items():
        monkeypatch.setenv(name, value)
    celery = create_celery("auth", load(BrokerSettings))
    scheduling.set_schedule(celery, jobs_of("auth"))
    assert {task: str(entry["schedule"]) for task, entry in celery.conf.beat_schedule.items()} == {
        "auth.rotate_keys": "<crontab: 17 * * * * (m/h/dM/MY/d)>",
        "auth.forget_sessions": "<crontab: 41 3 * * * (m/h/dM/MY/d)>",
        "auth.forget_tokens": "<crontab: 11 4 * * * (m/h/dM/MY/d)>",
        "auth.forget_events": "<crontab: 51 4 * * * (m/h/dM/MY/d)>",
        "auth.close_accounts": "<crontab: 7 * * * * (m/h/dM/MY/d)>",
        "auth.forget_flows": "<crontab: 21 3 * * * (m/h/dM/MY/d)>",
        "auth.forget_guesses": "<crontab: 31 3 * * * (m/h/dM/MY/d)>",
        "auth.forget_letters": "<crontab: 1 4 * * * (m/h/dM/MY/d)>",
    }
    celery.conf.beat_schedule["auth.rotate_keys"]["schedule"] = 0.2
    ended = threading.Event()
    running = asyncio.create_task(asyncio.to_thread(scheduling.run, celery, ended, Vitals("beat"), {}))
    for _ in range(2400):
        if cloud.broker.command("LLEN", "auth:auth"):
            break
        await asyncio.sleep(0.05)
    ended.set()
    await running
    # Beside it what is due in this very minute, if one has just begun.
    sent = [json.loads(each)["headers"] for each in cloud.broker.command("LRANGE", "auth:auth", 0, -1)]
    rotations = [each for each in sent if each["task"] == "auth.rotate_keys"]
    assert rotations and all(each["expires"] is not None for each in rotations)
    assert heartbeat.age() < heartbeat.STALE_SECONDS


async def test_a_job_whose_time_passed_while_no_scheduler_ran_is_sent_at_once(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.broker.command("FLUSHALL")
    for name, value in cloud.process_environment("auth", "auth", tmp_path, process="scheduler").items():
        monkeypatch.setenv(name, value)
    celery = create_celery("auth", load(BrokerSettings))
    scheduling.set_schedule(celery, jobs_of("auth"))
    now, ended = datetime.now(UTC), threading.Event()
    last = {"auth.forget_sessions": now - timedelta(hours=25), "auth.gone": now}
    last["auth.forget_tokens"] = now + timedelta(minutes=5)  # this may be the minute of its time
    running = asyncio.create_task(asyncio.to_thread(scheduling.run, celery, ended, Vitals("beat"), last))
    for _ in range(2400):
        if cloud.broker.command("LLEN", "auth:auth"):
            break
        await asyncio.sleep(0.05)
    ended.set()
    await running
    sent = [json.loads(each)["headers"]["task"] for each in cloud.broker.command("LRANGE", "auth:auth", 0, -1)]
    assert "auth.forget_sessions" in sent and "auth.forget_tokens" not in sent
