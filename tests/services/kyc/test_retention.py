"""What is known of a person ends: by the law's periods, on their wish, everywhere; and before that they can have all of it."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import boto3
import httpx
import pytest

from services.common.events.__main__ import path as events_of
from services.common.events.schema import unreadable
from services.common.outbox import messages
from services.common.permissions import StaffRole
from services.common.service_api import ServiceApi
from services.kyc import notices
from services.kyc.retention import AccountClosed
from tests.services.auth.fixtures import Person
from tests.services.kyc.fixtures import PAN, Kyc
from tests.services.kyc.test_documents import PAN_BODY, agreed, announced, objects, send
from tests.services.kyc.test_pictures import file

pytestmark = pytest.mark.postgres

YEAR, FIVE_YEARS = timedelta(days=366), timedelta(days=5 * 365 + 2)

#: Every table that knows of people.
TABLES = ("cases", "items", "sealed_fields", "documents", "reviews", "decisions", "looks", "consents")


async def purge(kyc: Kyc) -> None:
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.purge")
    await kyc.work()


async def counts(kyc: Kyc) -> dict[str, int]:
    """How many rows of each table there are, without those of tables that have none."""
    found = {table: (await kyc.rows(f"SELECT count(*) FROM {table}"))[0][0] for table in TABLES}
    return {table: number for table, number in found.items() if number}


async def close(kyc: Kyc, person: Person, at: datetime) -> None:
    """Auth's event, as the subscription leaves it in the outbox."""
    async with kyc.sessions() as session, session.begin():
        event = {"account": str(person.id), "closed_at": at.isoformat()}
        await messages.enqueue(session, "auth.account-closed.v1", event)
    await kyc.work()


async def back(kyc: Kyc, person: Person) -> Person:
    """Who comes again after a long time and shows two factors."""
    return await kyc.auth.show_two_factors(await kyc.auth.log_in(person))


