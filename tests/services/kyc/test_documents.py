"""Pictures of documents, with a real S3 of the emulator's: announced, sent, handed in, looked at, gone when they have to be."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest

from services.kyc import documents
from tests.services.auth.fixtures import Person
from tests.services.kyc.card_pictures import Holder, Photo, taken
from tests.services.kyc.fixtures import PAN, Kyc
from tests.services.kyc.test_pictures import bomb, file

pytestmark = pytest.mark.postgres

CARD = Holder(PAN, "ASHA SHARMA", "RAVI SHARMA", date(1993, 6, 30))

CONSENT = {"version": "2026-11", "given": True}
PAN_BODY = {"pan": PAN, "name": "Asha Sharma", "date_of_birth": "1993-06-30"}


def announced(content: bytes, media_type: str = "image/jpeg") -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"kind": "pan_card", "media_type": media_type, "size": len(content), "sha256": digest}


async def agreed(kyc: Kyc) -> Person:
    person = await kyc.person()
    assert (await kyc.ask(person, "PUT", "/consents/identity", CONSENT)).status_code == 200
    return person


async def send(kyc: Kyc, person: Person, content: bytes, body: dict[str, Any] | None = None) -> str:
    """Announce a picture and send it where the answer says, as a client does; its id."""
    answer = await kyc.ask(person, "POST", "/documents", body or announced(content))
    assert answer.status_code == 200, answer.text
    upload = answer.json()
    async with httpx.AsyncClient(trust_env=False) as client:
        sent = await client.put(upload["url"], content=content, headers=upload["headers"])
    assert sent.status_code == 200, sent.text
    return str(upload["id"])


def objects(kyc: Kyc) -> list[str]:
    """Every version of every object, and every delete marker."""
    listed = boto3.client("s3").list_object_versions(Bucket=kyc.bucket)
    return sorted(str(each.get("Key")) for each in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())))


async def test_from_a_camera_to_a_reviewer(kyc: Kyc) -> None:
    person = await agreed(kyc)
    content = taken(CARD, Photo(newer=True, rotation=3, blur=1, noise=8))
    document = await send(kyc, person, content)
    assert await send(kyc, person, content) == document, "announced again, it goes to the same place"
    assert objects(kyc) == [f"uploads/{person.id}/{document}"] * 2
    answer = await kyc.ask(person, "PUT", "/pan", PAN_BODY | {"document": document})
    assert answer.status_code == 200, answer.text
    await kyc.work()
    kept = f"documents/{person.id}/{document}/whole.jpg"
    assert objects(kyc) == [kept.replace("whole", "masked"), kept], "what came is gone, with all its versions"
    s3 = boto3.client("s3")
    assert s3.head_object(Bucket=kyc.bucket, Key=kept)["ServerSideEncryption"] == "aws:kms"
    review = await kyc.review_of(person, "risk")
    assert (review["document"], review["findings"]) == (True, ["unconfirmed"]), "the card says what the player wrote"
    path = f"/reviews/{review['id']}"
    assert (await kyc.ask("risk", "GET", f"{path}/document")).json()["code"] == "review_not_claimed"
    pictures = {}
    for who, number, form in (("support", "******234K", "masked"), ("risk", PAN, "whole")):
        await kyc.ask(who, "POST", f"{path}/claim")
        values = (await kyc.ask(who, "GET", path)).json()["values"]
        assert (values["pan"], values["card_number"]) == (number, number)
        assert (values["card_name"], values["card_date_of_birth"]) == ("ASHA SHARMA", "1993-06-30")
        look = (await kyc.ask(who, "GET", f"{path}/document")).json()
        assert look["masked"] == (form == "masked")
        assert "X-Amz-Expires=60" in look["url"] and "no-store" in look["url"]
        async with httpx.AsyncClient(trust_env=False) as client:
            seen = await client.get(look["url"])
        assert (seen.status_code, seen.headers["content-type"]) == (200, "image/jpeg")
        pictures[form] = seen.content
        looks = (await kyc.ask("auditor", "GET", f"/cases/{person.id}/history")).json()["looks"]
        assert looks[0]["fields"] == [f"picture ({form})"]
        kyc.clock.move(minutes=16)  # the claim ends
    assert pictures["whole"] == s3.get_object(Bucket=kyc.bucket, Key=kept)["Body"].read() != pictures["masked"]
    stored = str(await kyc.rows("SELECT * FROM items, sealed_fields, documents, looks, decisions"))
    assert PAN not in stored and "SHARMA" not in stored


async def test_a_card_that_says_something_else(kyc: Kyc) -> None:
    """Whose number it is, is for two persons to say, however sure the player was."""
    person = await agreed(kyc)
    document = await send(kyc, person, taken(replace(CARD, number="ABCPS1284K", birth_date=date(1993, 6, 3)), Photo()))
    await kyc.ask(person, "PUT", "/pan", PAN_BODY | {"document": document})
    await kyc.work()
    assert (await kyc.review_of(person))["findings"] == ["unconfirmed", "number_differs", "birth_date_differs"]
    assert (await kyc.decide(person, "approve")).json()["proposed"] is True


async def test_who_may_not_see_numbers_is_shown_no_picture_whose_number_is_not_covered(kyc: Kyc) -> None:
    person = await agreed(kyc)
    document = await send(kyc, person, file())
    await kyc.ask(person, "PUT", "/pan", PAN_BODY | {"document": document})
    await kyc.work()
    review = await kyc.review_of(person)
    await kyc.ask("support", "POST", f"/reviews/{review['id']}/claim")
    refused = await kyc.ask("support", "GET", f"/reviews/{review['id']}/document")
    assert (refused.status_code, refused.json()["code"]) == (403, "document_not_masked")
    for who in ("auditor", "finance", "admin"):
        assert (await kyc.ask(who, "GET", f"/reviews/{review['id']}/document")).status_code == 403
    assert (await kyc.ask(person, "GET", f"/reviews/{review['id']}/document")).status_code == 403


#: What comes, as what it was announced, and why it is asked for again.
NO_PICTURES = (
    (file(kind="GIF"), "image/jpeg", "not_as_announced"),
    (file(kind="PNG"), "image/jpeg", "not_as_announced"),
    (bomb(60_000, 60_000), "image/png", "too_large"),
    (file()[:900], "image/jpeg", "not_a_picture"),
)


async def test_a_picture_that_is_none_is_asked_for_again(kyc: Kyc) -> None:
    for content, media_type, reason in NO_PICTURES:
        person = await agreed(kyc)
        document = await send(kyc, person, content, announced(content, media_type))
        await kyc.ask(person, "PUT", "/pan", PAN_BODY | {"document": document})
        await kyc.work()
        case = await kyc.case(person)
        assert (case["state"], case["items"][0]["state"]) == ("resubmit", "resubmit"), reason
        decisions = (await kyc.ask("auditor", "GET", f"/cases/{person.id}/history")).json()["decisions"]
        assert [(each["actor"], each["reasons"]) for each in decisions] == [("system", [f"picture_{reason}"])]
        assert objects(kyc) == []
    again = await send(kyc, person, file())
    assert (await kyc.ask(person, "PUT", "/pan", PAN_BODY | {"document": again})).status_code == 200
    assert (await kyc.case(person))["state"] == "checking"


async def test_only_ones_own_that_arrived_is_handed_in_and_once(kyc: Kyc) -> None:
    person = await kyc.person()
    refused = await kyc.ask(person, "POST", "/documents", announced(file()))
    assert (refused.status_code, refused.json()["code"]) == (409, "consent_missing")
    await kyc.ask(person, "PUT", "/consents/identity", CONSENT)

    async def hand_in(who: Person, document: str) -> str:
        return str((await kyc.ask(who, "PUT", "/pan", PAN_BODY | {"document": document})).json().get("code"))

    waiting = (await kyc.ask(person, "POST", "/documents", announced(file((300, 300))))).json()["id"]
    assert await hand_in(person, waiting) == "document_missing"
    assert await hand_in(person, str(uuid4())) == "document_unknown"
    other = await agreed(kyc)
    foreign = await send(kyc, other, file()[:900])
    assert await hand_in(person, foreign) == "document_unknown"
    assert (await kyc.case(person))["items"] == []
    assert await hand_in(other, foreign) == "None"
    await kyc.work()
    assert (await kyc.case(other))["state"] == "resubmit"
    assert await hand_in(other, foreign) == "document_unknown", "it was handed in before"


async def test_what_is_handed_in_with_nothing_is_gone_after_an_hour(kyc: Kyc) -> None:
    person = await agreed(kyc)
    for number in range(documents.AWAITED):
        await send(kyc, person, file((300 + number, 300)))
    body = announced(file((500, 300)))
    assert (await kyc.ask(person, "POST", "/documents", body)).json()["code"] == "documents_waiting"
    kyc.clock.move(minutes=59)
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.give_up_documents")
    await kyc.work()
    assert len(objects(kyc)) == documents.AWAITED
    kyc.clock.move(minutes=2)
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.give_up_documents")
    await kyc.work()
    assert objects(kyc) == []
    states = await kyc.rows("SELECT DISTINCT state FROM documents")
    assert [each["state"] for each in states] == ["gone"]
