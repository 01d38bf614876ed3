"""A response that no browser brought: it is asked for, believed like any other, and waited for no longer than the way lasts."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from localcloud.partners.esp import Twist
from localcloud.partners.signing import Identity
from localcloud.partners.world import Fault, Scenario
from services.kyc import signing
from tests.services.auth.fixtures import Person
from tests.services.kyc.fixtures import Kyc
from tests.services.kyc.test_signing import at_the_provider, begun, post, ready, view

pytestmark = pytest.mark.postgres


async def asked(kyc: Kyc, failing: int = 0) -> None:
    """It is time to ask: the worker does."""
    await kyc.rows("UPDATE outbox SET next_attempt_at = now() WHERE done_at IS NULL AND task = $1", signing.ASK)
    await kyc.work(failing)


async def state_of(kyc: Kyc, person: Person, agreement: str) -> tuple[object, object]:
    found = await view(kyc, person, agreement)
    return found["state"], found["reason"]


async def asks_left(kyc: Kyc) -> int:
    return len(await kyc.rows("SELECT FROM outbox WHERE done_at IS NULL AND task = $1", signing.ASK))


async def test_who_signed_and_closed_the_page_has_signed(kyc: Kyc) -> None:
    person = await ready(kyc)
    agreement = await begun(kyc, person)
    (due,) = await kyc.rows("SELECT next_attempt_at - created_at AS after FROM outbox WHERE task = $1", signing.ASK)
    assert due["after"] == signing.ASKED_FIRST
    for _ in range(2):
        await asked(kyc)
        assert await state_of(kyc, person, agreement) == ("awaiting", None), "nobody has come to the provider"
        assert await asks_left(kyc) == 1
    posted = await at_the_provider(kyc, person, agreement)
    await asked(kyc)
    assert await state_of(kyc, person, agreement) == ("signed", None)
    assert (await kyc.case(person))["items"][0]["shown"] == "agreement 2026-11"
    assert (await post(kyc, posted["to"], posted["eSignResponse"])).status_code == 404, "the browser is late"
    await asked(kyc)
    assert await asks_left(kyc) == 0


async def test_a_refusal_is_learnt_too_and_the_browser_may_come_first(kyc: Kyc) -> None:
    person = await ready(kyc)
    kyc.esp.refuses = True
    agreement = await begun(kyc, person)
    await at_the_provider(kyc, person, agreement)
    await asked(kyc)
    assert await state_of(kyc, person, agreement) == ("refused", "esp_refused")
    kyc.esp.refuses = False
    agreement = await begun(kyc, person)
    posted = await at_the_provider(kyc, person, agreement)
    await kyc.rows("UPDATE outbox SET next_attempt_at = now() WHERE done_at IS NULL AND task = $1", signing.ASK)
    await post(kyc, posted["to"], posted["eSignResponse"])
    await kyc.work()
    assert await state_of(kyc, person, agreement) == ("signed", None)
    assert len(await kyc.rows("SELECT FROM items WHERE kind = 'agreement'")) == 1


def _stranger(kyc: Kyc) -> None:
    kyc.esp.twist = Twist(identity=Identity.made("Somebody", key=kyc.esp.signer_key))


def _another_transaction(kyc: Kyc) -> None:
    kyc.esp.twist = Twist(stated=lambda root: root.set("txn", "another"))


def _altered(kyc: Kyc) -> None:
    kyc.esp.twist = Twist(sent=lambda xml: xml.replace(b'status="2"', b'status="1"'))


def _large(kyc: Kyc) -> None:
    kyc.esp.twist = Twist(sent=lambda xml: xml + b" " * 70_000)


def _down(fault: Fault) -> Callable[[Kyc], None]:
    return lambda kyc: kyc.esp.world.follow(Scenario(down=fault))


HOSTILE: tuple[Callable[[Kyc], None], ...] = (
    _stranger, _another_transaction, _altered, _large,
    *map(_down, (Fault.REFUSED, Fault.ERROR_AFTER, Fault.HTML_AFTER, Fault.HALF_AFTER, Fault.LIMITED)),
)  # fmt: skip


async def test_what_is_not_the_providers_answer_changes_nothing_and_the_way_ends(
    kyc: Kyc, caplog: pytest.LogCaptureFixture
) -> None:
    person = await ready(kyc)
    agreement = await begun(kyc, person)
    for act in HOSTILE:
        act(kyc)
        caplog.clear()
        await asked(kyc, failing=1)
        assert await state_of(kyc, person, agreement) == ("awaiting", None)
        (line,) = [each for each in caplog.records if each.levelno == logging.ERROR and hasattr(each, "runbook")]
        assert line.__dict__["runbook"] == "kyc-providers"
        kyc.esp.twist = Twist()
        kyc.esp.world.follow(Scenario())
        assert await asks_left(kyc) == 1, "the same question is asked again"
    kyc.clock.move(seconds=(signing.SIGNED_IN + signing.TRIED_FOR).total_seconds())
    await asked(kyc)
    rows = await kyc.rows("SELECT state, reason, response FROM signings")
    assert [(row["state"], row["reason"], row["response"]) for row in rows] == [("refused", "expired", None)]
    assert await asks_left(kyc) == 0
