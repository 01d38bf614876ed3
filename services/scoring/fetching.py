"""A feed's files over HTTP: from its provider's address alone, asked for conditionally, bounded while they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from services.common.settings import variable
from services.common.telemetry.carried import PartnerClient
from services.scoring.store import FILE_BYTES

#: How long a provider may be silent, and how long a file may take.
SILENT_SECONDS, FILE_SECONDS = 5.0, 20.0

#: The longest that a provider's Retry-After is kept to.
LONGEST_PAUSE = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Provider:
    """Who is asked: in which source's form it answers, which variable has its address; while none of the files `results` is
    there, a match has no result yet."""

    source: str
    variable: str
    results: frozenset[str] = frozenset()


#: By name; their addresses are the environment's (`sports-feeds` in model/egress.py).
PROVIDERS: Mapping[str, Provider] = {
    "cricsheet": Provider("cricsheet", "CRICSHEET_URL"),
    "f1db": Provider(
        "f1db", "F1DB_URL", frozenset({"qualifying-results.yml", "sprint-race-results.yml", "race-results.yml"})
    ),
    "fpl": Provider("fpl", "FPL_URL"),
    "scorer": Provider("events", "SCORER_URL"),
}


class FeedError(RuntimeError):
    """A provider gave no file that can be used. `pause`: for how long it wants not to be asked, if it said so."""

    def __init__(self, reason: str, pause: timedelta | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


@dataclass(frozen=True, slots=True)
class Seen:
    """What a provider answered last for a file."""

    sha256: str
    etag: str | None = None
    modified: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file; `content` is None if it is as it was seen."""

    content: bytes | None
    etag: str | None
    modified: str | None


class Fetcher:
    """Asks one provider at `base`."""

    def __init__(self, http: httpx.AsyncClient, base: str, now: datetime) -> None:
        self._http, self._base, self._now = http, base.rstrip("/"), now

    async def get(self, path: str, seen: Seen | None) -> Fetched | None:
        """The file at `path` (schemas.FilePath: it leads to no other host); None if there is none. Raises FeedError."""
        # A body that is unpacked on the way could be of any size before it is counted.
        headers = {"Accept-Encoding": "identity"}
        if seen is not None and seen.etag:
            headers["If-None-Match"] = seen.etag
        if seen is not None and seen.modified:
            headers["If-Modified-Since"] = seen.modified
        try:
            async with (
                asyncio.timeout(FILE_SECONDS),
                self._http.stream("GET", self._base + path, headers=headers) as answer,
            ):
                return await self._read(path, answer, seen)
        except (httpx.HTTPError, TimeoutError) as error:
            raise FeedError(f"{path}: {type(error).__name__}") from None

    async def _read(self, path: str, answer: httpx.Response, seen: Seen | None) -> Fetched | None:
        etag, modified = answer.headers.get("etag"), answer.headers.get("last-modified")
        status = answer.status_code
        if status == 304 and seen is not None:
            return Fetched(None, seen.etag, seen.modified)
        if status in (404, 410):
            return None
        if status in (429, 503):
            raise FeedError(f"{path}: {status}", _pause(answer.headers.get("retry-after"), self._now))
        if 300 <= status < 400:
            raise FeedError(f"{path}: {status}; a redirect is not followed")
        if status != 200:
            raise FeedError(f"{path}: {status}")
        if seen is not None and _older(modified, seen.modified):
            return Fetched(None, seen.etag, seen.modified)  # a cache on the way that is behind
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise FeedError(f"{path}: packed although that was not asked for")
        if "html" in answer.headers.get("content-type", ""):
            raise FeedError(f"{path}: a page (HTML) instead of data")
        return Fetched(await _bounded(path, answer), etag, modified)


def client() -> httpx.AsyncClient:
    """What asks providers: it follows no redirect, and no proxy of the environment's."""
    timeout = httpx.Timeout(SILENT_SECONDS)
    return PartnerClient(timeout=timeout, follow_redirects=False, trust_env=False)


def address(provider: str) -> str:
    """Where a provider is. Raises SettingsError."""
    return variable(PROVIDERS[provider].variable)


async def _bounded(path: str, answer: httpx.Response) -> bytes:
    """The body. Raises FeedError as soon as it is known to be too large."""
    too_large = FeedError(f"{path}: more than {FILE_BYTES} bytes")
    claimed = answer.headers.get("content-length", "0")
    if not claimed.isdigit() or len(claimed) > 12 or int(claimed) > FILE_BYTES:
        raise too_large
    content = bytearray()
    async for chunk in answer.aiter_raw():
        content += chunk
        if len(content) > FILE_BYTES:
            raise too_large
    if not content:
        raise FeedError(f"{path}: an empty file")
    return bytes(content)


def _older(modified: str | None, known: str | None) -> bool:
    one, other = _moment(modified), _moment(known)
    return one is not None and other is not None and one < other


def _moment(text: str | None) -> datetime | None:
    """A date of HTTP's, if it is one."""
    if not text:
        return None
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _pause(given: str | None, now: datetime) -> timedelta | None:
    """What Retry-After says: seconds or a date."""
    if given is None:
        return None
    if given.isascii() and given.isdigit():
        return min(LONGEST_PAUSE, timedelta(seconds=int(given[:9])))
    until = _moment(given)
    return min(LONGEST_PAUSE, max(timedelta(0), until - now)) if until is not None else None
