"""What the worker asks providers of identities with: opened at its first use."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.outside import Once
from services.common.settings import load
from services.kyc.digilocker import Digilocker, DigilockerSecrets
from services.kyc.esp import Esp
from services.kyc.settings import Digests, EsignAddress, EsignSettings, open_digests, open_store, open_vault
from services.kyc.store import Store
from services.kyc.trust import Trust, pinned
from services.kyc.vault import Vault


@dataclass(frozen=True, kw_only=True)
class ProviderTools:
    """What calls to providers need."""

    vault: Vault
    digests: Digests
    trust: Trust
    digilocker: Digilocker
    store: Store
    esign: EsignSettings
    esp: Esp


#: Opens them.
Providers = Once[ProviderTools]


async def open_providers() -> ProviderTools:
    """The worker's, from its environment. Raises SettingsError."""
    return ProviderTools(
        vault=open_vault(),
        digests=open_digests(),
        trust=pinned(),
        digilocker=Digilocker(load(DigilockerSecrets)),
        store=open_store(),
        esign=load(EsignSettings),
        esp=Esp(load(EsignAddress)),
    )
