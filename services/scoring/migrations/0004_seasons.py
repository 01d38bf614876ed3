"""Seasons and leagues: slates whose points count together, what each player has in them, and who plays in which league."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from services.common.grants import grant

revision = "0004"
down_revision = "0003"

_moment = sa.DateTime(timezone=True)


def _needed(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    op.create_table(
        "seasons",
        _needed("id", sa.Uuid()),
        _needed("title", sa.Text()),
        _needed("revision", sa.BigInteger()),
        _needed("created_at", _moment),
        sa.PrimaryKeyConstraint("id", name="pk_seasons"),
    )
    grant("seasons", "UPDATE", columns=["revision"])
    op.create_table(
        "season_slates",
        _needed("season_id", sa.Uuid()),
        _needed("slate_id", sa.Uuid()),
        _needed("reached", sa.BigInteger()),
        sa.PrimaryKeyConstraint("season_id", "slate_id", name="pk_season_slates"),
        sa.ForeignKeyConstraint(["season_id"], ["seasons.id"], name="fk_season_slates_season_id"),
        sa.ForeignKeyConstraint(["slate_id"], ["slates.id"], name="fk_season_slates_slate_id"),
    )
    op.create_index("ix_season_slates_slate_id", "season_slates", ["slate_id"])
    grant("season_slates", "UPDATE", columns=["reached"])
    for table, key in (
        ("season_bests", ["season_id", "slate_id", "owner_id"]),
        ("season_totals", ["season_id", "owner_id"]),
    ):
        op.create_table(
            table,
            *[_needed(name, sa.Uuid()) for name in key],
            _needed("units", sa.BigInteger()),
            *([_needed("changed_in", sa.BigInteger())] if table == "season_totals" else []),
            sa.PrimaryKeyConstraint(*key, name=f"pk_{table}"),
            sa.ForeignKeyConstraint(["season_id"], ["seasons.id"], name=f"fk_{table}_season_id"),
            # Changed in place by every scoring, like the totals of teams.
            postgresql_with={"fillfactor": 80},
        )
    grant("season_bests", "UPDATE", columns=["units"])
    grant("season_totals", "UPDATE", columns=["units", "changed_in"])
    op.create_table(
        "leagues",
        _needed("id", sa.Uuid()),
        _needed("season_id", sa.Uuid()),
        _needed("title", sa.Text()),
        _needed("owner_id", sa.Uuid()),
        _needed("code", sa.Text()),
        _needed("members", sa.BigInteger()),
        _needed("created_at", _moment),
        sa.PrimaryKeyConstraint("id", name="pk_leagues"),
        sa.ForeignKeyConstraint(["season_id"], ["seasons.id"], name="fk_leagues_season_id"),
    )
    op.create_index("ix_leagues_season_id", "leagues", ["season_id"])
    grant("leagues", "UPDATE", columns=["members"])
    op.create_table(
        "league_members",
        _needed("league_id", sa.Uuid()),
        _needed("owner_id", sa.Uuid()),
        _needed("joined_at", _moment),
        sa.PrimaryKeyConstraint("league_id", "owner_id", name="pk_league_members"),
        sa.ForeignKeyConstraint(["league_id"], ["leagues.id"], name="fk_league_members_league_id"),
    )
    grant("league_members", "DELETE")
    op.create_index("ix_league_members_owner_id", "league_members", ["owner_id"])
