"""Auth's web application."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from fastapi import FastAPI

from services.auth import keys
from services.auth.clients import load_clients
from services.auth.endpoints import router
from services.auth.errors import AuthCode
from services.auth.keys import KeyRing
from services.auth.limiter import Limiter
from services.auth.passwords import Passwords
from services.auth.service import AuthService
from services.auth.settings import EmailSecrets, KeySecrets
from services.common.application import create_application
from services.common.cache import create_cache
from services.common.clock import Clock
from services.common.events import endpoint
from services.common.rotating import accepted
from services.common.sealing import Sealer
from services.common.settings import CacheSettings, WebSettings, load
from services.common.tokens import TokenVerifier


async def _open(app: FastAPI, stack: AsyncExitStack) -> None:
    environment, clock = app.state.process.environment, app.state.clock
    sealer = keys.sealer_of(accepted(load(KeySecrets).signing_kek, "SIGNING_KEK"))
    async with app.state.sessions() as session, session.begin():
        await keys.ensure(session, sealer, clock.now())
    cache = create_cache(load(CacheSettings))
    stack.push_async_callback(cache.aclose)
    passwords = Passwords()
    stack.callback(passwords.close)
    app.state.trusted_proxies = load(WebSettings).trusted_proxies
    app.state.ring = KeyRing(app.state.sessions, sealer)
    await app.state.ring.refresh()
    reading = asyncio.create_task(app.state.ring.run())
    stack.callback(reading.cancel)
    app.state.verifier = TokenVerifier(app.state.ring, environment, clock)
    app.state.service = AuthService(
        environment=environment,
        clock=clock,
        ring=app.state.ring,
        passwords=passwords,
        limiter=Limiter(cache, clock),
        emails=Sealer(load(EmailSecrets).email_key.get_secret_value(), "auth/emails"),
        clients=load_clients(),
    )


def create_app(clock: Clock | None = None) -> FastAPI:
    """The application; tests bring a clock of their own."""
    return create_application(
        title="Matchday auth",
        summary="Accounts, sessions and the tokens that every other service trusts",
        routers=[router, endpoint.router("auth")],
        opener=_open,
        codes=AuthCode,
        clock=clock,
    )
