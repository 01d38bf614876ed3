"""The stand-ins in the test's own process: a transport to them, and their webhooks straight into the application."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from localcloud.partners.cashfree import CashfreeStandIn
from localcloud.partners.provider import StandIn
from localcloud.partners.razorpay import RazorpayStandIn
from localcloud.partners.wire import PartnerCall, Wire
from localcloud.partners.world import Scenario, World

#: Where payments finds them in a test.
URLS = {"RAZORPAY_URL": "http://razorpay.partners:8090", "CASHFREE_URL": "http://cashfree.partners:8090"}


@dataclass
class Partners(httpx.AsyncBaseTransport):
    """Both stand-ins under one scenario; `sent` are the requests that came, `seconds` how far their time is ahead."""

    secrets: Mapping[str, str]
    scenario: Scenario = field(default_factory=Scenario)
    sent: list[httpx.Request] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        def now() -> float:
            return time.time() + self.seconds

        self.razorpay = RazorpayStandIn(World("razorpay", self.scenario, now), self.secrets.__getitem__)
        self.cashfree = CashfreeStandIn(World("cashfree", self.scenario, now), self.secrets.__getitem__)
        self.all: dict[str, StandIn] = {"razorpay": self.razorpay, "cashfree": self.cashfree}

    def follow(self, scenario: Scenario) -> None:
        """Both go on under another scenario."""
        for each in self.all.values():
            each.world.follow(scenario)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """What a socket would have brought, without the waiting."""
        self.sent.append(request)
        stand_in = self.all[request.url.host.partition(".")[0]]
        body = await request.aread()
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = PartnerCall(request.method, request.url.path, dict(request.url.params), headers, body)
        answer = await stand_in.handle(asked)
        if answer.wire in (Wire.SILENT, Wire.SLOW):
            raise httpx.ReadTimeout("silent")
        if answer.wire in (Wire.RESET, Wire.HALF):
            raise httpx.RemoteProtocolError("cut off")
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)

    async def deliver(self, client: httpx.AsyncClient) -> int:
        """Let time do its work, and deliver what is due; how many webhooks were sent."""

        async def send(name: str, headers: Mapping[str, str], body: bytes) -> int:
            given = {**headers, "Content-Type": "application/json"}
            return (await client.post(f"/payments/webhooks/{name}", content=body, headers=given)).status_code

        sent = 0
        for each in self.all.values():
            each.step()
            sent += await each.deliver(send)
        return sent
