"""Cricsheet ball-by-ball JSON (https://cricsheet.org/format/json/, 1.0 and 1.1) as normalised cricket events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from scoring.engine.conditions import Scalar
from scoring.engine.tables import Log
from scoring.sources.cricsheet_checks import check_margin, check_over, check_wickets
from scoring.sources.cricsheet_columns import EXTRAS, Columns, columns
from scoring.sources.cricsheet_sides import Sides
from scoring.sources.findings import Findings
from scoring.sources.match import Match
from scoring.sources.reading import Node, parse_json, read_bytes

PROVIDER = "cricsheet"

#: How a batter's innings ends: (the batter is out, the bowler is credited).
KINDS: dict[str, tuple[bool, bool]] = {
    "bowled": (True, True),
    "caught": (True, True),
    "caught and bowled": (True, True),
    "lbw": (True, True),
    "stumped": (True, True),
    "hit wicket": (True, True),
    "run out": (True, False),
    "retired hurt": (False, False),
    "retired not out": (False, False),
    "retired out": (True, False),
    "obstructing the field": (True, False),
    "hit the ball twice": (True, False),
    "handled the ball": (True, False),
    "timed out": (True, False),
}

#: Whether a batter is out, by kind of dismissal.
_OUTS = {kind: out for kind, (out, _) in KINDS.items()}

_AT_THE_BALL = ("batter", "non_striker", "bowler")

_RESULTS = ("tie", "draw", "no result")


def read(path: Path, seen_at: datetime, accept: str | None = None) -> Match:
    """The match in a file; SourceError, with the place, if the file is broken, or contradicts itself and is not accepted."""
    return from_node(Node(parse_json(read_bytes(path), str(path)), str(path)), path.stem, seen_at, accept)


def from_node(root: Node, match_id: str, seen_at: datetime, accept: str | None = None) -> Match:
    """The match in a parsed file; `match_id` is Cricsheet's own (the file's name)."""
    return _Reader(root, match_id, seen_at, accept).match()


class _Reader:
    """One file being read: keeps what later parts are checked against."""

    def __init__(self, root: Node, match_id: str, seen_at: datetime, accept: str | None) -> None:
        self.findings = Findings(accept)
        self.root = root
        self.match_id = match_id
        self.info = root.get("info")
        self.revision = root.find("meta", {}).find("revision", 1).whole(1, 10**6)
        self.balls_per_over = self.info.find("balls_per_over", 6).whole(1, 10)
        self.sides = Sides(self.info, self.findings)
        self.log = Log(PROVIDER, self.revision, seen_at)

    def match(self) -> Match:
        """Read everything."""
        innings = list(self.root.find("innings", []).each())
        scores = []
        for number, node in enumerate(innings, start=1):
            scores.append(self._innings(node, number))
        outcome = self.info.get("outcome")
        check_margin(outcome, self.sides.teams, scores, self.findings)
        self._match_event(outcome)
        for player in self.sides.players():
            self._add(
                f"lineup:{player.id}",
                "lineup",
                {"player": player.id, "name": player.name, "team": player.team, "appearance": player.appearance},
            )
        dates = [date.text() for date in self.info.get("dates").each()]
        if not dates:
            self.info.get("dates").fail("a match has at least one date")
        decided = ("winner", "eliminator", "bowl_out", "result")
        winner = next((outcome.get(name).text() for name in decided if name in outcome), "unknown")
        return Match(
            id=f"{PROVIDER}:{self.match_id}",
            sport="cricket",
            title=" v ".join(self.sides.teams),
            date=dates[0],
            teams=self.sides.teams,
            events=self.log,
            facts={
                "format": self.info.get("match_type").text(),
                "season": str(self.info.find("season", dates[0][:4]).value),
                "venue": self.info.find("venue", "unknown").text(),
                "outcome": winner,
                "source": PROVIDER,
            },
            unknown=(
                "players' roles (who is a pure bowler) unless a player list gives them",
                "who hit the stumps directly",
            ),
            place=self.root.place,
            revision=self.revision,
            findings=self.findings,
        )

    def _add(self, id_: str, kind: str, attributes: dict[str, Scalar]) -> None:
        self.log.add(id_, kind, attributes)

    def _match_event(self, outcome: Node) -> None:
        result = outcome.find("result", "won").text()
        if result not in (*_RESULTS, "won"):
            outcome.get("result").fail(f"{result!r} is none of {', '.join(_RESULTS)}")
        if result == "won" and "winner" not in outcome:
            self.findings.contradicts(outcome, "neither a winner nor a result")
        self._add(
            "match",
            "match",
            {
                "format": self.info.get("match_type").text(),
                "gender": self.info.find("gender", None).value,
                "season": str(self.info.find("season", "").value) or None,
                "result": result,
                "method": outcome.find("method", None).value,
                "balls_per_over": self.balls_per_over,
            },
        )

    def _innings(self, node: Node, number: int) -> Innings:
        """One innings: its events, and its score for the checks that follow."""
        team = self.sides.team(node.get("team"))
        super_over = node.find("super_over", False).flag()
        innings = Innings(node, team, super_over)
        penalties = node.find("penalty_runs", {})
        for moment in ("pre", "post"):
            if moment in penalties:
                runs = penalties.get(moment).whole(0, 1000)
                innings.runs += runs
                self._add(
                    f"team_penalty:{number}.{moment}",
                    "team_penalty",
                    {"innings": number, "team": team, "moment": moment, "runs": runs},
                )
        for name in node.find("absent_hurt", []).each():
            self.sides.member(name, team)
        miscounted = {
            int(over) if over.isascii() and over.isdigit() else -1: given
            for over, given in node.find("miscounted_overs", {}).items()
        }
        overs = node.find("overs", [])
        sides = self.sides.names(team), self.sides.names(self.sides.opponent(team))
        lengths = self.balls_per_over, {over: given.value for over, given in miscounted.items()}
        found = columns(overs.value, number, super_over, lengths, sides, _OUTS)
        if found is not None:
            self._quickly(found, innings, overs, number)
            return innings
        each = list(overs.each())
        for place, over in enumerate(each):
            index = over.get("over").whole(0, 999)
            if index != place:
                self.findings.contradicts(over.get("over"), f"over {index} where over {place} is expected")
            length = miscounted[index].get("balls").whole(1, 20) if index in miscounted else self.balls_per_over
            legal = self._over(over, innings, number, place, length)
            check_over(over, legal, length, self.findings, last=place == len(each) - 1)
        return innings

    def _quickly(self, found: Columns, innings: Innings, overs: Node, number: int) -> None:
        """The innings whose plain deliveries are read already."""
        last = len(found.overs) - 1
        for place, over in enumerate(found.overs):
            innings.bowlers = over.bowlers
            for row in over.odd:
                raw = found.deliveries[row]
                if row not in found.careful and "wickets" not in raw:
                    continue
                at = f"{number}.{place:03d}.{row - over.first + 1:02d}"
                delivery = Node(raw, f"{overs.place}[{place}].deliveries[{row - over.first}]")
                if row in found.careful:
                    found.set(row, self._delivered(delivery, innings, at, number, place, over.length))
                ball = [found.values[who][row] for who in _AT_THE_BALL]
                self._wickets(delivery, innings, at, number, place, ball)
            legal = found.total("legal", over.first, over.after)
            if legal != over.length:
                node = Node(overs.value[place], f"{overs.place}[{place}]")
                check_over(node, legal, over.length, self.findings, last=place == last)
        innings.runs += found.total("total")
        self.log.extend("delivery", found.ids, found.values)

    def _over(self, node: Node, innings: Innings, number: int, over: int, length: int) -> int:
        """The deliveries of an over, one by one; how many of them count towards it."""
        source = node.get("deliveries")
        deliveries = source.items_of_list()
        innings.bowlers = len({str(raw.get("bowler") or "") for raw in deliveries if isinstance(raw, dict)})
        legal = 0
        for place, delivery in enumerate(source.each(), start=1):
            at = f"{number}.{over:03d}.{place:02d}"
            delivered = self._delivered(delivery, innings, at, number, over, length)
            self._add(f"delivery:{at}", "delivery", delivered)
            legal += delivered["legal"] == 1
            innings.runs += int(delivered["total"] or 0)
            self._wickets(delivery, innings, at, number, over, [delivered[who] for who in _AT_THE_BALL])
        return legal

    def _delivered(
        self, node: Node, innings: Innings, at: str, number: int, over: int, length: int
    ) -> dict[str, Scalar]:
        """What one delivery says, after the substitutions before it."""
        for swap in node.find("replacements", {}).find("match", []).each():
            self._substitution(swap, f"{at}.{swap.place.rsplit('[', 1)[1].rstrip(']')}", number, over)
        for role in node.find("replacements", {}).find("role", []).each():
            self.sides.anyone(role.get("in"))
        batting, fielding = innings.team, self.sides.opponent(innings.team)
        batter = self.sides.member(node.get("batter"), batting)
        non_striker = self.sides.member(node.get("non_striker"), batting)
        bowler = self.sides.member(node.get("bowler"), fielding)
        if batter == non_striker:
            self.findings.contradicts(node.get("non_striker"), "the batter at both ends")
        for name, player in (("batter", batter), ("non_striker", non_striker)):
            if player in innings.out:
                self.findings.contradicts(node.get(name), f"{node.get(name).value} bats again after being out")
        extras, runs = self._runs(node)
        fours_and_sixes = runs["batter"] in (4, 6) and not node.get("runs").find("non_boundary", False).flag()
        return {
            "innings": number,
            "over": over,
            "super_over": innings.super_over,
            "batter": batter,
            "bowler": bowler,
            "non_striker": non_striker,
            "runs": runs["batter"],
            "boundary": runs["batter"] if fours_and_sixes else 0,
            **extras,
            "total": runs["total"],
            "faced": 0 if extras["wides"] else 1,
            "legal": 0 if extras["wides"] or extras["no_balls"] else 1,
            "charged": runs["batter"] + extras["wides"] + extras["no_balls"],
            "over_length": length,
            "over_bowlers": innings.bowlers,
        }

    def _wickets(self, node: Node, innings: Innings, at: str, number: int, over: int, ball: list[Scalar]) -> None:
        """The wickets of a delivery; `ball` are batter, non-striker and bowler."""
        batter, non_striker, bowler = (str(player) for player in ball)
        for place, wicket in enumerate(node.find("wickets", []).each(), start=1):
            self._wicket(wicket, innings, f"{at}.{place}", number, over, (batter, non_striker, bowler))
        check_wickets(node, innings.wickets, self.findings)

    def _runs(self, node: Node) -> tuple[dict[str, int], dict[str, int]]:
        """Extras by our names, and runs; refused unless the sums agree."""
        given = node.find("extras", {})
        extras = {ours: given.find(theirs, 0).whole(0, 20) for theirs, ours in EXTRAS.items()}
        source = node.get("runs")
        runs = {name: source.get(name).whole(0, 40) for name in ("batter", "extras", "total")}
        if sum(extras.values()) != runs["extras"]:
            self.findings.contradicts(
                source.get("extras"),
                f"{runs['extras']} extras, but wides, no-balls, byes … make {sum(extras.values())}",
            )
        if runs["batter"] + runs["extras"] != runs["total"]:
            self.findings.contradicts(
                source.get("total"), f"{runs['total']} in total, but {runs['batter']} and {runs['extras']} extras"
            )
        if extras["wides"] and runs["batter"]:
            self.findings.contradicts(source.get("batter"), "runs off the bat from a wide")
        return extras, runs

    def _wicket(
        self, node: Node, innings: Innings, at: str, number: int, over: int, ball: tuple[str, str, str]
    ) -> None:
        batter, non_striker, bowler = ball
        kind = node.get("kind").text()
        if kind not in KINDS:
            node.get("kind").fail(f"{kind!r} is no dismissal (known: {', '.join(KINDS)})")
        is_out, credited = KINDS[kind]
        player = self.sides.member(node.get("player_out"), innings.team)
        if credited and player != batter:
            self.findings.contradicts(node.get("player_out"), f"{kind}, but it is not the batter who faced the ball")
        if kind in ("run out", "obstructing the field") and player not in (batter, non_striker):
            self.findings.contradicts(node.get("player_out"), f"{kind}, but neither of the two at the crease")
        if player in innings.out:
            self.findings.contradicts(
                node.get("player_out"), f"{node.get('player_out').value} is out twice in one innings"
            )
        if is_out:
            innings.out.add(player)
            innings.wickets += 1
        common: dict[str, Scalar] = {"innings": number, "over": over, "super_over": innings.super_over}
        self._add(
            f"wicket:{at}",
            "wicket",
            {**common, "batter": player, "bowler": bowler, "kind": kind, "out": is_out, "credited": credited},
        )
        for place, (fielder, substitute, act) in enumerate(self._fielding(node, kind, bowler, innings.team), start=1):
            self._add(
                f"fielding:{at}.{place}",
                "fielding",
                {**common, "fielder": fielder, "substitute": substitute, "act": act},
            )

    def _fielding(self, node: Node, kind: str, bowler: str, batting: str) -> Iterator[tuple[str, bool, str]]:
        """Who gets credit for a wicket in the field: (fielder, substitute, act)."""
        if kind == "caught and bowled":
            yield bowler, False, "catch"
            return
        acts = {"caught": "catch", "stumped": "stumping", "run out": "run_out"}
        if kind not in acts:
            return
        # An unnamed substitute touched the ball too; there is nobody to give the points to.
        touched: list[tuple[str, bool] | None] = []
        for fielder in node.find("fielders", []).each():
            substitute = fielder.find("substitute", False).flag()
            name = fielder.find("name", "")
            if not name.value:
                touched.append(None)
                continue
            if substitute and not self.sides.registered(name):
                self.findings.note(name, f"{name.value!r}, a substitute, is not in info.registry.people: earns nothing")
                touched.append(None)
                continue
            player = self.sides.anyone(name) if substitute else self.sides.member(name, self.sides.opponent(batting))
            touched.append((player, substitute))
        if kind == "run out":
            # The source lists who touched the ball; alone means a direct hit, else the last two share.
            act = "run_out_direct" if len(touched) == 1 else "run_out_assist"
            yield from ((*fielder, act) for fielder in touched[-2:] if fielder is not None)
            return
        if len(touched) > 1:
            self.findings.contradicts(node.get("fielders"), f"{len(touched)} fielders for one {kind}")
        # Of several whom an operator accepts, the last who touched the ball has it.
        yield from ((*fielder, acts[kind]) for fielder in touched[-1:] if fielder is not None)

    def _substitution(self, node: Node, at: str, number: int, over: int) -> None:
        team = self.sides.team(node.get("team"))
        out = self.sides.member(node.get("out"), team) if "out" in node else None
        joined = self.sides.join(node.get("in"), team)
        self._add(
            f"substitution:{at}",
            "substitution",
            {
                "innings": number,
                "over": over,
                "team": team,
                "player_in": joined,
                "player_out": out,
                "reason": node.find("reason", "unknown").text(),
            },
        )


class Innings:
    """What has happened so far in one innings."""

    def __init__(self, node: Node, team: str, super_over: bool) -> None:
        self.node = node
        self.team = team
        self.super_over = super_over
        self.runs = 0
        self.wickets = 0
        self.bowlers = 1
        self.out: set[str] = set()
