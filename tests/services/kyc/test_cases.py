"""Cases from consent to level, with real PostgreSQL and KMS: who may do and see what, and what is kept of it."""

from __future__ import annotations

import asyncio
import base64
import logging
from uuid import uuid4

import asyncpg
import httpx
import pytest

from services.common.permissions import StaffRole
from services.kyc import reviews
from tests.services.auth.fixtures import Person
from tests.services.kyc.aadhaar import SHARE_CODE, Authority, document
from tests.services.kyc.aadhaar import Person as AadhaarPerson
from tests.services.kyc.fixtures import PAN, Kyc
from tests.services.support import OUTSIDE
from tests.services.written_metrics import written_metrics

pytestmark = pytest.mark.postgres


async def test_from_consent_to_level(kyc: Kyc, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    person = await kyc.person()
    assert await kyc.case(person) == {"state": "created", "level": "none", "until": None, "items": []}
    body = {"pan": PAN, "name": "Asha Sharma", "date_of_birth": "1993-06-30"}
    refused = await kyc.ask(person, "PUT", "/pan", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "consent_missing")
    old = await kyc.ask(person, "PUT", "/consents/identity", {"version": "2020-01", "given": True})
    assert (old.status_code, old.json()["code"]) == (409, "consent_outdated")
    person = await kyc.player()
    case = await kyc.case(person)
    assert (case["state"], case["level"]) == ("checking", "none")
    assert (case["items"][0]["state"], case["items"][0]["shown"]) == ("review", "******234K")
    again = await kyc.ask(person, "PUT", "/pan", body)
    assert (again.status_code, again.json()["code"]) == (409, "state_forbids")
    assert await kyc.level(person) == "none"
    assert (await kyc.decide(person, "approve")).json()["closed"]
    case = await kyc.case(person)
    assert (case["state"], case["level"]) == ("approved", "basic")
    assert await kyc.level(person) == "basic"
    answer = (await kyc.ask("kyc-level", "GET", f"/internal/levels/{person.id}")).json()
    assert set(answer) == {"player", "level", "since", "until"}, "a level and dates, and nothing else"
    stored = str(await kyc.rows("SELECT * FROM items, sealed_fields, decisions, outbox"))
    for secret in (PAN, "Asha", "Sharma", "1993"):
        assert secret not in stored
        assert secret not in caplog.text


async def test_an_approval_ends_and_the_player_is_asked_again(kyc: Kyc) -> None:
    person = await kyc.player()
    await kyc.decide(person, "approve")
    await kyc.rows("UPDATE cases SET expires_at = now() - interval '1 second'")
    assert await kyc.level(person) == "none", "before the job has run, too"
    kyc.clock.move(minutes=5)
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.expire")
    case = await kyc.case(person)
    assert (case["state"], case["level"], case["items"][0]["state"]) == ("expired", "none", "expired")
    body = {"pan": PAN, "name": "Asha Sharma", "date_of_birth": "1993-06-30"}
    handed = await kyc.ask(person, "PUT", "/pan", body)
    assert handed.status_code == 200
    shown = await kyc.case(person)
    assert shown == handed.json(), "read again it is what whoever changed it was answered"
    assert [each["state"] for each in shown["items"]] == ["submitted", "expired"], "the newest first"
    await kyc.work()
    assert (await kyc.review_of(person))["findings"] == ["unconfirmed"], "the player's own old document is no duplicate"
    await kyc.decide(person, "approve")
    assert await kyc.level(person) == "basic"


async def test_what_is_refused_and_not_kept(kyc: Kyc, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await kyc.person()
    await kyc.ask(person, "PUT", "/consents/identity", {"version": "2026-11", "given": True})
    body = {"pan": "ABCCS1234K", "name": "Asha Sharma", "date_of_birth": "1993-06-30"}
    refused = await kyc.ask(person, "PUT", "/pan", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "pan_not_personal")
    assert "ABCCS" not in refused.text
    for given in (False, False, True, False):
        await kyc.ask(person, "PUT", "/consents/identity", {"version": "2026-11", "given": given})
    assert (await kyc.ask(person, "PUT", "/pan", body | {"pan": PAN})).json()["code"] == "consent_missing"
    consents = (await kyc.ask("auditor", "GET", f"/cases/{person.id}/history")).json()["consents"]
    assert [each["given"] for each in consents] == [False, True, False, True], "each change is kept once"
    await kyc.ask(person, "PUT", "/consents/identity", {"version": "2026-11", "given": True})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # KMS is away
    answer = await kyc.ask(person, "PUT", "/pan", body | {"pan": PAN})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert (await kyc.case(person))["items"] == []


async def test_two_that_hand_in_the_same_document_at_once(kyc: Kyc) -> None:
    people = [await kyc.person() for _ in range(2)]
    for person in people:
        await kyc.ask(person, "PUT", "/consents/identity", {"version": "2026-11", "given": True})
    body = {"pan": PAN, "name": "Asha Sharma", "date_of_birth": "1993-06-30"}
    answers = await asyncio.gather(*(kyc.ask(person, "PUT", "/pan", body) for person in people))
    assert [answer.status_code for answer in answers] == [200, 200]
    await kyc.work()
    for person in people:
        assert "duplicate" in (await kyc.review_of(person))["findings"], "each is the other's"
    proposals = await asyncio.gather(*(kyc.decide(person, "approve") for person in people))
    assert all(each.json()["proposed"] for each in proposals)
    ids = [(await kyc.review_of(person))["id"] for person in people]
    confirmed = await asyncio.gather(
        *(kyc.ask("risk", "POST", f"/reviews/{each}/confirmation", {"agreed": True}) for each in ids)
    )
    codes = sorted(answer.status_code for answer in confirmed)
    assert codes == [200, 409], "a document verifies one player, whoever agrees"
    assert sorted([await kyc.level(person) for person in people]) == ["basic", "none"]


async def test_a_claim_is_one_persons_and_ends(kyc: Kyc) -> None:
    person = await kyc.player()
    review = (await kyc.review_of(person))["id"]
    unclaimed = await kyc.ask("support", "GET", f"/reviews/{review}")
    assert unclaimed.json()["code"] == "review_not_claimed"
    who = ("support", "risk")
    claims = await asyncio.gather(*(kyc.ask(each, "POST", f"/reviews/{review}/claim") for each in who))
    assert sorted(each.status_code for each in claims) == [200, 409]
    holder, other = who if claims[0].status_code == 200 else reversed(who)
    assert not (await kyc.ask(other, "GET", "/reviews")).json()["reviews"], "what another holds is not offered"
    body = {"outcome": "reject", "reasons": ["forged"]}
    assert (await kyc.ask(other, "POST", f"/reviews/{review}/decision", body)).json()["code"] == "review_not_claimed"
    kyc.clock.move(seconds=reviews.LEASE.total_seconds() + 1)
    late = await kyc.ask(holder, "POST", f"/reviews/{review}/decision", body)
    assert late.json()["code"] == "review_not_claimed"
    assert (await kyc.ask(other, "POST", f"/reviews/{review}/claim")).status_code == 200
    assert (await kyc.ask(other, "POST", f"/reviews/{review}/decision", body)).json()["closed"]
    assert [row["state"] for row in await kyc.rows("SELECT state FROM cases")] == ["rejected"]
    assert (await kyc.ask(other, "POST", f"/reviews/{review}/decision", body)).json()["code"] == "review_unknown"


async def test_an_override_takes_two_persons(kyc: Kyc) -> None:
    person = await kyc.player(birth_date="2015-01-01")
    assert "under_age" in (await kyc.review_of(person))["findings"]
    proposed = (await kyc.decide(person, "approve", "risk")).json()
    assert proposed["proposed"] and not proposed["closed"]
    path = f"/reviews/{proposed['id']}/confirmation"
    alone = await kyc.ask("risk", "POST", path, {"agreed": True})
    assert (alone.status_code, alone.json()["code"]) == (403, "second_person_needed")
    assert (await kyc.ask("support", "POST", path, {"agreed": True})).status_code == 403
    assert await kyc.level(person) == "none"
    proposed = (await kyc.decide(person, "approve", "support")).json()
    declined = await kyc.ask("risk", "POST", path, {"agreed": False})
    assert not declined.json()["proposed"]
    assert (await kyc.ask("risk", "POST", path, {"agreed": True})).json()["code"] == "state_forbids"
    await kyc.decide(person, "approve", "support")
    assert (await kyc.ask("risk", "POST", path, {"agreed": True})).json()["closed"]
    assert await kyc.level(person) == "basic"
    decisions = (await kyc.ask("auditor", "GET", f"/cases/{person.id}/history")).json()["decisions"]
    roles = {str(each.id): role for role, each in kyc.colleagues.items()}
    assert [(roles[each["actor"]], each["outcome"]) for each in reversed(decisions)] == [
        ("risk", "propose"), ("support", "propose"), ("risk", "decline"),
        ("support", "propose"), ("risk", "approve"),
    ]  # fmt: skip


async def test_what_each_role_sees_and_that_looks_are_kept_for_ever(
    kyc: Kyc, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    person = await kyc.player()
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.report_overdue")
    assert written_metrics(capsys.readouterr().out)["ReviewsWaiting"] == [1]
    assert not [each for each in caplog.records if getattr(each, "runbook", "") == "kyc-overdue"]
    review = (await kyc.review_of(person))["id"]
    for who, shown in (("support", "******234K"), ("risk", PAN)):
        await kyc.ask(who, "POST", f"/reviews/{review}/claim")
        values = (await kyc.ask(who, "GET", f"/reviews/{review}")).json()["values"]
        assert values == {"pan": shown, "name": "Asha Sharma", "date_of_birth": "1993-06-30"}
        kyc.clock.move(seconds=reviews.LEASE.total_seconds() + 1)
    assert (await kyc.ask("auditor", "GET", f"/reviews/{review}")).status_code == 403
    history = await kyc.ask("auditor", "GET", f"/cases/{person.id}/history")
    looks = history.json()["looks"]
    assert [each["actor"] for each in looks] == [str(kyc.colleagues[role].id) for role in ("risk", "support")]
    assert looks[1]["fields"] == ["date_of_birth", "name", "pan (masked)"]
    assert PAN not in history.text and "Sharma" not in history.text
    kyc.clock.move(hours=24)
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.report_overdue")
    counted = written_metrics(capsys.readouterr().out)
    assert counted["ReviewsWaiting"] == [1] and counted["ReviewsAge"][0] >= 24 * 3600
    assert [each for each in caplog.records if getattr(each, "runbook", "") == "kyc-overdue"], (
        "late reviews call a person"
    )
    app = await kyc.auth.cloud.connect(kyc.database, role="app", service="kyc")
    for table in ("decisions", "looks", "consents", "sealed_fields"):
        for statement in (
            f"DELETE FROM {table}",
            f"UPDATE {table} SET {'sealed' if 'sealed' in table else 'at'} = NULL",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(statement)
    await app.close()


async def test_roles(kyc: Kyc) -> None:
    """Every endpoint of staff's with every role, a client and a player: 403 but for who may."""
    person, nobody = await kyc.player(), str(uuid4())
    asked = {
        ("GET", "/reviews"): {"support", "risk"},
        ("POST", f"/reviews/{nobody}/claim"): {"support", "risk"},
        ("GET", f"/reviews/{nobody}"): {"support", "risk"},
        ("GET", f"/reviews/{nobody}/document"): {"support", "risk"},
        ("POST", f"/reviews/{nobody}/decision"): {"support", "risk"},
        ("POST", f"/reviews/{nobody}/confirmation"): {"risk"},
        ("GET", f"/cases/{nobody}/history"): {"auditor"},
        ("GET", f"/internal/levels/{nobody}"): {"kyc-level"},
    }
    of_staff = ("/kyc/reviews", "/kyc/cases/", "/kyc/internal/")
    documented = {
        (method.upper(), path.format(review_id=nobody, player_id=nobody).removeprefix("/kyc"))
        for path, methods in kyc.app.openapi()["paths"].items()
        for method in methods
        if path.startswith(of_staff)
    }
    assert documented == asked.keys(), "no endpoint is left out"
    bodies = {"decision": {"outcome": "reject", "reasons": ["forged"]}, "confirmation": {"agreed": True}}
    for (method, path), allowed in asked.items():
        for who in (person, *StaffRole, "kyc-level"):
            answer = await kyc.ask(who, method, path, bodies.get(path.rsplit("/", 1)[1]))
            assert (answer.status_code == 403) == (str(who) not in allowed), (method, path, who, answer.text)

    kyc.clock.move(minutes=6)
    tired = kyc.colleagues["risk"]
    assert (await kyc.ask(tired, "GET", "/reviews")).status_code == 200
    for path in (f"/reviews/{nobody}/decision", f"/reviews/{nobody}/confirmation"):
        answer = await kyc.ask(tired, "POST", path, bodies[path.rsplit("/", 1)[1]])
        assert (answer.status_code, answer.json()["code"]) == (401, "step_up_needed")

    outside = await kyc.auth.bearer("kyc-level") | OUTSIDE
    hidden = await kyc.client.get(f"/kyc/internal/levels/{nobody}", headers=outside)
    assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")
    unknown = await kyc.ask("kyc-level", "GET", f"/internal/levels/{nobody}")
    assert unknown.json() == {"player": nobody, "level": "none", "since": None, "until": None}


async def test_nobody_decides_on_a_case_of_their_own(kyc: Kyc) -> None:
    colleague = await kyc.player(person=await kyc.auth.verified())
    await kyc.auth.employ(colleague, "risk")
    review = (await kyc.review_of(colleague, colleague))["id"]
    refused = await kyc.ask(colleague, "POST", f"/reviews/{review}/claim")
    assert (refused.status_code, refused.json()["code"]) == (403, "own_case")


async def test_what_has_to_come_again_is_handed_in_again(kyc: Kyc) -> None:
    person = await kyc.player(pan="ABCPI1234K")
    await kyc.decide(person, "resubmit", reasons=("number_mistyped",))
    case = await kyc.case(person)
    assert (case["state"], case["items"][0]["state"]) == ("resubmit", "resubmit")
    body = {"pan": PAN, "name": "Asha Sharma", "date_of_birth": "1993-06-30"}
    assert (await kyc.ask(person, "PUT", "/pan", body)).json()["state"] == "checking"
    await kyc.work()
    await kyc.decide(person, "approve")
    assert await kyc.level(person) == "basic"


async def test_a_file_of_uidai_for_the_full_level(kyc: Kyc, uidai: Authority, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def hand_in(person: Person, content: bytes, code: str = SHARE_CODE, **contacts: str) -> httpx.Response:
        body = {"file": base64.b64encode(content).decode(), "share_code": code, **contacts}
        return await kyc.ask(person, "PUT", "/aadhaar", body)

    agreed = {"version": "2026-11", "given": True}
    person, other = await kyc.player(), await kyc.player(pan="ABCPS9999K")
    good = document(uidai, AadhaarPerson(issued=kyc.clock.now()))
    assert (await hand_in(person, good)).json()["code"] == "consent_missing"
    for each in (person, other):
        await kyc.ask(each, "PUT", "/consents/aadhaar", agreed)
    assert (await hand_in(person, good)).json()["code"] == "state_forbids", "a PAN comes first"
    for each in (person, other):
        await kyc.decide(each, "approve")
    for content, code in (
        (good, "9999"),
        (good[:-30], SHARE_CODE),
        (document(Authority(kyc.clock.now())), SHARE_CODE),
    ):
        refused = await hand_in(person, content, code)
        assert (refused.status_code, refused.json()["code"]) == (422, "file_refused")
    strange = await hand_in(person, document(uidai, AadhaarPerson("Ravi Iyer", "01-01-1990", issued=kyc.clock.now())))
    assert (strange.json()["state"], strange.json()["level"]) == ("checking", "basic"), "what there is holds meanwhile"
    assert (await kyc.review_of(person))["findings"] == ["name_differs", "birth_date_differs"]
    assert (await kyc.decide(person, "approve")).json()["proposed"], "another's file takes two persons"
    await kyc.decide(person, "resubmit")
    assert await kyc.level(person) == "basic"
    await hand_in(person, good, mobile="9876543210")
    assert (await kyc.review_of(person))["findings"] == ["contact_differs"]
    await kyc.decide(person, "resubmit")
    full = (await hand_in(person, good)).json()
    assert (full["state"], full["level"], full["items"][0]["shown"]) == ("approved", "full", "********4321")
    assert await kyc.level(person) == "full"
    assert (await hand_in(person, good)).json()["code"] == "state_forbids"
    replayed = await hand_in(other, good)
    assert replayed.json()["state"] == "checking"
    assert (await kyc.review_of(other))["findings"] == ["duplicate"], "a file of somebody who has that name, too"
    stored = str(await kyc.rows("SELECT * FROM items, sealed_fields")) + str(await kyc.rows("SELECT * FROM decisions"))
    for secret in ("Maharashtra", "Asha", "9876543210", f"'{SHARE_CODE}'"):
        assert secret not in stored
    assert "9876543210" not in caplog.text and "share_code" not in caplog.text and "Maharashtra" not in caplog.text
