"""Emulators of a test's own: processes forked from a loaded one, or (`cold`) the command as the supervisor starts it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from tests.localcloud.emulator.forked import Forked

REGION = "ap-south-1"


@dataclass
class Running:
    process: Forked | subprocess.Popen[str]
    url: str

    def client(self, service: Any) -> Any:
        return boto3.client(
            service, region_name=REGION, endpoint_url=self.url, aws_access_key_id="test", aws_secret_access_key="test"
        )

    def health(self) -> str:
        snapshot: str = httpx.get(f"{self.url}/_matchday/health").json()["snapshot"]
        return snapshot

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=120)


Start = Callable[[Path], Running]


def command(stack: contextlib.ExitStack, arguments: list[str]) -> Running:
    process = subprocess.Popen(
        [sys.executable, "-m", "localcloud.emulator", *arguments], stdout=subprocess.PIPE, text=True
    )
    stack.enter_context(process)
    stack.callback(process.kill)
    assert process.stdout is not None
    return Running(process, f"http://127.0.0.1:{process.stdout.readline().strip()}")


def forked(stack: contextlib.ExitStack, arguments: list[str]) -> Running:
    process = Forked(arguments)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return Running(process, f"http://127.0.0.1:{process.first_line}")


@contextlib.contextmanager
def running(begin: Callable[[contextlib.ExitStack, list[str]], Running] = forked) -> Iterator[Start]:
    """Starts emulators, and ends those it started."""
    with contextlib.ExitStack() as stack:
        yield lambda snapshot: begin(stack, ["--port", "0", "--snapshot", str(snapshot)])


@pytest.fixture
def start() -> Iterator[Start]:
    with running() as run:
        yield run


@pytest.fixture
def cold() -> Iterator[Start]:
    """Nothing is imported yet: what a snapshot or a journal needs must be found by itself."""
    with running(command) as run:
        yield run
