"""Deposits from the order to the wallet's credit: once, whatever comes twice, late, by two providers, or not at all."""

from __future__ import annotations

import pytest

from tests.services.payments.fixtures import Payments

pytestmark = pytest.mark.postgres


async def test_a_deposit_is_credited_by_the_webhook_alone(payments: Payments) -> None:
    player = await payments.player()
    deposit = await player.order(50_000)
    assert (deposit["state"], deposit["provider"]) == ("pending", "razorpay")
    assert set(deposit["checkout"]) == {"order_id", "key_id", "amount", "currency"}
    player.pay(deposit)
    await payments.settle()
    assert (await player.deposit(deposit["id"]))["state"] == "credited"
    assert await player.balance() == 50_000
    # The same webhooks again, and a look of the janitor's, change nothing.
    await payments.later()
    assert await player.balance() == 50_000
