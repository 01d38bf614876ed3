"""Stands where AWS's build of the OpenTelemetry collector stands in a task: takes spans on its loopback, for `aws/spans`.

No container runs here. So a container that has AOT_CONFIG_CONTENT, by which that image is configured, is this: a server on the
task's address that takes OTLP over HTTP in JSON where the configuration's receiver says, and writes each span to CloudWatch
Logs as X-Ray does with Transaction Search. It refuses what the collector would refuse; it neither batches nor samples
(docs/data-plane.md).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from localcloud.dataplane.ecs.container import Health
from localcloud.dataplane.ecs.images import TaskFailed
from localcloud.dataplane.model import Json

CONFIGURATION = "AOT_CONFIG_CONTENT"

#: Where X-Ray keeps spans (Transaction Search).
GROUP = "aws/spans"

#: Bytes of a request, and how long one may take. The services send some hundred kilobytes at most.
LONGEST = 4 * 1024 * 1024
SECONDS = 10.0

_CLOSE = "Connection: close\r\n"
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUS = ("UNSET", "OK", "ERROR")


def is_collector(definition: Json) -> bool:
    """Whether a container's definition is of AWS's collector."""
    return any(each["name"] == CONFIGURATION for each in definition.get("environment") or ())


class Collector:
    """The container, as a task sees it: it has no process. `write` takes a span's line."""

    checked = True
    pid: int | None = None
    exit_code: int | None = None

    def __init__(self, definition: Json, address: str, write: Callable[[bytes], None]) -> None:
        self.definition = definition
        self.name: str = definition["name"]
        self.essential: bool = definition.get("essential", True)
        self.health = Health.UNKNOWN
        self._address, self._write = address, write
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def running(self) -> bool:
        """Whether it takes spans."""
        return self._server is not None

    async def start(self) -> None:
        """Take spans from here on. TaskFailed if its configuration has no receiver."""
        values = {each["name"]: each["value"] for each in self.definition.get("environment") or ()}
        try:
            port = _port(json.loads(values[CONFIGURATION]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TaskFailed(
                f"CannotStartContainerError: {self.name}: {CONFIGURATION}: {type(error).__name__}: {error}; accepted: JSON "
                "with receivers.otlp.protocols.http.endpoint"
            ) from error
        self._server = await asyncio.start_server(self._connected, self._address, port, limit=64 * 1024)
        self.health = Health.HEALTHY

    async def stop(self) -> None:
        """Take no more."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for each in list(self._writers):
                each.close()
            self.exit_code = 0

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._request(reader, writer):
                pass
        except (OSError, EOFError, ValueError, TimeoutError):  # cut off, or no HTTP
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether another may follow."""
        line = await reader.readline()
        if not line:
            return False
        async with asyncio.timeout(SECONDS):
            method, path, _ = line.decode("latin-1").split(" ", 2)
            headers = await _headers(reader)
            length = int(headers.get("content-length", "0"))
            status = 413 if length > LONGEST else _refusal(method, path, headers)
            if status == 200:
                status = self._take(await reader.readexactly(length))
            head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
            goes_on = status in (200, 400)  # of others the body was not read
            writer.write(f"{head}{'' if goes_on else _CLOSE}Content-Length: 2\r\n\r\n{{}}".encode())
            await writer.drain()
        return goes_on

    def _take(self, body: bytes) -> int:
        try:
            lines = [json.dumps(each).encode() for each in spans(json.loads(body))]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return 400
        for each in lines:
            self._write(each)
        return 200


def _port(configuration: Mapping[str, Any]) -> int:
    return int(configuration["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2])


def _refusal(method: str, path: str, headers: Mapping[str, str]) -> int:
    if path != "/v1/traces":
        return 404
    if method != "POST":
        return 405
    return 200 if headers.get("content-type") == "application/json" else 415


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    found: dict[str, str] = {}
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        found[name.strip().lower()] = value.strip()
    return found


def spans(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The spans of an ExportTraceServiceRequest, each as CloudWatch Logs shows it."""
    for resource in request["resourceSpans"]:
        of = {"attributes": _attributes(resource.get("resource", {}).get("attributes", ()))}
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                began, ended = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
                status = _STATUS[span.get("status", {}).get("code", 0)]
                found = {
                    "resource": of,
                    "scope": {"name": scope.get("scope", {}).get("name", "")},
                    "traceId": str(span["traceId"]),
                    "spanId": str(span["spanId"]),
                    "name": str(span["name"]),
                    "kind": _KINDS[span.get("kind", 0)],
                    "startTimeUnixNano": began,
                    "endTimeUnixNano": ended,
                    "durationNano": ended - began,
                    "attributes": _attributes(span.get("attributes", ())),
                    "status": {"code": status},
                }
                if parent := span.get("parentSpanId"):
                    found["parentSpanId"] = parent
                if links := span.get("links"):
                    found["links"] = [{key: each[key] for key in ("traceId", "spanId")} for each in links]
                yield found


def _attributes(values: Any) -> dict[str, Any]:
    return {each["key"]: _value(each["value"]) for each in values}


def _value(value: Mapping[str, Any]) -> Any:
    ((kind, held),) = value.items()
    return int(held) if kind == "intValue" else held
