"""One of AWS's services over boto3, which is imported at the first use: it takes half a second and 30 MB of memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

#: Seconds to connect and to answer, and how often a call is sent.
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 2, 3, 2

T = TypeVar("T")


class AwsError(RuntimeError):
    """AWS refused, or did not answer; `code` is its own, or the name of what happened on the way."""

    def __init__(self, service: str, code: str) -> None:
        super().__init__(f"{service}: {code}")
        self.code = code


class AwsClient:
    """The client of `service`, with the credentials of the task; calls run in threads, each sent `attempts` times at most."""

    def __init__(self, service: str, *, attempts: int = ATTEMPTS, **config: Any) -> None:
        self._service, self._attempts, self._config = service, attempts, config
        self._client: Any = None
        self._lock = threading.Lock()

    async def call(self, ask: Callable[[Any], T]) -> T:
        """What `ask` gets from the client. Raises AwsError."""
        return await asyncio.to_thread(self._call, ask)

    def _call(self, ask: Callable[[Any], T]) -> T:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return ask(self._open())
        except ClientError as error:
            found: Mapping[str, Any] = error.response
            raise AwsError(self._service, str(found.get("Error", {}).get("Code", ""))) from None
        except BotoCoreError as error:
            raise AwsError(self._service, type(error).__name__) from None

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                import boto3
                from botocore.config import Config

                name: Any = self._service
                retries: Any = {"total_max_attempts": self._attempts, "mode": "standard"}
                config = Config(
                    connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries=retries, **self._config
                )
                self._client = boto3.client(name, config=config)
            return self._client
