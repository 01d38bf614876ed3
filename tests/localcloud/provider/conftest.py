"""One emulator for the session, and the provider's core over it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.addresses import AddressBook
from localcloud.provider import schema
from localcloud.provider.clients import Clients
from localcloud.provider.core import Core, Settings
from localcloud.provider.rows import ROWS
from localcloud.provider.store import Store

REGION = "ap-south-1"


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    snapshot = tmp_path_factory.mktemp("emulator") / "snapshot"
    command = [sys.executable, "-m", "localcloud.emulator", "--port", "0", "--snapshot", str(snapshot)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="session")
def schemas() -> schema.Schema:
    """Read from pulumi_aws once per version and set of rows, then from the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "matchday"
    return schema.load(cache, ROWS)


@pytest.fixture(scope="session")
def core(endpoint: str, schemas: schema.Schema, tmp_path_factory: pytest.TempPathFactory) -> Core:
    directory = tmp_path_factory.mktemp("provider")
    return Core(ROWS, schemas, Clients(endpoint), Store(directory), AddressBook(directory), "127.0.0.1:8080")


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings(REGION)


@pytest.fixture(scope="session")
def aws(core: Core) -> Any:
    """boto3 clients of the emulator by service."""
    return lambda service, region=REGION: core.clients.client(service, region)
