"""A player's way to DigiLocker and back, against a stand-in that keeps to OAuth: given, refused, attacked."""

from __future__ import annotations

import logging
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from localcloud.partners.digilocker import CODE_SECONDS, Citizen
from localcloud.partners.world import Fault, Scenario
from services.common.outbox import messages
from services.kyc import digilocker, digilocker_flow
from tests.services.auth.fixtures import Person
from tests.services.kyc.fixtures import Kyc

pytestmark = pytest.mark.postgres

AGREED = {"version": "2026-11", "given": True}


async def ready(kyc: Kyc, pan: str = "ABCPS1234K", name: str = "Asha Sharma") -> Person:
    """Somebody with a verified PAN who agreed to be asked for."""
    person = await kyc.player(pan=pan, name=name)
    await kyc.decide(person, "approve")
    await kyc.ask(person, "PUT", "/consents/aadhaar", AGREED)
    return person


async def begun(kyc: Kyc, person: Person) -> tuple[str, dict[str, str]]:
    """Begin, go to DigiLocker and back: the path of the flow, and what is to be handed over."""
    answer = await kyc.ask(person, "POST", "/digilocker")
    assert answer.status_code == 200, answer.text
    start = answer.json()
    async with httpx.AsyncClient(trust_env=False) as browser:
        back = await browser.get(start["url"])
    assert back.status_code == 302, back.text
    assert back.headers["location"].startswith("http://localhost:8080/identified?")
    query = {
        name: value
        for name, value in parse_qsl(urlsplit(back.headers["location"]).query)
        if name != "error_description"
    }
    return f"/digilocker/{start['id']}", {"flow": start["flow"], **query}


async def went(kyc: Kyc, person: Person) -> tuple[str, str | None]:
    """The whole way; how it ended, and why."""
    path, given = await begun(kyc, person)
    assert (await kyc.ask(person, "POST", f"{path}/answer", given)).status_code == 200
    await kyc.work()
    found = (await kyc.ask(person, "GET", path)).json()
    return found["state"], found["reason"]


async def test_an_eaadhaar_for_the_full_level(kyc: Kyc, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    person = await kyc.player()
    assert (await kyc.ask(person, "POST", "/digilocker")).json()["code"] == "consent_missing"
    await kyc.ask(person, "PUT", "/consents/aadhaar", AGREED)
    assert (await kyc.ask(person, "POST", "/digilocker")).json()["code"] == "state_forbids", "a PAN comes first"
    await kyc.decide(person, "approve")

    path, given = await begun(kyc, person)
    caplog.clear()  # of the browser, which is the test's
    assert (await kyc.ask(person, "GET", path)).json()["state"] == "open"
    answered = await kyc.ask(person, "POST", f"{path}/answer", given)
    assert (answered.status_code, answered.json()["state"]) == (200, "answered")
    waiting = str(await kyc.rows("SELECT f, o FROM digilocker_flows f, outbox o"))
    for secret in given.values():
        assert secret not in waiting, "what waits for the worker is sealed"
    await kyc.work()
    assert (await kyc.ask(person, "GET", path)).json()["state"] == "done"
    case = await kyc.case(person)
    assert (case["state"], case["level"], case["items"][0]["shown"]) == ("approved", "full", "********4321")
    (row,) = await kyc.rows("SELECT code, verifier FROM digilocker_flows")
    assert (row["code"], row["verifier"]) == (None, None)
    exported = (await kyc.ask(person, "GET", "/export")).json()["items"][0]["values"]
    assert (exported["name"], exported["address"]) == (
        "Asha Sharma",
        "12, MG Road, Pune, Pune, Maharashtra, India, 411001",
    )
    assert (await kyc.ask(person, "POST", "/digilocker")).json()["code"] == "state_forbids", "it is verified"
    stored = str(await kyc.rows("SELECT * FROM items, sealed_fields, digilocker_flows, outbox"))
    for secret in ("Maharashtra", "Asha", *given.values()):
        assert secret not in stored and secret not in caplog.text


async def test_anothers_document_is_looked_at(kyc: Kyc) -> None:
    """The account there is somebody else's: another name and date; and a namesake's document, which verified another player."""
    person = await ready(kyc)
    kyc.digilocker.who = Citizen("Ravi Iyer", "01-01-2010")
    assert await went(kyc, person) == ("done", None)
    assert (await kyc.review_of(person))["findings"] == ["name_differs", "birth_date_differs", "under_age"]
    assert await kyc.level(person) == "basic"
    kyc.digilocker.who = Citizen()
    first, second = await ready(kyc, "ABCPS9999K"), await ready(kyc, "ABCPS8888K")
    assert await went(kyc, first) == ("done", None)
    assert await kyc.level(first) == "full"
    assert await went(kyc, second) == ("done", None)
    assert (await kyc.review_of(second))["findings"] == ["duplicate"]


#: What somebody tries with a way that is begun → why it is refused in our log. They are told one thing.
HOSTILE: dict[str, tuple[str, Callable[[dict[str, str]], dict[str, str]]]] = {
    "wrong state": ("state", lambda given: given | {"state": "x" * 43}),
    "state of another way": ("state", lambda given: given | {"state": digilocker.derived("another", "state")}),
    "another token": ("token", lambda given: given | {"flow": "x" * 43}),
}


async def test_an_answer_belongs_to_its_session_and_comes_once(kyc: Kyc, caplog: pytest.LogCaptureFixture) -> None:
    person = await ready(kyc)
    path, given = await begun(kyc, person)

    async def refused(who: Person, body: dict[str, str], why: str, at: str = path) -> None:
        caplog.clear()
        answer = await kyc.ask(who, "POST", f"{at}/answer", body)
        assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
            422,
            "flow_refused",
            "Begin again.",
        )
        (line,) = [each for each in caplog.records if each.getMessage() == "DigiLocker's answer refused"]
        assert getattr(line, "reason") == why  # noqa: B009 - a field of the log's
        assert given["code"] not in caplog.text

    for why, change in HOSTILE.values():
        await refused(person, change(given), why)
    other = await ready(kyc, "ABCPS9999K")
    await refused(other, given, "unknown")
    assert (await kyc.ask(other, "GET", path)).status_code == 404
    elsewhere = await kyc.auth.show_two_factors(await kyc.auth.log_in(person))
    await refused(elsewhere, given, "another session")
    both = await kyc.ask(person, "POST", f"{path}/answer", given | {"error": "access_denied"})
    assert both.status_code == 422
    assert (await kyc.ask(person, "POST", f"{path}/answer", given)).status_code == 200
    await refused(person, given, "answered before")
    await kyc.work()
    assert await kyc.level(person) == "full"
    await refused(person, given, "answered before")


