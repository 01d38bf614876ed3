"""Spans: what a request, a message or a job did and when, kept in memory until it ends, and handed over if it is worth keeping.

A trace is one id for all that a request causes, in every service. What one process does of it at a time is a recording: a root
and the spans below it. At the root's end it goes to the exporter if the trace is one of the sampled, or if it failed or was
slow; else it is forgotten, and has cost no more than a few objects. Nothing is recorded where no exporter is (`start`).

Names and attributes are of OpenTelemetry's semantic conventions; docs/telemetry.md lists all that a span may hold.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType, TracebackType
from typing import Any

from services.common.ids import uuid7

#: A request that takes longer is kept even where its trace is not sampled; so is a message's work.
SLOW_REQUEST_NS = 1_000_000_000
SLOW_WORK_NS = 10_000_000_000

#: Spans of one recording; of further ones it is only known how many there were.
MOST = 128

#: `traceparent` (W3C Trace Context, version 00). What is of another form is no context.
_CONTEXT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 0x01

#: A trace is sampled by the last 56 bits of its id, which are random (W3C Trace Context, level 2): every service that begins
#: to look in the middle decides alike.
_RANDOM = 2**56

Attributes = Mapping[str, str | int]
_NOTHING: Attributes = MappingProxyType({})

_bits = random.getrandbits


class SpanKind(IntEnum):
    """As OTLP counts them."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


@dataclass(frozen=True, slots=True)
class Context:
    """Where a trace goes on: its id, the span that caused what follows, and whether it is sampled."""

    trace: int
    span: int
    sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace:032x}-{self.span:016x}-{self.sampled:02x}"


def parse(text: str) -> Context | None:
    """The context of a `traceparent`; None if it is not one."""
    found = _CONTEXT.fullmatch(text)
    return Context(int(found[1], 16), int(found[2], 16), bool(int(found[3], 16) & _SAMPLED)) if found else None


class Span:
    """One thing that was done; times in nanoseconds since 1970. `error`: its kind if it failed, never its message."""

    __slots__ = ("attributes", "end", "error", "id", "kind", "links", "name", "parent", "recording", "start")

    def __init__(
        self, recording: Recording, parent: int, name: str, kind: SpanKind, start: int, attributes: Attributes
    ) -> None:
        self.recording, self.parent, self.name, self.kind, self.start = recording, parent, name, kind, start
        self.id = _bits(64) or 1  # no secret
        self.end = 0
        self.error = ""
        self.attributes = attributes
        self.links: Sequence[Context] = ()

    def note(self, **more: str | int) -> None:
        """Further attributes. Those that it was begun with may be shared by spans, and are left as they are."""
        self.attributes = {**self.attributes, **more}

    @property
    def context(self) -> Context:
        """For what it causes."""
        return Context(self.recording.trace, self.id, self.recording.sampled)


class Recording:
    """What one process does of a trace at a time."""

    __slots__ = ("ended", "missed", "sampled", "spans", "trace")

    def __init__(self, trace: int, sampled: bool) -> None:
        self.trace, self.sampled = trace, sampled
        self.spans: list[Span] = []
        self.missed = 0
        self.ended = False

    def add(self, parent: int, name: str, kind: SpanKind, start: int, attributes: Attributes) -> Span:
        """A span that begins; one that is too many is known to its caller alone."""
        span = Span(self, parent, name, kind, start, attributes)
        if len(self.spans) < MOST:
            self.spans.append(span)
        else:
            self.missed += 1
        return span


#: What is being done; None outside of a recording.
current: ContextVar[Span | None] = ContextVar("span", default=None)

_now = time.time_ns

#: Takes the spans of a recording that is kept; None where nothing is recorded.
_hand_over: Callable[[Recording], None] | None = None
_threshold = 0


def start(hand_over: Callable[[Recording], None], ratio: float) -> None:
    """From now on record; of the traces that begin here the share `ratio` is sampled."""
    global _hand_over, _threshold
    _hand_over, _threshold = hand_over, round(ratio * _RANDOM)


def stop() -> None:
    """Record nothing any more."""
    global _hand_over
    _hand_over = None


def recording() -> bool:
    """Whether this process records."""
    return _hand_over is not None


