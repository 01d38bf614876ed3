"""Notifications have no foreign key: a correction writes thousands, and each row asked for its match.

Guaranteed otherwise: they are written by who holds the match's row locked, and no role of the service may delete a match.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.drop_constraint("fk_notifications_match_id", "notifications", type_="foreignkey")
