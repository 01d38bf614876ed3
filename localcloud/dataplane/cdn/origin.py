"""The buckets that a distribution asks, each as S3 answers CloudFront: by the bucket's policy."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import httpx

from localcloud.dataplane.cdn.cache import Response
from localcloud.dataplane.cdn.distribution import Origin
from localcloud.emulator.authorization.decisions import service_may
from localcloud.runtime import loopback

#: The emulator wants a signature of the right form; whose it is does not matter to it.
_SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/ap-south-1/s3/aws4_request, SignedHeaders=host, Signature=0"
_SERVICE = "cloudfront.amazonaws.com"
#: What of an object's headers goes to the viewer.
_PASSED = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "etag",
    "expires",
    "last-modified",
)
#: CloudFront waits so long for an origin (seconds).
_PATIENCE = 30
_DENIED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
)


class OriginFailed(Exception):
    """An origin that gave no answer; says why."""


class Bucket:
    """Asks S3 for objects, at the emulator."""

    def __init__(self, emulator: str) -> None:
        self._http = loopback.async_client(base_url=emulator, timeout=_PATIENCE)

    async def close(self) -> None:
        """Ask no more."""
        await self._http.aclose()

    async def ask(self, method: str, origin: Origin, target: str, distribution: str, etag: str = "") -> Response:
        """The answer for `target` (path and query) to the distribution of an ARN; `etag`: of what it has. Raises OriginFailed.

        S3 answers only what the bucket's policy allows, and what is not there with 403 to whoever may not list the bucket.
        """
        path = f"{origin.path}{target.partition('?')[0]}"
        arn = f"arn:aws:s3:::{origin.bucket}"
        if not service_may(origin.policy, _SERVICE, "s3:GetObject", f"{arn}{path}", distribution):
            return _denied()
        # HEAD as GET: what is kept answers both.
        asked = "OPTIONS" if method == "OPTIONS" else "GET"
        headers = {"Authorization": _SIGNED, **({"If-None-Match": etag} if etag else {})}
        try:
            answer = await self._http.request(asked, f"/{origin.bucket}{quote(path)}", headers=headers)
        except httpx.HTTPError as error:
            raise OriginFailed(f"{origin.domain} does not answer: {type(error).__name__}") from error
        if answer.status_code == 404 and not service_may(origin.policy, _SERVICE, "s3:ListBucket", arn, distribution):
            return _denied()
        passed = {name: answer.headers[name] for name in _PASSED if name in answer.headers}
        return Response(status=answer.status_code, headers={**passed, "server": "AmazonS3"}, body=answer.content)


def _denied() -> Response:
    return Response(status=403, headers={"content-type": "application/xml", "server": "AmazonS3"}, body=_DENIED)


def pages(status: int, why: str) -> Response:
    """An answer of CloudFront's own."""
    text = f"<html><body><h1>{status} ERROR</h1><h2>The request could not be satisfied.</h2><hr>{why}</body></html>\n"
    headers: Mapping[str, str] = {"content-type": "text/html", "server": "CloudFront"}
    return Response(status=status, headers=headers, body=text.encode())
