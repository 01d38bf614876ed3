"""References and reversals are unique where there are any: most transactions have neither, and were entered in both indexes."""

from __future__ import annotations

from alembic import op

from services.common.indexes import create_concurrently

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    for column in ("reference", "reverses"):
        create_concurrently(
            f"uq_transactions_{column}_given", "transactions", [column], unique=True, where=f"{column} IS NOT NULL"
        )
        op.execute(f"ALTER TABLE transactions DROP CONSTRAINT uq_transactions_{column}")
