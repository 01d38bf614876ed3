"""Feeds that are asked for matches, and files of snapshots by their SHA-256: what they hold is in S3 from now on."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from services.common.grants import grant

revision = "0002"
down_revision = "0001"

_moment = sa.DateTime(timezone=True)


def _needed(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    op.add_column("snapshots", sa.Column("objects", JSONB()))
    op.alter_column("snapshots", "files", nullable=True)
    op.create_table(
        "feeds",
        _needed("match_id", sa.Text()),
        _needed("provider", sa.Text()),
        _needed("files", JSONB()),
        _needed("every", sa.BigInteger()),
        _needed("once", sa.Boolean()),
        _needed("state", sa.Text()),
        _needed("turn", sa.BigInteger()),
        _needed("next_at", _moment),
        sa.Column("asked_at", _moment),
        _needed("seen", JSONB()),
        _needed("failures", sa.BigInteger()),
        sa.Column("error", sa.Text()),
        _needed("created_at", _moment),
        sa.PrimaryKeyConstraint("match_id", "provider", name="pk_feeds"),
        sa.CheckConstraint("state IN ('active', 'ended', 'refused')", name=op.f("ck_feeds_state")),
    )
    op.create_index("ix_feeds_provider_next_at", "feeds", ["provider", "next_at"])
    changing = ["files", "every", "once", "state", "turn", "next_at", "asked_at", "seen", "failures", "error"]
    grant("feeds", "UPDATE", columns=changing)
    op.create_table(
        "feed_pauses",
        _needed("provider", sa.Text()),
        _needed("until", _moment),
        sa.PrimaryKeyConstraint("provider", name="pk_feed_pauses"),
    )
    grant("feed_pauses", "UPDATE", columns=["until"])
