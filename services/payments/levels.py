"""What payments asks of kyc: the level that a player's identity is verified to. No answer is no level."""

from __future__ import annotations

import logging
from typing import Literal, Protocol
from uuid import UUID

from pydantic import BaseModel, ValidationError

from services.common.outside import NotDone, Refused, Unknown
from services.common.service_api import ServiceApi

Level = Literal["none", "basic", "full"]

#: From the lowest.
ORDER: tuple[Level, ...] = ("none", "basic", "full")

#: Client of the manifest, and seconds that kyc has for an answer: a player waits for it.
CLIENT, SECONDS = "payments-kyc", 2.0

log = logging.getLogger(__name__)


def reaches(level: Level, wanted: Level) -> bool:
    """Whether `level` is as high as `wanted`."""
    return ORDER.index(level) >= ORDER.index(wanted)


class Levels(Protocol):
    """Who says levels."""

    async def of(self, player: UUID) -> Level:
        """A player's level; `none` where nobody says."""
        ...


class _Answer(BaseModel):
    player: UUID
    level: Level


class KycLevels:
    """The adapter over kyc's internal API."""

    def __init__(self, api: ServiceApi) -> None:
        self._api = api

    async def of(self, player: UUID) -> Level:
        """As the port says: what is not a good answer of kyc's about this player is none."""
        try:
            found = _Answer.model_validate(await self._api.ask("GET", f"/kyc/internal/levels/{player}"))
        except (Refused, NotDone, Unknown, ValidationError) as error:
            log.warning("no level from kyc", extra={"reason": type(error).__name__})
            return "none"
        return found.level if found.player == player else "none"
