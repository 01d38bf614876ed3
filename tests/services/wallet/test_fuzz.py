"""The short form of `make fuzz-wallet`, and that it sees what is broken."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from services.common.postgres import Pool, Reads, connect
from services.wallet import ledger
from services.wallet.accounts_repository import AccountIndex
from services.wallet.ledger import NO_CAP, Status, house
from tests.services.support import Cloud
from tests.services.wallet import fuzz

pytestmark = pytest.mark.postgres


async def test_a_random_load_breaks_nothing(cloud: Cloud) -> None:
    seed = random.SystemRandom().randrange(2**32)
    async with cloud.fresh("wallet") as database:
        statuses = await fuzz.run(cloud.settings("wallet", database), seed=seed, operations=2_000)
    assert statuses[Status.POSTED] > 500, f"seed {seed}"
    assert {Status.REPLAYED, Status.INSUFFICIENT_FUNDS, Status.ID_REUSED} <= set(statuses), f"seed {seed}"


async def test_a_run_that_was_killed_goes_on(cloud: Cloud, tmp_path: Path) -> None:
    """Its last rounds come again, drawn by workers who remember nothing of the others."""
    progress = tmp_path / "progress.json"
    async with cloud.fresh("wallet") as database:
        settings = cloud.settings("wallet", database)
        await fuzz.run(settings, seed=16, operations=1_200, progress=progress)
        progress.write_text(json.dumps({"seed": 16, "round": 10, "operations": 0}))
        statuses = await fuzz.run(settings, seed=16, operations=1_200, progress=progress)
    assert statuses[Status.REPLAYED] > 100


async def test_half_a_chain_is_seen_and_what_was_posted_before_is_no_half(cloud: Cloud) -> None:
    async with cloud.fresh("wallet") as database:
        wanted = [(uuid4(), "deposit"), (uuid4(), "deposit")]
        pool = Pool(lambda: connect(cloud.settings("wallet", database), "fuzz", limits=False), 1)
        rich, poor = await AccountIndex().have(Reads(pool), wanted)
        psp = house("psp:razorpay", 0)
        first, second = (
            ledger.move(id=uuid4(), kind=kind, by="fuzz", hash=bytes(32), sources=[(source, NO_CAP)],
                        destinations=[(rich, 5)])
            for kind, source in (("deposit", psp), ("transfer", poor))
        )  # fmt: skip
        await ledger.post(Reads(pool), [first], datetime.now(UTC))
        chain = [replace(item, chain=1) for item in (first, second)]
        outcomes = await ledger.post(Reads(pool), chain, datetime.now(UTC))
        await pool.close()
    assert [outcome.status for outcome in outcomes] == [Status.REPLAYED, Status.INSUFFICIENT_FUNDS]
    worker = fuzz.Worker(0, 1, pool, {}, [], [])
    worker._look(chain, outcomes, chained=True)
    with pytest.raises(fuzz.BrokenError, match="1 of a chain of 2"):
        worker._look(chain, [outcomes[0]._replace(status=Status.POSTED), outcomes[1]], chained=True)


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
