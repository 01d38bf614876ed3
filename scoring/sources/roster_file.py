"""Roster files: a JSON document with the players, who holds which office, the bench and the chips played."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from scoring.engine.compiled import Profile
from scoring.engine.document import Rules
from scoring.engine.errors import RosterError
from scoring.engine.events import Event
from scoring.engine.exact import is_decimal
from scoring.engine.rosters import Pick, Roster
from scoring.sources.reading import Node, parse_json, read_bytes

PROVIDER = "roster"


def read(path: Path) -> Roster:
    """A roster as the file says it; SourceError with the place if the file is broken."""
    root = Node(parse_json(read_bytes(path), str(path)), str(path))
    return Roster(
        picks=tuple(
            Pick(
                player=node.get("id").text(),
                role=node.get("role").text() if "role" in node else None,
                team=node.get("team").text() if "team" in node else None,
                price=_price(node.get("price")) if "price" in node else None,
            )
            for node in root.get("players").each()
        ),
        offices={office: node.text() for office, node in root.find("offices", {}).items()},
        bench=tuple(node.text() for node in root.find("bench", []).each()),
        chips=tuple(node.text() for node in root.find("chips", []).each()),
    )


def role_events(rules: Rules, roster: Roster, seen_at: datetime) -> list[Event]:
    """The roles of a roster as events, for sports whose match sources do not know them (a `role` event kind)."""
    if "role" not in rules.vocabulary.events:
        return []
    known = rules.vocabulary.events["role"]["role"].values or ()
    for pick in roster.picks:
        if pick.role is not None and pick.role not in known:
            raise RosterError(f"player {pick.player!r}", f"role {pick.role!r} is none of {', '.join(known)}")
    return [
        Event(PROVIDER, f"role:{pick.player}", 1, seen_at, "role", {"player": pick.player, "role": pick.role})
        for pick in {pick.player: pick for pick in roster.picks}.values()
        if pick.role is not None
    ]


def complete(roster: Roster, profiles: Mapping[str, Profile], place: str) -> Roster:
    """The roster with team and role filled in from the match; RosterError for unknown, doubled or contradicted players."""
    players = [pick.player for pick in roster.picks]
    unknown = [player for player in dict.fromkeys(players) if player not in profiles]
    twice = [player for player in dict.fromkeys(players) if players.count(player) > 1]
    reasons = [f"{player!r} is not in this match" for player in unknown] + [
        f"{player!r} stands twice" for player in twice
    ]
    if reasons:
        raise RosterError(place, "; ".join(reasons))
    picks = []
    for pick in roster.picks:
        profile = profiles[pick.player]
        for attribute, given in (("role", pick.role), ("team", pick.team)):
            told = profile.text(attribute)
            if given is not None and told and given != told:
                raise RosterError(place, f"{attribute} of {pick.player!r} is {given!r}; the match says {told!r}")
        picks.append(
            Pick(
                player=pick.player,
                role=pick.role or profile.text("role") or None,
                team=pick.team or profile.text("team") or None,
                price=pick.price,
            )
        )
    return Roster(tuple(picks), roster.offices, roster.bench, roster.chips)


def _price(node: Node) -> Fraction:
    text = str(node.value) if isinstance(node.value, int) and not isinstance(node.value, bool) else node.value
    if not is_decimal(text) or text.startswith("-"):
        node.fail(f"{node.value!r:.60} is no price such as 9 or '8.5'")
    return Fraction(text)
