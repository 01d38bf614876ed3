"""boto3 clients that can reach one loopback endpoint and nothing else, whatever the user's environment says.

`matchday` must never touch a real account by accident. So: the endpoint must be a loopback address; credentials are the
constant "test"; no AWS variable, profile, file or proxy of the user's is read; and as a last fence each request is looked at
before it is sent.

An answer that was cut off (the emulator was killed while it wrote) is a closed connection: botocore asks urllib3 not to count
bytes, and reads what is left of a list as an empty one.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

from localcloud.runtime.task_credentials import access_key

_FOREIGN = ("AWS_", "AMAZON_", "BOTO_", "LOCALSTACK_", "BOTO3_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "use_ssl")

_CONNECT_SECONDS = 5
_CONNECTIONS = 32

#: botocore's settings without the environment variables that each of them is otherwise read from.
_SESSION_VARIABLES = {
    name: (entry[0], None, *entry[2:]) for name, entry in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
} | {
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


#: The access key of the role in whose name this context asks; empty: our own.
_ACTING_AS: ContextVar[str] = ContextVar("acting_as", default="")


@contextmanager
def acting_as(role_arn: str) -> Iterator[None]:
    """Ask in the name of a role within this: the emulator refuses what it may not do. Of an empty name, as always."""
    token = _ACTING_AS.set(access_key(role_arn) if role_arn else "")
    try:
        yield
    finally:
        _ACTING_AS.reset(token)


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
        timeout: Any = (_CONNECT_SECONDS, read_timeout)  # the stubs know one number only
        self._http = URLLib3Session(timeout=timeout, proxies={}, max_pool_connections=_CONNECTIONS)
        self._config = Config(
            proxies={},
            inject_host_prefix=False,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            s3={"addressing_style": "path"},
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
        client.meta.events.register("before-send", self._send)
        return client

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Send in botocore's place: to the endpoint only, and whole answers only."""
        if urlsplit(request.url).netloc != self._netloc:
            raise EndpointRefused(f"a request to {request.url!r} was stopped: it leaves this machine")
        if role := _ACTING_AS.get():
            # Whose request it is, is all that the emulator reads of a signature.
            request.headers["Authorization"] = re.sub("Credential=[^/]+", f"Credential={role}", _authorization(request))
        answer: AWSResponse = self._http.send(request)
        if not request.stream_output and _cut(request.method, answer):
            cause = f"{len(answer.content)} of {answer.headers.get('Content-Length', 'unknown')} bytes came"
            raise ConnectionClosedError(endpoint_url=request.url, request=request, error=cause)
        return answer


def _authorization(request: AWSPreparedRequest) -> str:
    given = request.headers["Authorization"]
    return given.decode() if isinstance(given, bytes) else str(given)


def _cut(method: str, answer: AWSResponse) -> bool:
    """Whether an answer ended early; one without a length may have lost its headers' end. botocore counts streamed bodies."""
    if method == "HEAD" or answer.status_code in (204, 304):
        return False
    length = answer.headers.get("Content-Length")
    return length is None or len(answer.content) < int(length)


class Aws:
    """The clients of one endpoint and one Region, for those that only read back and report: they fail soon and try twice."""

    def __init__(self, endpoint: str, region: str) -> None:
        self.endpoint, self.region = endpoint, region
        self._clients = Clients(endpoint, read_timeout=20, attempts=2)

    def client(self, service: str, region: str = "") -> Any:
        """The client of an AWS service; `region`: another one than ours, as that of CloudFront's API."""
        return self._clients.client(service, region or self.region)
