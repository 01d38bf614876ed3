"""The keys by which platform and stand-in know each other: in the emulator's Secrets Manager, as operators have them there."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import httpx

#: How long what was read is used: a rotated secret is known after that.
_FRESH_SECONDS = 20.0

#: What partners and the platform know each other by, as the beginnings of the variables' names.
_SHARED = ("RAZORPAY_", "CASHFREE_", "MESSAGES_", "OIDC_", "DIGILOCKER_", "ESIGN_")


class Secrets:
    """Secrets that partners share with services. Plain HTTP, and no boto3: it would double what the process takes of memory."""

    def __init__(self, http: httpx.AsyncClient, emulator: str, region: str) -> None:
        self._http, self._emulator = http, emulator
        scope = f"Credential=test/20200101/{region}/secretsmanager/aws4_request"
        self._authorization = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=none"
        self._values: dict[str, str] = {}
        self._places: dict[str, str] = {}
        self._read_at = float("-inf")

    def of(self, variable: str) -> str:
        """The current value; a rotated secret holds it before the previous one. Raises KeyError while there is none."""
        return self._values[variable].split()[0]

    def whole(self, variable: str) -> str:
        """The same of one that is no word, as it is. Raises KeyError."""
        return self._values[variable]

    async def put(self, variable: str, value: str) -> None:
        """Give it another value, as an operator does. Raises KeyError for one that is not there, and httpx.HTTPError."""
        await self._ask(
            "PutSecretValue", SecretId=self._places[variable], SecretString=value, ClientRequestToken=str(uuid.uuid4())
        )
        self._values[variable] = value

    async def read(self) -> None:
        """Read them now."""
        self._read_at = float("-inf")
        await self.refresh()

    async def refresh(self) -> None:
        """Read them, unless that was done a moment ago. What cannot be read stays as it was."""
        if time.monotonic() - self._read_at < _FRESH_SECONDS:
            return
        try:
            wanted = [name for name in await self._names() if name.rpartition("/")[2].startswith(_SHARED)]
            for name in wanted:
                value = (await self._ask("GetSecretValue", SecretId=name))["SecretString"]
                variable = name.rpartition("/")[2]
                self._values[variable], self._places[variable] = str(value), name
        except (httpx.HTTPError, KeyError, ValueError):
            return
        if wanted:
            self._read_at = time.monotonic()

    async def _names(self) -> list[str]:
        page = await self._ask("ListSecrets", MaxResults=100)
        names = [str(each["Name"]) for each in page["SecretList"]]
        while token := page.get("NextToken"):
            page = await self._ask("ListSecrets", MaxResults=100, NextToken=token)
            names += [str(each["Name"]) for each in page["SecretList"]]
        return names

    async def _ask(self, operation: str, **parameters: Any) -> Any:
        headers = {
            "Authorization": self._authorization,
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"secretsmanager.{operation}",
        }
        answer = await self._http.post(f"{self._emulator}/", content=json.dumps(parameters), headers=headers)
        answer.raise_for_status()
        return answer.json()
