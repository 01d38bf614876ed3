"""What a distribution keeps of the answers of its origins, and when that may be given out."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

from localcloud.dataplane.cdn.distribution import CachePolicy, lifetime
from localcloud.runtime.wildcards import expression

#: In all, so that a site of any size does not fill this process.
_MOST_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Key:
    """What tells one kept answer from another: where it was asked, and what of the request the cache policy looks at."""

    pattern: str
    options: bool
    path: str
    query: str
    named: tuple[tuple[str, str], ...]

    @property
    def target(self) -> str:
        """The path with its query."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True, kw_only=True)
class Response:
    """An answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An answer that was kept at `at`, fresh until `until` (seconds since the epoch)."""

    response: Response
    at: float
    until: float


class EdgeCache:
    """Answers by key; the one that was asked for least lately goes first when there are too many."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Stored] = OrderedDict()
        self._bytes = 0

    def find(self, key: Key) -> Stored | None:
        """What is kept, fresh or not."""
        if (found := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, key: Key, response: Response, seconds: float, now: float) -> None:
        """Keep it for so long; a stale one stays, to ask the origin whether it has changed."""
        self.forget(key)
        if seconds <= 0 or len(response.body) > _MOST_BYTES // 4:
            return
        self._kept[key] = Stored(response=response, at=now, until=now + seconds)
        self._bytes += len(response.body)
        while self._bytes > _MOST_BYTES:
            self.forget(next(iter(self._kept)))

    def forget(self, key: Key) -> None:
        """Keep it no more."""
        if (gone := self._kept.pop(key, None)) is not None:
            self._bytes -= len(gone.response.body)

    def invalidate(self, path: str) -> None:
        """Forget what is kept of a path, with or without a query; one with a `*` at its end is of all that begin so."""
        pattern = expression(path)
        for key in [key for key in self._kept if re.fullmatch(pattern, key.path) or re.fullmatch(pattern, key.target)]:
            self.forget(key)

    def clear(self) -> None:
        """Keep nothing."""
        self._kept.clear()
        self._bytes = 0


def seconds(policy: CachePolicy, response: Response, now: float) -> float:
    """For how long a good answer is kept under a policy."""
    if not policy.keeps:
        return 0
    expires = None
    if given := response.headers.get("expires"):
        try:
            expires = parsedate_to_datetime(given).timestamp()
        except ValueError:
            expires = now  # RFC 9111, 5.3: what is no date is in the past
    return lifetime(policy, response.headers, now, expires)


def confirmed(stored: Stored, fresh: Response) -> Response:
    """A kept answer whose origin says that it has not changed: with the newer headers."""
    newer = {name: fresh.headers[name] for name in ("cache-control", "expires", "date") if name in fresh.headers}
    return replace(stored.response, headers={**stored.response.headers, **newer})
