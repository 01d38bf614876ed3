"""boto3 clients that can reach one loopback endpoint and nothing else, whatever the user's environment says.

`matchday` must never touch a real account by accident. So: the endpoint must be a loopback address; credentials are the
constant "test"; no AWS variable, profile, file or proxy of the user's is read; and as a last fence each request is looked at
before it is sent.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

_FOREIGN = ("AWS_", "AMAZON_", "BOTO_", "LOCALSTACK_", "BOTO3_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "use_ssl")

#: botocore's settings without the environment variables that each of them is otherwise read from.
_SESSION_VARIABLES = {
    name: (entry[0], None, *entry[2:]) for name, entry in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
} | {
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class EndpointRefused(ValueError):
    """An endpoint that is not on this machine."""


def isolate_environment() -> None:
    """Take everything out of this process's environment that an AWS library would read: for a process of our own."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN) or name.lower() in _PROXIES:
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.devnull
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    boto3.DEFAULT_SESSION = None


def check_endpoint(endpoint: str) -> tuple[str, int]:
    """Host and port of `endpoint`; EndpointRefused unless every address that the host has is loopback."""
    parts = urlsplit(endpoint)
    if parts.scheme != "http" or not parts.hostname or not parts.port:
        raise EndpointRefused(f"endpoint {endpoint!r} is not of the form http://<loopback address>:<port>")
    try:
        found = {info[4][0] for info in socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)}
    except OSError:
        found = set()
    if not found or not all(ipaddress.ip_address(str(address)).is_loopback for address in found):
        raise EndpointRefused(f"endpoint {endpoint!r} is not on this machine: only loopback addresses are accepted")
    return parts.hostname, parts.port


class Clients:
    """One boto3 client per service and Region, all of the same endpoint; safe to share between threads.

    - read_timeout: seconds that one answer may take.
    - attempts: how often a request is sent before its failure is the caller's.
    - agent: added to the User-Agent.
    """

    def __init__(self, endpoint: str, *, read_timeout: float = 60, attempts: int = 1, agent: str = "") -> None:
        host, port = check_endpoint(endpoint)
        self._netloc = f"{host}:{port}"
        self._config = Config(
            proxies={},
            inject_host_prefix=False,
            max_pool_connections=32,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            s3={"addressing_style": "path"},
            connect_timeout=5,
            read_timeout=read_timeout,
            user_agent_extra=agent or None,
        )
        # One session for all: the API models and endpoint rules that a client is made of are read once.
        core = botocore.session.Session(session_vars=_SESSION_VARIABLES)
        core.set_credentials("test", "test")
        self._session = boto3.Session(botocore_session=core)
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str, region: str) -> Any:
        """The client of an AWS service (boto3's name for it) in a Region."""
        key = service, region
        if key not in self._clients:
            with self._lock:  # a botocore session is not thread-safe while it makes a client
                if key not in self._clients:
                    self._clients[key] = self._make(service, region)
        return self._clients[key]

    def _make(self, service: str, region: str) -> Any:
        name: Any = service
        client: Any = self._session.client(
            name, region_name=region, endpoint_url=f"http://{self._netloc}", config=self._config
        )
        client.meta.events.register("before-send", self._fence)
        return client

    def _fence(self, request: Any, **_: Any) -> None:
        if urlsplit(request.url).netloc != self._netloc:
            raise EndpointRefused(f"a request to {request.url!r} was stopped: it leaves this machine")


class Aws:
    """The clients of one endpoint and one Region, for those that only read back and report: they fail soon and try twice."""

    def __init__(self, endpoint: str, region: str) -> None:
        self.endpoint, self.region = endpoint, region
        self._clients = Clients(endpoint, read_timeout=20, attempts=2)

    def client(self, service: str) -> Any:
        """The client of an AWS service."""
        return self._clients.client(service, self.region)
