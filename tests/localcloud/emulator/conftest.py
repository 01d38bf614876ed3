"""A real emulator process per test that asks for one."""

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

REGION = "ap-south-1"


@dataclass
class Running:
    process: subprocess.Popen[str]
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


@contextlib.contextmanager
def running() -> Iterator[Start]:
    """Starts emulators, and ends those it started."""
    with contextlib.ExitStack() as stack:

        def run(snapshot: Path) -> Running:
            command = [sys.executable, "-m", "localcloud.emulator", "--port", "0", "--snapshot", str(snapshot)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdout is not None
            stack.callback(process.stdout.close)
            return Running(process, f"http://127.0.0.1:{process.stdout.readline().strip()}")

        yield run


@pytest.fixture
def start() -> Iterator[Start]:
    with running() as run:
        yield run
