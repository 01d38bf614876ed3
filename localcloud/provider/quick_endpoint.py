"""Sends botocore's requests to a loopback endpoint with a third of the work: for a process that sends thousands.

botocore goes on to check and serialise what is asked, to parse the answer and to call its handlers for both. What falls away
is what means nothing on loopback: a signature (the credentials are the constant "test"; what a request is signed for is still
said), retries, a user agent worked out for each request, and the layers of urllib3 and http.client. Connections stay open.
What is streamed goes botocore's own way.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from typing import Any
from urllib.parse import urlencode, urlsplit

from botocore.awsrequest import HeadersDict
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from localcloud.runtime.aws import EndpointRefused

_CONNECT_SECONDS, _ANSWER_SECONDS = 5, 60

#: Answers that have no body.
_BODILESS = (204, 304)


class WholeAnswer:
    """An HTTP answer, as far as botocore's handlers look at one."""

    def __init__(self, status: int, headers: Any, content: bytes) -> None:
        self.status_code, self.headers, self.content = status, headers, content


class Connections:
    """Connections to one host and port; each serves one request at a time and is kept for the next."""

    def __init__(self, host: str, port: int) -> None:
        self.url = f"http://{host}:{port}"
        self.netloc = f"{host}:{port}"
        self._address = host, port
        self._idle: deque[tuple[socket.socket, Any]] = deque()

    def ask(self, method: str, request: bytes) -> WholeAnswer:
        """Send a whole request and return its whole answer; raises botocore's exceptions."""
        connection, reader = self._take()
        keep = False
        try:
            connection.sendall(request)
            status, headers, keep = _head(reader)
            content = b""
            if method != "HEAD" and status not in _BODILESS:
                length = headers.get("Content-Length")
                content = reader.read(int(length)) if length is not None else b""
                if length is None or len(content) < int(length):
                    keep = False
                    raise _Cut(f"{len(content)} of {length or 'unknown'} bytes came")
            return WholeAnswer(status, headers, content)
        except TimeoutError as error:
            keep = False
            raise ReadTimeoutError(endpoint_url=self.url, error=error) from error
        except (OSError, _Cut) as error:
            keep = False
            raise ConnectionClosedError(endpoint_url=self.url, error=error) from error
        finally:
            if keep:
                self._idle.append((connection, reader))
            else:
                reader.close()
                connection.close()

    def _take(self) -> tuple[socket.socket, Any]:
        while self._idle:
            try:
                connection, reader = self._idle.pop()
            except IndexError:  # another thread took the last
                break
            if not select.select([connection], [], [], 0)[0]:
                return connection, reader
            reader.close()  # the other side has closed it
            connection.close()
        try:
            connection = socket.create_connection(self._address, _CONNECT_SECONDS)
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=self.url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=self.url, error=error) from error
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(_ANSWER_SECONDS)
        return connection, connection.makefile("rb")


class _Cut(Exception):
    """An answer that ended early."""


def _head(reader: Any) -> tuple[int, Any, bool]:
    """Status, headers, and whether the connection stays open."""
    first = reader.readline().split(None, 2)
    if len(first) < 2 or not first[0].startswith(b"HTTP/1."):
        raise _Cut("no answer came")
    headers = HeadersDict()
    while (line := reader.readline()) not in (b"\r\n", b"\n"):
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not line.endswith(b"\n"):
            raise _Cut("the headers were cut off")
        headers[name] = value.strip()
    keep = first[0] == b"HTTP/1.1" and headers.get("Connection", "").lower() != "close"
    return int(first[1]), headers, keep


class QuickEndpoint:
    """Stands in the place of the `Endpoint` of one botocore client."""

    def __init__(self, client: Any, connections: Connections) -> None:
        self._usual, self._connections = client._endpoint, connections
        self._events, self._signed = client.meta.events, client._request_signer
        self._parsers: dict[str, Any] = {}
        self.host = self._usual.host

    def close(self) -> None:
        """As botocore's."""
        self._usual.close()

    def make_request(self, operation: Any, request: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The HTTP answer, and what it says; as botocore's."""
        body = request["body"]
        if isinstance(body, dict):
            body = urlencode(body, doseq=True)
        if isinstance(body, str):
            body = body.encode()
        streamed = operation.has_streaming_output or operation.has_event_stream_output
        if streamed or not isinstance(body, bytes | bytearray):
            usual: tuple[Any, dict[str, Any]] = self._usual.make_request(operation, request)
            return usual
        answer = self._connections.ask(request["method"], self._rendered(request, body))
        return answer, self._parsed(operation, answer)

    def _rendered(self, request: dict[str, Any], body: bytes | bytearray) -> bytes:
        url = urlsplit(request["url"])
        if url.netloc != self._connections.netloc:
            raise EndpointRefused(f"a request to {request['url']!r} was stopped: it leaves this machine")
        path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        signing = request["context"].get("signing", {})
        region = signing.get("region") or self._signed.region_name
        scope = f"20260101/{region}/{signing.get('signing_name') or self._signed.signing_name}/aws4_request"
        headers = {
            "Host": url.netloc,
            "Authorization": f"AWS4-HMAC-SHA256 Credential=test/{scope}, SignedHeaders=host, Signature=unsigned",
            **request["headers"],
            "Content-Length": str(len(body)),
        }
        lines = [f"{request['method']} {path} HTTP/1.1"]
        for name, value in headers.items():
            lines.append(f"{name}: {value.decode() if isinstance(value, bytes) else value}")
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError(f"a header of {request['method']} {path} has a line break in it")
        return "\r\n".join([*lines, "", ""]).encode("utf-8") + body

    def _parsed(self, operation: Any, answer: WholeAnswer) -> dict[str, Any]:
        content = {
            "headers": answer.headers,
            "status_code": answer.status_code,
            "body": answer.content,
            "context": {"operation_name": operation.name},
        }
        model = operation.service_model
        custom: dict[str, Any] = {}
        self._events.emit(
            f"before-parse.{model.service_id.hyphenize()}.{operation.name}",
            operation_model=operation,
            response_dict=content,
            customized_response_dict=custom,
        )
        protocol = model.resolved_protocol
        if protocol not in self._parsers:
            self._parsers[protocol] = self._usual._response_parser_factory.create_parser(protocol)
        parser = self._parsers[protocol]
        parsed: dict[str, Any] = parser.parse(content, operation.output_shape)
        parsed.update(custom)
        answer.status_code = content["status_code"]
        if answer.status_code >= 300:
            self._usual._add_modeled_error_fields(content, parsed, operation, parser)
        parsed.get("ResponseMetadata", {})["RetryAttempts"] = 0
        return parsed
