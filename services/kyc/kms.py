"""AWS KMS as the vault's key service."""

from __future__ import annotations

from typing import Any

from services.common.aws import AwsClient, AwsError
from services.kyc.vault import Context, KeysUnavailableError, VaultError

#: What KMS answers where a key was wrapped by another key or for another context.
_NOT_THIS_ONE = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class Kms:
    """The key `arn`, with the credentials of the task."""

    def __init__(self, arn: str) -> None:
        self._arn = arn
        self._client = AwsClient("kms")

    async def make(self, context: Context) -> tuple[bytes, bytes]:
        """As the port says."""

        def ask(client: Any) -> tuple[bytes, bytes]:
            made = client.generate_data_key(KeyId=self._arn, KeySpec="AES_256", EncryptionContext=dict(context))
            return made["Plaintext"], made["CiphertextBlob"]

        try:
            return await self._client.call(ask)
        except AwsError as error:
            raise _meaning(error) from None

    async def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        """As the port says."""

        def ask(client: Any) -> bytes:
            found = client.decrypt(KeyId=self._arn, CiphertextBlob=wrapped, EncryptionContext=dict(context))
            plain: bytes = found["Plaintext"]
            return plain

        try:
            return await self._client.call(ask)
        except AwsError as error:
            raise _meaning(error) from None


def _meaning(error: AwsError) -> Exception:
    if error.code in _NOT_THIS_ONE:
        return VaultError("KMS does not unwrap the key for this player")
    return KeysUnavailableError(str(error))
