"""What the endpoints of every service depend on, beside who calls (`callers`) and the database (`postgres`, `database`)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from services.common.callers import Player
from services.common.clock import Clock
from services.common.pace import Pace


async def _clock(request: Request) -> Clock:
    clock: Clock = request.app.state.clock
    return clock


async def paced(request: Request, player: Player) -> None:
    """Refuse a player who asks faster than the application's `pace` allows. Raises ServiceError (rate_limited)."""
    pace: Pace = request.app.state.pace
    pace.take(str(player))


Now = Annotated[Clock, Depends(_clock)]
