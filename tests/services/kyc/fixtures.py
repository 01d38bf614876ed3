"""A running kyc for the tests of every service, with a real KMS of the emulator's, and the worker's jobs."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest
from fastapi import FastAPI

from localcloud.partners.digilocker import DigilockerStandIn
from localcloud.partners.esp import EspStandIn, Twist
from localcloud.partners.signing import Identity
from localcloud.partners.wire import Answer, PartnerCall, serve
from localcloud.partners.world import Scenario, World
from services.common.database import Sessions
from services.common.jobs import Jobs
from services.common.outbox import messages
from services.common.service_api import ServiceApi
from services.common.settings import load
from services.kyc import notices, quality
from services.kyc.app import create_app
from services.kyc.checking import Toolbox, Tools
from services.kyc.digilocker import Digilocker, DigilockerSecrets
from services.kyc.esp import Esp
from services.kyc.kms import Kms
from services.kyc.providers import Providers, ProviderTools
from services.kyc.reader import Act
from services.kyc.sandbox import LIMITS, Found, PoisonError, Sandbox
from services.kyc.settings import EsignAddress, EsignSettings, open_digests
from services.kyc.store import Store
from services.kyc.tasks import jobs_with
from services.kyc.trust import Trust
from services.kyc.vault import Vault
from tests.services.auth.fixtures import Auth, Person
from tests.services.kyc.aadhaar import Authority
from tests.services.kyc.provider import SecureIdTransport
from tests.services.support import Clock, Cloud, environ, running

PAN = "ABCPS1234K"

#: Other tests of the same machine take the processors, too.
PATIENT = {act: limits._replace(seconds=500) for act, limits in LIMITS.items()}


class Remembering(Sandbox):
    """The real one, once for each file of a session: what a decoder or OCR makes of the same bytes is the same, and a process
    that loads models costs seconds. `known` is the session's."""

    def __init__(self, known: dict[tuple[Act, bytes], Found | str]) -> None:
        super().__init__(PATIENT)
        self._known = known

    async def run(self, act: Act, content: bytes) -> Found:
        key = (act, hashlib.sha256(content).digest())
        if key not in self._known:
            try:
                self._known[key] = await super().run(act, content)
            except PoisonError as error:
                self._known[key] = error.reason
        found = self._known[key]
        if isinstance(found, str):
            raise PoisonError(found)
        return found


@dataclass
class Kyc:
    """A running kyc, with the auth that it asks for keys."""

    app: FastAPI
    client: httpx.AsyncClient
    database: str
    auth: Auth
    jobs: Jobs
    clock: Clock
    bucket: str
    digilocker: DigilockerStandIn
    esp: EspStandIn
    provider: SecureIdTransport
    colleagues: dict[str, Person] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def sessions(self) -> Sessions:
        found: Sessions = self.app.state.sessions
        return found

    async def ask(self, who: Person | str, method: str, path: str, body: Any = None) -> httpx.Response:
        """Somebody's request, one of staff's by its role, or one of an operators' client (`kyc-level`) by its name."""
        if isinstance(who, Person):
            bearer = who.bearer
        elif who.startswith("kyc-"):
            bearer = await self.auth.bearer(who)
        else:
            bearer = (await self.colleague(who)).bearer
        return await self.client.request(method, f"/kyc{path}", headers=bearer, json=body)

    async def colleague(self, role: str) -> Person:
        """Who works here as `role`, one for each, with a token of this moment."""
        async with self.turn:
            found = self.colleagues.get(role) or await self.auth.colleague(role)
            if found.claims["auth_time"] != int(self.clock.now().timestamp()):  # it may have ended meanwhile
                found = await self.auth.show_two_factors(await self.auth.log_in(found))
            self.colleagues[role] = found
            return found

    async def person(self) -> Person:
        """Somebody with an account, who has just shown two factors."""
        return await self.auth.show_two_factors(await self.auth.person())

    async def player(
        self, pan: str = PAN, name: str = "Asha Sharma", birth_date: str = "1993-06-30", person: Person | None = None
    ) -> Person:
        """Somebody who handed in a PAN, which was checked; a `person` shows two factors again."""
        person = await self.auth.show_two_factors(person or await self.auth.person())
        agreed = await self.ask(person, "PUT", "/consents/identity", {"version": "2026-11", "given": True})
        assert agreed.status_code == 200, agreed.text
        answer = await self.ask(person, "PUT", "/pan", {"pan": pan, "name": name, "date_of_birth": birth_date})
        assert answer.status_code == 200, answer.text
        await self.work()
        return person

    async def work(self, failing: int = 0) -> None:
        """What the worker does, until nothing is due; `failing` messages end without an answer."""
        failed = 0
        while True:
            async with self.sessions() as session, session.begin():
                handed = await messages.hand_out(session, 200)
            if not handed:
                assert failed == failing
                return
            for each in handed:
                done = await self.jobs.handle(self.sessions, self.clock, each.task, [each.id])
                failed += done.failed

    async def case(self, person: Person) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ask(person, "GET", "/case")).json()
        return found

    async def review_of(self, person: Person, who: Person | str = "support") -> dict[str, Any]:
        """The open review of a player."""
        reviews = (await self.ask(who, "GET", "/reviews")).json()["reviews"]
        (found,) = [each for each in reviews if each["player"] == str(person.id)]
        return dict(found)

    async def decide(
        self, person: Person, outcome: str, who: Person | str = "support", reasons: tuple[str, ...] = ("looked_at",)
    ) -> httpx.Response:
        """Claim a player's review and decide."""
        review = await self.review_of(person, who)
        claimed = await self.ask(who, "POST", f"/reviews/{review['id']}/claim")
        assert claimed.status_code == 200, claimed.text
        return await self.ask(
            who, "POST", f"/reviews/{review['id']}/decision", {"outcome": outcome, "reasons": list(reasons)}
        )

    async def level(self, person: Person) -> str:
        """What another service learns."""
        return str((await self.ask("kyc-level", "GET", f"/internal/levels/{person.id}")).json()["level"])

    def objects(self, prefix: str) -> list[str]:
        """Keys in the bucket, of any version."""
        s3: Any = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name="ap-south-1")
        found = s3.list_object_versions(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for each in found.get("Versions", ())]

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        """What the database holds."""
        owner = await self.auth.cloud.connect(self.database, role="owner", service="kyc")
        try:
            return list(await owner.fetch(statement, *values))
        finally:
            await owner.close()


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The emulator, for a session."""
    command = [sys.executable, "-m", "localcloud.emulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


@pytest.fixture(scope="session")
def pictures() -> dict[tuple[Act, bytes], Found | str]:
    """What was made of files."""
    return {}


@pytest.fixture(scope="session")
def uidai() -> Authority:
    """Whose files kyc believes."""
    return Authority(datetime.now(UTC))


@pytest.fixture(scope="session")
def digilocker_identity() -> Identity:
    """What the stand-in for DigiLocker signs with; a key costs as much as many tests."""
    return Identity.made("DigiLocker of a test")


@pytest.fixture(scope="session")
def asp() -> Identity:
    """What kyc signs requests with."""
    return Identity.made("Matchday of a test")


@pytest.fixture(scope="session")
def esp() -> EspStandIn:
    """The eSign provider; its keys are made once."""
    return EspStandIn(World("esign", Scenario(), lambda: 0.0))


@pytest.fixture
def data_key(aws: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ARN of a KMS key, with the environment that a task's code finds AWS by."""
    for name, value in (
        ("AWS_ENDPOINT_URL", aws), ("AWS_REGION", "ap-south-1"), ("AWS_DEFAULT_REGION", "ap-south-1"),
        ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    kms: Any = boto3.client("kms", endpoint_url=aws, region_name="ap-south-1")
    return str(kms.create_key()["KeyMetadata"]["Arn"])


@pytest.fixture
def bucket(aws: str, data_key: str) -> str:
    """A bucket as the stack makes them: versioned, under a key of KMS."""
    name = f"kyc-documents-{uuid4().hex[:12]}"
    s3: Any = boto3.client("s3", endpoint_url=aws, region_name="ap-south-1")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": data_key}
    s3.put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": by_default}]},
    )
    return name


