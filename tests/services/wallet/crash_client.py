"""Posts transfers one batch after the other and says which: a process that a test kills.

    python -m tests.services.wallet.crash_client < JSON    {"port", "password", "giver", "taker"}

The first line is the id of its backend. For each batch a line with its ids goes out before it is sent, and a line `done` when
it is answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from services.common.ids import uuid7
from services.common.postgres import Pool, Reads, connect
from services.common.settings import AppDatabaseSettings
from services.wallet import ledger
from services.wallet.ledger import NO_CAP, Item

BATCH = 20


def transfer(giver: UUID, taker: UUID, transaction: UUID) -> Item:
    """One paisa from one to the other."""
    return ledger.move(
        id=transaction, kind="transfer", by="crash", hash=b"crash", sources=[(giver, NO_CAP)], destinations=[(taker, 1)]
    )  # fmt: skip


async def _run(asked: dict[str, Any]) -> None:
    settings = AppDatabaseSettings(
        host="127.0.0.1", port=asked["port"], name="wallet", user="wallet_app", password=SecretStr(asked["password"]),
        tls="disable",
    )  # fmt: skip
    pool = Pool(lambda: connect(settings, "crash"), 1)
    giver, taker = UUID(asked["giver"]), UUID(asked["taker"])
    print((await Reads(pool).fetchrow("SELECT pg_backend_pid() AS pid"))["pid"], flush=True)  # noqa: T201 - the test reads it
    while True:
        ids = [uuid7() for _ in range(BATCH)]
        print(*ids, flush=True)  # noqa: T201 - the test reads it
        await ledger.post(Reads(pool), [transfer(giver, taker, each) for each in ids], datetime.now(UTC))
        print("done", flush=True)  # noqa: T201 - likewise


if __name__ == "__main__":
    asyncio.run(_run(json.load(sys.stdin)))
