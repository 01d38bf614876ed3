"""Sends kept spans to the collector beside this process, from a thread of its own: nothing ever waits for it.

What the collector does not take is dropped and counted. A collector that refuses, is silent or is away costs a request nothing.
"""

from __future__ import annotations

import http.client
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from urllib.parse import urlsplit

from services.common import metrics
from services.common.settings import ProcessSettings, TracingSettings, load
from services.common.telemetry import otlp, spans

#: Spans that wait to be sent; of a recording that does not fit nothing is sent.
MOST_WAITING = 4096

#: Recordings are gathered for so long, and as far as so many spans go into one request: encoding holds Python's lock.
PAUSE_SECONDS = 1.0
BATCH = 256

#: How long the collector, which is in the same task, may take; after a failure it is left alone for a while.
SECONDS = 2.0
BACK_OFF_SECONDS = 5.0
METRICS_SECONDS = 60.0

log = logging.getLogger(__name__)


class Exporter:
    """What is to be sent to one collector, whose `endpoint` is `http://host:port`."""

    def __init__(self, endpoint: str, resource: Mapping[str, str]) -> None:
        address = urlsplit(endpoint)
        self._host, self._port = address.hostname or "", address.port or 4318
        self._resource = resource
        self._waiting: deque[spans.Recording] = deque()
        self._lock = threading.Lock()
        self._count = self._sent = self._dropped = 0
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._connection: http.client.HTTPConnection | None = None
        self._measured = time.monotonic()

    def add(self, recording: spans.Recording) -> None:
        """Take a recording; from any thread."""
        size = len(recording.spans)
        with self._lock:
            if self._count + size > MOST_WAITING:
                self._dropped += size
                return
            self._count += size
            self._waiting.append(recording)
            if self._thread is None:  # not before: most processes fork none, and a forked one has none
                self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
                self._thread.start()

    def close(self, seconds: float = 1.0) -> None:
        """Send what waits, for so long at most."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        pause = PAUSE_SECONDS
        while True:
            last = self._ended.wait(pause)
            sent = self._send_all()
            self._measure(last)
            if last:
                return
            pause = PAUSE_SECONDS if sent else BACK_OFF_SECONDS

    def _send_all(self) -> bool:
        while batch := self._take():
            size = sum(len(each.spans) for each in batch)
            try:
                self._post(otlp.encode(batch, self._resource))
            except Exception as error:
                log.debug("spans not sent", extra={"reason": type(error).__name__})
                self._disconnect()
                self._dropped += size
                return False
            self._sent += size
        return True

    def _take(self) -> list[spans.Recording]:
        batch: list[spans.Recording] = []
        size = 0
        with self._lock:
            while self._waiting and (not batch or size + len(self._waiting[0].spans) <= BATCH):
                batch.append(self._waiting.popleft())
                size += len(batch[-1].spans)
            self._count -= size
        return batch

    def _post(self, body: bytes) -> None:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, self._port, timeout=SECONDS)
        self._connection.request("POST", "/v1/traces", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        answer.read(65536)
        if answer.status != http.HTTPStatus.OK:
            raise ConnectionError(f"the collector answered {answer.status}")

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _measure(self, last: bool) -> None:
        """Once a minute, and at the end, say how many were sent and how many dropped."""
        now = time.monotonic()
        if (last or now - self._measured >= METRICS_SECONDS) and (self._sent or self._dropped):
            self._measured = now
            sent, dropped, self._sent, self._dropped = self._sent, self._dropped, 0, 0
            metrics.emit(SpansSent=(sent, "Count"), SpansDropped=(dropped, "Count"))


def open_exporter(process: ProcessSettings) -> Exporter | None:
    """Begin to record, if the environment names a collector; whoever opens it closes it. Raises SettingsError."""
    settings = load(TracingSettings)
    if not settings.exporter_otlp_endpoint:
        return None
    resource = {
        "service.name": process.service,
        "service.namespace": "matchday",
        "deployment.environment.name": process.environment,
        "matchday.process": process.process,
    }
    exporter = Exporter(str(settings.exporter_otlp_endpoint), resource)
    spans.start(exporter.add, settings.traces_sampler_arg)
    return exporter


def close_exporter(exporter: Exporter | None) -> None:
    """Record nothing any more, and send what waits."""
    if exporter is not None:
        spans.stop()
        exporter.close()