async def test_a_purge_purges_rows_objects_and_their_versions(kyc: Kyc, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    other = await kyc.player(pan="ABCPS9999K")
    await kyc.decide(other, "approve")
    kept = await counts(kyc)
    person = await agreed(kyc)
    document = await send(kyc, person, file()[:900])
    await kyc.ask(person, "PUT", "/pan", PAN_BODY | {"document": document})
    await kyc.work()  # it is no picture, and asked for again
    await send(kyc, person, file((333, 300)))  # handed in with nothing, and not given up: no job ran
    s3: Any = boto3.client("s3")
    for form in ("whole", "masked"):  # as the worker keeps them of a good one, without the seconds that reading takes
        s3.put_object(Bucket=kyc.bucket, Key=f"documents/{person.id}/{document}/{form}.jpg", Body=b"\xff\xd8")
    s3.put_object(Bucket=kyc.bucket, Key=f"documents/{person.id}/{document}/whole.jpg", Body=b"a version before")
    s3.delete_object(
        Bucket=kyc.bucket, Key=f"documents/{person.id}/{document}/masked.jpg"
    )  # a marker; the version is there
    assert (await kyc.ask(person, "PUT", "/pan", PAN_BODY)).status_code == 200
    await kyc.work()
    await kyc.decide(person, "reject", "risk", ("forged",))
    kyc.clock.move(days=364)
    await purge(kyc)
    assert (await kyc.rows("SELECT count(*) FROM items"))[0][0] == 3
    assert len(objects(kyc)) == 5
    kyc.clock.move(days=2)
    await purge(kyc)
    assert objects(kyc) == [], "every version and every marker"
    left = await counts(kyc)
    assert {table: left[table] for table in ("items", "sealed_fields", "reviews")} == {
        table: kept[table] for table in ("items", "sealed_fields", "reviews")
    }
    assert "documents" not in left
    (case,) = await kyc.rows("SELECT * FROM cases WHERE player_id = $1", person.id)
    assert (case["state"], case["level"], case["data_key"]) == ("erased", "none", None)
    history = (await kyc.ask("auditor", "GET", f"/cases/{person.id}/history")).json()
    assert [each["outcome"] for each in history["decisions"]] == ["erase", "reject", "resubmit"], (
        "the logs stay for a year"
    )
    kyc.clock.move(days=364)
    await purge(kyc)
    assert (await kyc.rows("SELECT 1 FROM decisions WHERE player_id = $1", person.id)) != []
    kyc.clock.move(days=2)
    await purge(kyc)
    assert await counts(kyc) == kept, "of the other player all is there, of this one nothing"
    for table in TABLES:
        assert str(person.id) not in str(await kyc.rows(f"SELECT * FROM {table}"))
    for secret in (PAN, "Asha", "1993-06-30"):
        assert secret not in caplog.text


async def test_what_nobody_went_on_with_is_gone_after_a_year(kyc: Kyc) -> None:
    person = await agreed(kyc)
    await kyc.ask(person, "POST", "/documents", announced(file()))
    waiting = await kyc.player(pan="ABCPS9999K")  # nobody looked at it
    kyc.clock.move(days=300)
    again = await back(kyc, person)
    for given in (False, True):  # the last processing counts, and not the first
        assert (
            await kyc.ask(again, "PUT", "/consents/identity", {"version": "2026-11", "given": given})
        ).status_code == 200
    kyc.clock.move(days=200)
    await purge(kyc)  # that tells them
    assert len(await kyc.rows("SELECT FROM cases WHERE state = 'erased'")) == 0
    kyc.clock.move(days=2)
    await purge(kyc)
    states = {row["player_id"]: row["state"] for row in await kyc.rows("SELECT player_id, state FROM cases")}
    assert states == {person.id: "collecting", waiting.id: "erased"}
    assert not (await kyc.ask("support", "GET", "/reviews")).json()["reviews"]
    kyc.clock.move(days=200)
    await purge(kyc)
    kyc.clock.move(days=2)
    await purge(kyc)
    assert (await kyc.case(await back(kyc, person)))["state"] == "erased"


async def notices_of(kyc: Kyc, person: Person) -> list[str]:
    letters = await kyc.auth.letters(person.email)
    return [each["text"] for each in letters if each["subject"] == "What we know of your identity will be erased"]


async def test_nobody_is_erased_who_was_not_told_48_hours_before(kyc: Kyc) -> None:
    person, other = await agreed(kyc), await agreed(kyc)
    kyc.clock.move(days=361)
    await purge(kyc)
    assert await notices_of(kyc, person) == [], "it is not near"
    kyc.clock.move(days=2)
    await asyncio.gather(purge(kyc), purge(kyc))
    (told,) = await notices_of(kyc, person)
    assert (kyc.clock.now() + timedelta(days=2)).date().isoformat() in told
    # One comes back: the day moves, and they are told again before it.
    again = await back(kyc, other)
    given = {"version": "2026-11", "given": False}
    assert (await kyc.ask(again, "PUT", "/consents/identity", given)).status_code == 200
    kyc.clock.move(days=1, hours=23)
    await purge(kyc)
    kyc.clock.move(hours=2)
    await purge(kyc)
    states = {row[0]: row[1] for row in await kyc.rows("SELECT player_id, state FROM cases")}
    assert states == {person.id: "erased", other.id: "collecting"}
    kyc.clock.move(days=362)
    await purge(kyc)
    assert [len(await notices_of(kyc, each)) for each in (person, other)] == [1, 2]


async def test_a_notice_that_does_not_get_through_is_waited_for(kyc: Kyc, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await agreed(kyc)
    kyc.clock.move(days=363)

    async def away() -> ServiceApi:
        raise OSError("auth is away")

    monkeypatch.setitem(kyc.jobs.outside, notices.NOTICE, notices.Notices(away))
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.purge")
    await kyc.work(failing=1)
    kyc.clock.move(days=5)
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.purge")
    assert (await kyc.rows("SELECT state FROM cases WHERE player_id = $1", person.id))[0][0] == "collecting"


async def test_who_was_verified_is_kept_for_five_years_after_the_account_is_closed(kyc: Kyc) -> None:
    person = await kyc.player()
    await kyc.decide(person, "approve")
    kyc.clock.move(days=9 * 365)
    await purge(kyc)
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.expire")
    await purge(kyc)
    assert (await kyc.rows("SELECT state FROM cases"))[0]["state"] == "expired", "the account is open"
    await close(kyc, person, kyc.clock.now())
    await close(kyc, person, kyc.clock.now() + timedelta(days=900))  # told twice, it counts from the first time on
    kyc.clock.move(seconds=FIVE_YEARS.total_seconds() - 3 * 86_400)
    await purge(kyc)
    assert (await counts(kyc))["sealed_fields"] == 3
    kyc.clock.move(days=4)
    await purge(kyc)
    assert set(await counts(kyc)) == {"cases", "decisions", "consents"}


async def test_what_was_not_taken_is_gone_after_a_year_while_the_rest_stays(kyc: Kyc) -> None:
    person = await kyc.player(pan="ABCPI1234K")
    await kyc.decide(person, "resubmit", reasons=("number_mistyped",))
    assert (await kyc.ask(person, "PUT", "/pan", PAN_BODY)).status_code == 200
    await kyc.work()
    await kyc.decide(person, "approve")
    kyc.clock.move(days=364)
    await purge(kyc)
    assert (await counts(kyc))["items"] == 2
    kyc.clock.move(days=3)
    await purge(kyc)
    assert [row["state"] for row in await kyc.rows("SELECT state FROM items")] == ["verified"]
    assert (await counts(kyc))["sealed_fields"] == 3
    assert (await counts(kyc))["decisions"] == 2, "that it was decided stays with the case"


async def test_a_player_gets_all_that_is_held_and_nobody_elses(kyc: Kyc) -> None:
    person, other = await kyc.player(), await kyc.player(pan="ABCPS9999K", name="Ravi Shetty")
    review = (await kyc.review_of(person))["id"]
    await kyc.ask("support", "POST", f"/reviews/{review}/claim")
    await kyc.ask("support", "GET", f"/reviews/{review}")
    body = {"outcome": "approve", "reasons": ["looked_at"]}
    await kyc.ask("support", "POST", f"/reviews/{review}/decision", body)
    answer = await kyc.ask(person, "GET", "/export")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["items"][0]["values"] == {"pan": PAN, "name": "Asha Sharma", "date_of_birth": "1993-06-30"}
    assert [(each["by"], each["outcome"]) for each in found["decisions"]] == [("staff", "approve")]
    assert [each["by"] for each in found["looks"]] == ["you", "staff"]
    assert [each["purpose"] for each in found["consents"]] == ["identity"]
    assert (found["level"], found["kept"]["rule"], found["kept"]["until"]) == ("basic", "verified", None)
    assert str(kyc.colleagues["support"].id) not in answer.text, "who of staff looked is not told"
    for foreign in ("Ravi", "ABCPS9999K", str(other.id)):
        assert foreign not in answer.text
    looks = (await kyc.ask("auditor", "GET", f"/cases/{person.id}/history")).json()["looks"]
    assert looks[0]["actor"] == str(person.id) and "export" in looks[0]["fields"]
    kyc.clock.move(minutes=6)
    for method, path in (("GET", "/export"), ("POST", "/erasure")):
        tired = await kyc.ask(person, method, path)
        assert (tired.status_code, tired.json()["code"]) == (401, "step_up_needed")
        for who in StaffRole:
            assert (await kyc.ask(who, method, path)).status_code == 403, "not even of a case of their choice"
        assert (await kyc.ask("kyc-level", method, path)).status_code == 403
    nobody = await kyc.person()
    empty = (await kyc.ask(nobody, "GET", "/export")).json()
    assert (empty["items"], empty["looks"], empty["kept"]) == ([], [], None)


async def test_a_wish_to_be_erased_is_refused_with_the_rule_and_the_day_or_done(kyc: Kyc) -> None:
    async def wish(person: Person) -> dict[str, Any]:
        answer = await kyc.ask(person, "POST", "/erasure")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    assert await wish(await kyc.person()) == {"outcome": "nothing_held", "kept": None}
    person = await kyc.player()
    refused = await wish(person)
    assert (refused["outcome"], refused["kept"]["rule"]) == ("refused", "unverified")
    assert "rule 8(3)" in refused["kept"]["law"] and refused["kept"]["source"].startswith("https://")
    until = datetime.fromisoformat(refused["kept"]["until"])
    assert timedelta(days=364) < until - kyc.clock.now() <= YEAR
    verified = await kyc.player(pan="ABCPS9999K")
    await kyc.decide(verified, "approve")
    refused = await wish(verified)
    assert (refused["kept"]["rule"], refused["kept"]["until"]) == ("verified", None), "the account is open"
    earliest = datetime.fromisoformat(refused["kept"]["earliest"])
    assert earliest - kyc.clock.now() >= timedelta(days=5 * 365)
    await kyc.decide(person, "reject")
    kyc.clock.move(days=200)
    assert (await wish(await back(kyc, person)))["outcome"] == "refused", "and to ask prolongs nothing"
    kyc.clock.move(days=167)
    person = await back(kyc, person)
    assert await wish(person) == {"outcome": "erased", "kept": None}
    assert await wish(person) == {"outcome": "nothing_held", "kept": None}
    assert (await kyc.ask(person, "GET", "/export")).json()["items"] == []
    decisions = (await kyc.ask("auditor", "GET", f"/cases/{person.id}/history")).json()["decisions"]
    assert [(e["outcome"], e["reasons"]) for e in decisions if e["actor"] == str(person.id)] == [
        ("erase", ["unverified"]),
        ("erasure_refused", ["unverified"]),
        ("erasure_refused", ["unverified"]),
    ]
    assert (await kyc.rows("SELECT count(*) FROM items"))[0][0] == 1, "another's is there"
    again = await kyc.player(person=person)
    assert (await kyc.case(again))["state"] == "checking", "who agrees again begins anew"
    assert await wish(again) != {"outcome": "erased", "kept": None}


async def test_the_database_itself_refuses_what_is_not_due(kyc: Kyc) -> None:
    person = await kyc.player()
    await kyc.decide(person, "resubmit")
    (item,) = await kyc.rows("SELECT id FROM items")
    now = kyc.clock.now()
    app = await kyc.auth.cloud.connect(kyc.database, role="app", service="kyc")
    try:
        for function, whose in (("erase_case", person.id), ("erase_item", item["id"]), ("forget_case", person.id)):
            for moment in (now, now + timedelta(days=300)):
                with pytest.raises(asyncpg.CheckViolationError):
                    await app.execute(f"SELECT {function}($1, $2)", whose, moment)
        for statement in (
            "UPDATE retention_rules SET period = '1 day'",
            "INSERT INTO retention_rules VALUES ('verified2', '1 day', '', '', now())",
            "DELETE FROM cases",
            "DELETE FROM items",
            "DELETE FROM documents",
            "DELETE FROM reviews",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(statement)
    finally:
        await app.close()
    assert (await counts(kyc))["sealed_fields"] == 3
    rules = await kyc.rows("SELECT * FROM retention_rules")
    assert {row["name"] for row in rules} == {"verified", "unverified", "not_taken", "logs"}
    assert all(row["law"] and row["source"].startswith("https://") for row in rules)


async def test_what_comes_by_the_same_url_once_more_is_swept(kyc: Kyc) -> None:
    person = await agreed(kyc)
    content = file()[:900]
    upload = (await kyc.ask(person, "POST", "/documents", announced(content))).json()

    async def put() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.put(upload["url"], content=content, headers=upload["headers"])).status_code == 200

    await put()
    await kyc.ask(person, "PUT", "/pan", PAN_BODY | {"document": upload["id"]})
    await kyc.work()
    assert objects(kyc) == []
    await put()
    assert len(objects(kyc)) == 1, "S3 takes it: the URL is good for a quarter of an hour"
    kyc.clock.move(minutes=61)
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.give_up_documents")
    await kyc.work()
    assert objects(kyc) == []


async def test_an_approval_ends_while_something_else_has_to_come_again(kyc: Kyc) -> None:
    """Else its PAN stays "verified already", and the player can never hand it in again."""
    person = await kyc.player()
    await kyc.decide(person, "approve")
    await kyc.rows("UPDATE cases SET state = 'resubmit', expires_at = now() - interval '1 second'")
    kyc.clock.move(minutes=5)
    assert await kyc.jobs.run_scheduled(kyc.sessions, kyc.clock, "kyc.expire")
    case = await kyc.case(person)
    assert (case["state"], case["level"]) == ("expired", "none")
    assert (await kyc.ask(await back(kyc, person), "PUT", "/pan", PAN_BODY)).status_code == 200


def test_what_is_read_of_auths_events_is_promised() -> None:
    promised = json.loads(events_of("auth").read_text(encoding="utf-8"))["auth.account-closed.v1"]
    assert unreadable(AccountClosed, promised) == []