def active() -> Span | None:
    """What is being done, if it is recorded and has not ended."""
    span = current.get()
    return None if span is None or span.recording.ended else span


def context() -> str:
    """The `traceparent` for what is caused now; empty outside of a recording."""
    span = active()
    return str(span.context) if span else ""


def failed(error: BaseException | str) -> None:
    """What is being done has failed."""
    if span := active():
        span.error = error if isinstance(error, str) else type(error).__name__


def begin(parent: Context | None, name: str, kind: SpanKind, trace: int = 0) -> Span | None:
    """The root of a recording, in the trace of `parent`, or in a new one (with the id `trace`); None if nothing is recorded.

    Whoever begins one ends it with `end`.
    """
    if _hand_over is None:
        return None
    if parent is None:
        number = trace or uuid7().int
        made = Recording(number, number % _RANDOM < _threshold)
    else:
        made = Recording(parent.trace, parent.sampled)
    root = made.add(parent.span if parent else 0, name, kind, _now(), _NOTHING)
    current.set(root)
    return root


def end(root: Span, slow: int = SLOW_WORK_NS) -> bool:
    """End a recording; whether it is kept: it is sampled, has failed, or took longer than `slow` nanoseconds."""
    whole = root.recording
    root.end = _now()
    whole.ended = True
    kept = whole.sampled or bool(root.error) or root.end - root.start > slow
    if kept and _hand_over is not None:
        _hand_over(whole)
    else:
        whole.spans.clear()  # a span knows its recording: without this each request would be the garbage collector's work
    return kept


class span:
    """A context manager: what is done inside is a span below what is being done. Outside of a recording it is nothing."""

    __slots__ = ("_attributes", "_kind", "_name", "_span", "_token")

    def __init__(self, name: str, kind: SpanKind, attributes: Attributes) -> None:
        self._name, self._kind, self._attributes = name, kind, attributes
        self._span: Span | None = None

    def __enter__(self) -> Span | None:
        if above := active():
            self._span = above.recording.add(above.id, self._name, self._kind, _now(), self._attributes)
            self._token: Token[Span | None] = current.set(self._span)
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._span:
            self._span.end = _now()
            if kind:
                self._span.error = kind.__name__
            current.reset(self._token)


class root:
    """A context manager: a recording of its own, such as a message's work or a job of the clock."""

    __slots__ = ("_attributes", "_links", "_name", "_parent", "_root", "_token")

    def __init__(self, name: str, parent: str, attributes: Attributes, links: Sequence[str] = ()) -> None:
        self._name, self._parent, self._attributes, self._links = name, parent, attributes, links
        self._root: Span | None = None

    def __enter__(self) -> Span | None:
        self._token = current.set(None)
        self._root = begin(parse(self._parent), self._name, SpanKind.CONSUMER)
        if self._root:
            self._root.attributes = self._attributes
            self._root.links = [found for each in self._links if (found := parse(each))]
        return self._root

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._root:
            if kind:
                self._root.error = kind.__name__
            end(self._root)
        current.reset(self._token)


def moment() -> int:
    """When something begins that `leaf` will tell of; 0 if nobody wants to know."""
    return _now() if active() else 0


def leaf(name: str, kind: SpanKind, began: int, attributes: Attributes, error: str = "") -> Span | None:
    """Something without parts has been done since `began` (of `moment`)."""
    above = active()
    if above is None:
        return None
    made = above.recording.add(above.id, name, kind, began, attributes)
    made.end, made.error = _now(), error
    return made


def shared(with_others: Span, parents: Sequence[str]) -> None:
    """What `with_others` has done was done for further traces too: in each of them a span says so, with a link."""
    for parent in parents:
        before = current.get()
        if found := begin(parse(parent), with_others.name, SpanKind.CONSUMER):
            found.start, found.error = with_others.start, with_others.error
            found.attributes = with_others.attributes
            found.links = [with_others.context]
            end(found)
        current.set(before)


def identifiers(span: Span) -> Mapping[str, Any]:
    """What a log line says of where it was written."""
    return {"trace_id": f"{span.recording.trace:032x}", "span_id": f"{span.id:016x}"}
