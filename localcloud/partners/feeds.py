"""A stand-in for a provider of results: files that change as a match goes on, at any speed, with corrections and faults.

Files are published beforehand, as series: at which second of the match which text is there. So a match is a log that grows ball
by ball, a race weekend is files that come session by session, and a correction is one more text, days later. What has not
changed is 304, by ETag or by Last-Modified. A scenario (world.Scenario) makes answers fail, or be those of before (`reorder`: a
cache on the way that is behind), and 429 comes with Retry-After.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from localcloud.partners.provider import Refusal, answered
from localcloud.partners.wire import Answer, PartnerCall
from localcloud.partners.world import World

#: Seconds in Retry-After.
PAUSE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Version:
    """A file's text from second `at` of the match on; None: it is not there."""

    at: float
    text: str | None


@dataclass(frozen=True, slots=True)
class Series:
    """A file: its versions, since when they come, and how many of their seconds go by in one."""

    versions: Sequence[Version]
    begun: float
    speed: float

    def reached(self, now: float) -> int:
        """How many versions have come."""
        return sum(each.at <= (now - self.begun) * self.speed for each in self.versions)

    def modified(self, version: Version) -> str:
        """When it came, as HTTP has it."""
        return formatdate(self.begun + version.at / self.speed, usegmt=True)


class FeedStandIn:
    """One provider."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.files: dict[str, Series] = {}

    async def handle(self, request: PartnerCall) -> Answer:
        """The provider's answer."""
        return answered(self.world, request, self._dispatch, self._error)

    def publish(self, document: Mapping[str, Any]) -> None:
        """Have `document["path"]` come: `versions` of texts, or `log` with the number of its events at each moment (`cuts`)."""
        versions = [Version(float(each["at"]), each["text"]) for each in document.get("versions", ())]
        versions += [
            Version(float(cut["at"]), _cut(document["log"], cut["events"], cut["stage"]))
            for cut in document.get("cuts", ())
        ]
        if not versions:
            raise ValueError("neither versions nor cuts")
        versions.sort(key=lambda each: each.at)
        self.files[str(document["path"])] = Series(versions, self.world.now(), float(document.get("speed", 1)))

    def _dispatch(self, request: PartnerCall) -> Answer:
        if request.method != "GET":
            raise Refusal(405, "method_not_allowed")
        query = "&".join(f"{name}={value}" for name, value in request.query.items())
        series = self.files.get(f"{request.path}?{query}" if query else request.path)
        reached = series.reached(self.world.now()) if series is not None else 0
        if series is None or not reached:
            raise Refusal(404, "not_found")
        if reached > 1 and self.world.happens(self.world.scenario.reorder):
            reached -= 1
        version = series.versions[reached - 1]
        if version.text is None:
            raise Refusal(404, "not_found")
        etag, modified = f'"{hashlib.sha256(version.text.encode()).hexdigest()[:32]}"', series.modified(version)
        headers = {"ETag": etag, "Last-Modified": modified}
        given, since = request.headers.get("if-none-match"), request.headers.get("if-modified-since")
        if given == etag or (given is None and since == modified):
            return Answer(304, b"", headers)
        return Answer(200, version.text.encode(), {**headers, "Content-Type": "application/octet-stream"})

    @staticmethod
    def _error(refusal: Refusal) -> Answer:
        headers = {"Retry-After": str(PAUSE_SECONDS)} if refusal.status == 429 else {}
        return Answer.of({"error": refusal.code}, refusal.status, **headers)


def _cut(log: Mapping[str, Any], count: int, stage: str) -> str:
    """A match's event log as it was when so many events had happened."""
    match = {**log["match"], "facts": {**log["match"].get("facts", {}), "stage": stage}}
    return json.dumps({"match": match, "events": log["events"][:count]}, separators=(",", ":"), ensure_ascii=False)
