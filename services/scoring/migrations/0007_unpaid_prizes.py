"""Indexes to find pay-outs that are not paid yet, those that were posted on a day, and contests that wait for approval."""

from __future__ import annotations

from services.common.indexes import create_concurrently

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create_concurrently("ix_payouts_unpaid", "payouts", ["state", "id"], where="state <> 'paid'")
    create_concurrently("ix_payouts_posted_at", "payouts", ["posted_at"], where="posted_at IS NOT NULL")
    create_concurrently("ix_payouts_contest_id_rank_id", "payouts", ["contest_id", "rank", "id"])
    create_concurrently("ix_contests_proposed", "contests", ["id"], where="state = 'proposed'")
