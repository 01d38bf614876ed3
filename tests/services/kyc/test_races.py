"""What happens at the same moment, as a race on the real database: of two that exclude each other one is refused."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter

import httpx
import pytest

from services.common.outbox import messages
from services.kyc import documents
from tests.services.kyc.aadhaar import SHARE_CODE, Authority, document
from tests.services.kyc.aadhaar import Person as AadhaarPerson
from tests.services.kyc.fixtures import Kyc
from tests.services.kyc.test_documents import PAN_BODY, agreed, announced
from tests.services.kyc.test_pictures import file

pytestmark = pytest.mark.postgres


def codes(answers: list[httpx.Response]) -> Counter[str]:
    """How often each answer came: its status, and the code of a refusal."""
    return Counter(f"{each.status_code} {each.json().get('code', '')}".strip() for each in answers)


async def test_two_players_hand_in_the_same_file_of_uidais(kyc: Kyc, uidai: Authority) -> None:
    """With nothing found the system approves by itself: the second of them must see the first."""
    people = [await kyc.player(), await kyc.player(pan="ABCPS9999K")]
    for person in people:
        await kyc.decide(person, "approve")
        await kyc.ask(person, "PUT", "/consents/aadhaar", {"version": "2026-11", "given": True})
    content = document(uidai, AadhaarPerson(issued=kyc.clock.now()))
    body = {"file": base64.b64encode(content).decode(), "share_code": SHARE_CODE}
    answers = await asyncio.gather(*(kyc.ask(person, "PUT", "/aadhaar", body) for person in people))
    assert codes(answers) == {"200": 2}
    assert sorted([await kyc.level(person) for person in people]) == ["basic", "full"]
    (other,) = [person for person in people if await kyc.level(person) == "basic"]
    assert (await kyc.review_of(other))["findings"] == ["duplicate"]


async def test_two_players_are_verified_by_one_pan(kyc: Kyc) -> None:
    """Each was alone when it was checked, as far as the other's finding goes: the decisions themselves exclude each other."""
    people = [await kyc.player(), await kyc.player()]
    await kyc.rows("UPDATE items SET findings = '{unconfirmed}'")
    colleagues = ("support", "risk")
    pairs = list(zip(people, colleagues, strict=True))
    reviews = [(await kyc.review_of(person, who))["id"] for person, who in pairs]
    for review, who in zip(reviews, colleagues, strict=True):
        assert (await kyc.ask(who, "POST", f"/reviews/{review}/claim")).status_code == 200
    body = {"outcome": "approve", "reasons": ["looked_at"]}
    decided = [
        kyc.ask(who, "POST", f"/reviews/{review}/decision", body)
        for review, who in zip(reviews, colleagues, strict=True)
    ]
    assert codes(await asyncio.gather(*decided)) == {"200": 1, "409 document_taken": 1}
    assert sorted([await kyc.level(person) for person in people]) == ["basic", "none"]


async def test_a_player_hands_in_the_same_twice(kyc: Kyc) -> None:
    person = await agreed(kyc)
    answers = await asyncio.gather(*(kyc.ask(person, "PUT", "/pan", PAN_BODY) for _ in range(4)))
    assert codes(answers) == {"200": 1, "409 state_forbids": 3}
    assert len((await kyc.case(person))["items"]) == 1


async def test_a_pan_is_checked_by_two_workers(kyc: Kyc) -> None:
    person = await agreed(kyc)
    await kyc.ask(person, "PUT", "/pan", PAN_BODY)

    async def hand_out() -> messages.Handed:
        async with kyc.sessions() as session, session.begin():
            (handed,) = await messages.hand_out(session, 10)
        return handed

    async def work() -> int:
        return (await kyc.jobs.handle(kyc.sessions, kyc.clock, handed.task, [handed.id])).failed

    handed = await hand_out()
    assert await asyncio.gather(*(work() for _ in range(3))) == [0, 0, 0]
    handed = await hand_out()
    assert await asyncio.gather(*(work() for _ in range(3))) == [0, 0, 0]
    assert kyc.provider.asked == 1
    assert (await kyc.review_of(person))["findings"] == ["unconfirmed"], "one review is open"
    # A worker that was taken for dead comes back: its reservation is over, and the message is done by another meanwhile.
    await kyc.rows("UPDATE outbox SET done_at = NULL, reserved_until = NULL WHERE id = $1", handed.id)
    assert await work() == 0
    assert len(await kyc.rows("SELECT 1 FROM reviews")) == 1


async def test_one_picture_is_announced_many_times(kyc: Kyc) -> None:
    person = await agreed(kyc)
    body = announced(file())
    answers = await asyncio.gather(*(kyc.ask(person, "POST", "/documents", body) for _ in range(4)))
    assert set(codes(answers)) <= {"200", "503 busy"} and codes(answers)["200"], codes(answers)
    ids = {
        each.json()["id"] for each in [*answers, await kyc.ask(person, "POST", "/documents", body)] if each.is_success
    }
    assert len(ids) == len(await kyc.rows("SELECT 1 FROM documents")) == 1


async def test_more_pictures_than_may_wait_are_announced(kyc: Kyc) -> None:
    person = await agreed(kyc)
    bodies = [announced(file((300 + number, 300))) for number in range(documents.AWAITED + 3)]
    answers = await asyncio.gather(*(kyc.ask(person, "POST", "/documents", each) for each in bodies))
    assert codes(answers) == {"200": documents.AWAITED, "409 documents_waiting": 3}
