"""boto3 clients that reach the emulator and nothing else, whatever the user's environment says."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

#: A user's proxy must not see loopback traffic, and a look each second must fail fast when the emulator is gone.
_CONFIG = Config(
    proxies={},
    connect_timeout=2,
    read_timeout=20,
    retries={"total_max_attempts": 2, "mode": "standard"},
    max_pool_connections=4,
)


class Aws:
    """Clients by service name for one endpoint and Region, with the emulator's test credentials."""

    def __init__(self, endpoint: str, region: str) -> None:
        self.endpoint, self.region = endpoint, region
        core = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
        core.set_config_variable("config_file", "/dev/null")
        core.set_config_variable("credentials_file", "/dev/null")
        core.set_credentials("test", "test")
        self._session = boto3.Session(botocore_session=core, region_name=region)
        self.client = cache(self._client)

    def _client(self, service: str) -> Any:
        name: Any = service
        return self._session.client(name, endpoint_url=self.endpoint, config=_CONFIG)
