"""Scoring's part of the smoke journey: a match is scored, the board moves, and a correction moves it back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.common.journey import FINANCE, FIRST, SECOND, Journey, SecondFactor, Step, Unexpected
from services.scoring import example

#: How long the worker may take to score and to bring the board up to date, in seconds.
WORKER_SECONDS = 30

#: The same of a feed, which waits for the scheduler's next minute first.
FEED_SECONDS = 100


@dataclass
class SmokeContest:
    """The journey's contest, and the players' teams in it, by who they are."""

    id: str
    match: str
    teams: dict[str, str]


def open_contest(journey: Journey) -> str:
    """Staff publish rules and open a slate with a contest; both players enter teams."""
    example.authorise(journey)
    match = f"smoke:{journey.run}"
    locks_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    slate, contest = example.open_contest(journey, journey.run, match, locks_at)
    teams = {who: example.enter(journey, who, journey.run, slate, contest) for who in (FIRST, SECOND)}
    journey.keep(SmokeContest(contest, match, teams))
    return f"{FIRST}'s captain is {example.STRIKER}, {SECOND}'s is {example.PARTNER}"


def score(journey: Journey) -> str:
    """A feed says what happened; who has the right captain leads."""
    return _leads(journey, 6, FIRST)


def correct(journey: Journey) -> str:
    """The feed corrects itself: the other one leads, and who lost points is told."""
    outcome = _leads(journey, 0, SECOND)
    match = journey.kept(SmokeContest).match

    def look() -> bool | None:
        notes = journey.ask("GET", "/scoring/notifications", 200, who=FIRST)["notifications"]
        return any(note["match"] == match for note in notes) or None

    journey.until(WORKER_SECONDS, f"a notification of the correction for {FIRST}", look)
    return outcome


def rank_players(journey: Journey) -> str:
    """The match is a season's, too: both players are ranked in it, and in a league that one made and the other joined."""
    contest = journey.ask("GET", f"/scoring/contests/{journey.kept(SmokeContest).id}", 200, who=FIRST)
    season, league = example.named("season", journey.run), example.named("league", journey.run)
    example.staff(journey, "PUT", f"seasons/{season}", {"title": "A v B", "slates": [contest["slate"]]})
    wanted = {"season": season, "title": "Friends"}
    code = journey.ask("PUT", f"/scoring/leagues/{league}", 200, who=FIRST, json=wanted)["code"]
    journey.ask("POST", f"/scoring/leagues/{league}/members", 200, who=SECOND, json={"code": code})

    def look() -> bool | None:
        boards = [
            journey.ask("GET", f"/scoring/{kind}/board", 200, who=SECOND)["places"]
            for kind in (f"seasons/{season}", f"leagues/{league}")
        ]
        everybody, members = boards
        # A new league has its members before the season is counted, and nobody has points then.
        return (
            len(everybody) == 2 and everybody == members and everybody[0]["points"] != everybody[1]["points"]
        ) or None

    journey.until(WORKER_SECONDS, "both players ranked in season and league (does the worker run?)", look)
    return "season and league agree"


def pay_prizes(journey: Journey) -> str:
    """An operator closes the match early, so a second person approves; then the winner's statement shows the prize, and both
    sides of the books agree."""
    contest = journey.kept(SmokeContest)
    example.staff(journey, "POST", f"matches/{contest.match}/closing", {"reason": "the umpires have signed"})
    approval, payouts = [f"/scoring/staff/contests/{contest.id}/{what}" for what in ("approval", "payouts")]
    journey.ask("POST", approval, 403, who=FIRST)
    journey.kept(SecondFactor).show(FINANCE)
    waiting = "the prizes to be proposed (does the worker run?)"
    journey.until(WORKER_SECONDS, waiting, lambda: _state(journey, payouts) == "proposed" or None)
    for _ in range(2):  # again changes nothing
        journey.ask("POST", approval, 200, who=FINANCE)
    since, until = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
    query = {"since": since.isoformat(), "until": until.isoformat()}

    def paid() -> list[str] | None:
        rows = journey.ask("GET", payouts, 200, who=FINANCE)["payouts"]
        return [row["posting"] for row in rows] if all(row["posting"] for row in rows) else None

    postings = journey.until(WORKER_SECONDS, "the prizes paid (does the worker run?)", paid)
    for who, amount in ((SECOND, 10_000), (FIRST, 5_000)):
        statement = journey.ask("GET", "/wallet/statement.csv", 200, who=who, params=query)
        won = [row for row in statement.splitlines() if f",winnings,guaranteed_prize,{amount}," in row]
        if len(won) != 1:
            raise Unexpected(f"{who}'s statement has {len(won)} prizes of {amount} paise instead of one")
    report = f"/scoring/staff/prizes/reports/{datetime.now(UTC).date()}"
    journey.ask("POST", report, 202, who=FINANCE)

    def compared() -> dict[str, Any] | None:
        found: dict[str, Any] = journey.ask("GET", report, 200, 404, who=FINANCE)
        return found if found.get("lines", 0) >= len(postings) else None

    found = journey.until(WORKER_SECONDS, "the comparison with the wallet (does the worker run?)", compared)
    if wrong := [each for each in found["discrepancies"] if each["id"] in postings]:
        raise Unexpected(f"scoring and wallet differ: {wrong}")
    return f"{SECOND} won 10000 paise, {FIRST} 5000; {found['lines']} lines, {found['postings']} postings"