@pytest.fixture
async def kyc(
    cloud: Cloud, clock: Clock, cheap_passwords: None, auth: Auth, data_key: str, bucket: str, uidai: Authority,
    digilocker_identity: Identity, esp: EspStandIn, asp: Identity, monkeypatch: pytest.MonkeyPatch,
    pictures: dict[tuple[Act, bytes], Found | str],
) -> AsyncIterator[Kyc]:  # fmt: skip
    """Kyc, running, with nothing in it; its jobs run when a test says so. No decision is drawn to be made again."""
    monkeypatch.setattr(quality, "SHARE", 0.0)
    trust = Trust(
        uidai=(uidai.certificate,), digilocker=(digilocker_identity.certificate,),
        esp=(esp.identity.certificate,), signers=(esp.authority.certificate,),
    )  # fmt: skip
    world = World("digilocker", Scenario(), lambda: clock.now().timestamp())
    digilocker = DigilockerStandIn(world, cloud.secrets.__getitem__, ["http://localhost:8080/identified"])
    digilocker.identity = digilocker_identity

    async def providers(request: PartnerCall) -> Answer:
        return await (esp if request.path.startswith("/esign/") else digilocker).handle(request)

    server = await serve("127.0.0.1", 0, providers)
    app = create_app(clock, httpx.ASGITransport(auth.app), trust)
    provider = SecureIdTransport(cloud.secrets)
    async with cloud.fresh("kyc") as database:
        given = cloud.environment("kyc", database) | {"DATA_KEY": data_key, "BUCKET_DOCUMENTS": bucket}
        given |= {"ESIGN_ASP_ID": "MATCHDAY", "ESIGN_KEY": asp.pem() + asp.certificate_pem()}
        esp.world.now, esp.registered, esp.who = world.now, {"MATCHDAY": asp.certificate}, "Asha Sharma"
        esp.refuses, esp.twist = False, Twist()
        esp.world.follow(Scenario())
        given |= dict.fromkeys(
            ("DIGILOCKER_URL", "ESIGN_URL"), f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        )
        del given["AWS_ENDPOINT_URL"]

        async def open_tools() -> Tools:
            with environ(given):
                return Tools(
                    vault=Vault(Kms(data_key)),
                    digests=open_digests(),
                    store=Store(bucket),
                    sandbox=Remembering(pictures),
                    provider=provider.adapter(),
                )

        async def open_providers() -> ProviderTools:
            with environ(cloud.environment("kyc", database, process="worker") | given):
                asked = Digilocker(load(DigilockerSecrets))
                return ProviderTools(
                    vault=Vault(Kms(data_key)), digests=open_digests(), trust=trust, digilocker=asked,
                    store=Store(bucket), esign=load(EsignSettings), esp=Esp(load(EsignAddress)),
                )  # fmt: skip

        async def open_writer() -> ServiceApi:  # anew for each letter: a token outlives no clock that is moved by days
            with environ(cloud.environment("kyc", database, process="worker")):
                return await notices.open_writer(httpx.ASGITransport(auth.app))

        jobs = jobs_with(Toolbox(open_tools), Providers(open_providers), open_writer)
        async with running(app, given) as client:
            yield Kyc(app, client, database, auth, jobs, clock, bucket, digilocker, esp, provider)
    server.close()
