"""Matchday's own event logs: a JSON file with a match and its normalised events, every version of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from scoring.engine.conditions import Scalar
from scoring.engine.document import Attribute, Vocabulary
from scoring.engine.events import Event, collect, current
from scoring.engine.registry import vocabulary
from scoring.sources.match import Match
from scoring.sources.reading import Node

_TYPES: Mapping[str, type] = {"integer": int, "string": str, "boolean": bool, "player": str}


def from_node(root: Node) -> Match:
    """The match in a parsed file; SourceError, with the place, if it is broken; EventError if the log contradicts itself."""
    match = root.get("match")
    words = vocabulary(match.get("sport").text(), match.place)
    events = tuple(_event(node, words) for node in root.get("events").each())
    collect(events)
    _once_each(events, words, root)
    return Match(
        id=match.get("id").text(),
        sport=words.sport,
        title=match.find("title", match.get("id").value).text(),
        date=match.find("date", "unknown").text(),
        teams=tuple(team.text() for team in match.find("teams", []).each()),
        events=events,
        facts={name: _fact(node) for name, node in match.find("facts", {}).items()},
    )


def to_document(match: Match) -> dict[str, Any]:
    """The file's content for a match: what `from_node` reads."""
    return {
        "match": {
            "id": match.id,
            "sport": match.sport,
            "title": match.title,
            "date": match.date,
            "teams": list(match.teams),
            "facts": dict(match.facts),
        },
        "events": [
            {
                "provider": event.provider,
                "id": event.id,
                "version": event.version,
                "seen_at": event.seen_at.isoformat(),
                "kind": event.kind,
                "attributes": dict(event.attributes),
                "retracted": event.retracted,
                "sha256": event.sha256,
            }
            for event in match.events
        ],
    }


def _once_each(events: Iterable[Event], words: Vocabulary, root: Node) -> None:
    """A player takes part once, whatever the ids of the events that say so: twice would score twice."""
    source = words.profile[0]
    seen: dict[str, str] = {}
    for event in current(events).values():
        player = event.attributes.get(source.player)
        if event.kind != source.event or not isinstance(player, str):
            continue
        if seen.setdefault(player, event.id) != event.id:
            root.get("events").fail(f"{seen[player]} and {event.id} both say that {player} takes part")


def _fact(node: Node) -> str | int:
    return node.whole(-(10**12)) if isinstance(node.value, int) else node.text()


def _event(node: Node, words: Vocabulary) -> Event:
    kind = node.get("kind").text()
    if kind not in words.events:
        node.get("kind").fail(f"{kind!r} is no event of {words.sport} (there are: {', '.join(words.events)})")
    attributes: dict[str, Scalar] = {}
    given = node.get("attributes")
    for name, value in given.items():
        attributes[name] = _attribute(value, words.events[kind].get(name))
    for name, declared in words.events[kind].items():
        if declared.required and attributes.get(name) is None:
            given.fail(f"{name!r} is missing; a {kind} without it says nothing")
    event = Event(
        provider=node.get("provider").text(),
        id=node.get("id").text(),
        version=node.find("version", 1).whole(1, 10**9),
        seen_at=_time(node.get("seen_at")),
        kind=kind,
        attributes=attributes,
        retracted=node.find("retracted", False).flag(),
    )
    if "sha256" in node and node.get("sha256").text() != event.sha256:
        node.get("sha256").fail(f"does not match the content, which hashes to {event.sha256}")
    return event


def _attribute(node: Node, declared: Attribute | None) -> Scalar:
    """A value of the declared type; an attribute that the vocabulary does not know may be any scalar."""
    if node.value is not None and not isinstance(node.value, (int, str, bool)):
        node.fail("an attribute is a whole number, a text, true, false or null")
    value: Scalar = node.value
    if declared is None or value is None:
        return value
    wanted = _TYPES[declared.type]
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is int):
        node.fail(f"expected {declared.type}, found {value!r:.60}")
    if wanted is int and not isinstance(value, str):
        node.whole(-(10**12) if declared.least is None else declared.least)
    if declared.values is not None and value not in declared.values:
        node.fail(f"{value!r:.60} is none of {', '.join(declared.values)}")
    return value


def _time(node: Node) -> datetime:
    try:
        time = datetime.fromisoformat(node.text())
    except ValueError:
        node.fail(f"{node.value!r:.60} is no time such as '2023-10-22T21:00:00+00:00'")
    if time.tzinfo is None:
        node.fail(f"{node.value!r} has no time zone")
    return time
