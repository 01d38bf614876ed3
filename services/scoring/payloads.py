"""What a feed says, kept in S3 before anything is read from it (texts of a request, files uploaded or pulled); and rules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.common.errors import Code, ServiceError
from services.common.tokens import Caller
from services.scoring.errors import ScoringCode
from services.scoring.schemas import SnapshotRequest, UploadRequest, UploadView
from services.scoring.store import MATCH_BYTES, Store, StoreError


@dataclass(frozen=True, slots=True)
class Payload:
    """All that a feed says of a match now.

    - objects: name of each file → its SHA-256, by which it is in S3.
    - contents: the same files' bytes; None where nothing has changed since they were read the last time.
    - complete: whether the match has a result, as far as whoever sends it knows; the files may say that it has not.
    """

    source: str
    provider: str
    seen_at: datetime
    complete: bool
    objects: Mapping[str, str]
    contents: Mapping[str, bytes] | None
    received_from: str

    @property
    def sha256(self) -> str:
        """Equal for what says the same."""
        return digest(self.source, self.complete, self.objects)


@dataclass(frozen=True, slots=True)
class RulesDocument:
    """Rules as they are published. `sha256` is of what they say, by which slates name them."""

    sha256: str
    name: str
    document: str
    parameters: dict[str, str | int]


async def keep_rules(store: Store, rules: RulesDocument) -> None:
    """A copy, before the database has them and out of its reach: what it has can be held against it. ServiceError (busy)."""
    copy = json.dumps({"document": rules.document, "parameters": rules.parameters}, sort_keys=True).encode()
    try:
        await store.keep_as(f"published/{rules.sha256}.json", named(copy), copy)
    except StoreError as error:
        raise unavailable("rules") from error


def digest(source: str, complete: bool, objects: Mapping[str, str]) -> str:
    """A snapshot's SHA-256."""
    return hashlib.sha256(json.dumps([source, complete, dict(objects)], sort_keys=True).encode()).hexdigest()


def named(content: bytes) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(content).hexdigest()


async def keep(store: Store, caller: Caller, wanted: SnapshotRequest) -> Payload:
    """Keep what came with a request, and get what was uploaded before.

    Raises ServiceError (snapshot_refused, busy): then nothing has been read, and what was sent may be sent again.
    """
    contents = {name: text.encode() for name, text in wanted.files.items()}
    try:
        await store.keep({named(content): content for content in contents.values()})
        for name, sha256 in wanted.stored.items():
            found = await store.read(sha256)
            if found is None:
                raise ServiceError(ScoringCode.SNAPSHOT_REFUSED, f"No file {sha256} was uploaded.")
            contents[name] = found
            if sum(map(len, contents.values())) > MATCH_BYTES:
                raise ServiceError(ScoringCode.SNAPSHOT_REFUSED, f"The files have more than {MATCH_BYTES} bytes.")
    except StoreError as error:
        raise unavailable() from error
    return Payload(
        source=wanted.source,
        provider=wanted.provider,
        seen_at=wanted.seen_at,
        complete=wanted.complete,
        objects={name: named(content) for name, content in contents.items()},
        contents=contents,
        received_from=caller.subject,
    )


async def announce(store: Store, wanted: UploadRequest) -> UploadView:
    """Where a file goes that is too large for a request. Raises ServiceError (busy)."""
    try:
        upload = await store.upload(wanted.sha256, wanted.size)
    except StoreError as error:
        raise unavailable() from error
    return UploadView(url=upload.url, headers=upload.headers)


def unavailable(what: str = "snapshots") -> ServiceError:
    """S3 does not answer."""
    return ServiceError(Code.BUSY, f"The store of {what} does not answer; nothing was done.")
