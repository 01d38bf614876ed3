"""Logs: one JSON object a line, with the request's and the caller's ids, without personal data or secrets."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import sys
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

from pydantic_core import PydanticSerializationError, to_json

from services.common.telemetry import spans

#: Of the request or the job that is being worked on; empty outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")
user_id: ContextVar[str] = ContextVar("user_id", default="")

#: What a line must not show, whoever wrote it: a second line of defence, the first is not to log it. Linear in the text's
#: length: quantifiers are possessive, so nothing is tried twice, and an address is looked for only where a run of its
#: characters begins. (tests/services/common/test_hostile_input.py times each.)
_PRIVATE = re.compile(
    r"(?P<email>(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)++)"
    r"|(?P<token>eyJ[\w-]{8,}+(?:\.[\w-]*+)*+)"
    r"|(?P<secret>(?i:password|secret|token|authorization)[\"']?\s*+[=:]\s*+[\"']?[^\s\"',;&)]++)"
    r"|(?P<url>://[^\s/@:]*+:[^\s/@]++@)"
)

#: Characters of one value, and of a stack trace, that a line shows: what a caller sent must not fill the log.
LONGEST_VALUE = 2048
LONGEST_TRACE = 16384

#: What is given up where a text is cut, so that half an address or half a token does not pass as neither.
_EDGE = 256

#: Attributes that every LogRecord has: whatever else a record carries came in by `extra=` and is shown.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName", "data"}


_JSON = json.JSONEncoder(ensure_ascii=False)


def scrub(text: str) -> str:
    """`text`, at most LONGEST_VALUE characters of it, with e-mail addresses, tokens and secrets replaced by what they were."""
    if len(text) > LONGEST_VALUE:
        text = f"{_whole_words(text[:LONGEST_VALUE])} [{len(text)} characters]"
    return _replaced(text)


def scrub_trace(text: str) -> str:
    """The same for a stack trace, of which the end says most."""
    if len(text) > LONGEST_TRACE:
        text = "[cut]" + text[-LONGEST_TRACE:].partition("\n")[2]
    return _replaced(text)


def _replaced(text: str) -> str:
    # Each alternative of the pattern needs one of these, and most of what is logged has none.
    if "@" in text or ":" in text or "=" in text or "eyJ" in text:
        return _PRIVATE.sub(lambda found: f"[{found.lastgroup}]", text)
    return text


def _whole_words(cut: str) -> str:
    """`cut` without its last, perhaps incomplete word."""
    return cut[: max(cut.rfind(" "), len(cut) - _EDGE)]


def _level(record: logging.LogRecord) -> str:
    """A CRITICAL line pages, so it names what to do. A library's that names nothing (Celery's "Couldn't ack" while the broker
    hangs: what it has not acknowledged is delivered again) is an error for whoever looks."""
    return "ERROR" if record.levelname == "CRITICAL" and not hasattr(record, "runbook") else record.levelname


class JsonFormatter(logging.Formatter):
    """Makes a record one line of JSON."""

    def __init__(self, service: str, process: str, environment: str) -> None:
        super().__init__()
        self._fixed = {"service": service, "process": process, "environment": environment}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": _level(record),
            "logger": record.name,
            "message": scrub(record.getMessage()),
            **self._fixed,
        }
        if request := request_id.get():
            line["request_id"] = request
        if user := user_id.get():
            line["user_id"] = user
        if span := spans.current.get():
            line |= spans.identifiers(span)
        for name, value in vars(record).items():
            if name not in _STANDARD:
                line[name] = value if isinstance(value, int | float | bool | None) else scrub(str(value))
        if record.exc_info:
            line["exception"] = scrub_trace(self.formatException(record.exc_info))
        try:
            return to_json(line).decode()
        except PydanticSerializationError:  # half a surrogate pair
            return _JSON.encode(line)


#: Rooms whose lines are shown at DEBUG, too.
OURS = ("services", "scoring")


class Buffered(logging.StreamHandler[TextIO]):
    """Writes what an event loop logs a moment later and together: to write each line at once costs more than to make it.

    A warning, and what is logged elsewhere, is written at once, with all that came before it.
    """

    SECONDS = 0.05

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._due = 0.0
        self._at_once = True

    def emit(self, record: logging.LogRecord) -> None:
        self._at_once = record.levelno >= logging.WARNING
        super().emit(record)

    def flush(self) -> None:
        """Write what has been kept, unless it may wait."""
        loop = None if self._at_once else asyncio._get_running_loop()
        if loop is None:
            super().flush()
        elif (now := time.monotonic()) >= self._due:  # by time, since the loop that was to write may have ended
            self._due = now + self.SECONDS
            loop.call_later(self.SECONDS, super().flush)


def configure(*, service: str, process: str, environment: str, level: str = "INFO") -> None:
    """Send everything that is logged in this process to standard output as JSON.

    `level` is that of our own code; a library's is INFO at least: botocore's DEBUG is every body, a letter with its code as
    well as a data key in plain.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a lone surrogate must not cost the line
    # What no line shows is not looked for (the Logging HOWTO's "Optimization").
    for name in ("logThreads", "logProcesses", "logMultiprocessing", "_srcfile"):
        setattr(logging, name, None)
    handler = Buffered(sys.stdout)
    handler.setFormatter(JsonFormatter(service, process, environment))
    logging.basicConfig(level=max(logging.INFO, logging.getLevelName(level)), handlers=[handler], force=True)
    for ours in OURS:
        logging.getLogger(ours).setLevel(level)
    logging.captureWarnings(True)
    # Warnings and worse only: at INFO these repeat what the access log says, or say it with parameters.
    for noisy in ("httpx", "httpcore", "uvicorn.error", "celery.beat", "alembic", "kombu"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level)))
