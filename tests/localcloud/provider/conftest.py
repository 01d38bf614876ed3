"""The provider's core over the session's emulator."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from localcloud.provider import schema
from localcloud.provider.clients import OperationClients
from localcloud.provider.core import Core
from localcloud.provider.kept import KeptProperties
from localcloud.provider.read import Settings
from localcloud.provider.rows import ROWS
from localcloud.runtime.addresses import AddressBook

REGION = "ap-south-1"


@pytest.fixture(scope="session")
def schemas() -> schema.Schema:
    """Read from pulumi_aws once per version and set of rows, then from the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "matchday"
    return schema.load(cache, ROWS)


@pytest.fixture(scope="session")
def core(endpoint: str, schemas: schema.Schema, tmp_path_factory: pytest.TempPathFactory) -> Core:
    directory = tmp_path_factory.mktemp("provider")
    return Core(
        ROWS,
        schemas,
        OperationClients(endpoint, agent="matchday-tests"),
        KeptProperties(directory),
        AddressBook(directory),
        "127.0.0.1:8080",
    )


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings(REGION)


@pytest.fixture(scope="session")
def aws(core: Core) -> Any:
    """boto3 clients of the emulator by service."""
    return lambda service, region=REGION: core.clients.client(service, region)
