"""A share of decisions is drawn and made again by a second person, who may differ: then two more persons have to agree."""

from __future__ import annotations

import hashlib
from uuid import UUID

import pytest

from services.kyc import quality, repository
from services.kyc.settings import Digests
from tests.services.kyc.fixtures import Kyc

pytestmark = pytest.mark.postgres


def test_the_draw_is_the_secrets_its_share_and_always_the_same() -> None:
    mine, theirs = Digests(["a-secret-of-this-test-alone"]), Digests(["another-secret-of-this-test"])
    reviews = [UUID(bytes=hashlib.sha256(bytes([n % 256, n // 256])).digest()[:16]) for n in range(4000)]
    drawn = {each for each in reviews if quality.is_drawn(mine, each)}
    assert 140 <= len(drawn) <= 260, "one in twenty of 4,000"
    assert drawn == {each for each in reviews if quality.is_drawn(mine, each)}
    assert drawn != {each for each in reviews if quality.is_drawn(theirs, each)}


async def test_a_second_person_agrees_without_knowing(kyc: Kyc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "SHARE", 1.0)
    person = await kyc.player()
    await kyc.decide(person, "approve", "support")
    assert not (await kyc.ask("support", "GET", "/reviews")).json()["reviews"], "nobody is offered what they decided"
    async with kyc.sessions() as session:
        assert await repository.waiting(session, kyc.clock.now()) == (0, 0.0), "no player waits for it"
    again = await kyc.review_of(person, "risk")
    assert again["check"] and "approve" not in str(again), "how it was decided is not said"
    refused = await kyc.ask("support", "POST", f"/reviews/{again['id']}/claim")
    assert (refused.status_code, refused.json()["code"]) == (403, "second_person_needed")
    assert (await kyc.decide(person, "approve", "risk")).json()["closed"]
    assert (await kyc.case(person))["state"] == "approved"
    assert not (await kyc.ask("risk", "GET", "/reviews")).json()["reviews"], "a second decision is not drawn again"
    decisions = (await kyc.ask("auditor", "GET", f"/cases/{person.id}/history")).json()["decisions"]
    assert [each["outcome"] for each in decisions] == ["quality_agreed", "approve"]


async def test_where_they_differ_it_is_reviewed_anew(kyc: Kyc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "SHARE", 1.0)
    for number, (first, second) in enumerate((("approve", "reject"), ("reject", "approve"), ("approve", "resubmit"))):
        person = await kyc.player(pan=f"ABCPS123{number}K")
        await kyc.decide(person, first, "support")
        await kyc.decide(person, second, "risk")
        case = await kyc.case(person)
        assert (case["state"], case["level"]) == ("checking", "none"), "it counts for nothing until it is settled"
        contested = await kyc.review_of(person)
        assert contested["findings"] == ["unconfirmed", "contested"] and not contested["check"]
        assert (await kyc.decide(person, "approve", "support")).json()["proposed"], "it takes two persons"
        path = f"/reviews/{contested['id']}/confirmation"
        assert (await kyc.ask("risk", "POST", path, {"agreed": True})).json()["closed"]
        assert await kyc.level(person) == "basic"
        assert not (await kyc.ask("risk", "GET", "/reviews")).json()["reviews"], "what two persons decided is not drawn"


async def test_a_case_that_went_on_meanwhile_is_not_turned_back(kyc: Kyc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "SHARE", 1.0)
    person = await kyc.player()
    await kyc.decide(person, "approve", "support")
    await kyc.rows("UPDATE cases SET expires_at = now() - interval '1 second'")
    kyc.clock.move(minutes=5)
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.expire")
    assert (await kyc.decide(person, "reject", "risk")).json()["closed"]
    assert (await kyc.case(person))["state"] == "expired"
    assert len(await kyc.rows("SELECT 1 FROM reviews WHERE closed_at IS NULL")) == 0
