"""What auth writes to people, and how it is sent: through the outbox, by the worker, by whoever carries letters here.

The outbox's row holds the letter sealed: it names a person, and may hold a code. The messaging gateway (MESSAGES_URL) takes
`POST /messages {channel, to, subject, text}` with an `Idempotency-Key` from who has its key (MESSAGES_KEY). Where the
environment names a sender (MAIL_FROM), e-mails go by SES instead.
"""

from __future__ import annotations

import base64
import functools
import json
import logging
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import httpx
from pydantic import HttpUrl, SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.contacts import Contact, Kind
from services.auth.settings import EmailSecrets
from services.common import logs, outbox
from services.common.aws import AwsClient, AwsError
from services.common.clock import Clock
from services.common.outbox import Message
from services.common.outside import OutsideCall, Refused, Try
from services.common.rotating import accepted
from services.common.sealing import Sealer
from services.common.settings import Settings, load
from services.common.telemetry.carried import PartnerClient

TASK = "auth.send_letter"

#: How long the gateway may take for one letter.
GATEWAY_SECONDS = 8.0

#: Refusals that say nothing about the letter: our key, our haste.
_NOT_FINAL = (401, 403, 408, 429)

#: What SES says of one letter, for good. Not MessageRejected: it says so of a sender that is not verified, too, and codes would
#: be lost by a slip of ours.
_SES_REFUSES = frozenset({"BadRequestException"})

log = logging.getLogger(__name__)


class Letter(StrEnum):
    """A letter: its subject, then its text, in which `{secret}` is a code or a token."""

    VERIFY = "Your code: {secret}\n\nEnter it to verify that this is yours. It is good for a short time and once."
    RESET = "Set a new password\n\nYour token: {secret}\n\nIt is good for 30 minutes and once. If you did not ask: do nothing."
    REGISTERED_AGAIN = (
        "Somebody registered with your address\n\nYou have an account here already. If that was you, log in, or set a new "
        "password. If not, you need not do anything."
    )
    CHANGED = (
        "Your password was changed\n\nEvery session of yours was ended. If that was not you, set a new password now and "
        "write to support."
    )
    FACTORS_CHANGED = (
        "Your second factors were changed\n\nIf that was not you, change your password and write to support."
    )


class GatewaySettings(Settings):
    """Where the messaging gateway is, and what it knows us by."""

    messages_url: HttpUrl
    messages_key: SecretStr


class MailSettings(Settings):
    """From whom, and by which configuration set, SES sends e-mails; empty where the gateway does."""

    mail_from: str = ""
    mail_configuration_set: str = ""


@functools.cache
def _ses() -> AwsClient:
    """SES. It knows no key of a letter, so the SDK sends nothing again after silence: the outbox does, after its pauses."""
    return AwsClient("sesv2", attempts=1)


def sealer() -> Sealer:
    """What letters are sealed with while they wait."""
    return Sealer(load(EmailSecrets).email_key.get_secret_value(), "auth/letters")


class Post:
    """Hands letters to the outbox."""

    def __init__(self, letters: Sealer) -> None:
        self._letters = letters

    async def send(self, session: AsyncSession, to: Contact, letter: Letter, *, secret: str = "") -> None:
        """Have a letter sent once the session's transaction has committed."""
        await outbox.enqueue(session, TASK, self._sealed(to, letter.replace("{secret}", secret)))

    async def send_once(self, session: AsyncSession, letter_id: UUID, to: Contact, letter: str) -> None:
        """The same for a letter that has an id: the second time nothing happens."""
        await outbox.receive(session, letter_id, TASK, self._sealed(to, letter), logs.request_id.get())

    def _sealed(self, to: Contact, letter: str) -> dict[str, str]:
        subject, _, text = letter.partition("\n\n")
        written = {"channel": to.kind, "to": to.value, "subject": subject, "text": text}
        sealed = self._letters.seal(json.dumps(written).encode(), TASK)
        return {"sealed": base64.b64encode(sealed).decode()}


@dataclass
class SendLetter(OutsideCall[dict[str, str], None]):
    """The call to the gateway. A time-out is UNKNOWN and is tried again with the same key, so nobody gets a letter twice."""

    transport: httpx.AsyncBaseTransport | None = None
    timeout = timedelta(seconds=10)

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> dict[str, str] | None:
        """The letter."""
        found: dict[str, str] = json.loads(sealer().open(base64.b64decode(message.payload["sealed"]), TASK))
        return found

    async def call(self, wanted: Try[dict[str, str]]) -> None:
        """Hand it over. A refusal of the letter is final; one of our key, or of all that we send, is tried again."""
        sender = load(MailSettings)
        if sender.mail_from and wanted.request["channel"] == Kind.EMAIL:
            await _by_ses(sender, wanted.request)
        else:
            await self._by_gateway(wanted)

    async def _by_gateway(self, wanted: Try[dict[str, str]]) -> None:
        gateway = load(GatewaySettings)
        url = str(gateway.messages_url).rstrip("/") + "/messages"
        key, *_ = accepted(gateway.messages_key, "MESSAGES_KEY")
        headers = {"Idempotency-Key": wanted.key, "Authorization": f"Bearer {key}"}
        async with PartnerClient(timeout=GATEWAY_SECONDS, transport=self.transport, trust_env=False) as http:
            answer = await http.post(url, json=wanted.request, headers=headers)
        if 400 <= answer.status_code < 500 and answer.status_code not in _NOT_FINAL:
            raise Refused(str(answer.status_code))
        answer.raise_for_status()

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: dict[str, str], outcome: Refused | None
    ) -> None:
        """Say where a letter was refused; nothing else depends on it."""
        if isinstance(outcome, Refused):
            fields = {"status": outcome.code, "channel": request["channel"]}
            log.error("letter refused by the gateway", extra={**fields, "runbook": "auth-partners"})


async def _by_ses(sender: MailSettings, letter: dict[str, str]) -> None:
    """Send an e-mail. Raises Refused for what SES never sends; its silence, and what concerns all letters, is tried again."""
    what: dict[str, Any] = {
        "FromEmailAddress": sender.mail_from,
        "Destination": {"ToAddresses": [letter["to"]]},
        "ConfigurationSetName": sender.mail_configuration_set,
        "Content": {
            "Simple": {
                "Subject": {"Data": letter["subject"], "Charset": "UTF-8"},
                "Body": {"Text": {"Data": letter["text"], "Charset": "UTF-8"}},
            }
        },
    }
    try:
        await _ses().call(lambda client: client.send_email(**what))
    except AwsError as error:
        if error.code in _SES_REFUSES:
            raise Refused(error.code) from None
        raise
