"""A provider confirms PANs: what follows from each answer and from none, what it costs, and who waits how long."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from localcloud.partners.wire import serve
from localcloud.partners.world import Fault, Scenario
from services.common.outside import NotDone, Refused, Unknown
from services.kyc import confirmation, findings
from services.kyc.findings import Finding
from services.kyc.secure_id import CALL_SECONDS, SecureId, SecureIdKeys, client
from services.kyc.verdicts import Verdict
from tests.services.auth.fixtures import Person
from tests.services.kyc.card_pictures import Photo, taken
from tests.services.kyc.fixtures import PAN, Kyc
from tests.services.kyc.provider import SecureIdTransport
from tests.services.kyc.test_documents import CARD, PAN_BODY, agreed, send

pytestmark = pytest.mark.postgres

BORN = date(1993, 6, 30)


async def handed_in(kyc: Kyc, body: dict[str, Any] = PAN_BODY, *, picture: bool = False) -> Person:
    person = await agreed(kyc)
    more = {"document": await send(kyc, person, taken(CARD, Photo(newer=True)))} if picture else {}
    assert (await kyc.ask(person, "PUT", "/pan", body | more)).status_code == 200
    return person


async def state(kyc: Kyc, person: Person) -> tuple[str, str]:
    case = await kyc.case(person)
    return case["items"][0]["state"], case["level"]


async def give_up(kyc: Kyc) -> None:
    async with kyc.sessions() as session, session.begin():
        await confirmation.give_up(session, kyc.clock)


async def due_again(kyc: Kyc) -> None:
    """The pause of messages that failed is over."""
    await kyc.rows("UPDATE outbox SET next_attempt_at = now() WHERE done_at IS NULL")


async def test_a_card_that_says_so_and_a_department_that_agrees_approve(kyc: Kyc) -> None:
    kyc.provider.stand_in.balance = 1
    person = await handed_in(kyc, picture=True)
    await kyc.work()
    assert await state(kyc, person) == ("verified", "basic")
    ((reference, until),) = await kyc.rows("SELECT confirmed_by, confirm_until FROM items")
    assert reference.isdigit() and until is None
    assert list(kyc.provider.stand_in.charged.values()) == [PAN]
    ((actor, outcome),) = await kyc.rows("SELECT actor, outcome FROM decisions")
    assert (actor, outcome) == ("system", "approve")


#: What the department says, and what is found in it.
OTHERWISE: tuple[tuple[dict[str, str], list[str]], ...] = (
    ({}, ["no_picture"]),
    ({"name": "ASHA S"}, ["name_unclear", "no_picture"]),
    ({"dob": "1993-06-03"}, ["birth_date_differs", "no_picture"]),
    ({"status": "N"}, ["pan_invalid"]),  # not there
    ({"status": "X"}, ["pan_invalid"]),  # deactivated
)


async def test_what_the_department_says_otherwise_a_person_looks_at(kyc: Kyc) -> None:
    kyc.provider.stand_in.balance = None
    for number, (known, found) in enumerate(OTHERWISE):
        pan = f"ABCPS123{number}K"
        kyc.provider.stand_in.register({pan: {"name": "Asha Sharma", "dob": "1993-06-30"} | known})
        person = await handed_in(kyc, PAN_BODY | {"pan": pan})
        await kyc.work()
        assert await state(kyc, person) == ("review", "none"), known
        assert (await kyc.review_of(person))["findings"] == found


@pytest.mark.parametrize(
    "fault", [Fault.LIMITED, Fault.HTML_AFTER], ids=["nothing happened", "an answer that was lost"]
)
async def test_a_provider_that_fails_is_asked_again_and_paid_once(kyc: Kyc, fault: Fault) -> None:
    """What it was paid for and did not say, it says no more: a person looks. Nobody is approved without an answer."""
    kyc.provider.stand_in.balance = None
    kyc.provider.stand_in.world.follow(Scenario(down=fault))
    person = await handed_in(kyc, picture=False)
    await kyc.work(failing=1)
    assert await state(kyc, person) == ("confirming", "none")
    kyc.provider.stand_in.world.follow(Scenario())
    await due_again(kyc)
    await kyc.work()
    assert await state(kyc, person) == ("review", "none")
    lost = fault.has_effect
    assert (await kyc.review_of(person))["findings"] == (["unconfirmed"] if lost else ["no_picture"])
    assert len(kyc.provider.stand_in.charged) == 1
    assert kyc.provider.asked == 2


async def test_a_silent_provider_is_waited_for_until_the_deadline(kyc: Kyc) -> None:
    kyc.provider.stand_in.balance = None
    kyc.provider.stand_in.world.follow(Scenario(down=Fault.SILENT_AFTER))
    person = await handed_in(kyc, picture=True)
    await kyc.work(failing=1)
    await give_up(kyc)
    assert await state(kyc, person) == ("confirming", "none"), "its time is not over"
    kyc.clock.move(seconds=confirmation.WAITS.total_seconds())
    await asyncio.gather(give_up(kyc), give_up(kyc))
    person = await kyc.auth.show_two_factors(person)  # the token before is over
    assert await state(kyc, person) == ("review", "none")
    assert (await kyc.review_of(person))["findings"] == ["unconfirmed"]
    kyc.provider.stand_in.world.follow(Scenario())
    await due_again(kyc)
    asked = kyc.provider.asked
    await kyc.work()
    assert kyc.provider.asked == asked, "nobody asks for what a person decides"
    assert len(await kyc.rows("SELECT FROM reviews")) == 1


async def test_who_fails_a_check_is_not_paid_for(kyc: Kyc) -> None:
    kyc.provider.stand_in.balance = None
    first = await handed_in(kyc)
    await kyc.work()
    child = await handed_in(kyc, PAN_BODY | {"pan": "ABCPS1235K", "date_of_birth": kyc.clock.now().date().isoformat()})
    second = await handed_in(kyc)
    await kyc.work()
    assert (await kyc.review_of(second))["findings"] == ["unconfirmed", "duplicate"]
    assert (await kyc.review_of(child))["findings"] == ["unconfirmed", "under_age"]
    assert await state(kyc, first) == ("review", "none") and len(kyc.provider.stand_in.charged) == 1


async def test_nothing_of_a_person_is_in_what_is_logged(kyc: Kyc, caplog: pytest.LogCaptureFixture) -> None:
    await handed_in(kyc)
    await kyc.work()
    kyc.provider.stand_in.world.follow(Scenario(down=Fault.ERROR_BEFORE))
    await handed_in(kyc, PAN_BODY | {"pan": "ABCPS1236K"})
    await kyc.work(failing=1)
    assert "PANs are not confirmed" in caplog.text
    logged = (
        caplog.text
        + str([vars(each) for each in caplog.records])
        + str(await kyc.rows("SELECT last_error FROM outbox"))
    )
    assert "insufficient_balance" in logged
    assert PAN not in logged and "ABCPS1236K" not in logged and "Asha" not in logged and "secret-of-the" not in logged


# --- the adapter by itself


VALID = Verdict("1", valid=True, name=True, birth_date=True)


def test_what_follows_from_a_verdict() -> None:
    doubts = [Finding.UNCONFIRMED, Finding.SURNAME_INITIAL]
    assert findings.after_confirmation(doubts, None, pictured=True) == doubts
    assert findings.after_confirmation(doubts, VALID, pictured=True) == [Finding.SURNAME_INITIAL]
    assert findings.after_confirmation([Finding.UNCONFIRMED], VALID, pictured=True) == []
    assert findings.any_failed(["pan_invalid"]) and not findings.any_failed(["no_picture"])


async def test_who_is_unknown_to_it_is_refused() -> None:
    transport = SecureIdTransport({})
    transport.stand_in.balance = None
    transport.secrets["CASHFREE_VERIFICATION_SECRET"] = "another"
    adapter = transport.adapter()
    transport.secrets["CASHFREE_VERIFICATION_SECRET"] = "it"
    with pytest.raises(Refused, match="authentication_failed"):
        await adapter.confirm("1", PAN, "Asha", BORN)


@pytest.mark.parametrize("fault", [each for each in Fault if each not in (Fault.NONE, Fault.SLOW_AFTER)])
async def test_whatever_fails_is_no_answer(fault: Fault) -> None:
    transport = SecureIdTransport({})
    transport.stand_in.balance = None
    transport.stand_in.world.follow(Scenario(down=fault))
    with pytest.raises((NotDone, Unknown)) as raised:
        await transport.adapter().confirm("1", PAN, "Asha", BORN)
    assert PAN not in str(raised.value)
    assert len(transport.stand_in.charged) == fault.has_effect


async def test_an_id_that_it_takes_once() -> None:
    transport = SecureIdTransport({})
    transport.stand_in.balance = None
    adapter = transport.adapter()
    assert (await adapter.confirm("1", PAN, "Asha", BORN)).valid
    with pytest.raises(Refused, match="verification_id_already_exists"):
        await adapter.confirm("1", PAN, "Asha", BORN)
    assert len(transport.stand_in.charged) == 1
    for key, pan, code in (("ä", PAN, "verification_id_value_invalid"), ("2", "ABC", "pan_value_invalid")):
        with pytest.raises(Refused, match=code):
            await adapter.confirm(key, pan, "Asha", BORN)


GOOD = {
    "verification_id": "1", "reference_id": 7, "pan": PAN, "name_match": "Y", "dob_match": "Y", "pan_status": "E",
    "status": "VALID",
}  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        GOOD | {"verification_id": "2"}, GOOD | {"pan": "ABCPS1235K"}, GOOD | {"reference_id": None}, GOOD | {"status": "?"},
        {"x": "y" * 70_000}, [], "VALID", None,
    ],
    ids=["another id", "another PAN", "no reference", "another word", "large", "a list", "text", "nothing"],
)  # fmt: skip
async def test_an_answer_to_something_else_is_none(answer: Any) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answer))
    with pytest.raises(Unknown):
        await SecureId(client("http://provider", transport), SecureIdKeys("a", "b")).confirm("1", PAN, "Asha", BORN)


@pytest.mark.parametrize("missing", ["name_match", "dob_match", "pan_status"])
async def test_what_it_does_not_say_is_not_so(missing: str) -> None:
    answer = {name: value for name, value in GOOD.items() if name != missing}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answer))
    verdict = await SecureId(client("http://provider", transport), SecureIdKeys("a", "b")).confirm("1", PAN, "A", BORN)
    assert findings.after_confirmation([Finding.UNCONFIRMED], verdict, pictured=True) != []


async def test_an_answer_that_trickles_in_ends() -> None:
    transport = SecureIdTransport({})
    transport.stand_in.balance = None
    transport.stand_in.world.follow(Scenario(down=Fault.SLOW_AFTER))
    server = await serve("127.0.0.1", 0, transport.stand_in.handle)
    host, port = server.sockets[0].getsockname()[:2]
    keys = SecureIdKeys("verifier", "secret-of-the-verifier")
    async with client(f"http://{host}:{port}") as http:
        with pytest.raises(Unknown, match="TimeoutError"):
            await SecureId(http, keys, seconds=2).confirm("1", PAN, "Asha", BORN)
    server.close()
    assert transport.stand_in.charged, "it was paid all the same"
    assert timedelta(seconds=CALL_SECONDS) < confirmation.Confirm.timeout