async def test_what_nobody_comes_back_from_ends(kyc: Kyc) -> None:
    person = await ready(kyc)
    kyc.digilocker.refuses = True
    path, given = await begun(kyc, person)
    assert given["error"] == "access_denied"
    answer = await kyc.ask(person, "POST", f"{path}/answer", given)
    assert (answer.json()["state"], answer.json()["reason"]) == ("refused", "consent_refused")
    kyc.digilocker.refuses = False
    path, given = await begun(kyc, person)
    kyc.clock.move(seconds=digilocker_flow.ANSWERED_IN.total_seconds())
    person = await kyc.auth.show_two_factors(person)
    late = await kyc.ask(person, "POST", f"{path}/answer", given)
    assert (late.status_code, late.json()["code"]) == (422, "flow_refused")
    kyc.clock.move(seconds=(digilocker_flow.ANSWERED_IN + digilocker_flow.TRIED_FOR).total_seconds() + 1)
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.give_up_documents")
    left = await kyc.ask(await kyc.auth.log_in(person), "GET", path)
    assert (left.json()["state"], left.json()["reason"]) == ("refused", "expired")


async def test_what_digilocker_refuses(kyc: Kyc, caplog: pytest.LogCaptureFixture) -> None:
    person = await ready(kyc)
    kyc.digilocker.who = Citizen(has_aadhaar=False)
    assert await went(kyc, person) == ("refused", "no_eaadhaar")
    kyc.digilocker.who = Citizen()
    kyc.digilocker.forge = lambda xml: xml.replace(b"Asha", b"Usha")
    assert await went(kyc, person) == ("refused", "not_signed")
    assert [each for each in caplog.records if getattr(each, "runbook", "") == "kyc-providers"], (
        "a person looks at pins"
    )
    kyc.digilocker.forge = lambda xml: xml.replace(b"xxxxxxxx4321", b"499118664321")
    assert await went(kyc, person) == ("refused", "not_signed"), "a number is looked at in what is signed only"
    kyc.digilocker.forge = None

    path, given = await begun(kyc, person)
    kyc.clock.move(seconds=CODE_SECONDS + 1)
    assert (await kyc.ask(person, "POST", f"{path}/answer", given)).status_code == 200
    await kyc.work()
    assert (await kyc.ask(person, "GET", path)).json()["reason"] == "code_refused", "it had ended"

    path, given = await begun(kyc, person)
    _, another = await begun(kyc, person)
    assert (await kyc.ask(person, "POST", f"{path}/answer", given | {"code": another["code"]})).status_code == 200
    await kyc.work()
    assert (await kyc.ask(person, "GET", path)).json()["reason"] == "code_refused", "PKCE: a code of another way"

    await kyc.ask(person, "PUT", "/consents/aadhaar", AGREED)
    path, given = await begun(kyc, person)
    await kyc.ask(person, "POST", f"{path}/answer", given)
    await kyc.ask(person, "PUT", "/consents/aadhaar", AGREED | {"given": False})
    await kyc.work()
    assert (await kyc.ask(person, "GET", path)).json()["reason"] == "state_forbids", "who took it back is not asked for"
    assert [row["kind"] for row in await kyc.rows("SELECT kind FROM items")] == ["pan"]


