"""The 2023 United States Grand Prix on the running service: provisional, corrected, final after 72 hours, paid once."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.scoring.test_us_gp_2023 import MOVED
from tests.services.scoring.fixtures import Paying, Scoring
from tests.services.scoring.races import AUSTIN, MOVING, RULES, STEADY, drivers, picks, texts
from tests.services.written_metrics import written_metrics

pytestmark = pytest.mark.postgres


async def test_a_correction_moves_the_right_players_and_prizes_wait(
    paying_wallet: Paying, capsys: pytest.CaptureFixture[str]
) -> None:
    scoring = paying_wallet.scoring
    rules = await scoring.rules(RULES)
    slate = await scoring.slate(rules, AUSTIN, players=drivers())
    contest = await scoring.contest(slate, 60_001, 30_000)
    one, other, third = [await scoring.auth.person() for _ in range(3)]
    steady = await scoring.team(one.bearer, slate, picks(*STEADY), contest)
    moving = await scoring.team(other.bearer, slate, picks(*MOVING), contest)
    moved_too = await scoring.team(third.bearer, slate, picks(*MOVING), contest)
    await scoring.work()

    assert (await scoring.snapshot(AUSTIN, "f1db", texts("flag")))["phase"] == "provisional"
    await scoring.work()
    (lag,) = written_metrics(capsys.readouterr().out)["ScoringLag"]
    assert lag >= 0
    at_the_flag = await points(scoring, rules, one.bearer)
    assert (await scoring.ok("GET", f"/scoring/contests/{contest}", one.bearer))["label"] == "provisional"
    before = {team: total for _, team, total in await scoring.board(contest, one.bearer)}
    captain = Fraction(3, 2)
    expected = sum(at_the_flag[driver] * (captain if driver == MOVING[0] else 1) for driver in MOVING)
    assert Fraction(before[moving]) == expected

    scoring.clock.move(hours=4)
    said = await scoring.snapshot_later(AUSTIN, "f1db", texts("final"))
    assert said["revision"] == 2 and said["events"] > 0
    await scoring.work()
    one_again, other_again = await scoring.again(one), await scoring.again(other)
    after = await points(scoring, rules, one_again)
    moved = {player: after[player] - at_the_flag[player] for player in after if after[player] != at_the_flag[player]}
    assert moved == {driver: last - first for driver, (first, last) in MOVED.items()}
    board = {team: (rank, total) for rank, team, total in await scoring.board(contest, one_again)}
    assert board[steady][1] == before[steady]
    assert board[moving] == board[moved_too] and board[moving][1] != before[moving]

    assert (await scoring.ok("GET", "/scoring/notifications", one_again))["notifications"] == []
    (told,) = (await scoring.ok("GET", "/scoring/notifications", other_again))["notifications"]
    assert told["match"] == AUSTIN and "provisional" in told["message"]
    for person, count in ((one, 0), (other, 1), (third, 1)):
        letters = [each for each in await scoring.auth.letters(person.email) if "corrected" in each["subject"]]
        assert len(letters) == count
        assert all("United States" in each["text"] and each["channel"] == "email" for each in letters)

    await locked(scoring, contest, "open")
    for hours in (30, 30, 11):  # confirmed twice, and not yet for 72 hours
        await scoring.tick(hours=hours)
        await scoring.snapshot_later(AUSTIN, "f1db", texts("final"))
        await locked(scoring, contest, "open")
    await scoring.tick(hours=10)
    await scoring.snapshot_later(AUSTIN, "f1db", texts("final"))
    await scoring.tick(minutes=1)
    paid = await scoring.ok("GET", f"/scoring/internal/contests/{contest}/payouts", scoring.staff)
    assert paid["state"] == "ordered"
    amounts = {row["team"]: row["amount"] for row in paid["payouts"]}
    assert sum(amounts.values()) == 90_001
    first, *_ = await scoring.board(contest, await scoring.again(one))
    assert amounts == ({steady: 60_001, moving: 15_000, moved_too: 15_000} if first[1] == steady else
                       {moving: 45_001, moved_too: 45_000})  # fmt: skip
    assert {row["state"] for row in paid["payouts"]} == {"paid"}
    owner = {steady: one, moving: other, moved_too: third}
    won = await paying_wallet.winnings(*(str(owner[team].id) for team in amounts))
    assert won == list(amounts.values())
    await scoring.tick(hours=1)
    assert await paying_wallet.postings() == len(amounts), "paid once"
    refused = await scoring.refused("POST", *scoring.call(AUSTIN, "f1db", texts("flag")))
    assert refused == (409, "match_final")


async def test_what_exceeds_the_threshold_waits_for_a_second_person(paying_wallet: Paying) -> None:
    scoring = paying_wallet.scoring
    rules = await scoring.rules(RULES)
    slate = await scoring.slate(rules, AUSTIN, players=drivers())
    contest = await scoring.contest(slate, 10_000_001)
    person = await scoring.auth.person()
    await scoring.team(person.bearer, slate, picks(*STEADY), contest)
    approval, checker = f"/scoring/staff/contests/{contest}/approval", await scoring.auth.colleague("finance")
    assert await scoring.refused("POST", approval, checker.bearer) == (409, "nothing_proposed")
    await scoring.snapshot(AUSTIN, "f1db", texts("final"))
    await scoring.work()
    for _ in range(4):
        await scoring.tick(hours=25)
        await scoring.snapshot_later(AUSTIN, "f1db", texts("final"))
    await scoring.tick(minutes=1)
    await locked(scoring, contest, "proposed")
    admin = await scoring.auth.colleague("admin")
    for other in (scoring.staff, admin.bearer, await scoring.again(person)):
        assert await scoring.refused("POST", approval, other) == (403, "forbidden")
    checker = await scoring.auth.show_two_factors(await scoring.auth.log_in(checker))
    for _ in range(2):
        paid = await scoring.ok("POST", approval, checker.bearer)
        assert paid["state"] == "ordered" and [row["amount"] for row in paid["payouts"]] == [10_000_001]
    await scoring.work()
    assert await paying_wallet.winnings(str(person.id)) == [10_000_001] and await paying_wallet.postings() == 1


async def points(scoring: Scoring, rules: str, bearer: dict[str, str]) -> dict[str, Fraction]:
    """Race and sprint points of the drivers."""
    answer = await scoring.ok("GET", f"/scoring/matches/{AUSTIN}/points?rules={rules}", bearer)
    found = {each["player"]: Fraction(each["points"]) for each in answer["players"]}
    return {driver["id"]: found.get(driver["id"], Fraction(0)) for driver in drivers()}


async def locked(scoring: Scoring, contest: str, state: str) -> None:
    """Nothing is paid."""
    answer = await scoring.ok("GET", f"/scoring/internal/contests/{contest}/payouts", scoring.staff)
    assert answer["state"] == state and not any(row["posting"] for row in answer["payouts"])
    assert {row["state"] for row in answer["payouts"]} <= {"waiting"}
