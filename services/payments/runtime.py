"""Opens what payments reaches outside, from the environment: for a web process and for a worker."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

import httpx

from services.common.machine_tokens import Credentials, MachineTokens
from services.common.rotating import accepted
from services.common.sealing import Sealer
from services.common.settings import load, variable
from services.common.telemetry.carried import ServiceClient
from services.payments.levels import CLIENT, SECONDS, KycLevels, Levels
from services.payments.outside import Outside
from services.payments.providers.transport import TIMEOUT
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
    http = ServiceClient(base_url=variable("WALLET_URL"), timeout=TIMEOUT, transport=inside, trust_env=False)
    for client in (*clients, http):
        await stack.enter_async_context(client)
    tokens: dict[Act, MachineTokens] = {name: MachineTokens(Credentials.of(name), http) for name in acts}
    return Outside(
        providers=adapters, router=Router(list(adapters)), sealer=sealer(), wallet=WalletClient(http, tokens)
    )


async def open_levels(stack: AsyncExitStack, transport: httpx.AsyncBaseTransport | None = None) -> Levels:
    """Kyc; tests bring a `transport` to it and to auth. Raises SettingsError."""
    http = ServiceClient(base_url=variable("KYC_URL"), timeout=SECONDS, transport=transport, trust_env=False)
    await stack.enter_async_context(http)
    return KycLevels(http, MachineTokens(Credentials.of(CLIENT), http))


async def open_worker() -> Outside:
    """What a worker reaches; it is kept until the process ends. Raises SettingsError."""
    return await open_outside(AsyncExitStack(), WORKER)
