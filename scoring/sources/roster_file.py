"""Roster files (an entrant's picks, offices, bench and chips) and player lists (the operator's roles, teams and prices)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class PlannedWeek:
    """A week of a season's file: its id, the ids of its matches, and the roster for it."""

    id: str
    matches: tuple[str, ...]
    roster: Roster


def read(path: Path) -> Roster:
    """A roster as the file says it; SourceError with the place if the file is broken."""
    return _roster(_root(path))


def read_weeks(path: Path) -> list[PlannedWeek] | None:
    """The weeks of a season's file, in their order; None for a file of one roster."""
    root = _root(path)
    if "weeks" not in root:
        return None
    return [
        PlannedWeek(
            id=node.get("id").text(),
            matches=tuple(match.text() for match in node.get("matches").each()),
            roster=_roster(node.get("roster")),
        )
        for node in root.get("weeks").each()
    ]


def _root(path: Path) -> Node:
    return Node(parse_json(read_bytes(path), str(path)), str(path))


def _roster(root: Node) -> Roster:
    return Roster(
        picks=_picks(root),
        offices={office: node.text() for office, node in root.find("offices", {}).items()},
        bench=tuple(node.text() for node in root.find("bench", []).each()),
        chips=tuple(node.text() for node in root.find("chips", []).each()),
    )


def read_players(path: Path) -> dict[str, Pick]:
    """The operator's player list, by player: the only word on roles and prices. SourceError if it is broken."""
    root = _root(path)
    listed: dict[str, Pick] = {}
    for pick in _picks(root):
        if pick.player in listed:
            root.get("players").fail(f"{pick.player!r} stands twice")
        listed[pick.player] = pick
    return listed


def _picks(root: Node) -> tuple[Pick, ...]:
    return tuple(
        Pick(
            player=node.get("id").text(),
            role=node.get("role").text() if "role" in node else None,
            team=node.get("team").text() if "team" in node else None,
            price=_price(node.get("price")) if "price" in node else None,
        )
        for node in root.get("players").each()
    )


def role_events(rules: Rules, listed: Mapping[str, Pick], seen_at: datetime) -> list[Event]:
    """The roles of a player list as events, for sports whose match sources do not know them (a `role` event kind)."""
    if "role" not in rules.vocabulary.events:
        return []
    known = rules.vocabulary.events["role"]["role"].values or ()
    for pick in listed.values():
        if pick.role is not None and pick.role not in known:
            raise RosterError(f"player {pick.player!r}", f"role {pick.role!r} is none of {', '.join(known)}")
    return [
        Event(PROVIDER, f"role:{pick.player}", 1, seen_at, "role", {"player": pick.player, "role": pick.role})
        for pick in listed.values()
        if pick.role is not None
    ]


def complete(roster: Roster, profiles: Mapping[str, Profile], listed: Mapping[str, Pick] | None, place: str) -> Roster:
    """The roster with what the match and the player list know of each pick.

    What the entrant wrote of a player counts only where neither knows, and never for points. A pick who is not in the
    match keeps his place and scores nothing: teams are named before the toss. RosterError for a player who stands twice,
    is not on the list, or of whom the file says otherwise than match or list.
    """
    players = [pick.player for pick in roster.picks]
    reasons = [f"{player!r} stands twice" for player in dict.fromkeys(players) if players.count(player) > 1]
    if listed is not None:
        reasons += [
            f"{player!r} is not on the player list" for player in dict.fromkeys(players) if player not in listed
        ]
    elif not any(player in profiles for player in players):
        reasons.append("nobody of the roster is in this match")
    if reasons:
        raise RosterError(place, "; ".join(reasons))
    picks = []
    for pick in roster.picks:
        profile, entry = profiles.get(pick.player), (listed or {}).get(pick.player)
        known: dict[str, str | None] = {}
        for attribute, given, on_list in (
            ("role", pick.role, entry.role if entry else None),
            ("team", pick.team, entry.team if entry else None),
        ):
            in_match = profile.text(attribute) if profile else ""
            in_source = on_list or in_match
            if given is not None and in_source and given != in_source:
                source = "player list" if on_list else "match"
                raise RosterError(
                    place, f"{attribute} of {pick.player!r} is {given!r}; the {source} says {in_source!r}"
                )
            known[attribute] = in_source or given
        price = entry.price if entry and entry.price is not None else pick.price
        if pick.price is not None and price != pick.price:
            raise RosterError(place, f"price of {pick.player!r} is {pick.price}; the player list says {price}")
        picks.append(Pick(player=pick.player, role=known["role"], team=known["team"], price=price))
    return Roster(tuple(picks), roster.offices, roster.bench, roster.chips)


def _price(node: Node) -> Fraction:
    text = str(node.value) if isinstance(node.value, int) and not isinstance(node.value, bool) else node.value
    if not is_decimal(text) or text.startswith("-"):
        node.fail(f"{node.value!r:.60} is no price such as 9 or '8.5'")
    return Fraction(text)
