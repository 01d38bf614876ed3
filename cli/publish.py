"""The site's files in its bucket, each with how long browsers keep it, and the CDN told what is new: in AWS and here alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

#: By the file's ending.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}

#: How long a file is kept, the first that its key fits. One with a digest in its name never changes; a page and what describes
#: an API is asked for again each time (304 if it is the same), so that no page names a file that is gone; the rest for minutes.
CACHING: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"[.-][0-9a-f]{8,64}\.[a-z0-9]+$"), "public, max-age=31536000, immutable"),
    (re.compile(r"\.(html|json|webmanifest|txt)$"), "no-cache"),
    (re.compile(r""), "public, max-age=300"),
)

#: The page of the single-page application: CloudFront answers every path without a file's ending with it.
APPLICATION = "index.html"

#: More paths than these are invalidated as one: CloudFront takes 3,000 at a time, and bills each beyond 1,000 a month.
_PATHS = 50


class NoDistribution(LookupError):
    """No CDN has this bucket among its origins."""


def caching(key: str) -> str:
    """The Cache-Control of a file."""
    return next(value for pattern, value in CACHING if pattern.search(key))


def upload(s3: Any, bucket: str, files: Iterable[tuple[str, bytes]]) -> list[str]:
    """Bring the bucket up to date; the keys that were sent. What is equal, headers too, is not sent again.

    Pages come after what they load, and the application's own page last: who opens it meanwhile finds all of it. Nothing is
    taken away: pages that are open in browsers may still load what the release before had.
    """
    sent = []
    for key, content in sorted(files, key=lambda file: (file[0] == APPLICATION, file[0].endswith(".html"), file[0])):
        kind = TYPES.get(PurePosixPath(key).suffix, "application/octet-stream")
        kept = caching(key)
        # An object's ETag is no digest of it where KMS encrypts, so it carries its own.
        digest = sha256(b"\0".join((kind.encode(), kept.encode(), content))).hexdigest()
        if _digest(s3, bucket, key, len(content)) != digest:
            s3.put_object(
                Bucket=bucket, Key=key, Body=content, ContentType=kind, CacheControl=kept, Metadata={"digest": digest}
            )
            sent.append(key)
    return sent


def _digest(s3: Any, bucket: str, key: str, length: int) -> str | None:
    """What the object says of itself; None if it is not there or of another length."""
    from botocore.exceptions import ClientError

    try:
        found = s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
    return str(found["Metadata"].get("digest")) if found["ContentLength"] == length else None


def distribution_of(cloudfront: Any, bucket: str) -> str:
    """The id of the distribution that has `bucket` among its origins. Raises NoDistribution."""
    for distribution in _distributions(cloudfront):
        for origin in distribution["Origins"]["Items"]:
            if origin["DomainName"].startswith(f"{bucket}.s3."):
                return str(distribution["Id"])
    raise NoDistribution(f"no CloudFront distribution has the bucket {bucket} among its origins")


def _distributions(cloudfront: Any) -> Iterator[Any]:
    for page in cloudfront.get_paginator("list_distributions").paginate():
        yield from page["DistributionList"].get("Items", [])


def paths(sent: Sequence[str]) -> list[str]:
    """What of the CDN's cache is old: the files that were sent.

    Everything, where a page is among them: a CloudFront function answers many paths with it, and CloudFront invalidates by the
    path that the viewer asked for as well as by the one that the function made of it.
    """
    if len(sent) > _PATHS or any(key.endswith(".html") for key in sent):
        return ["/*"]
    return [f"/{key}" for key in sorted(sent)]


def invalidate(cloudfront: Any, distribution: str, sent: Sequence[str], *, wait: bool) -> str | None:
    """Have the CDN ask for what was sent anew; the invalidation's id, None if nothing was sent. `wait`: until it is done."""
    if not sent:
        return None
    asked = paths(sent)
    made = cloudfront.create_invalidation(
        DistributionId=distribution,
        InvalidationBatch={"Paths": {"Quantity": len(asked), "Items": asked}, "CallerReference": _reference()},
    )
    identity = str(made["Invalidation"]["Id"])
    if wait:
        cloudfront.get_waiter("invalidation_completed").wait(DistributionId=distribution, Id=identity)
    return identity


def _reference() -> str:
    """Another each time: CloudFront does nothing for one that it has seen."""
    from uuid import uuid4

    return uuid4().hex
