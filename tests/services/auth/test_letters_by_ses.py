"""E-mails by SES where a sender is named: what SES is told, what becomes of its refusals and of its silence."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from localcloud.partners.wire import Answer, PartnerCall, Wire, serve
from services.auth import letters
from services.auth.tasks import jobs
from services.common.aws import AwsClient, AwsError
from tests.services.auth.fixtures import Auth
from tests.services.support import Clock, environ

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("cheap_passwords")]

SENDER = {"MAIL_FROM": "letters@play.matchday.example", "MAIL_CONFIGURATION_SET": "players"}
CREDENTIALS = {
    "AWS_REGION": "ap-south-1", "AWS_DEFAULT_REGION": "ap-south-1", "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}  # fmt: skip


@dataclass
class Ses:
    """SES's `SendEmail`: takes what it is sent, and says what the test wants next."""

    taken: list[dict[str, Any]] = field(default_factory=list)
    next: list[Answer] = field(default_factory=list)

    async def handle(self, call: PartnerCall) -> Answer:
        assert (call.method, call.path) == ("POST", "/v2/email/outbound-emails")
        assert call.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=test/")
        self.taken.append(call.json())
        return self.next.pop(0) if self.next else Answer.of({"MessageId": "1"})


def refusal(code: str, status: int) -> Answer:
    return Answer.of({"message": "no"}, status, **{"x-amzn-errortype": code})


@pytest.fixture(autouse=True)
def fresh_client() -> Any:
    letters._ses.cache_clear()
    yield
    letters._ses.cache_clear()


async def waiting(auth: Auth) -> list[Any]:
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    rows = await app.fetch("SELECT id, done_at, attempts FROM outbox ORDER BY id")
    await app.close()
    return list(rows)


async def test_an_e_mail_goes_by_ses_and_a_text_message_by_the_gateway(
    auth: Auth, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)  # as `logs.configure` has it for libraries
    person = await auth.person()
    phone = await auth.client.post("/auth/contacts", json={"phone": "+919876543210"}, headers=person.bearer)
    assert phone.status_code == 202
    code = await auth.secret(person.email)
    ses, gateway = Ses(), Ses()

    async def by_gateway(call: PartnerCall) -> Answer:
        gateway.taken.append(call.json())
        return Answer.of({}, 202)

    servers = [await serve("127.0.0.1", 0, handler) for handler in (ses.handle, by_gateway)]
    ses_url, gateway_url = (f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers)
    variables = auth.cloud.environment("auth", auth.database, process="worker", MESSAGES_URL=gateway_url)
    ids = [row["id"] for row in await waiting(auth)]
    # The sender is not verified yet, SES has had enough for now, its answer is lost: all of that is tried again.
    ses.next = [
        refusal("MessageRejected", 400),
        refusal("TooManyRequestsException", 429),
        Answer(200, b"", wire=Wire.RESET),
    ]
    with environ({**variables, **CREDENTIALS, **SENDER, "AWS_ENDPOINT_URL": ses_url}):
        for _ in range(5):
            await jobs.handle(auth.app.state.sessions, clock, "auth.send_letter", ids)
            clock.move(hours=1)
    for server in servers:
        server.close()
    assert len(ses.taken) == 4, "the SDK sends nothing twice, and what was taken is done"
    assert {str(each) for each in ses.taken} == {str(ses.taken[0])}
    letter = ses.taken[0]
    assert letter["Destination"] == {"ToAddresses": [person.email]}
    assert (letter["FromEmailAddress"], letter["ConfigurationSetName"]) == tuple(SENDER.values())
    assert code in letter["Content"]["Simple"]["Subject"]["Data"]
    assert [each["channel"] for each in gateway.taken] == ["phone"]
    assert all(row["done_at"] is not None for row in await waiting(auth))
    assert person.email not in caplog.text and code not in caplog.text


async def test_what_ses_never_sends_is_given_up_and_said_without_the_address(
    auth: Auth, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)  # as `logs.configure` has it for libraries
    person = await auth.person()
    ses = Ses(next=[refusal("BadRequestException", 400)])
    server = await serve("127.0.0.1", 0, ses.handle)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    ids = [row["id"] for row in await waiting(auth)]
    variables = auth.cloud.environment("auth", auth.database, process="worker")
    with environ({**variables, **CREDENTIALS, **SENDER, "AWS_ENDPOINT_URL": url}):
        for _ in range(2):
            await jobs.handle(auth.app.state.sessions, clock, "auth.send_letter", ids)
    server.close()
    assert len(ses.taken) == 1
    (said,) = [record for record in caplog.records if "letter refused" in record.message]
    assert getattr(said, "status", None) == "BadRequestException"
    assert person.email not in caplog.text


async def test_the_emulators_ses_takes_a_letter_from_an_address_that_is_verified(
    aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": aws}.items():
        monkeypatch.setenv(name, value)
    sender = letters.MailSettings(mail_from=SENDER["MAIL_FROM"], mail_configuration_set="players")
    letter = {"channel": "email", "to": "somebody@example.com", "subject": "Hello", "text": "World"}

    def sent() -> int:
        points = boto3.client("ses").get_send_statistics()["SendDataPoints"]
        return sum(point["DeliveryAttempts"] for point in points)

    with pytest.raises(AwsError, match="MessageRejected"):
        await letters._by_ses(sender, letter)
    before = await asyncio.to_thread(sent)
    await AwsClient("sesv2").call(lambda client: client.create_email_identity(EmailIdentity=sender.mail_from))
    await letters._by_ses(sender, letter)
    assert await asyncio.to_thread(sent) == before + 1
