"""Kyc's web application."""

from __future__ import annotations

from contextlib import AsyncExitStack

import httpx
from fastapi import FastAPI

from services.common.application import create_application
from services.common.clock import Clock
from services.common.issuer import open_verifier
from services.common.pace import Pace
from services.common.settings import load
from services.kyc import digilocker_endpoints, page, signing_endpoints
from services.kyc.digilocker import DigilockerSettings
from services.kyc.endpoints import internal, router
from services.kyc.errors import KycCode
from services.kyc.settings import EsignAddress, PublicSettings, open_digests, open_store, open_vault
from services.kyc.trust import Trust, pinned

#: Of one player, in one process: how often a person hands something in; numbers cannot be tried out.
PER_SECOND, AT_ONCE = 0.1, 20


def create_app(
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    trust: Trust | None = None,
) -> FastAPI:
    """The application; tests bring a clock, another way to reach auth than the network, and certificates of their own."""

    async def open_resources(app: FastAPI, stack: AsyncExitStack) -> None:
        await open_verifier(app, stack, transport)
        app.state.vault, app.state.digests, app.state.store = open_vault(), open_digests(), open_store()
        app.state.certificates = (trust or pinned()).uidai
        app.state.digilocker, app.state.public_url = load(DigilockerSettings), load(PublicSettings).public_url
        app.state.esign_url = load(EsignAddress).form
        app.state.pace = Pace(per_second=PER_SECOND, burst=AT_ONCE)

    return create_application(
        title="Matchday kyc",
        summary="Who players are, from their documents; other services learn a level and dates",
        routers=[router, digilocker_endpoints.router, signing_endpoints.router, page.router, internal],
        opener=open_resources,
        codes=KycCode,
        clock=clock,
    )
