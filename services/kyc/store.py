"""Pictures of documents in S3, encrypted there under the environment's key; who may send or see one gets a URL for a while.

- `uploads/<player>/<document>`: what a player sent, as it came. No person sees it; it is deleted once it was read.
- `agreements/<player>/<agreement>/`: `prepared.pdf` until it is signed, then `signed.pdf`.
- `documents/<player>/<document>/`: what the service made of it: `whole.jpg`, and `masked.jpg` without most of its number; of a
  selfie `faces.jpg` alone.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from services.common.aws import AwsClient, AwsError

#: The most that an upload may have, in bytes.
UPLOAD_BYTES = 8 * 1024 * 1024

#: How long a URL is good: to send a picture over a slow line; to look at one that a page shows at once.
UPLOAD_TIME, LOOK_TIME = timedelta(minutes=15), timedelta(seconds=60)

T = TypeVar("T")

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


class StoreError(RuntimeError):
    """S3 does not answer, or refuses at this moment."""


class Form(StrEnum):
    """Of what is kept of a picture."""

    WHOLE = "whole"
    FACES = "faces"  #: of a selfie: the document's face and those of the frames, side by side
    MASKED = "masked"  #: all of its number but the last characters is painted over


@dataclass(frozen=True, slots=True)
class Announced:
    """What a client says of the file that it is going to send; S3 takes exactly these bytes."""

    media_type: str
    size: int
    sha256: bytes

    @property
    def headers(self) -> dict[str, str]:
        """What the client has to send along: it is signed."""
        checksum = base64.b64encode(self.sha256).decode()
        return {
            "Content-Type": self.media_type,
            "Content-Length": str(self.size),
            "x-amz-checksum-sha256": checksum,
        }


def upload_key(player: UUID, document: UUID) -> str:
    """Where a player's upload goes."""
    return f"uploads/{player}/{document}"


def prefixes_of(player: UUID) -> tuple[str, ...]:
    """Where all is that there is of a player."""
    return f"uploads/{player}/", f"documents/{player}/", f"agreements/{player}/"


def agreement_prefix(player: UUID, agreement: UUID) -> str:
    """Where all is of an agreement."""
    return f"agreements/{player}/{agreement}/"


def prepared_key(player: UUID, agreement: UUID) -> str:
    """Where an agreement waits for its signature."""
    return f"{agreement_prefix(player, agreement)}prepared.pdf"


def signed_key(player: UUID, agreement: UUID) -> str:
    """Where it is with the signature."""
    return f"{agreement_prefix(player, agreement)}signed.pdf"


def kept_prefix(player: UUID, document: UUID) -> str:
    """Where all is that was made of it."""
    return f"documents/{player}/{document}/"


def kept_key(player: UUID, document: UUID, form: Form) -> str:
    """Where one form of it is."""
    return f"{kept_prefix(player, document)}{form}.jpg"


class Store:
    """The bucket `name`, with the credentials of the task. Calls raise StoreError."""

    def __init__(self, name: str) -> None:
        self._bucket = name
        # Virtual addressing makes URLs of the Region; else they have the global name, which redirects, and the signature fails.
        self._client = AwsClient(
            "s3", signature_version="s3v4", s3={"addressing_style": "virtual"},
            request_checksum_calculation="when_required", response_checksum_validation="when_required",
        )  # fmt: skip

    async def upload_url(self, key: str, announced: Announced) -> str:
        """Where to PUT exactly what was announced, with its headers."""
        what: dict[str, Any] = {
            "ContentType": announced.media_type,
            "ContentLength": announced.size,
            "ChecksumSHA256": base64.b64encode(announced.sha256).decode(),
        }
        return await self._url("put_object", key, UPLOAD_TIME, what)

    async def look_url(self, key: str, media_type: str = "image/jpeg") -> str:
        """Where to GET an object, a picture if nothing else is said; no proxy and no browser keeps it."""
        shown = {"ResponseCacheControl": "no-store", "ResponseContentType": media_type}
        return await self._url("get_object", key, LOOK_TIME, shown)

    async def origin(self) -> str:
        """Scheme and host of the URLs that it gives out: what a page has to be allowed to load from."""
        found = urlsplit(await self.look_url("any"))
        return f"{found.scheme}://{found.netloc}"

    async def _url(self, act: str, key: str, time: timedelta, more: dict[str, Any]) -> str:
        def ask(client: Any) -> str:
            given = {"Bucket": self._bucket, "Key": key, **more}
            url: str = client.generate_presigned_url(act, Params=given, ExpiresIn=int(time.total_seconds()))
            return url

        return await self._ask(ask)

    async def size(self, key: str) -> int | None:
        """Bytes of an object; None if there is none."""

        def ask(client: Any) -> int:
            return int(client.head_object(Bucket=self._bucket, Key=key)["ContentLength"])

        return await self._found(ask)

    async def read(self, key: str) -> bytes | None:
        """An object, its first UPLOAD_BYTES and one more at most; None if there is none."""

        def ask(client: Any) -> bytes:
            with client.get_object(Bucket=self._bucket, Key=key)["Body"] as body:
                content: bytes = body.read(UPLOAD_BYTES + 1)
            return content

        return await self._found(ask)

    async def put(self, key: str, content: bytes, media_type: str = "image/jpeg") -> None:
        """Keep an object, a picture if nothing else is said."""
        await self._ask(
            lambda client: client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=media_type)
        )

    async def delete(self, prefix: str) -> int:
        """Delete every version of what begins with `prefix`, a batch at most; how many were there."""

        def ask(client: Any) -> int:
            listed = client.list_object_versions(Bucket=self._bucket, Prefix=prefix)
            there = [
                {"Key": each["Key"], "VersionId": each["VersionId"]}
                for each in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ()))
            ]
            if there:
                failed = client.delete_objects(Bucket=self._bucket, Delete={"Objects": there, "Quiet": True})
                if failed.get("Errors"):
                    raise StoreError(f"s3: {failed['Errors'][0].get('Code')}")
            return len(there)

        return await self._ask(ask)

    async def _found(self, ask: Callable[[Any], T]) -> T | None:
        try:
            return await self._client.call(ask)
        except AwsError as error:
            if error.code in _MISSING:
                return None
            raise StoreError(str(error)) from None

    async def _ask(self, ask: Callable[[Any], T]) -> T:
        try:
            return await self._client.call(ask)
        except AwsError as error:
            raise StoreError(str(error)) from None
