"""`python -m localcloud.partners`: the stand-ins on one loopback address, told apart by Host."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import ipaddress
import json
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

import httpx
from cryptography import x509

from localcloud.partners.cashfree import CashfreeStandIn
from localcloud.partners.digilocker import Citizen, DigilockerStandIn
from localcloud.partners.esp import EspStandIn
from localcloud.partners.feeds import FeedStandIn
from localcloud.partners.keys import LASTS, Keys, identity
from localcloud.partners.messages import MessagesStandIn
from localcloud.partners.oidc import OidcStandIn, Person
from localcloud.partners.provider import Refusal, StandIn
from localcloud.partners.razorpay import RazorpayStandIn
from localcloud.partners.secrets import Secrets
from localcloud.partners.secure_id import SecureIdStandIn
from localcloud.partners.signing import Identity
from localcloud.partners.wire import Answer, Handler, PartnerCall, serve
from localcloud.partners.world import Fault, Scenario, World

#: Between two rounds of what time does: refunds and payouts end, webhooks go out.
_ROUND_SECONDS = 0.25

#: Providers of results.
_FEEDS = ("cricsheet", "f1db", "fpl", "scorer")


class Partners:
    """The stand-ins, and what `/_partners/` answers: to who plays people (at their bank, at their mailbox, logged in at the
    provider), and to who sets the scenario."""

    def __init__(self, secrets: Secrets, ingress: str, keys: Keys) -> None:
        self._ingress, self._secrets = ingress, secrets
        run = uuid.uuid4().hex
        world = {name: World(name, Scenario(), time.time, run) for name in ("razorpay", "cashfree")}
        self.stand_ins: Mapping[str, StandIn] = {
            "razorpay": RazorpayStandIn(world["razorpay"], secrets.of),
            "cashfree": CashfreeStandIn(world["cashfree"], secrets.of),
        }
        self.feeds = {name: FeedStandIn(World(name, Scenario(), time.time, run)) for name in _FEEDS}
        self.secure_id = SecureIdStandIn(World("secure-id", Scenario(), time.time, run), secrets.of)
        self._messages = MessagesStandIn(secrets.of)
        self.oidc = OidcStandIn(secrets.of)
        back = [f"http://{host}:{ingress.rpartition(':')[2]}/identified" for host in ("localhost", "127.0.0.1")]
        self.esp = EspStandIn(World("esign", Scenario(), time.time, run), _Registered(secrets))
        self.esp.identity, self.esp.authority = keys.identity("esp"), keys.identity("signers")
        self.digilocker = DigilockerStandIn(World("digilocker", Scenario(), time.time, run), secrets.of, back)
        self.digilocker.identity = keys.identity("digilocker")
        self._handlers: Mapping[str, Handler] = {
            **{name: each.handle for name, each in self.stand_ins.items()},
            **{name: each.handle for name, each in self.feeds.items()},
            "secure-id": self.secure_id.handle,
            "messages": self._messages.handle,
            "oidc": self.oidc.handle,
            "digilocker": self.digilocker.handle,
            "esign": self.esp.handle,
        }

    async def handle(self, request: PartnerCall) -> Answer:
        """An answer of the provider whose name the Host begins with."""
        if request.path.startswith("/_partners/"):
            try:
                if (request.method, request.path) == ("POST", "/_partners/enrolment"):
                    return Answer.of({"put": await self._enrol()})
                return self._control(request)
            except Refusal as refusal:
                return Answer.of({"error": refusal.code}, refusal.status)
            except (KeyError, ValueError, TypeError) as error:
                return Answer.of({"error": f"{type(error).__name__}: {error}"}, 400)
        handler = self._handlers.get(request.headers.get("host", "").partition(".")[0])
        if handler is None:
            return Answer.of({"error": "no such partner"}, 404)
        try:
            return await handler(request)
        except KeyError:  # a secret that is not there yet
            return Answer.of({"error": "not_ready"}, 503)

    async def _enrol(self) -> list[str]:
        """Do what an operator does with a real eSign provider: a key of ours, whose certificate the provider registers, is put
        into Secrets Manager in place of what was generated. Which secrets were put; none where that was done before."""
        await self._secrets.read()
        try:
            identity(self._secrets.whole("ESIGN_KEY"))
            return []
        except ValueError:
            made = Identity.made("Matchday, at a stand-in for an eSign provider", lasts=LASTS)
            await self._secrets.put("ESIGN_KEY", made.pem() + made.certificate_pem())
            return ["ESIGN_KEY"]

    def _control(self, request: PartnerCall) -> Answer:
        match (request.method, *request.path.strip("/").split("/")[1:]):
            case ("GET", "health"):
                return Answer.of({name: each.world.facts() for name, each in self.stand_ins.items()})
            case ("GET", "messages", to):
                return Answer.of(self._messages.shown(unquote(to)))
            case ("PUT", "oidc", "person"):
                self.oidc.who = Person(**request.json())
                return Answer.of({})
            case ("GET", "oidc", "authorize"):
                return self.oidc.authorize(request.query)
            case ("PUT", "digilocker", "citizen"):
                wanted = request.json()
                self.digilocker.refuses, self.digilocker.who = bool(wanted.pop("refuses", False)), Citizen(**wanted)
                return Answer.of({})
            case ("PUT", "esign", "person"):
                self.esp.who = str(request.json()["name"])
                return Answer.of({})
            case ("GET", "digilocker", "authorize"):
                return self.digilocker.authorize(request.query)
            case ("PUT", "secure-id", "people"):
                self.secure_id.register(request.json())
                return Answer.of({})
            case ("PUT", "feeds", name):
                self.feeds[name].publish(request.json())
                return Answer.of({})
            case ("POST", name, "orders", order, "payment"):
                return Answer.of(self._pay(name, order))
            case ("POST", name, "payments", payment, "dispute"):
                stand_in = self.stand_ins[name]
                if not isinstance(stand_in, RazorpayStandIn):
                    raise Refusal(404, f"the stand-in of {name} has no disputes")
                stand_in.dispute(payment, **request.json())
                return Answer.of({})
            case ("PUT", name, "scenario"):
                document = request.json()
                faults = {Fault(fault): float(share) for fault, share in document.pop("faults", {}).items()}
                down = document.pop("down", None)
                scenario = Scenario(**document, faults=faults, down=Fault(down) if down else None)
                worlds = [self.secure_id.world, self.digilocker.world, self.esp.world]
                worlds += [each.world for each in self.feeds.values()]
                worlds += [each.world for each in self.stand_ins.values()]
                {each.name: each for each in worlds}[name].follow(scenario)
                return Answer.of(json.loads(json.dumps(dataclasses.asdict(scenario))))
        raise Refusal(404, "nothing here")

    def _pay(self, name: str, order: str) -> dict[str, str]:
        """What the checkout gives the player's client once he has paid."""
        stand_in = self.stand_ins[name]
        payment = stand_in.pay(order)
        signed = stand_in.callback(order, payment) if isinstance(stand_in, RazorpayStandIn) else ""
        return {"order": order, "payment": payment if signed else "", "signature": signed}

    async def run(self) -> None:
        """Let time do its work, for ever."""
        async with httpx.AsyncClient(base_url=f"http://{self._ingress}", timeout=5, trust_env=False) as http:

            async def send(name: str, headers: Mapping[str, str], body: bytes) -> int:
                given = {**headers, "Content-Type": "application/json"}
                try:
                    answer = await http.post(f"/payments/webhooks/{name}", content=body, headers=given)
                except httpx.HTTPError:
                    return 0
                return answer.status_code

            while True:
                for each in self.stand_ins.values():
                    each.step()
                    await each.deliver(send)
                await asyncio.sleep(_ROUND_SECONDS)


