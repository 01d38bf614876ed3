"""The refusal of a request for which there is no place: when it may be given unparsed, and what it says."""

from __future__ import annotations

import json
import re

from services.common.admission import full_error
from services.common.errors import MEDIA_TYPE
from services.common.middleware import QUIET_PATHS

MAX_HEAD_BYTES = 32 * 1024

_QUIET = frozenset(path.encode() for path in QUIET_PATHS)

#: A head of ours whose lines all end in CR LF, with its path up to the query: methods that we have, and HTTP/1.1, which keeps
#: connections. Each line: its first CR has an LF behind it, and its first LF a CR before it. (A class of both would be three
#: times as slow as two passes over one character each.)
_HEAD = re.compile(
    rb"(?:GET|POST|PUT|PATCH|DELETE) (/[^\s?#]*+)[^\s#]*+ HTTP/1\.1\r\n(?:(?=[^\r]++\r\n)..++(?<=\r)\n)*+\r\n"
)

#: Headers that may move the end of a request or of its connection, and lines that continue the one before. Only of a length
#: in its plain form there is a group.
_MOVING = re.compile(
    rb"\n(?:content-length: ?(\d{1,6})\r|content-length|transfer-|connection|proxy-|[ \t])", re.IGNORECASE
)


def path_of_whole(data: bytes) -> bytes | None:
    """The path, if `data` is one request from beginning to end about which no two parsers could differ; else None.

    Whatever could move the end of a request (chunks, a length given twice or oddly, bare line feeds) or of its connection is
    left to the parser. Each line here is chosen by what it costs: this is a fifth of a refusal.
    """
    if (head := _HEAD.match(data)) is None or (end := head.end()) > MAX_HEAD_BYTES:
        return None
    body = 0
    if moving := _MOVING.findall(data, 0, end):
        if len(moving) > 1 or not moving[0]:
            return None
        body = int(moving[0])
    return head[1] if len(data) == end + body else None


def refusable(data: bytes) -> bool:
    """Whether `data` is one whole request that may be refused: not a health check."""
    path = path_of_whole(data)
    return path is not None and path not in _QUIET


def _answer() -> bytes:
    error = full_error()
    body = json.dumps(error.problem("").model_dump(exclude={"violations"})).encode()
    head = [
        f"HTTP/1.1 {error.status} Service Unavailable",
        f"content-type: {MEDIA_TYPE}",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        *(f"{name.lower()}: {value}" for name, value in error.headers.items()),
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


ANSWER = _answer()
