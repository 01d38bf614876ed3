"""An agreement from the first request to the signed PDF in the bucket: a browser between kyc and the eSign provider."""

from __future__ import annotations

import asyncio
import html
import logging
import re
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest
from cryptography import x509

from localcloud.partners.esp import Twist
from localcloud.partners.signing import Identity
from localcloud.partners.wire import PartnerCall
from services.kyc import agreement_pdf, signing
from services.kyc.states import STEPS, Kind, Level, level_of
from tests.services.auth.fixtures import Person
from tests.services.kyc.fixtures import Kyc

pytestmark = pytest.mark.postgres

AGREED = {"version": "2026-11", "given": True}
TEXT = {"version": agreement_pdf.VERSION}


async def ready(kyc: Kyc, pan: str = "ABCPS1234K") -> Person:
    """Somebody with a verified PAN who agreed to eSign."""
    person = await kyc.player(pan=pan)
    await kyc.decide(person, "approve")
    await kyc.ask(person, "PUT", "/consents/esign", AGREED)
    return person


async def begun(kyc: Kyc, person: Person) -> str:
    """An agreement that waits for the player; its id."""
    answer = await kyc.ask(person, "POST", "/agreements", TEXT)
    assert answer.status_code == 200, answer.text
    await kyc.work()
    return str(answer.json()["id"])


async def view(kyc: Kyc, person: Person, agreement: str) -> dict[str, object]:
    found: dict[str, object] = (await kyc.ask(person, "GET", f"/agreements/{agreement}")).json()
    return found


async def at_the_provider(kyc: Kyc, person: Person, agreement: str) -> dict[str, str]:
    """What the provider's page has the browser post, and where to."""
    form = (await kyc.ask(person, "GET", f"/agreements/{agreement}")).json()["form"]
    body = urlencode(form["fields"]).encode()
    page = (await kyc.esp.handle(PartnerCall("POST", "/esign/2.1/signdoc", {}, {}, body))).body.decode()
    found = re.search(r'action="([^"]+)".*value="([^"]*)"', page, re.DOTALL)
    assert found is not None, page
    return {"to": html.unescape(found[1]), "eSignResponse": html.unescape(found[2])}


async def post(kyc: Kyc, to: str, response: str) -> httpx.Response:
    """The browser's, which shows no token."""
    path = to.removeprefix("http://localhost:8080")
    return await kyc.client.post(path, data={"eSignResponse": response, "espTxnID": "1"})


async def went(kyc: Kyc, person: Person) -> tuple[str, object, object]:
    """The whole way: which agreement, how it ended, and why."""
    agreement = await begun(kyc, person)
    posted = await at_the_provider(kyc, person, agreement)
    assert (await post(kyc, posted["to"], posted["eSignResponse"])).status_code == 303
    await kyc.work()
    found = await view(kyc, person, agreement)
    return agreement, found["state"], found["reason"]


