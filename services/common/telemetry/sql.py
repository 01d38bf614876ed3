"""A span for each statement: its text, which holds no values, and what it does to which table."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from services.common.telemetry import spans

_VERB = re.compile(r"\s*(\w+)")
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+(?:ONLY\s+)?([a-z_][\w.]*)", re.IGNORECASE)

_BEGAN = "span began"


def summary(statement: str) -> str:
    """A statement's name, of few kinds: its verb, and the first table or function that it names.

    >>> [summary(each) for each in ("INSERT INTO outbox (id) VALUES ($1)", "update only x set y = $1", "COMMIT")]
    ['INSERT outbox', 'UPDATE x', 'COMMIT']
    """
    verb, table = _VERB.match(statement), _TABLE.search(statement)
    return " ".join([verb[1].upper() if verb else "SQL", *([table[1]] if table else [])])


@lru_cache(maxsize=512)
def _described(statement: str) -> tuple[str, spans.Attributes]:
    """What every span of a statement shares: nothing of it is made anew for each."""
    name = summary(statement)
    return name, {"db.system.name": "postgresql", "db.query.summary": name, "db.query.text": statement}


def note(statement: str, began: int, error: BaseException | None = None) -> None:
    """A statement was done, or has failed, since `began` (of `spans.moment`)."""
    name, attributes = _described(statement)
    spans.leaf(name, spans.SpanKind.CLIENT, began, attributes, type(error).__name__ if error else "")


def watch(engine: AsyncEngine) -> None:
    """Have every statement of `engine` noted, if this process records."""
    if not spans.recording():
        return

    def before(connection: Any, *_: Any) -> None:
        connection.info[_BEGAN] = spans.moment()

    def after(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if began := connection.info.pop(_BEGAN, 0):
            note(statement, began)

    def on_error(context: Any) -> None:
        if context.connection is not None and (began := context.connection.info.pop(_BEGAN, 0)):
            note(context.statement or "", began, context.original_exception)

    event.listen(engine.sync_engine, "before_cursor_execute", before)
    event.listen(engine.sync_engine, "after_cursor_execute", after)
    event.listen(engine.sync_engine, "handle_error", on_error)