class _Registered(Mapping[str, x509.Certificate]):
    """Whom the eSign provider knows: the platform, by the certificate that stands beside its key in Secrets Manager."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def __getitem__(self, asp: str) -> x509.Certificate:
        if asp != self._secrets.of("ESIGN_ASP_ID"):
            raise KeyError(asp)
        try:
            return identity(self._secrets.whole("ESIGN_KEY")).certificate
        except ValueError:
            raise KeyError(asp) from None

    def __iter__(self) -> Iterator[str]:
        return iter([self._secrets.of("ESIGN_ASP_ID")])

    def __len__(self) -> int:
        return 1


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
        secrets = Secrets(http, arguments.emulator, arguments.region)
        keys = Keys(arguments.keys)
        keys.make()
        partners = Partners(secrets, arguments.ingress, keys)

        async def handle(request: PartnerCall) -> Answer:
            await secrets.refresh()
            return await partners.handle(request)

        server = await serve(arguments.host, arguments.port, handle)
        host, port = server.sockets[0].getsockname()[:2]
        partners.oidc.browser = f"http://{host}:{port}/_partners/oidc"
        print(port, flush=True)  # noqa: T201 - the supervisor reads it
        work = asyncio.create_task(partners.run())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()  # a defect of ours ends the process, with its traceback in the log
        work.cancel()
        server.close()


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="localcloud.partners", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument("--port", type=int, required=True, help="0 chooses; it is the first line of standard output")
    parser.add_argument(
        "--emulator", required=True, metavar="URL", help="whose Secrets Manager holds the providers' keys"
    )
    parser.add_argument("--region", default="ap-south-1")
    parser.add_argument("--ingress", required=True, metavar="HOST:PORT", help="where webhooks go")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="where keys are kept; left out: none is")
    arguments = parser.parse_args(argv)
    if not ipaddress.ip_address(arguments.host).is_loopback:
        sys.stderr.write(f"localcloud.partners: --host {arguments.host} is not a loopback address (127.0.0.0/8)\n")
        return 2
    asyncio.run(_serve(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
