"""What kyc reads from its environment beside what every service does, and what is opened from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, HttpUrl, SecretStr

from services.common.rotating import accepted
from services.common.sealing import Sealer
from services.common.settings import Settings, load
from services.kyc.kms import Kms
from services.kyc.secure_id import SecureId, SecureIdKeys, client
from services.kyc.store import Store
from services.kyc.vault import Vault


class KycSettings(Settings):
    """The KMS key of the environment's data, the bucket of pictures, and what documents' digests are keyed with."""

    data_key: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:kms:.+$")]
    bucket_documents: Annotated[str, Field(min_length=3)]
    digest_key: Annotated[SecretStr, Field(min_length=16)]


class PublicSettings(Settings):
    """Where people reach the platform: providers send them back there."""

    public_url: Annotated[str, Field(pattern=r"^https?://[a-z0-9.-]+(:[0-9]+)?$")]


class SecureIdSettings(Settings):
    """Where Cashfree Secure ID is, and what it knows us by."""

    secure_id_url: HttpUrl
    cashfree_verification_id: SecretStr
    cashfree_verification_secret: SecretStr


class EsignAddress(Settings):
    """Where the eSign provider is."""

    esign_url: HttpUrl

    @property
    def form(self) -> str:
        """Where browsers post a request of API 2.1."""
        return str(self.esign_url).rstrip("/") + "/esign/2.1/signdoc"

    @property
    def status(self) -> str:
        """Where the worker asks it what became of one."""
        return str(self.esign_url).rstrip("/") + "/esign/2.1/status"


class EsignSettings(Settings):
    """Our name at the eSign provider, and what signs our requests: a private key and its certificate, as PEM."""

    esign_asp_id: SecretStr
    esign_key: SecretStr


class Digests:
    """Keyed digests, by which a document is found again and not read. A secret that rotates has two for a while."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._sealers = [Sealer(each, "documents") for each in secrets]

    @property
    def name(self) -> bytes:
        """Which secret the present one is, without saying anything of it."""
        return self._sealers[0].digest("which secret")[:8]

    def all(self, value: str) -> list[bytes]:
        """Of `value`, the present secret's first."""
        return [each.digest(value) for each in self._sealers]


def open_vault() -> Vault:
    """The vault over KMS. Raises SettingsError."""
    return Vault(Kms(load(KycSettings).data_key))


def open_store() -> Store:
    """The bucket of pictures. Raises SettingsError."""
    return Store(load(KycSettings).bucket_documents)


def open_digests() -> Digests:
    """By the secret of the environment. Raises SettingsError."""
    return Digests(accepted(load(KycSettings).digest_key, "DIGEST_KEY"))


def open_provider() -> SecureId:
    """Who confirms PANs. Raises SettingsError."""
    found = load(SecureIdSettings)
    keys = SecureIdKeys(
        client_id=accepted(found.cashfree_verification_id, "CASHFREE_VERIFICATION_ID")[0],
        secret=accepted(found.cashfree_verification_secret, "CASHFREE_VERIFICATION_SECRET")[0],
    )
    return SecureId(client(str(found.secure_id_url)), keys)
