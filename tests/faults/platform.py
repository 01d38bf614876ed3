"""A tiny platform of its own (tests/faults/tiny) driven by the real command, and what was written to it and acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
import boto3
import httpx
import psutil
import redis
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cli import local, lock, up
from localcloud.runtime.state import StateDirectory

PROJECT = Path(__file__).resolve().parents[2]
TINY = Path(__file__).with_name("tiny")
#: A busy machine may take minutes for what takes seconds alone.
PATIENCE = 300

_EXTRAS = re.compile(r"(tiny:extras: )(\d+)")

SERVERS = ("supervisor", "emulator", "provider", "postgres", "valkey", "ingress")


@dataclass
class Kept:
    """What has been acknowledged, by store."""

    objects: dict[str, str] = field(default_factory=dict)
    messages: Counter[str] = field(default_factory=Counter)
    rows: set[int] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)
    secret: str = ""
    extras: int = 0


@cache
def _client(service: str, endpoint: str) -> Any:
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, connect_timeout=5)
    name: Any = service
    return boto3.client(
        name,
        region_name="ap-south-1",
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )


class Platform:
    """The clone and the model of what it must hold."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory, self.port = directory / "tiny", port
        shutil.copytree(TINY, self.directory)
        self.kept = Kept()
        self.steps: list[str] = []
        #: Whether a run of the engine was cut off, so that only the next one tells what is deployed.
        self.unsettled = False

    # The command

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", "from cli.main import main; main()", "--project", str(self.directory), *arguments],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, check: bool = True) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in err, err
        if check:
            assert process.returncode == 0, f"{arguments} after {self.steps}:\n{out}\n{err}"
        return process.returncode, out, err

    def up(self) -> None:
        self.run("up", "--port", str(self.port))
        self.kept.extras = self.wanted_extras
        self.unsettled = False

    def settle(self) -> None:
        """Everything runs and is consistent again: a real `up` after a cut, else only what `up` does before the engine runs."""
        if self.unsettled:
            self.up()
            return
        before = local.PROJECT
        local.use(self.directory)
        try:
            with lock.held("up"):
                remembered = json.loads((local.STATE / "up.json").read_text())
                client = up._start({"port": self.port, "emulator": None}, remembered, remembered["cloud"])
                for _ in client.converge(PATIENCE):
                    pass
        finally:
            local.use(before)

    @property
    def wanted_extras(self) -> int:
        found = _EXTRAS.search(self._settings.read_text())
        assert found
        return int(found[2])

    def want_extras(self, count: int) -> None:
        self._settings.write_text(_EXTRAS.sub(rf"\g<1>{count}", self._settings.read_text()))

    @property
    def _settings(self) -> Path:
        return self.directory / "environments" / "Pulumi.local.yaml"

    # What runs

    @property
    def locked_by(self) -> str:
        """What its command's lock says; empty while nobody holds it."""
        return StateDirectory.of(self.directory).command_lock.read_text()

    @property
    def info(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads((self.directory / ".matchday" / "supervisor.json").read_text())
        except FileNotFoundError:
            return {}
        return content

    @property
    def running(self) -> bool:
        # Started from this process (`settle`), it is over as soon as it is killed, though nobody has reaped it.
        try:
            return bool(self.info) and psutil.Process(self.info["pid"]).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def kill(self, server: str) -> bool:
        """SIGKILL one of the platform's servers; False when it does not run."""
        mark = str(self.directory)
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            line = " ".join(words)
            module = f"localcloud.{'dataplane' if server == 'supervisor' else server}"
            program = {"postgres": "/postgres", "valkey": "valkey-server", "ingress": "caddy"}.get(server, "")
            ours = mark in line or process.pid in self._store_pids()
            if ours and (program in line if program else module in words):
                process.kill()
                # Its parent may be slow to take note of it: it is over all the same.
                deadline = time.monotonic() + PATIENCE
                with contextlib.suppress(psutil.NoSuchProcess):
                    while process.status() != psutil.STATUS_ZOMBIE:
                        assert time.monotonic() < deadline, f"{server} lives on after SIGKILL"
                        time.sleep(0.02)
                return True
        return False

    def _store_pids(self) -> set[int]:
        return {store["pid"] for store in self.status().get("databases", []) if store["pid"]}

    def status(self) -> dict[str, Any]:
        info = self.info
        if not info:
            return {}
        try:
            answer = httpx.get(
                f"{info['control']}/status",
                headers={"Authorization": f"Bearer {info['token']}"},
                timeout=30,
                trust_env=False,
            )
        except httpx.HTTPError:
            return {}
        content: dict[str, Any] = answer.json()
        return content

    def processes(self) -> list[str]:
        """What runs and names this clone."""
        mark, found = str(self.directory), []
        for process in psutil.process_iter():
            try:
                if any(mark in word for word in process.cmdline()[1:]) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{process.pid} {' '.join(process.cmdline())}")
            except psutil.Error:
                continue
        return found

    # Writing, each acknowledged before it counts; all wait for a server that is being restarted

    def client(self, service: str) -> Any:
        """A boto3 client of the emulator where it is now: to make one takes as long as fifty calls."""
        return _client(service, self.info["emulator"])

    def retry(self, attempt: Any) -> Any:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return attempt()
            except (BotoCoreError, ClientError, OSError, redis.RedisError, asyncpg.PostgresError, KeyError) as error:
                assert time.monotonic() < deadline, f"{error!r} after {self.steps}"
                time.sleep(0.3)

    def queue(self) -> str:
        url: str = self.client("sqs").get_queue_url(QueueName="kept")["QueueUrl"]
        return url

    def address(self, kind: str) -> tuple[str, int]:
        found = next(store for store in self.status()["databases"] if store["kind"] == kind)
        host, _, port = found["address"].partition(":")
        return host, int(port)

    async def database(self) -> Any:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                host, port = self.address("rds")
                return await asyncpg.connect(
                    host=host, port=port, user="kept", password="a-password-of-a-test", database="kept", timeout=10
                )
            except (OSError, asyncpg.PostgresError, TimeoutError, KeyError, StopIteration) as error:
                assert time.monotonic() < deadline, f"{error!r} after {self.steps}"
                await asyncio.sleep(0.3)

    def cache(self) -> Any:
        host, port = self.address("elasticache")
        return redis.Redis(host=host, port=port, socket_timeout=10)

    def interrupt(self, process: subprocess.Popen[str], victim: str, number: signal.Signals, delay: float) -> None:
        """Let a command run for a while, then signal it or the engine below it; wait for its end."""
        time.sleep(delay)
        target = process.pid
        if victim == "engine":
            family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            engines = [child.pid for child in family if child.name() == "pulumi"]
            target = engines[0] if engines else process.pid
        if process.poll() is None and psutil.pid_exists(target):
            os.kill(target, number)
        process.communicate(timeout=PATIENCE)
