"""Opens what payments reaches outside, from the environment: for a web process and for a worker."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

import httpx

from services.common.rotating import accepted
from services.common.sealing import Sealer
from services.common.service_api import ServiceApi, connect
from services.common.settings import load
from services.payments.levels import CLIENT, SECONDS, KycLevels, Levels
from services.payments.outside import Outside
from services.payments.providers.transport import CALL_SECONDS, TIMEOUT
from services.payments.routing import Router
from services.payments.settings import InstrumentSettings, ProviderSettings, open_providers
from services.payments.wallet import WORKER, Act, WalletClient


def sealer() -> Sealer:
    """What opens players' accounts."""
    current, *previous = accepted(load(InstrumentSettings).instrument_key, "INSTRUMENT_KEY")
    return Sealer(current, "instruments", previous)


async def open_outside(
    stack: AsyncExitStack,
    acts: Sequence[Act],
    providers: httpx.AsyncBaseTransport | None = None,
    inside: httpx.AsyncBaseTransport | None = None,
) -> Outside:
    """What a process reaches that does `acts` at the wallet, closed with `stack`. Raises SettingsError.

    Tests bring transports: to the providers, and to wallet and auth.
    """
    adapters, clients = open_providers(load(ProviderSettings), providers)
    http = connect("wallet", TIMEOUT, inside)
    for client in (*clients, http):
        await stack.enter_async_context(client)
    wallet = WalletClient({act: ServiceApi(http, act, CALL_SECONDS) for act in acts})
    return Outside(providers=adapters, router=Router(list(adapters)), sealer=sealer(), wallet=wallet)


async def open_levels(stack: AsyncExitStack, transport: httpx.AsyncBaseTransport | None = None) -> Levels:
    """Kyc; tests bring a `transport` to it and to auth. Raises SettingsError."""
    http = await stack.enter_async_context(connect("kyc", SECONDS, transport))
    return KycLevels(ServiceApi(http, CLIENT, SECONDS))


async def open_worker() -> Outside:
    """What a worker reaches; it is kept until the process ends. Raises SettingsError."""
    return await open_outside(AsyncExitStack(), WORKER)
