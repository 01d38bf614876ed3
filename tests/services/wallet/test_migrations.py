"""The migrations on data: a ledger of the first form becomes the present one; the database knows the code's kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import text

from services.common import migrate as migrate_module
from services.common.database import create_engine, create_sessions
from services.common.postgres import Pool, Reads, connect
from services.wallet import checks_repository, repository
from services.wallet.kinds import KINDS, Role
from services.wallet.ledger import HOUSE_NAMES, SHARDS, house
from tests.services.support import Cloud

pytestmark = pytest.mark.postgres

OLD = "0006"

#: Migrations after this one say how they are undone.
DOWN_TO = "0014"
HOUSE = house("house")


async def test_a_ledger_of_the_first_form(cloud: Cloud) -> None:
    name = f"wallet_{uuid4().hex[:12]}"
    master = await cloud.connect("postgres")
    await master.execute(f'CREATE DATABASE "{name}" OWNER wallet_owner')
    inside = await cloud.connect(name)
    await inside.execute(
        'GRANT USAGE ON SCHEMA public TO "wallet_app"; GRANT CREATE ON SCHEMA public TO "wallet_owner";'
        'ALTER DEFAULT PRIVILEGES FOR ROLE "wallet_owner" IN SCHEMA public GRANT SELECT, INSERT ON TABLES TO "wallet_app"'
    )
    await inside.close()
    settings = cloud.settings("wallet", name, "owner")
    engine = create_engine(settings, "test", limits=False, connections=2)

    async def upgrade(to: str, run: Callable[..., None] = command.upgrade) -> None:
        async with engine.connect() as connection:
            await connection.run_sync(lambda sync: run(migrate_module.config("wallet", sync), to))
            await connection.commit()

    try:
        await upgrade(OLD)
        owner = await cloud.connect(name, role="owner", service="wallet")
        players = [uuid4() for _ in range(3)]
        await owner.execute("UPDATE balances SET amount = -300, entries = 3 WHERE account_id = $1", HOUSE)
        for number, player in enumerate(players, 1):
            await _credited(owner, player, number)
        await upgrade("head")
        pool = Pool(lambda: connect(cloud.settings("wallet", name), "test"), 1)
        found = await repository.balances_of(Reads(pool), players)
        assert {(each["deposit"], each["available"]) for each in found.values()} == {(100, 100)}
        await pool.close()
        # A task of the release before, which is still there, opens an account and credits it.
        late = uuid4()
        await owner.execute("UPDATE balances SET amount = -400, entries = 4 WHERE account_id = $1", HOUSE)
        await _credited(owner, late, 4)
        # Down as far as there is a way back, and up again: what was posted stays, and can be posted to.
        await upgrade(DOWN_TO, command.downgrade)
        await owner.execute("UPDATE balances SET amount = -500, entries = 5 WHERE account_id = $1", HOUSE)
        await _credited(owner, uuid4(), 5)
        await upgrade("head")
        await owner.close()
        async with create_sessions(engine)() as session:
            assert await checks_repository.found(session, 5) == []
            assert (await session.execute(text("SELECT count(*) FROM entries"))).scalar_one() == 10
    finally:
        await engine.dispose()
        await master.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await master.close()


async def _credited(owner: Any, player: Any, number: int) -> None:
    account, transaction = uuid4(), uuid4()
    async with owner.transaction():
        await owner.execute("INSERT INTO accounts (id, player_id, created_at) VALUES ($1, $2, now())", account, player)
        await owner.execute(
            "INSERT INTO balances (account_id, bounded, amount, entries) VALUES ($1, true, 100, 1)", account
        )
        await owner.execute(
            "INSERT INTO transactions (id, kind, reference, note, created_by, created_at) "
            "VALUES ($1, 'credit', $2, '', 'old', now())", transaction, str(transaction),
        )  # fmt: skip
        for of, sequence, amount, after in ((account, 1, 100, 100), (HOUSE, number, -100, -100 * number)):
            await owner.execute(
                "INSERT INTO entries (account_id, sequence, transaction_id, amount, balance_after, created_at) "
                "VALUES ($1, $2, $3, $4, $5, now())", of, sequence, transaction, amount, after,
            )  # fmt: skip


async def test_the_database_knows_the_same_kinds_and_accounts(cloud: Cloud) -> None:
    async with cloud.fresh("wallet") as database:
        app = await cloud.connect(database, role="app", service="wallet")
        stored = {
            row["kind"]: (set(row["takes"]), set(row["gives"]))
            for row in await app.fetch("SELECT * FROM movement_kinds")
        }
        assert set(stored) == set(KINDS)
        for name, kind in KINDS.items():
            takes, gives = stored[name]
            assert {str(take.role) for take in kind.takes} <= takes or name == "reversal", name
            assert {Role.DEPOSIT if kind.gives is Role.OTHER else kind.gives} <= gives or name == "reversal", name
        named = {
            (row["name"], row["shard"]): row["id"] for row in await app.fetch("SELECT * FROM accounts WHERE house")
        }
        assert named == {(name, shard): house(name, shard) for name in HOUSE_NAMES for shard in range(SHARDS)}
        await app.close()
