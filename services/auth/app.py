"""Auth's web application."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import httpx
from fastapi import FastAPI

from services.auth import endpoints, endpoints_person, endpoints_staff, keys, letters
from services.auth.accounts import AccountService
from services.auth.clients import ClientService, load_clients
from services.auth.contacts import Contacts
from services.auth.ended import Ended
from services.auth.errors import AuthCode
from services.auth.factors import FactorService
from services.auth.flows import Flows
from services.auth.keys import KeyRing
from services.auth.letters import Post
from services.auth.limiter import Limiter
from services.auth.minting import Minter
from services.auth.notices import NoticeService
from services.auth.oidc import CALLBACK, Provider, ProviderService, ProviderSettings
from services.auth.passkeys import PasskeyService
from services.auth.passwords import Passwords, common
from services.auth.play import PlayService
from services.auth.services import Services
from services.auth.sessions import SessionService
from services.auth.settings import EmailSecrets, KeySecrets, PublicSettings
from services.auth.staff import StaffService
from services.common.application import create_application
from services.common.cache import open_cache
from services.common.clock import Clock
from services.common.events import endpoint
from services.common.rotating import accepted
from services.common.sealing import Sealer
from services.common.settings import CacheSettings, WebSettings, load
from services.common.telemetry.carried import PartnerClient
from services.common.tokens import TokenVerifier


async def _open(app: FastAPI, stack: AsyncExitStack) -> None:
    environment, clock = app.state.process.environment, app.state.clock
    sealer = keys.sealer_of(accepted(load(KeySecrets).signing_kek, "SIGNING_KEK"))
    async with app.state.sessions() as session, session.begin():
        await keys.ensure(session, sealer, clock.now())
    cache = await open_cache(load(CacheSettings))
    stack.push_async_callback(cache.aclose)
    passwords = Passwords()
    stack.callback(passwords.close)
    common()  # read once, here and not in a request
    app.state.trusted_proxies = load(WebSettings).trusted_proxies
    app.state.ring = KeyRing(app.state.sessions, sealer)
    await app.state.ring.refresh()
    app.state.ended = Ended(app.state.sessions, clock)
    await app.state.ended.read()
    for reader in (app.state.ring, app.state.ended):
        stack.callback(asyncio.create_task(reader.run()).cancel)
    app.state.verifier = TokenVerifier(app.state.ring, environment, clock, app.state.ended)
    http = await stack.enter_async_context(PartnerClient(timeout=3, trust_env=False))
    app.state.services = _services(app, Limiter(cache, clock), passwords, http)


def _services(app: FastAPI, limiter: Limiter, passwords: Passwords, http: httpx.AsyncClient) -> Services:
    clock: Clock = app.state.clock
    secret = load(EmailSecrets).email_key.get_secret_value()
    public = load(PublicSettings)
    contacts, flows, minter = (
        Contacts(secret),
        Flows(clock, secret),
        Minter(app.state.process.environment, clock, app.state.ring),
    )
    sessions, post = SessionService(clock, minter, limiter), Post(letters.sealer())
    accounts = AccountService(
        clock=clock,
        passwords=passwords,
        limiter=limiter,
        contacts=contacts,
        sessions=sessions,
        flows=flows,
        post=post,
    )
    passkeys = PasskeyService(clock, flows, public.origin)
    return Services(
        limiter=limiter,
        passwords=passwords,
        contacts=contacts,
        accounts=accounts,
        sessions=sessions,
        factors=FactorService(
            clock=clock,
            limiter=limiter,
            passwords=passwords,
            minter=minter,
            accounts=accounts,
            sessions=sessions,
            flows=flows,
            passkeys=passkeys,
            seal=Sealer(secret, "auth/factors"),
        ),
        passkeys=passkeys,
        play=PlayService(clock, accounts, sessions),
        staff=StaffService(clock, contacts, accounts, sessions),
        clients=ClientService(limiter, minter, load_clients()),
        provider=ProviderService(
            clock=clock,
            limiter=limiter,
            contacts=contacts,
            accounts=accounts,
            sessions=sessions,
            flows=flows,
            provider=Provider(load(ProviderSettings), http, public.public_url + CALLBACK),
        ),
        notices=NoticeService(contacts, post),
    )


def create_app(clock: Clock | None = None) -> FastAPI:
    """The application; tests bring a clock of their own."""
    return create_application(
        title="Matchday auth",
        summary="Accounts, sessions and the tokens that every other service trusts",
        routers=[
            endpoints.router,
            endpoints_person.router,
            endpoints_staff.router,
            endpoints_staff.internal,
            endpoint.router("auth"),
        ],
        opener=_open,
        codes=AuthCode,
        clock=clock,
    )
