"""Only the house's balance is unbounded, whoever inserts it; notifications are deleted in the end."""

from __future__ import annotations

from alembic import op

from services.common.grants import grant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_check_constraint(
        op.f("ck_balances_bounded"), "balances", "bounded OR account_id = '00000000-0000-7000-8000-000000000001'"
    )
    grant("notifications", "DELETE")