LOST = (
    Fault.ERROR_BEFORE,
    Fault.HTML_AFTER,
    *(
        pytest.param(each, marks=pytest.mark.nightly)
        for each in (Fault.RESET_AFTER, Fault.HALF_AFTER, Fault.LIMITED, Fault.SILENT_BEFORE)
    ),
)


@pytest.mark.parametrize("fault", LOST)
async def test_a_provider_in_trouble(kyc: Kyc, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept of what is not answered; it is asked again, and a code that a lost answer used up ends the way."""
    monkeypatch.setattr(digilocker, "SECONDS", 0.5)
    person = await ready(kyc)
    path, given = await begun(kyc, person)
    await kyc.ask(person, "POST", f"{path}/answer", given)
    kyc.digilocker.world.follow(Scenario(down=fault))
    async with kyc.sessions() as session, session.begin():
        (handed,) = await messages.hand_out(session, 10)
    done = await kyc.jobs.handle(kyc.sessions, kyc.clock, handed.task, [handed.id])
    assert done.failed
    assert (await kyc.ask(person, "GET", path)).json()["state"] == "answered", "unknown is no refusal"
    kyc.digilocker.world.follow(Scenario())
    await kyc.rows("UPDATE outbox SET next_attempt_at = now() WHERE done_at IS NULL")
    await kyc.work()
    ended = (await kyc.ask(person, "GET", path)).json()
    if fault.has_effect:
        assert (ended["state"], ended["reason"]) == ("refused", "outcome_unknown")
        assert await went(kyc, person) == ("done", None)
    assert await kyc.level(person) == "full"


async def test_only_the_document_is_in_trouble(kyc: Kyc) -> None:
    """The token came and the document did not: it is asked for again with the same token, once."""
    person = await ready(kyc)
    world = kyc.digilocker.world
    world.follow(Scenario(faults={Fault.ERROR_BEFORE: 0.5}, seed=_seed()))
    assert await went(kyc, person) == ("done", None)
    assert world.calls == 3


def _seed() -> int:
    """Of chance by which the first and the third call are answered and the second is not."""
    import random

    for seed in range(1000):
        chance = random.Random(f"{seed} digilocker")
        if [chance.random() < 0.5 for _ in range(3)] == [False, True, False]:
            return seed
    raise AssertionError("none")


async def test_the_stand_in_keeps_to_the_protocol(kyc: Kyc) -> None:
    """What a client that is not ours, or one with a defect, is refused by it."""
    person = await ready(kyc)
    start = (await kyc.ask(person, "POST", "/digilocker")).json()
    address, query = start["url"].split("?")[0], dict(parse_qsl(urlsplit(start["url"]).query))
    base = address.removesuffix("/authorize")
    async with httpx.AsyncClient(trust_env=False) as browser:
        for change in (
            {"redirect_uri": "https://evil.example/identified"}, {"redirect_uri": "http://localhost:8080/identified/x"},
            {"code_challenge_method": "plain"}, {"code_challenge": ""}, {"client_id": "another"}, {"state": ""},
            {"scope": "everything"}, {"response_type": "token"},
        ):  # fmt: skip
            assert (await browser.get(address, params=query | change)).status_code == 400, change

        async def code(**change: str) -> str:
            back = await browser.get(address, params=query | change)
            return dict(parse_qsl(urlsplit(back.headers["location"]).query))["code"]

        secrets = kyc.auth.cloud.secrets
        form = {
            "grant_type": "authorization_code", "redirect_uri": query["redirect_uri"], "client_id": query["client_id"],
            "client_secret": secrets["DIGILOCKER_CLIENT_SECRET"],
            "code_verifier": digilocker.derived(start["flow"], "verifier"),
        }  # fmt: skip
        for change, status in (
            ({"client_secret": "guessed"}, 401), ({"code_verifier": "guessed"}, 400),
            ({"redirect_uri": "http://localhost:8080/x"}, 400),
            ({"grant_type": "password"}, 400), ({}, 200),
        ):  # fmt: skip
            answer = await browser.post(f"{base}/token", data=form | {"code": await code()} | change)
            assert answer.status_code == status, change

        async def token(code: str) -> dict[str, str]:
            given = (await browser.post(f"{base}/token", data=form | {"code": code})).json()
            return {"Authorization": f"Bearer {given['access_token']}"}

        once = await code()
        bearer = await token(once)
        document = address.removesuffix("1/authorize") + "3/xml/eaadhaar"
        assert (await browser.get(document, headers=bearer)).status_code == 200
        assert (await browser.post(f"{base}/token", data=form | {"code": once})).status_code == 400
        assert (await browser.get(document, headers=bearer)).status_code == 401, (
            "a code that comes again ends its token"
        )
        less = await token(await code(scope="userdetails"))
        assert (await browser.get(document, headers=less)).status_code == 403
