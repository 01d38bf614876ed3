"""What is kept in S3 once and for good: feeds' files as they came, before anything is read from them, and published rules."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import Field

from services.common.aws import AwsClient, AwsError
from services.common.settings import Settings, load

#: The most bytes that one file may have, and all files of a match together. A Test match of Cricsheet has 1.5 MB, the table of
#: all players of the Fantasy Premier League 2 MB.
FILE_BYTES, MATCH_BYTES = 8 * 1024 * 1024, 16 * 1024 * 1024

#: How long a URL is good to send a file to.
UPLOAD_TIME = timedelta(minutes=15)

T = TypeVar("T")

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_THERE = frozenset({"412", "PreconditionFailed"})
_AT_ONCE = "ConditionalRequestConflict"


class StoreError(RuntimeError):
    """S3 does not answer, or refuses at this moment."""


class StoreSettings(Settings):
    """The buckets."""

    bucket_snapshots: Annotated[str, Field(min_length=3)]
    bucket_rules: Annotated[str, Field(min_length=3)]


@dataclass(frozen=True, slots=True)
class Upload:
    """Where to PUT a file, with headers that are signed along: S3 takes exactly the bytes with that SHA-256."""

    url: str
    headers: dict[str, str]


class Store:
    """The bucket `name`, with the credentials of the task. Calls raise StoreError."""

    def __init__(self, name: str) -> None:
        self._bucket = name
        # Virtual addressing makes URLs of the Region; else they have the global name, which redirects, and the signature fails.
        self._client = AwsClient(
            "s3", signature_version="s3v4", s3={"addressing_style": "virtual"},
            request_checksum_calculation="when_required", response_checksum_validation="when_required",
        )  # fmt: skip

    async def keep(self, files: Mapping[str, bytes]) -> None:
        """Keep files by their SHA-256; one that is there stays as it is."""
        await asyncio.gather(*[self.keep_as(key(sha256), sha256, content) for sha256, content in files.items()])

    async def keep_as(self, key: str, sha256: str, content: bytes) -> None:
        """Keep a file with that SHA-256 under a key; one that is there stays as it is."""
        what = {"Bucket": self._bucket, "Key": key, "ChecksumSHA256": _base64(sha256)}
        for last in (False, True):
            try:
                await self._client.call(lambda client: client.put_object(**what, Body=content, IfNoneMatch="*"))
            except AwsError as error:
                if error.code in _THERE:
                    return
                if error.code == _AT_ONCE and not last:  # somebody else is about to keep the same
                    continue
                raise StoreError(str(error)) from None
            return

    async def read(self, sha256: str) -> bytes | None:
        """A file; None if there is none with these bytes, of which there are FILE_BYTES at most."""

        def ask(client: Any) -> bytes:
            with client.get_object(Bucket=self._bucket, Key=key(sha256))["Body"] as body:
                content: bytes = body.read(FILE_BYTES + 1)
            return content

        try:
            content = await self._client.call(ask)
        except AwsError as error:
            if error.code in _MISSING:
                return None
            raise StoreError(str(error)) from None
        return content if hashlib.sha256(content).hexdigest() == sha256 else None

    async def upload(self, sha256: str, size: int) -> Upload:
        """Where to send a file of `size` bytes."""
        headers = {"Content-Length": str(size), "x-amz-checksum-sha256": _base64(sha256)}
        what = {"Bucket": self._bucket, "Key": key(sha256), "ContentLength": size, "ChecksumSHA256": _base64(sha256)}

        def ask(client: Any) -> str:
            seconds = int(UPLOAD_TIME.total_seconds())
            url: str = client.generate_presigned_url("put_object", Params=what, ExpiresIn=seconds)
            return url

        return Upload(await self._ask(ask), headers)

    async def _ask(self, ask: Callable[[Any], T]) -> T:
        try:
            return await self._client.call(ask)
        except AwsError as error:
            raise StoreError(str(error)) from None


def key(sha256: str) -> str:
    """Where a file is."""
    return f"raw/{sha256}"


def open_store() -> Store:
    """The environment's bucket of snapshots. Raises SettingsError."""
    return Store(load(StoreSettings).bucket_snapshots)


def open_rules() -> Store:
    """Its bucket of rules. Raises SettingsError."""
    return Store(load(StoreSettings).bucket_rules)


def _base64(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()
