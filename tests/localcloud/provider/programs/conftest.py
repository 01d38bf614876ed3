"""A stack of its own for each program, on the session's emulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.provider.core import Core
from tests.localcloud.provider.conftest import REGION
from tests.localcloud.provider.programs.small_engine import SmallEngine


@pytest.fixture
def stack(core: Core) -> Iterator[SmallEngine]:
    yield SmallEngine(core, REGION)


@pytest.fixture
def aws_clients(aws: Any) -> Any:
    """boto3 clients of the emulator by service, under a name that leaves `aws` to pulumi_aws."""
    return aws
