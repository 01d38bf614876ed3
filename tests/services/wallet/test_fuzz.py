"""The short form of `make fuzz-wallet`, and that it sees what is broken."""

from __future__ import annotations

import random

import pytest

from services.wallet.ledger import Status
from tests.services.support import Cloud
from tests.services.wallet import fuzz

pytestmark = pytest.mark.postgres


async def test_a_random_load_breaks_nothing(cloud: Cloud) -> None:
    seed = random.SystemRandom().randrange(2**32)
    async with cloud.fresh("wallet") as database:
        statuses = await fuzz.run(cloud.settings("wallet", database), seed=seed, operations=2_000)
    assert statuses[Status.POSTED] > 500, f"seed {seed}"
    assert {Status.REPLAYED, Status.INSUFFICIENT_FUNDS, Status.ID_REUSED} <= set(statuses), f"seed {seed}"


async def test_a_break_is_seen(cloud: Cloud) -> None:
    async with cloud.fresh("wallet") as database:
        await fuzz.run(cloud.settings("wallet", database), seed=1, operations=100)
        owner = await cloud.connect(database, role="owner", service="wallet")
        await owner.execute(
            "UPDATE balances SET amount = amount + 1 WHERE account_id = (SELECT account_id FROM entries LIMIT 1)"
        )
        await owner.close()
        with pytest.raises(fuzz.BrokenError, match="balance"):  # another seed: nothing of it was sent before
            await fuzz.run(cloud.settings("wallet", database), seed=2, operations=100)
