"""The tables of seasons and leagues: slates whose points count together, and players who are ranked in them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.scoring.base import Base


class Season(Base):
    """Slates whose points count together: everybody who has a team in one of them is ranked. `revision` counts its changes."""

    __tablename__ = "seasons"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    title: Mapped[str]
    revision: Mapped[int]
    created_at: Mapped[datetime]


class SeasonSlate(Base):
    """A slate of a season, and up to which of its revisions the season's totals have it."""

    __tablename__ = "season_slates"

    season_id: Mapped[UUID] = mapped_column(ForeignKey("seasons.id"), primary_key=True)
    slate_id: Mapped[UUID] = mapped_column(ForeignKey("slates.id"), primary_key=True)
    reached: Mapped[int]

    __table_args__ = (Index("ix_season_slates_slate_id", "slate_id"),)


class SeasonBest(Base):
    """What a player's best team of a slate has: that much counts in the season."""

    __tablename__ = "season_bests"

    season_id: Mapped[UUID] = mapped_column(ForeignKey("seasons.id"), primary_key=True)
    slate_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    units: Mapped[int]


class SeasonTotal(Base):
    """The sum of a player's bests. `changed_in` is the season's revision that last moved it."""

    __tablename__ = "season_totals"

    season_id: Mapped[UUID] = mapped_column(ForeignKey("seasons.id"), primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    units: Mapped[int]
    changed_in: Mapped[int]


class League(Base):
    """Players of a season among themselves: who has the `code` may join."""

    __tablename__ = "leagues"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    season_id: Mapped[UUID] = mapped_column(ForeignKey("seasons.id"))
    title: Mapped[str]
    owner_id: Mapped[UUID]
    code: Mapped[str]
    members: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_leagues_season_id", "season_id"),)


class LeagueMember(Base):
    """Who plays in a league."""

    __tablename__ = "league_members"

    league_id: Mapped[UUID] = mapped_column(ForeignKey("leagues.id"), primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    joined_at: Mapped[datetime]

    __table_args__ = (Index("ix_league_members_owner_id", "owner_id"),)
