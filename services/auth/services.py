"""Auth's rules as its endpoints use them: one object for each concern, made once when the process starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.auth.accounts import AccountService
from services.auth.clients import ClientService
from services.auth.contacts import Contacts
from services.auth.factors import FactorService
from services.auth.limiter import Limiter
from services.auth.notices import NoticeService
from services.auth.oidc import ProviderService
from services.auth.passkeys import PasskeyService
from services.auth.passwords import Passwords
from services.auth.play import PlayService
from services.auth.sessions import SessionService
from services.auth.staff import StaffService


@dataclass(frozen=True)
class Services:
    """All of them."""

    limiter: Limiter
    passwords: Passwords
    contacts: Contacts
    accounts: AccountService
    sessions: SessionService
    factors: FactorService
    passkeys: PasskeyService
    play: PlayService
    staff: StaffService
    clients: ClientService
    provider: ProviderService
    notices: NoticeService


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Auth = Annotated[Services, Depends(_services)]
