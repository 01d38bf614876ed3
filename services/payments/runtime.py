"""Opens what payments reaches outside, from the environment: for a web process and for a worker."""

from __future__ import annotations

from contextlib import AsyncExitStack

import httpx

from services.common.machine_tokens import Credentials, MachineTokens
from services.common.rotating import accepted
from services.common.sealing import Sealer
from services.common.settings import load, variable
from services.payments.outside import Background, Outside
from services.payments.providers.transport import TIMEOUT
from services.payments.routing import Router
from services.payments.settings import InstrumentSettings, ProviderSettings, open_providers
from services.payments.wallet import CLIENTS, Act, Wallet, WalletClient


def sealer() -> Sealer:
    """What opens players' accounts."""
    current, *previous = accepted(load(InstrumentSettings).instrument_key, "INSTRUMENT_KEY")
    return Sealer(current, "instruments", previous)


async def open_outside(stack: AsyncExitStack, transport: httpx.AsyncBaseTransport | None = None) -> Outside:
    """What every process reaches, closed with `stack`; tests bring a `transport` to the providers. Raises SettingsError."""
    providers, clients = open_providers(load(ProviderSettings), transport)
    for client in clients:
        await stack.enter_async_context(client)
    return Outside(providers=providers, router=Router(list(providers)), sealer=sealer())


async def open_wallet(stack: AsyncExitStack, transport: httpx.AsyncBaseTransport | None = None) -> Wallet:
    """The wallet, with a token for each act; tests bring a `transport` to it and to auth. Raises SettingsError."""
    http = httpx.AsyncClient(base_url=variable("WALLET_URL"), timeout=TIMEOUT, transport=transport, trust_env=False)
    await stack.enter_async_context(http)
    tokens: dict[Act, MachineTokens] = {name: MachineTokens(Credentials.of(name), http) for name in CLIENTS}
    return WalletClient(http, tokens)


async def open_worker() -> Background:
    """What a worker reaches; it is kept until the process ends. Raises SettingsError."""
    stack = AsyncExitStack()
    shared, wallet = await open_outside(stack), await open_wallet(stack)
    return Background(providers=shared.providers, router=shared.router, sealer=shared.sealer, wallet=wallet)
