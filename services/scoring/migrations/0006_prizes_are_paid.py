"""States of pay-outs, with when each is due and was posted; matches that an operator closes early; reports of the comparison.

Guaranteed by the database: a pay-out moves from state to state as `states.py` says, and one that is paid never changes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from services.common.grants import grant

revision = "0006"
down_revision = "0005"

_moment = sa.DateTime(timezone=True)

#: As they were when this was written.
_MOVES = ("waiting approved", "approved sent", "approved paid", "sent paid", "sent refused", "refused approved",
          "refused paid")  # fmt: skip


def upgrade() -> None:
    op.add_column("payouts", sa.Column("state", sa.Text(), nullable=False, server_default="waiting"))
    op.add_column("payouts", sa.Column("reason", sa.Text(), nullable=False, server_default=""))
    op.add_column("payouts", sa.Column("due_at", _moment))
    op.add_column("payouts", sa.Column("posted_at", _moment))
    states = "state IN ('waiting', 'approved', 'sent', 'paid', 'refused')"
    for name, condition in (("state", states), ("posted", "(state = 'paid') = (posted_at IS NOT NULL)")):
        op.execute(f"ALTER TABLE payouts ADD CONSTRAINT ck_payouts_{name} CHECK ({condition}) NOT VALID")
        op.execute(f"ALTER TABLE payouts VALIDATE CONSTRAINT ck_payouts_{name}")
    grant("payouts", "UPDATE", columns=["state", "reason", "due_at", "posted_at"])
    allowed = ", ".join(f"'{move}'" for move in _MOVES)
    op.execute(f"""
        CREATE FUNCTION check_payout() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.state = 'paid' OR OLD.state <> NEW.state AND OLD.state || ' ' || NEW.state NOT IN ({allowed}) THEN
                RAISE EXCEPTION 'pay-out % is %, and does not become %', OLD.id, OLD.state, NEW.state
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_moves';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute("CREATE TRIGGER payouts_checked BEFORE UPDATE ON payouts FOR EACH ROW EXECUTE FUNCTION check_payout()")
    op.add_column("matches", sa.Column("closed_by", sa.Text()))
    op.add_column("matches", sa.Column("closed_reason", sa.Text()))
    grant("matches", "UPDATE", columns=["closed_by", "closed_reason"])
    op.create_table(
        "prize_reports",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("postings", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("differences", sa.BigInteger(), nullable=False),
        sa.Column("discrepancies", JSONB(), nullable=False),
        sa.Column("compared_at", _moment, nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_prize_reports"),
    )
    grant(
        "prize_reports",
        "UPDATE",
        columns=["lines", "postings", "amount", "differences", "discrepancies", "compared_at"],
    )
