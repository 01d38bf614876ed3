"""Scoring's web application."""

from __future__ import annotations

from contextlib import AsyncExitStack

import httpx
from fastapi import FastAPI

from services.common.application import create_application
from services.common.cache import create_cache
from services.common.clock import Clock
from services.common.events import endpoint
from services.common.issuer import open_verifier
from services.common.settings import CacheSettings, load
from services.scoring.endpoints import router
from services.scoring.endpoints_seasons import router as seasons
from services.scoring.endpoints_staff import staff
from services.scoring.errors import ScoringCode
from services.scoring.internal import internal
from services.scoring.internal_feeds import router as feeds
from services.scoring.store import open_rules, open_store


def create_app(clock: Clock | None = None, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """The application; tests bring a clock, and another way to reach auth than the network, of their own."""

    async def open_resources(app: FastAPI, stack: AsyncExitStack) -> None:
        await open_verifier(app, stack, transport)
        app.state.cache = create_cache(load(CacheSettings))
        stack.push_async_callback(app.state.cache.aclose)
        app.state.store, app.state.rules = open_store(), open_rules()

    return create_application(
        title="Matchday scoring",
        summary="Points of matches, teams and contests, from feeds to prizes",
        routers=[router, seasons, staff, internal, feeds, endpoint.router("scoring")],
        opener=open_resources,
        codes=ScoringCode,
        clock=clock,
    )
