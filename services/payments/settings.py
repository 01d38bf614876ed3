"""What payments reads from its environment beside what every service does: the providers' addresses and keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import httpx
from pydantic import Field, HttpUrl, SecretStr

from services.common.rotating import accepted
from services.common.settings import Settings
from services.payments.providers import cashfree, razorpay
from services.payments.providers.cashfree import Cashfree
from services.payments.providers.port import Provider, ProviderName
from services.payments.providers.razorpay import Razorpay
from services.payments.providers.transport import client


class ProviderSettings(Settings):
    """Secrets of the manifest, and addresses of its egress group; secrets that rotate hold two values for a while."""

    razorpay_url: HttpUrl
    razorpay_key_id: SecretStr
    razorpay_key_secret: SecretStr
    razorpay_webhook_secret: SecretStr
    razorpay_account_number: SecretStr
    cashfree_url: HttpUrl
    cashfree_client_id: SecretStr
    cashfree_client_secret: SecretStr
    cashfree_payout_id: SecretStr
    cashfree_payout_secret: SecretStr


class InstrumentSettings(Settings):
    """What players' bank accounts are sealed with."""

    instrument_key: Annotated[SecretStr, Field(min_length=16)]


def open_providers(
    settings: ProviderSettings, transport: httpx.AsyncBaseTransport | None = None
) -> tuple[Mapping[ProviderName, Provider], list[httpx.AsyncClient]]:
    """The adapters, the primary provider first, and their clients, which the caller closes; tests bring a `transport`."""
    first = client(_base(settings.razorpay_url), transport)
    second = client(_base(settings.cashfree_url), transport)
    providers: dict[ProviderName, Provider] = {
        "razorpay": Razorpay(
            first,
            razorpay.RazorpayKeys(
                key_id=_current(settings.razorpay_key_id, "RAZORPAY_KEY_ID"),
                key_secret=_current(settings.razorpay_key_secret, "RAZORPAY_KEY_SECRET"),
                webhook=accepted(settings.razorpay_webhook_secret, "RAZORPAY_WEBHOOK_SECRET"),
                account=_current(settings.razorpay_account_number, "RAZORPAY_ACCOUNT_NUMBER"),
            ),
        ),
        "cashfree": Cashfree(
            second,
            cashfree.CashfreeKeys(
                client_id=_current(settings.cashfree_client_id, "CASHFREE_CLIENT_ID"),
                secrets=accepted(settings.cashfree_client_secret, "CASHFREE_CLIENT_SECRET"),
                payout_id=_current(settings.cashfree_payout_id, "CASHFREE_PAYOUT_ID"),
                payout_secrets=accepted(settings.cashfree_payout_secret, "CASHFREE_PAYOUT_SECRET"),
            ),
        ),
    }
    return providers, [first, second]


def _base(url: HttpUrl) -> str:
    return str(url).rstrip("/")


def _current(secret: SecretStr, name: str) -> str:
    return accepted(secret, name)[0]
