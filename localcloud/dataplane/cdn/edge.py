"""An edge location: answers what a distribution's buckets hold, by its behaviors; a load balancer's part never comes here.

The order of things is from the CloudFront Developer Guide: the method, the function of the viewer's request, the cache, the
origins in turn, the page for an error, compression, the headers policy.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from localcloud.dataplane.cdn.cache import EdgeCache, Key, Response, Stored, confirmed, seconds
from localcloud.dataplane.cdn.distribution import Behavior, Distribution, ErrorPage, chosen
from localcloud.dataplane.cdn.functions import FunctionFailed, cookies, function, request_event
from localcloud.dataplane.cdn.headers import apply as apply_headers
from localcloud.dataplane.cdn.origin import Bucket, OriginFailed, pages
from localcloud.dataplane.watch.traffic import Put, viewed
from localcloud.partners.wire import Answer, PartnerCall, serve
from localcloud.runtime.processes import require_free

PORT = 8091
#: How long an error is kept where no page is configured for it (seconds).
_ERROR_SECONDS = 10.0
#: What CloudFront compresses: of these types, between these sizes.
_COMPRESSED = ("text/", "application/json", "application/javascript", "application/xml", "image/svg+xml")
_COMPRESSED_BYTES = range(1_000, 10_000_001)


class Edge:
    """Answers on `host`, for the distribution that is deployed now. `put`: where its metrics go."""

    def __init__(self, host: str, emulator: str, put: Put, clock: Callable[[], float] = time.time) -> None:
        self.address = f"{host}:{PORT}"
        self._host, self._bucket, self._put, self._clock = host, Bucket(emulator), put, clock
        self._server: asyncio.Server | None = None
        self._distribution: Distribution | None = None
        self._cache = EdgeCache()

    def serve(self, distribution: Distribution | None) -> None:
        """Answer for it from now on. What was kept under other definitions is not given out, nor what was invalidated."""
        before, self._distribution = self._distribution, distribution
        known = before.invalidations if before else {}
        if (
            distribution is None
            or before is None
            or replace(before, invalidations=distribution.invalidations) != distribution
        ):
            self._cache.clear()
            return
        for identity in distribution.invalidations.keys() - known.keys():
            for path in distribution.invalidations[identity]:
                self._cache.invalidate(path)

    async def start(self) -> None:
        """Begin to listen."""
        require_free("cdn", self._host, PORT)
        self._server = await serve(self._host, PORT, self.handle)

    async def stop(self) -> None:
        """Answer no more."""
        if self._server:
            self._server.close()
        await self._bucket.close()

    def status(self) -> dict[str, Any]:
        """The distribution that is before the ingress, and what of it has no effect here."""
        one = self._distribution
        return {"distribution": one.identity if one else None, "not_evaluated": [*one.unjudged] if one else []}

    async def handle(self, call: PartnerCall) -> Answer:
        """One viewer's request, as the ingress passes it on."""
        distribution = self._distribution
        if distribution is None:
            return Answer(502, b"no distribution is deployed", {"Content-Type": "text/plain"})
        behavior = distribution.behavior(call.path)
        response, how = await self._answered(distribution, behavior, call)
        hit = how in ("Hit", "RefreshHit")
        viewed(self._put, distribution.identity, response.status, hit=hit, now=self._clock())
        return _sent(distribution, response, how)

    async def _answered(
        self, distribution: Distribution, behavior: Behavior, call: PartnerCall
    ) -> tuple[Response, str]:
        if call.method not in behavior.methods:
            return pages(403, "the distribution is not configured to allow the HTTP request method"), "Error"
        try:
            asked = self._viewer_request(behavior, call)
        except FunctionFailed as error:
            return pages(
                503, f"The CloudFront function associated with the distribution failed: {error}"
            ), "FunctionExecutionError"
        if isinstance(asked, Response):
            return apply_headers(behavior.headers, asked, call.headers), "FunctionGeneratedResponse"
        response, how = await self._fetched(distribution, behavior, asked)
        if (page := distribution.errors.get(response.status)) is not None and page.path:
            response, how = await self._error_page(distribution, page, asked, response, how)
        response = _compressed(behavior, asked, response)
        response = _conditional(asked, response)
        return apply_headers(behavior.headers, response, call.headers), how

    def _viewer_request(self, behavior: Behavior, call: PartnerCall) -> PartnerCall | Response:
        """The request as the behavior's function leaves it, or what the function answers."""
        code = behavior.functions.get("viewer-request")
        if not code:
            return call
        viewer = call.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        result = function(code)(request_event(call.method, call.path, call.query_text, call.headers, viewer))
        try:
            return _made(result) if "statusCode" in result else _changed(call.method, result)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FunctionFailed(
                f"what it returned is not of CloudFront's form: {type(error).__name__} {error}"
            ) from error

    async def _fetched(self, distribution: Distribution, behavior: Behavior, call: PartnerCall) -> tuple[Response, str]:
        """From the cache or an origin, and CloudFront's word for which."""
        path = f"/{distribution.root}" if call.path == "/" and distribution.root else call.path
        query = urlencode(
            sorted(chosen(behavior.cache.queries, dict(parse_qsl(call.query_text, keep_blank_values=True))).items())
        )
        crumbs = chosen(behavior.cache.cookies, cookies(call.headers.get("cookie", "")))
        named = {name: call.headers.get(name, "") for name in behavior.cache.headers}
        key = Key(
            pattern=behavior.pattern,
            options=call.method == "OPTIONS",
            path=path,
            query=query,
            named=(*sorted(crumbs.items()), *sorted(named.items())),
        )
        stored, now = self._cache.find(key), self._clock()
        if stored is not None and stored.until > now:
            aged = {**stored.response.headers, "age": str(int(now - stored.at))}
            return replace(stored.response, headers=aged), "Hit" if stored.response.status < 400 else "Error"
        response = await self._asked(distribution, behavior, call.method, key.target, stored)
        if response.status == 304 and stored is not None:
            kept = confirmed(stored, response)
            self._cache.keep(key, kept, seconds(behavior.cache, kept, now), now)
            return kept, "RefreshHit"
        if response.status >= 400:
            page = distribution.errors.get(response.status)
            self._cache.keep(key, response, page.ttl if page else _ERROR_SECONDS, now)
            return response, "Error"
        if call.method in ("GET", "HEAD"):
            self._cache.keep(key, response, seconds(behavior.cache, response, now), now)
        return response, "Miss"

    async def _asked(
        self, distribution: Distribution, behavior: Behavior, method: str, target: str, stored: Stored | None
    ) -> Response:
        """What the first origin says that can; the next of a group is asked for the statuses that its group names."""
        members, codes = distribution.asked(behavior.origin)
        etag = stored.response.headers.get("etag", "") if stored and stored.response.status == 200 else ""
        response = pages(502, "the origin does not exist")
        for member in members:
            origin = distribution.origins.get(member)
            if origin is None or not origin.bucket:
                continue  # a server is not asked from here
            try:
                response = await self._bucket.ask(method, origin, target, distribution.arn, etag)
            except OriginFailed as error:
                response = pages(502, str(error))
            if response.status not in codes:
                break
        return response

    async def _error_page(
        self, distribution: Distribution, page: ErrorPage, call: PartnerCall, response: Response, how: str
    ) -> tuple[Response, str]:
        behavior = distribution.behavior(page.path)
        asked = PartnerCall("GET", page.path, {}, {}, b"")
        found, _ = await self._fetched(distribution, behavior, asked)
        if found.status >= 400:  # the page itself is not there: the error as it is
            return response, how
        return replace(found, status=page.status), how


