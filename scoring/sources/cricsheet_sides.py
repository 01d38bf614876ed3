"""The two sides of a Cricsheet match: names to stable person ids, and who plays for whom."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scoring.sources.findings import Findings
from scoring.sources.reading import Node


@dataclass(frozen=True, slots=True)
class Player:
    """Somebody of the playing side; `appearance` is announced, substitute, or None: played and is on no list."""

    id: str
    name: str
    team: str
    appearance: str | None


class Sides:
    """Who takes part. Names are unique only within a match, so everything leaves here as a person id."""

    def __init__(self, info: Node, findings: Findings) -> None:
        self._findings = findings
        teams = [team.text() for team in info.get("teams").each()]
        if len(teams) != 2 or teams[0] == teams[1]:
            info.get("teams").fail("a match has two different teams")
        self.teams: tuple[str, ...] = tuple(teams)
        self._people = {name: node.text() for name, node in info.get("registry").get("people").items()}
        self._players: dict[str, Player] = {}
        self._names: dict[str, dict[str, str]] = {}
        lists = info.get("players")
        for team, names in lists.items():
            if team not in teams:
                names.fail(f"players of {team!r}, which does not play")
            for name in names.each():
                player = self.anyone(name)
                if player in self._players:
                    findings.contradicts(name, f"{name.value} is listed twice")
                    continue
                self._players[player] = Player(player, name.text(), team, "announced")
        for team in teams:
            if team not in {player.team for player in self._players.values()}:
                lists.fail(f"no players of {team!r}")

    def players(self) -> list[Player]:
        """Everyone of both sides."""
        return list(self._players.values())

    def team(self, node: Node) -> str:
        """A team of this match."""
        if node.text() not in self.teams:
            node.fail(f"{node.value!r} does not play; the teams are {' and '.join(self.teams)}")
        return node.text()

    def names(self, team: str) -> dict[str, str]:
        """Names in this match to ids, of those who play for `team`."""
        if not self._names:
            self._names = {team: {} for team in self.teams}
            for name, id_ in self._people.items():
                if id_ in self._players:
                    self._names[self._players[id_].team][name] = id_
        return self._names[team]

    def opponent(self, team: str) -> str:
        """The other team."""
        return self.teams[1] if team == self.teams[0] else self.teams[0]

    def registered(self, node: Node) -> bool:
        """Whether somebody's id is known."""
        return node.text() in self._people

    def anyone(self, node: Node) -> str:
        """The id of somebody named in the file, of the playing sides or not."""
        name = node.text()
        if name not in self._people:
            node.fail(f"{name!r} is not in info.registry.people")
        return self._people[name]

    def member(self, node: Node, team: str) -> str:
        """The id of somebody who must be of `team`; who is of neither, and is accepted all the same, is of it from then on."""
        id_ = self.anyone(node)
        player = self._players.get(id_)
        if player is None or player.team != team:
            self._findings.contradicts(node, f"{node.value!r} does not play for {team}")
            if player is None:
                self._players[id_] = Player(id_, node.text(), team, None)
                self._names = {}
        return id_

    def join(self, node: Node, team: str) -> str:
        """The id of a substitute who joins the playing side (and may or may not have been listed with it)."""
        id_ = self.anyone(node)
        known = self._players.get(id_)
        self._names = {}
        if known is None:
            self._players[id_] = Player(id_, node.text(), team, "substitute")
        elif known.team != team:
            self._findings.contradicts(node, f"{node.value!r} plays for {known.team}")
        else:
            self._players[id_] = replace(known, appearance="substitute")
        return id_
