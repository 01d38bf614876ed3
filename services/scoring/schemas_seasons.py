"""What seasons and leagues take and give over HTTP. Points are exact decimal strings (or fractions such as "4/3")."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.scoring.schemas import Title

Code = Annotated[str, Field(pattern=r"^[A-Z2-7]{16}$")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SeasonRequest(_Request):
    """Slates whose points count together. Later requests may name more; a slate that counts goes on counting."""

    title: Title
    slates: Annotated[list[UUID], Field(min_length=1, max_length=100)]


class SeasonView(BaseModel):
    """A season. `label`: whether its points are provisional, disputed or final; `players` have a team in one of its slates."""

    id: UUID
    title: str
    slates: list[UUID]
    label: str
    players: int


class LeagueRequest(_Request):
    """A league of a season."""

    season: UUID
    title: Title


class JoinRequest(_Request):
    """What a member has told whoever wants to join."""

    code: Code


class LeagueView(BaseModel):
    """A league, as its members see it: `code` is what others join it by."""

    id: UUID
    season: UUID
    title: str
    code: str
    members: int
    created_at: datetime


class PlayerPlace(BaseModel):
    """A player's place; equal points share a rank and the next one skips ("1224")."""

    rank: int
    player: UUID
    points: str


class PlayerPlaces(BaseModel):
    """Part of the board of a season or a league, best first; `players` is how many are on all of it."""

    of: UUID
    label: str
    players: int
    places: list[PlayerPlace]