def _changed(method: str, result: Mapping[str, Any]) -> PartnerCall:
    """The request that a function returned."""
    given = _headers(result)
    if crumbs := result.get("cookies"):
        given["cookie"] = "; ".join(f"{name}={each['value']}" for name, each in crumbs.items())
    query = [
        (name, one["value"])
        for name, each in (result.get("querystring") or {}).items()
        for one in each.get("multiValue") or [each]
    ]
    return PartnerCall(method, str(result["uri"]), dict(query), given, b"", urlencode(query))


def _headers(result: Mapping[str, Any]) -> dict[str, str]:
    found = {name.lower(): str(each["value"]) for name, each in (result.get("headers") or {}).items()}
    for name, value in found.items():
        if set("\r\n") & set(name + value):  # else a function that repeats a query would let viewers write headers
            raise ValueError(f"the header {name} has a line's end")
    return found


def _made(result: Mapping[str, Any]) -> Response:
    """The answer that a function made."""
    body = result.get("body") or ""
    if isinstance(body, Mapping):
        encoded = str(body.get("data") or "")
        content = base64.b64decode(encoded, validate=True) if body.get("encoding") == "base64" else encoded.encode()
    else:
        content = str(body).encode()
    status = int(result["statusCode"])
    if not 200 <= status <= 599:
        raise ValueError(f"statusCode {status}")
    return Response(status=status, headers=_headers(result), body=content)


def _compressed(behavior: Behavior, call: PartnerCall, response: Response) -> Response:
    """gzip, where behavior, policy and viewer take it and it is worth it. (Brotli is for browsers by TLS: not here.)"""
    kind = response.headers.get("content-type", "")
    if (
        not (behavior.compress and behavior.cache.gzip)
        or "gzip" not in call.headers.get("accept-encoding", "")
        or "content-encoding" in response.headers
        or response.status != 200
        or not kind.startswith(_COMPRESSED)
        or len(response.body) not in _COMPRESSED_BYTES
    ):
        return response
    etag = response.headers.get("etag", "")
    weak = {"etag": f"W/{etag}"} if etag and not etag.startswith("W/") else {}
    headers = {**response.headers, **weak, "content-encoding": "gzip", "vary": "Accept-Encoding"}
    return replace(response, headers=headers, body=gzip.compress(response.body, 6, mtime=0))


def _conditional(call: PartnerCall, response: Response) -> Response:
    """304 for what the viewer has; a part of what it asks a part of."""
    if response.status != 200:
        return response
    etag = response.headers.get("etag", "").removeprefix("W/")
    asked = [each.strip().removeprefix("W/") for each in call.headers.get("if-none-match", "").split(",")]
    if etag and (etag in asked or "*" in asked):
        return replace(response, status=304, body=b"")
    wanted = re.fullmatch(r"bytes=(\d{0,15})-(\d{0,15})", call.headers.get("range", ""))
    if wanted is None or wanted[0] == "bytes=-" or "content-encoding" in response.headers:
        return response
    size = len(response.body)
    first, last = (int(wanted[1]), int(wanted[2] or size)) if wanted[1] else (max(size - int(wanted[2]), 0), size)
    last = min(last, size - 1)
    if first > last:
        return Response(status=416, headers={"content-range": f"bytes */{size}"})
    headers = {**response.headers, "content-range": f"bytes {first}-{last}/{size}"}
    return replace(response, status=206, headers=headers, body=response.body[first : last + 1])


def _sent(distribution: Distribution, response: Response, how: str) -> Answer:
    """With what CloudFront adds of its own."""
    own = {
        "x-cache": f"{how} from cloudfront",
        "via": f"1.1 {distribution.domain} (CloudFront)",
        "x-amz-cf-pop": "LOCAL50-C1",
        "x-amz-cf-id": uuid.uuid4().hex,
    }
    return Answer(response.status, response.body, {**response.headers, **own})