async def test_an_agreement_is_signed_and_kept(kyc: Kyc, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    person = await kyc.player()
    assert (await kyc.ask(person, "POST", "/agreements", TEXT)).json()["code"] == "consent_missing"
    await kyc.ask(person, "PUT", "/consents/esign", AGREED)
    assert (await kyc.ask(person, "POST", "/agreements", TEXT)).json()["code"] == "state_forbids", "a PAN comes first"
    await kyc.decide(person, "approve")
    assert (await kyc.ask(person, "POST", "/agreements", {"version": "2020-01"})).json()["code"] == "consent_outdated"

    both = await asyncio.gather(*(kyc.ask(person, "POST", "/agreements", TEXT) for _ in range(2)))
    assert both[0].json()["id"] == both[1].json()["id"], "one is on its way at a time"
    agreement = both[0].json()["id"]
    assert (await view(kyc, person, agreement))["form"] is None
    await kyc.work()
    early = await kyc.ask(person, "GET", f"/agreements/{agreement}/file")
    assert (early.status_code, early.json()["code"]) == (409, "agreement_unsigned")
    posted = await at_the_provider(kyc, person, agreement)
    back = await post(kyc, posted["to"], posted["eSignResponse"])
    assert (back.status_code, back.headers["location"]) == (
        303, f"http://localhost:8080/agreement-signed?agreement={agreement}",
    )  # fmt: skip
    assert "Asha" not in str(await kyc.rows("SELECT * FROM signings")), "a response is sealed while it waits"
    again = await post(kyc, posted["to"], posted["eSignResponse"])
    assert again.status_code == 404, "one at a time"
    await kyc.work()
    assert (await view(kyc, person, agreement))["state"] == "signed"
    case = await kyc.case(person)
    assert (case["state"], case["level"], case["items"][0]["shown"]) == ("approved", "basic", "agreement 2026-11")
    assert (await post(kyc, posted["to"], posted["eSignResponse"])).status_code == 404, "a replay"
    assert (await kyc.ask(person, "POST", "/agreements", TEXT)).json()["code"] == "state_forbids", "it is signed"

    look = (await kyc.ask(person, "GET", f"/agreements/{agreement}/file")).json()
    async with httpx.AsyncClient(trust_env=False) as browser:
        pdf = await browser.get(look["url"])
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    signer = await agreement_pdf.verify(pdf.content, [kyc.esp.authority.certificate], kyc.clock.now())
    assert signer.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value == "Asha Sharma"
    keys = [each.rpartition("/")[2] for each in kyc.objects(f"agreements/{person.id}/")]
    assert keys == ["signed.pdf"], "what waited for the signature is deleted"
    (row,) = await kyc.rows("SELECT fields FROM looks WHERE item_id = $1", agreement)
    assert row["fields"] == ["agreement"]
    exported = (await kyc.ask(person, "GET", "/export")).json()["items"]
    assert [each["url"] is not None for each in exported] == [True, False]
    async with httpx.AsyncClient(trust_env=False) as browser:
        assert (await browser.get(exported[0]["url"])).content == pdf.content
    values = exported[0]["values"]
    assert values["signer"] == "Asha Sharma" and values["certificate"] == f"{signer.serial_number:x}"
    stranger = await kyc.person()
    for path in (f"/agreements/{agreement}", f"/agreements/{agreement}/file"):
        assert (await kyc.ask(stranger, "GET", path)).status_code == 404
    stored = str(await kyc.rows("SELECT s, i, f, o FROM signings s, items i, sealed_fields f, outbox o"))
    for secret in ("Asha", posted["eSignResponse"][-80:]):
        assert secret not in stored and secret not in caplog.text


async def test_what_is_not_the_providers_says_nothing(kyc: Kyc) -> None:
    """Whoever learns the address can post to it: the good response is taken after that, four times, and no more."""
    person = await ready(kyc)
    agreement = await begun(kyc, person)
    posted = await at_the_provider(kyc, person, agreement)
    other = await ready(kyc, "ABCPS9999K")
    theirs = await at_the_provider(kyc, other, await begun(kyc, other))
    for foreign in (
        "<EsignResp/>",
        theirs["eSignResponse"],
        posted["eSignResponse"].replace('status="1"', 'status="0"'),
    ):
        assert (await post(kyc, posted["to"], foreign)).status_code == 303
        await kyc.work()
        assert (await view(kyc, person, agreement))["state"] == "awaiting"
    for broken in ("", "x" * 70_000):
        assert (await post(kyc, posted["to"], broken)).status_code == 422
    nobody = posted["to"].replace(agreement, str(uuid4()))
    assert (await post(kyc, nobody, posted["eSignResponse"])).status_code == 404
    assert (await post(kyc, posted["to"], posted["eSignResponse"])).status_code == 303
    await kyc.work()
    assert (await view(kyc, person, agreement))["state"] == "signed"
    theirs_id = theirs["to"].split("/")[-2]
    for _ in range(signing.RESPONSES):
        await post(kyc, theirs["to"], "<EsignResp/>")
        await kyc.work()
    found = await view(kyc, other, theirs_id)
    assert (found["state"], found["reason"]) == ("refused", "not_signed")


async def test_who_signs_is_who_the_case_is_of(kyc: Kyc) -> None:
    person = await ready(kyc)
    kyc.esp.who = "Ravi Iyer"
    assert (await went(kyc, person))[1:] == ("refused", "another_signer")
    kyc.esp.who, kyc.esp.refuses = "Asha Sharma", True
    assert (await went(kyc, person))[1:] == ("refused", "esp_refused")
    kyc.esp.refuses = False
    kyc.esp.twist = Twist(digest=lambda digest: digest[::-1])
    assert (await went(kyc, person))[1:] == ("refused", "wrong_hash")
    kyc.esp.twist = Twist(signer=lambda name, now: Identity.made(name, key=kyc.esp.signer_key))
    assert (await went(kyc, person))[1:] == ("refused", "signer_unknown")
    kyc.esp.twist = Twist()
    assert kyc.objects(f"agreements/{person.id}/") == [], "nothing of what was refused is left"
    kyc.esp.who = "Asha Devi Sharma Rao"
    _, state, _ = await went(kyc, person)
    assert state == "signed"
    assert (await kyc.review_of(person))["findings"] == ["name_unclear"], "a person looks at a name that may be theirs"


async def test_nobody_signs(kyc: Kyc) -> None:
    person = await ready(kyc)
    agreement = await begun(kyc, person)
    posted = await at_the_provider(kyc, person, agreement)
    kyc.clock.move(seconds=signing.SIGNED_IN.total_seconds())
    assert (await post(kyc, posted["to"], posted["eSignResponse"])).status_code == 404, "too late"
    person = await kyc.auth.show_two_factors(await kyc.auth.log_in(person))
    assert (await kyc.ask(person, "POST", "/agreements", TEXT)).json()["id"] != agreement
    found = await view(kyc, person, agreement)
    assert (found["state"], found["reason"]) == ("refused", "expired")
    kyc.clock.move(seconds=(signing.SIGNED_IN + signing.TRIED_FOR).total_seconds())
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.give_up_documents")
    assert {row["state"] for row in await kyc.rows("SELECT state FROM signings")} == {"refused"}


async def test_erasure_takes_agreements_along(kyc: Kyc) -> None:
    person = await ready(kyc)
    agreement, state, _ = await went(kyc, person)
    assert state == "signed" and kyc.objects(f"agreements/{person.id}/")
    await kyc.rows("UPDATE cases SET closed_at = now() - interval '6 years'")
    await kyc.rows("UPDATE decisions SET at = at - interval '6 years'")
    for table, column in (("items", "created_at"), ("consents", "at"), ("cases", "opened_at")):
        await kyc.rows(f"UPDATE {table} SET {column} = {column} - interval '6 years'")
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.purge")
    await kyc.work()
    assert kyc.objects(f"agreements/{person.id}/") == []
    assert await kyc.rows("SELECT FROM items WHERE id = $1", agreement) == []


def test_a_place_that_asks_for_an_agreement_names_it() -> None:
    asked = {**STEPS, Level.FULL: [{*needed, Kind.AGREEMENT} for needed in STEPS[Level.FULL]]}
    both = {Kind.PAN, Kind.AADHAAR}
    assert (level_of(both), level_of(both, asked)) == (Level.FULL, Level.BASIC)
    assert level_of(both | {Kind.AGREEMENT}, asked) is Level.FULL
    assert level_of({Kind.PAN, Kind.SELFIE}) is Level.FULL and level_of({Kind.PAN, Kind.SELFIE}, asked) is Level.BASIC
    assert level_of({Kind.AADHAAR, Kind.AGREEMENT}, asked) is Level.NONE
