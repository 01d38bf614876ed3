"""One tiny platform for all fault tests: they run on one worker, one after another, and each leaves it whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.platform import Platform
from tests.ports import free_port


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Up, with something in each of its stores at the end of every test."""
    made = Platform(tmp_path_factory.mktemp("lasting"), free_port())
    made.up()
    made.kept.secret = made.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"]
    yield made
    made.run("down")
    assert made.processes() == []
    made.run("reset", "--yes")
