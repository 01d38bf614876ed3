"""A stand-in for a messaging gateway: takes e-mails and text messages, and shows them instead of sending them.

`POST /messages {channel, to, subject, text}` from who has the key, with an `Idempotency-Key`, whose repetition has no second
effect.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from localcloud.partners.wire import Answer, PartnerCall

#: What is kept to be shown; what came before is forgotten.
KEPT = 1000


class MessagesStandIn:
    """The gateway. `secret`: variable → the platform's secret. `fail`: so many answers are lost after they had their effect."""

    def __init__(self, secret: Callable[[str], str]) -> None:
        self._secret = secret
        self.taken: dict[str, dict[str, Any]] = {}
        self.fail = 0

    async def handle(self, request: PartnerCall) -> Answer:
        """The gateway's answer."""
        if (request.method, request.path) != ("POST", "/messages"):
            return Answer.of({"error": "not_found"}, 404)
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self._secret('MESSAGES_KEY')}".encode()):
            return Answer.of({"error": "unauthorized"}, 401)
        return Answer.of({}, self._take(request.headers.get("idempotency-key", ""), request))

    def shown(self, to: str) -> list[dict[str, Any]]:
        """What was taken for `to`, the newest last."""
        return [each for each in self.taken.values() if each["to"] == to]

    def _take(self, key: str, request: PartnerCall) -> int:
        try:
            message = request.json()
            complete = all(isinstance(message[name], str) for name in ("channel", "to", "subject", "text"))
        except (ValueError, KeyError, TypeError):
            complete = False
        if not complete or not key:
            return 400
        self.taken.setdefault(key, message)
        while len(self.taken) > KEPT:
            del self.taken[next(iter(self.taken))]
        if self.fail:
            self.fail -= 1
            return 502
        return 202
