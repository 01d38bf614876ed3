"""boto3 clients that can reach one loopback endpoint and nothing else, whatever the user's environment says.

`matchday` must never touch a real account by accident. So: the endpoint must be a loopback address; credentials are the
constant "test"; every AWS, LocalStack and proxy variable, profile and file of the user's is out of sight; and as a last
fence each request is looked at before it is sent.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.parsers import ResponseParserError
from localstack_client.session import Session

from localcloud.provider.errors import Refused

_FOREIGN = ("AWS_", "AMAZON_", "BOTO_", "LOCALSTACK_", "BOTO3_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "use_ssl")


class EndpointRefused(ValueError):
    """An endpoint that is not on this machine."""


def isolate_environment() -> None:
    """Take everything out of this process's environment that boto3 or localstack-client would read."""
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
    """One boto3 client per service and Region, all of the same endpoint; safe to share between threads."""

    def __init__(self, endpoint: str) -> None:
        host, port = check_endpoint(endpoint)
        self._netloc = f"{host}:{port}"
        self._clients: dict[tuple[str, str], Any] = {}
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def client(self, service: str, region: str) -> Any:
        key = service, region
        if key not in self._clients:
            with self._lock:  # boto3's default session is not thread-safe while it makes a client
                if key not in self._clients:
                    self._clients[key] = self._make(service, region)
        return self._clients[key]

    def _make(self, service: str, region: str) -> Any:
        session = Session(
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - a constant that opens nothing
            region_name=region,
            localstack_host=self._netloc,
        )
        config = Config(
            proxies={},
            inject_host_prefix=False,
            max_pool_connections=32,
            retries={"max_attempts": 1, "mode": "standard"},
            s3={"addressing_style": "path"},
            connect_timeout=5,
            read_timeout=60,
        )
        client = session.client(service, config=config)
        client.meta.events.register("before-send", self._fence)
        return client

    def _fence(self, request: Any, **_: Any) -> None:
        if urlsplit(request.url).netloc != self._netloc:
            raise EndpointRefused(f"a request to {request.url!r} was stopped: it leaves this machine")

    def call(self, service: str, region: str, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call `operation` (boto3's method name; "other-service:method" for one of another service)."""
        if ":" in operation:
            service, operation = operation.split(":")
        try:
            answer: dict[str, Any] = getattr(self.client(service, region), operation)(**arguments)
        except ResponseParserError as error:  # an HTML page of the emulator's where AWS answers XML
            raise Refused(f"{operation}: the emulator failed or does not know this call (its log says more)") from error
        return answer