def refuse_outsiders(journey: Journey) -> str:
    """From outside there are no feeds, whoever asks."""
    path = f"/scoring/internal/matches/{journey.kept(SmokeContest).match}/snapshots"
    journey.ask("POST", path, 404, who="scoring-feed", json={})
    return "internal paths 404"


def ask_feed(journey: Journey) -> str:
    """A scorer is asked for a match every second; what has happened in it comes ball by ball, and is scored."""
    match = f"live:{journey.run}"
    now = datetime.now(UTC)
    slate, _ = example.open_contest(journey, match, match, (now + timedelta(hours=1)).isoformat())
    rules = journey.ask("GET", f"/scoring/slates/{slate}", 200, who=FIRST)["rules"]
    log = json.loads(example.log(match, now.isoformat(), 6)["log.json"])
    balls = len(log["events"])
    cuts = [{"at": at, "events": balls - 2 + at, "stage": "finished" if at == 2 else "in play"} for at in range(3)]
    path = f"/live/{journey.run}.json"
    series = {"path": path, "log": log, "cuts": cuts, "speed": 0.5}
    journey.partners.put("/_partners/feeds/scorer", json=series).raise_for_status()
    asked = {"files": {"log.json": path}, "every": 1}
    example.staff(journey, "PUT", f"feeds/scorer/matches/{match}", asked)

    def look() -> str | None:
        found = journey.ask("GET", f"/scoring/matches/{match}", 200, who=FIRST)
        scored = journey.ask("GET", f"/scoring/matches/{match}/points?rules={rules}", 200, who=FIRST)
        if found["result_at"] is None or scored["scored"] != found["revision"]:
            return None
        first = scored["players"][0]
        return f"revision {found['revision']}: {first['player']} has {first['points']} points"

    return journey.until(FEED_SECONDS, "the match taken in and scored (does the scheduler run?)", look)


def _state(journey: Journey, payouts: str) -> str:
    return str(journey.ask("GET", payouts, 200, who=FINANCE)["state"])


def _leads(journey: Journey, runs: int, who: str) -> str:
    contest = journey.kept(SmokeContest)
    example.say(journey, contest.match, datetime.now(UTC).isoformat(), runs)

    def look() -> str | None:
        board = journey.ask("GET", f"/scoring/contests/{contest.id}/board", 200, who=who)
        first, *_ = board["places"] or [{"team": None}]
        found = {place["team"]: place["points"] for place in board["places"]}
        # Before the match is scored both have no points, and one of them stands first all the same.
        leads = len(set(found.values())) == 2 and first["team"] == contest.teams[who]
        return found[first["team"]] if leads else None

    points = journey.until(WORKER_SECONDS, f"{who} in the lead (does the worker run?)", look)
    return f"{who} leads with {points} points"


STEPS = (
    Step("open a slate and a contest", open_contest),
    Step("score a match", score),
    Step("score a correction", correct),
    Step("rank players over slates", rank_players),
    Step("pay prizes", pay_prizes),
    Step("feeds stay inside", refuse_outsiders),
    Step("ask a feed ball by ball", ask_feed),
)
