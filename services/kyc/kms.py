"""AWS KMS over boto3, which is imported at the first use: it takes half a second and 30 MB of memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from services.kyc.vault import Context, KeysUnavailableError, VaultError

#: Seconds to connect and to answer, and how often a call is sent.
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 2, 3, 2

#: What KMS answers where a key was wrapped by another key or for another context.
_NOT_THIS_ONE = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})

T = TypeVar("T")


class Kms:
    """The key `arn`, with the credentials of the task."""

    def __init__(self, arn: str) -> None:
        self._arn = arn
        self._client: Any = None
        self._lock = threading.Lock()

    async def make(self, context: Context) -> tuple[bytes, bytes]:
        """As the port says."""

        def ask(client: Any) -> tuple[bytes, bytes]:
            made = client.generate_data_key(KeyId=self._arn, KeySpec="AES_256", EncryptionContext=dict(context))
            return made["Plaintext"], made["CiphertextBlob"]

        return await asyncio.to_thread(self._call, ask)

    async def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        """As the port says."""

        def ask(client: Any) -> bytes:
            found = client.decrypt(KeyId=self._arn, CiphertextBlob=wrapped, EncryptionContext=dict(context))
            plain: bytes = found["Plaintext"]
            return plain

        return await asyncio.to_thread(self._call, ask)

    def _call(self, ask: Callable[[Any], T]) -> T:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return ask(self._open())
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _NOT_THIS_ONE:
                raise VaultError("KMS does not unwrap the key for this player") from None
            raise KeysUnavailableError(f"KMS: {code}") from None
        except BotoCoreError as error:
            raise KeysUnavailableError(f"KMS: {type(error).__name__}") from None

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                import boto3
                from botocore.config import Config

                name: Any = "kms"
                retries: Any = {"total_max_attempts": ATTEMPTS, "mode": "standard"}
                config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries=retries)
                self._client = boto3.client(name, config=config)
            return self._client
