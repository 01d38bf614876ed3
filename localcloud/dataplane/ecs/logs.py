"""A task's output: kept in files of bounded size, and shipped to CloudWatch Logs as the awslogs driver does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.dataplane.ecs.images import TaskFailed
from localcloud.dataplane.model import Json
from localcloud.runtime.aws import Aws

#: A log file is turned over once at this size: a task keeps at most twice as much.
FILE_BYTES = 2_000_000
#: Files of ended tasks that stay in a process's directory.
FILES_KEPT = 20
#: The emulator holds every event in memory: a stream is begun anew after so many, and old tasks' streams are deleted.
STREAM_EVENTS = 3000
STREAMS_KEPT = 10
#: Likewise of one task's spans, of which each has some 800 bytes.
STREAM_SPANS = 1000
#: Lines that wait for shipping; the oldest are dropped beyond (the file has them).
_WAITING = 2000
_BATCH = 500


class LogFile:
    """One task's log file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in sorted(path.parent.glob("*.log*"), key=lambda file: file.stat().st_mtime)[: -FILES_KEPT or None]:
            old.unlink(missing_ok=True)
        self._file = path.open("ab")

    def write(self, line: bytes) -> None:
        """Append one line."""
        if self._file.closed:
            return
        self._file.write(line)
        self._file.flush()
        if self._file.tell() > FILE_BYTES:
            self._file.close()
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))
            self._file = self.path.open("ab")

    def close(self) -> None:
        """Write no more."""
        self._file.close()


@dataclass(eq=False)
class Stream:
    """One container's CloudWatch stream and what waits to be shipped to it."""

    group: str
    name: str
    heard: Callable[[str, str], None]  #: told of each line, with the group
    waiting: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=_WAITING))
    shipped: int = 0
    most: int = STREAM_EVENTS

    def add(self, line: bytes) -> None:
        """Remember a line until the next batch."""
        text = line.decode(errors="replace").rstrip("\n")
        if text:
            self.waiting.append((int(time.time() * 1000), text))
            self.heard(self.group, text)


class Shipper:
    """Sends what containers print to CloudWatch Logs, in batches. If that fails the lines are dropped: the files have them."""

    def __init__(self, aws: Aws, interval: float, heard: Callable[[str, str], None]) -> None:
        self._aws, self._interval, self._heard = aws, interval, heard
        self._streams: set[Stream] = set()
        self._by_prefix: dict[tuple[str, str], deque[str]] = {}

    async def open(self, container: Json, task_id: str) -> Stream | None:
        """The stream of a container that logs by awslogs. ECS does not start a container whose stream cannot be made."""
        options = (container.get("logConfiguration") or {}).get("options") or {}
        if (container.get("logConfiguration") or {}).get("logDriver") != "awslogs":
            return None
        prefix = f"{options.get('awslogs-stream-prefix', container['name'])}/{container['name']}"
        stream = Stream(options["awslogs-group"], f"{prefix}/{task_id}", self._heard)
        return await self._begin(stream, prefix, create_group=options.get("awslogs-create-group") == "true")

    async def open_spans(self, group: str, service: str, task_id: str) -> Stream:
        """The stream of a task's spans, which no metric filter reads; X-Ray makes the group when it is first needed."""
        stream = Stream(group, f"{service}/{task_id}", lambda _group, _line: None, most=STREAM_SPANS)
        return await self._begin(stream, service, create_group=True)

    async def _begin(self, stream: Stream, prefix: str, *, create_group: bool) -> Stream:
        try:
            await asyncio.to_thread(self._create, stream, create_group)
        except ClientError as error:
            raise TaskFailed(
                "ResourceInitializationError: failed to validate logger args: failed to create Cloudwatch log stream "
                f"{stream.name} in {stream.group}: {error.response['Error'].get('Message') or error}"
            ) from error
        self._streams.add(stream)
        await self._forget_old(stream.group, prefix, stream.name)
        return stream

    async def close(self, stream: Stream) -> None:
        """Ship what is left of an ended container's lines."""
        self._streams.discard(stream)
        await asyncio.to_thread(self._ship, stream)

    async def run(self) -> None:
        """Ship every interval, until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            for stream in [stream for stream in self._streams if stream.waiting]:
                await asyncio.to_thread(self._ship, stream)

    def _create(self, stream: Stream, create_group: bool) -> None:
        logs = self._aws.client("logs")
        if create_group:
            with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
                logs.create_log_group(logGroupName=stream.group)
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(logGroupName=stream.group, logStreamName=stream.name)

    def _ship(self, stream: Stream) -> None:
        logs = self._aws.client("logs")
        target = {"logGroupName": stream.group, "logStreamName": stream.name}
        with contextlib.suppress(ClientError, BotoCoreError):
            while stream.waiting:
                batch = [stream.waiting.popleft() for _ in range(min(_BATCH, len(stream.waiting)))]
                if stream.shipped + len(batch) > stream.most:
                    logs.delete_log_stream(**target)
                    logs.create_log_stream(**target)
                    stream.shipped = 0
                logs.put_log_events(**target, logEvents=[{"timestamp": when, "message": text} for when, text in batch])
                stream.shipped += len(batch)

    async def _forget_old(self, group: str, prefix: str, name: str) -> None:
        streams = self._by_prefix.setdefault((group, prefix), deque())
        streams.append(name)
        while len(streams) > STREAMS_KEPT:
            old = streams.popleft()
            with contextlib.suppress(ClientError, BotoCoreError):
                await asyncio.to_thread(
                    self._aws.client("logs").delete_log_stream, logGroupName=group, logStreamName=old
                )


def writer(file: LogFile, mark: str, stream: Stream | None) -> Callable[[bytes], None]:
    """Where a container's lines go; `mark` names it in a file that several share."""
    prefix = mark.encode()

    def write(line: bytes) -> None:
        file.write(prefix + line)
        if stream:
            stream.add(line)

    return write


def place_of(container: Json, service: str) -> tuple[str, str]:
    """(service, process) that a container's log file is filed under: its log group's last part and its stream prefix."""
    options = (container.get("logConfiguration") or {}).get("options") or {}
    group = options.get("awslogs-group", "").rstrip("/").rpartition("/")[2]
    return group or service, options.get("awslogs-stream-prefix") or container["name"]
