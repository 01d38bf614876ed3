"""The stand-in of Cashfree Secure ID in the test's own process, behind the adapter that the worker has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import httpx

from localcloud.partners.secure_id import SecureIdStandIn
from localcloud.partners.wire import PartnerCall, Wire
from localcloud.partners.world import Scenario, World
from services.kyc.secure_id import SecureId, SecureIdKeys, client


class SecureIdTransport(httpx.AsyncBaseTransport):
    """What a socket would have brought. At first nothing is paid for, so nobody is confirmed: each case waits for a person."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        names = {"CASHFREE_VERIFICATION_ID": "verifier", "CASHFREE_VERIFICATION_SECRET": "secret-of-the-verifier"}
        self.secrets = {**secrets, **names}
        self.stand_in = SecureIdStandIn(World("secure-id", Scenario(), time.time), self.secrets.__getitem__)
        self.stand_in.balance = 0
        self.asked = 0

    def adapter(self, seconds: float = 20.0) -> SecureId:
        """As the worker has it."""
        keys = SecureIdKeys(self.secrets["CASHFREE_VERIFICATION_ID"], self.secrets["CASHFREE_VERIFICATION_SECRET"])
        return SecureId(client("http://secure-id.partners:8090", self), keys, seconds)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        body = await request.aread()
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = PartnerCall(request.method, request.url.path, dict(request.url.params), headers, body)
        answer = await self.stand_in.handle(asked)
        if answer.wire is Wire.SILENT:
            await asyncio.sleep(0.01)
            raise httpx.ReadTimeout("silent")
        if answer.wire in (Wire.RESET, Wire.HALF, Wire.SLOW):
            raise httpx.RemoteProtocolError("cut off")
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)
