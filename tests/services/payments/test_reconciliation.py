"""The daily three-way reconciliation: what differs between provider, records and ledger is found, what was settled booked."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any

import pytest

from localcloud.partners.world import Thing
from tests.services.payments.fixtures import Payments
from tests.services.support import Clock

pytestmark = pytest.mark.postgres

NOON = time_of_day(12)


async def paid_then(payments: Payments, *amounts: int) -> date:
    """A player paid in at noon of the day before yesterday, by the provider's clock; returns that day."""
    player = await payments.player()
    then = (datetime.now(UTC) - timedelta(days=2)).replace(hour=12)
    payments.partners.seconds = then.timestamp() - time.time()
    for amount in amounts:
        await player.paid_in(amount)
    payments.partners.seconds = 0.0
    (day,) = {
        datetime.fromtimestamp(each.made_at, UTC).date() for each in payments.partners.razorpay.world.payments.values()
    }
    return day


async def reconcile(payments: Payments, day: date) -> dict[str, Any]:
    """Fetch and compare at noon two days after `day`, however late the test runs, and Razorpay's report of `day`."""
    clock = Clock(datetime.combine(day + timedelta(days=2), NOON, UTC))
    assert await payments.jobs.run_scheduled(payments.sessions, clock, "payments.order_reports")
    await payments.work()
    answer = await payments.staff("auditor", "GET", f"/reports/razorpay/{day}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_what_agrees_is_booked_once_with_fees_and_taxes(payments: Payments) -> None:
    day = await paid_then(payments, 50_000, 123_45)
    for _ in range(2):
        report = await reconcile(payments, day)
    charges = sum(each.fee for each in payments.partners.razorpay.world.payments.values())
    taxes = sum(each.tax for each in payments.partners.razorpay.world.payments.values())
    assert (report["lines"], report["fees"], report["taxes"], report["booked"]) == (2, charges, taxes, True)
    assert report["discrepancies"] == []
    ledger = await payments.cloud.connect(payments.wallet.database, role="owner", service="wallet")
    booked = await ledger.fetch(
        "SELECT t.reference, e.amount FROM transactions t JOIN entries e ON e.transaction_id = t.id"
        " WHERE t.kind = 'psp_settlement' AND e.amount > 0 ORDER BY 1"
    )
    await ledger.close()
    gross = 50_000 + 123_45
    assert [tuple(row) for row in booked] == [
        (f"charges:razorpay:{day}", charges), (f"settlement:razorpay:{day}", gross - charges)
    ]  # fmt: skip


async def test_what_differs_is_named(payments: Payments, caplog: pytest.LogCaptureFixture) -> None:
    day = await paid_then(payments, 10_000, 20_000, 30_000)
    world = payments.partners.razorpay.world
    changed, missing, _ = world.payments.values()
    changed.amount += 1
    del world.payments[missing.id]
    world.payments["pay_foreign"] = Thing("pay_foreign", "captured", 700, "", changed.made_at)
    await payments.rows("UPDATE payments SET created_at = now() - interval '7 days'")
    ledger = await payments.cloud.connect(payments.wallet.database, role="owner", service="wallet")
    await ledger.execute("ALTER TABLE transactions DISABLE TRIGGER USER")
    await ledger.execute("UPDATE transactions SET request_hash = '\\x00' WHERE kind = 'deposit'")
    await ledger.close()
    report = await reconcile(payments, day)
    kinds = sorted(each["kind"] for each in report["discrepancies"])
    assert kinds == ["ledger_differs", "ledger_differs", "payment_differs", "payment_not_settled", "payment_unknown"]
    (unknown,) = [each for each in report["discrepancies"] if each["kind"] == "payment_unknown"]
    assert unknown == {"kind": "payment_unknown", "id": "pay_foreign", "theirs": 700, "ours": None}
    alarms = [each.__dict__ for each in caplog.records if each.message == "payments do not reconcile"]
    (alarm,) = [each for each in alarms if (each["provider"], each["day"]) == ("razorpay", str(day))]
    assert (alarm["levelname"], alarm["runbook"]) == ("CRITICAL", "payments-reconciliation")


async def test_a_day_without_report_says_so(payments: Payments) -> None:
    answer = await payments.staff("auditor", "GET", "/reports/razorpay/2020-01-01")
    assert (answer.status_code, answer.json()["code"]) == (404, "report_missing")
