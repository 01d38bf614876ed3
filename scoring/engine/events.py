"""Match events: append-only, versioned, content-hashed; a correction supersedes an event and never edits it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from scoring.engine.conditions import Scalar
from scoring.engine.errors import EventError


@dataclass(slots=True)
class Event:
    """One thing that a provider says happened in a match. Immutable: the type checker sees to it (a frozen dataclass takes six
    times as long to make, and a season has millions).

    - id: stable within the match and the same in every provider's log ("delivery:1.003.02"); events score in id order.
    - version: counts up from 1 with each correction by that provider.
    - seen_at: when we first saw this version (time-zone aware).
    - attributes: whole numbers, strings, booleans or None only. Nothing may change them.
    - retracted: the provider has withdrawn the event; the version stays in the log.
    """

    provider: Final[str]
    id: Final[str]
    version: Final[int]
    seen_at: Final[datetime]
    kind: Final[str]
    attributes: Final[Mapping[str, Scalar]]
    retracted: Final[bool] = False

    def __hash__(self) -> int:
        return hash((self.provider, self.id, self.version))

    @property
    def sha256(self) -> str:
        """The hash of what the event says (not of when or in which version it was said)."""
        content = {"attributes": dict(self.attributes), "id": self.id, "kind": self.kind, "retracted": self.retracted}
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def says_the_same(self, other: Event) -> bool:
        """Whether two events have equal content."""
        return (self.kind, self.retracted, self.attributes) == (other.kind, other.retracted, other.attributes)


#: What names one version of one event in a log: provider, id, version.
VersionKey = tuple[str, str, int]

#: Every version of every event that was ever seen.
Versions = dict[VersionKey, Event]


def collect(events: Iterable[Event], into: Mapping[VersionKey, Event] | None = None) -> Versions:
    """Add `events` to a log in any order; the same version seen again keeps its earliest `seen_at`.

    EventError if one version of one event comes with two different contents.
    """
    added = list(events)
    versions: Versions = {(event.provider, event.id, event.version): event for event in added}
    if not into and len(versions) == len(added):
        return versions  # most logs: each version once
    versions = dict(into or {})
    for event in added:
        key = (event.provider, event.id, event.version)
        known = versions.setdefault(key, event)
        if known is event:
            continue
        if not known.says_the_same(event):
            raise EventError(
                f"event {event.id}",
                f"{event.provider} gives version {event.version} with two contents"
                f" ({known.sha256[:12]} and {event.sha256[:12]}); a correction must count the version up",
            )
        if event.seen_at < known.seen_at:
            versions[key] = event
    return versions


def heads(versions: Iterable[Event], prefer: Sequence[str] = ()) -> dict[str, Event]:
    """The newest version of each event by id, retracted ones included.

    Where several providers report one id, the provider that comes first in `prefer` is believed; those not named there
    come after, in the order of their names.
    """
    given = list(versions)
    newest = {event.id: event for event in given}
    if len(newest) == len(given):
        return newest  # most logs: each event in one version
    rank = {provider: place for place, provider in enumerate(prefer)}

    def supersedes(event: Event, known: Event) -> bool:
        if event.provider == known.provider:
            return event.version > known.version
        places = [(rank.get(provider, len(rank)), provider) for provider in (event.provider, known.provider)]
        return places[0] < places[1]

    newest = {}
    for event in given:
        known = newest.setdefault(event.id, event)
        if known is not event and supersedes(event, known):
            newest[event.id] = event
    return newest


def current(events: Iterable[Event], prefer: Sequence[str] = ()) -> dict[str, Event]:
    """The state that a log describes: the newest version of each event that is not retracted."""
    return {id_: event for id_, event in heads(collect(events).values(), prefer).items() if not event.retracted}


def state_at(events: Iterable[Event], time: datetime, prefer: Sequence[str] = ()) -> dict[str, Event]:
    """The state as it was known at `time`."""
    return current((event for event in events if event.seen_at <= time), prefer)


def observe(log: Iterable[Event], snapshot: Iterable[Event]) -> list[Event]:
    """The events to append to `log` so that it says what a provider's whole new `snapshot` says.

    What is unchanged appends nothing, what changed appends a higher version, what is gone appends a retraction.
    `snapshot` holds one provider's events, as an adapter gives them.
    """
    fresh = {event.id: event for event in snapshot}
    if not fresh:
        return []
    providers = {event.provider for event in fresh.values()}
    if len(providers) > 1:
        raise EventError(
            "snapshot", f"events of several providers ({', '.join(sorted(providers))}); observe one at a time"
        )
    provider = providers.pop()
    seen_at = max(event.seen_at for event in fresh.values())
    known = heads(event for event in collect(log).values() if event.provider == provider)
    appended = []
    for id_ in sorted(known.keys() | fresh.keys()):
        before, after = known.get(id_), fresh.get(id_)
        if after is None:
            if before is not None and not before.retracted:
                appended.append(replace(before, version=before.version + 1, seen_at=seen_at, retracted=True))
        elif before is None:
            appended.append(after)
        elif not before.says_the_same(after):
            appended.append(replace(after, version=max(after.version, before.version + 1)))
    return appended


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One attribute of one event on which two providers differ; a side that lacks the event says None for all of it."""

    event: str
    attribute: str
    values: Mapping[str, Scalar] = field(hash=False)


def disagreements(left: Iterable[Event], right: Iterable[Event]) -> list[Disagreement]:
    """Where two providers' logs of one match differ, by event and attribute.

    Only attributes that both providers know (not None) are compared, and only kinds of events that both report: a source
    that records no overtakes does not contradict one that does.
    """
    sides = [current(left), current(right)]
    names = [next((event.provider for event in side.values()), "") for side in sides]
    if names[0] == names[1] and sides[0]:
        raise EventError("disagreements", f"both logs are of {names[0]}; give the logs of two providers")
    kinds = {event.kind for event in sides[0].values()} & {event.kind for event in sides[1].values()}
    found = []
    for id_ in sorted(sides[0].keys() | sides[1].keys()):
        pair = [side.get(id_) for side in sides]
        present = next(event for event in pair if event is not None)
        if present.kind not in kinds:
            continue
        if pair[0] is None or pair[1] is None:
            reported = {name: present.kind if event else None for name, event in zip(names, pair, strict=True)}
            found.append(Disagreement(id_, "", reported))
            continue
        first, second = pair[0].attributes, pair[1].attributes
        for attribute in sorted(first.keys() & second.keys()):
            one, two = first[attribute], second[attribute]
            if one is not None and two is not None and one != two:
                found.append(Disagreement(id_, attribute, {names[0]: one, names[1]: two}))
    return found
