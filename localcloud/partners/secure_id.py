"""A stand-in for Cashfree Secure ID's "PAN Lite": whether a PAN, a name and a date of birth belong together.

It knows what it was told of people (`known`), and believes of every other PAN what it is asked. An id of a question is taken
once: again it is 409, whatever the question, and is charged once.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from localcloud.partners.provider import Refusal, answered, required
from localcloud.partners.razorpay import Secret
from localcloud.partners.wire import Answer, PartnerCall
from localcloud.partners.world import World

_PAN = re.compile(r"[A-Z]{5}[0-9]{4}[A-Z]")
_VERIFICATION = re.compile(r"[A-Za-z0-9._-]{1,50}")


@dataclass(frozen=True, slots=True)
class Registered:
    """Whom a PAN was issued to; `status` as the department has it: E exists, F false, N not there, X deactivated."""

    name: str
    dob: str
    status: str = "E"


class SecureIdStandIn:
    """The stand-in. `balance`: how many questions are paid for beforehand; None: any number."""

    def __init__(self, world: World, secret: Secret) -> None:
        self.world, self._secret = world, secret
        self.known: dict[str, Registered] = {}
        self.charged: dict[str, str] = {}
        self.balance: int | None = None

    async def handle(self, request: PartnerCall) -> Answer:
        """The provider's answer."""
        return answered(self.world, request, self._dispatch, self._error)

    def register(self, people: Mapping[str, Mapping[str, str]]) -> None:
        """Know whom PANs were issued to: `{pan: {name, dob, status}}`."""
        self.known |= {pan: Registered(**each) for pan, each in people.items()}

    def _dispatch(self, request: PartnerCall) -> Answer:
        given = f"{request.headers.get('x-client-id', '')}:{request.headers.get('x-client-secret', '')}".encode()
        expected = f"{self._secret('CASHFREE_VERIFICATION_ID')}:{self._secret('CASHFREE_VERIFICATION_SECRET')}".encode()
        if not hmac.compare_digest(given, expected):
            raise Refusal(401, "authentication_failed")
        if (request.method, request.path) != ("POST", "/verification/pan-lite"):
            raise Refusal(404, "not_found")
        body = request.json()
        key, pan, name, dob = (required(body, field, str) for field in ("verification_id", "pan", "name", "dob"))
        if not _VERIFICATION.fullmatch(key):
            raise Refusal(400, "verification_id_value_invalid")
        if not _PAN.fullmatch(pan):
            raise Refusal(400, "pan_value_invalid")
        date.fromisoformat(dob)
        if key in self.charged:
            raise Refusal(409, "verification_id_already_exists")
        if self.balance is not None:
            if self.balance <= 0:
                raise Refusal(422, "insufficient_balance")
            self.balance -= 1
        self.charged[key] = pan
        return Answer.of(self._answer(key, pan, name, dob))

    def _answer(self, key: str, pan: str, name: str, dob: str) -> dict[str, Any]:
        found = self.known.get(pan, Registered(name, dob))
        there = found.status == "E"
        return {
            "verification_id": key, "reference_id": int(self.world.number()), "pan": pan, "name": name, "dob": dob,
            "name_match": "Y" if there and found.name.casefold() == name.casefold() else "N",
            "dob_match": "Y" if there and found.dob == dob else "N",
            "pan_status": found.status, "status": "VALID" if there else "INVALID",
            "aadhaar_seeding_status": "Y" if there else "N", "aadhaar_seeding_status_desc": "",
        }  # fmt: skip

    def _error(self, refusal: Refusal) -> Answer:
        kind = "rate_limit_error" if refusal.status == 429 else "validation_error"
        return Answer.of(
            {"type": kind, "code": refusal.code, "message": refusal.code.replace("_", " ")}, refusal.status
        )
