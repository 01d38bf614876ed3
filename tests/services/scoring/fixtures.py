"""A running scoring for the tests of every service, with what its operators, feeds and players do."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from services.common.outside import Once
from services.scoring import comparing, letters, paying
from services.scoring import wallet as wallets
from services.scoring.app import create_app
from services.scoring.tasks import jobs
from tests.services.auth.fixtures import Auth, Person
from tests.services.payments.fixtures import ByHost
from tests.services.support import Clock, Cloud, environ, running
from tests.services.wallet.fixtures import Wallet


@dataclass
class Scoring:
    """A running scoring, with the auth that it asks for keys, and the tokens of its clients."""

    app: FastAPI
    client: httpx.AsyncClient
    database: str
    auth: Auth
    clock: Clock
    feed: dict[str, str]
    staff: dict[str, str]
    s3: dict[str, str]
    providers: dict[str, str] = field(default_factory=dict)

    async def ok(self, method: str, path: str, bearer: Mapping[str, str], body: Any = None) -> Any:
        """The JSON of an answer that is no refusal."""
        answer = await self.client.request(method, path, headers=dict(bearer), json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, bearer: Mapping[str, str], body: Any = None) -> tuple[int, str]:
        """Status and code of a refusal."""
        answer = await self.client.request(method, path, headers=dict(bearer), json=body)
        return answer.status_code, answer.json()["code"]

    async def rules(self, reference: str) -> str:
        """The hash of rules that are published now."""
        body = {"reference": reference}
        return str((await self.ok("POST", "/scoring/internal/rules", self.staff, body))["sha256"])

    async def slate(self, rules: str, *matches: str, players: Any = ()) -> str:
        """A slate that locks in an hour."""
        slate = str(uuid4())
        locks_at = (self.clock.now() + timedelta(hours=1)).isoformat()
        body = {"title": "A slate", "rules": rules, "matches": matches, "players": players, "locks_at": locks_at}
        await self.ok("PUT", f"/scoring/internal/slates/{slate}", self.staff, body)
        return slate

    async def contest(self, slate: str, *prizes: int) -> str:
        contest = str(uuid4())
        body = {"slate": slate, "title": "A contest", "prizes": prizes}
        await self.ok("PUT", f"/scoring/internal/contests/{contest}", self.staff, body)
        return contest

    async def team(self, bearer: Mapping[str, str], slate: str, picks: Mapping[str, Any], *contests: str) -> str:
        """A team that has entered contests."""
        team = str(uuid4())
        await self.ok("PUT", f"/scoring/slates/{slate}/teams/{team}", bearer, picks)
        for contest in contests:
            await self.ok("POST", f"/scoring/contests/{contest}/entries", bearer, {"team": team})
        return team

    async def snapshot(self, match: str, source: str, files: Mapping[str, str], **more: Any) -> Any:
        """What a feed says now."""
        return await self.ok("POST", *self.call(match, source, files, **more))

    async def snapshot_later(self, match: str, source: str, files: Mapping[str, str], **more: Any) -> Any:
        """The same some hours later: the feed's token is a new one."""
        self.feed, self.staff = await tokens(self.auth)
        return await self.snapshot(match, source, files, **more)

    def call(self, match: str, source: str, files: Mapping[str, str], **more: Any) -> tuple[str, dict[str, str], Any]:
        """Path, token and body of what a feed says."""
        return f"/scoring/internal/matches/{match}/snapshots", self.feed, self.said(source, files, **more)

    def environment(self, process: str) -> dict[str, str]:
        """A process's variables: the bucket is there, and those providers that stand in for real ones."""
        return self.auth.cloud.environment("scoring", self.database, process=process, **self.s3, **self.providers)

    async def again(self, person: Person) -> dict[str, str]:
        """Somebody who logs in once more."""
        answer = await self.auth.client.post("/auth/login", json={"email": person.email, "password": person.password})
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def said(self, source: str, files: Mapping[str, str], **more: Any) -> dict[str, Any]:
        told = {"source": source, "provider": source, "files": files, "seen_at": self.clock.now().isoformat()}
        return told | more

    async def work(self) -> int:
        """Do what the worker would: the outbox's messages until there are none; how many."""
        done = 0
        while True:
            async with self.app.state.sessions() as session, session.begin():
                waiting = "SELECT id, task FROM outbox WHERE done_at IS NULL ORDER BY id LIMIT 20"
                rows = (await session.execute(text(waiting))).all()
            if not rows:
                return done
            with environ(self.environment("worker")):
                for row in rows:
                    handled = await jobs.handle(self.app.state.sessions, self.clock, row.task, [row.id])
                    assert handled.done == 1, row.task
                    done += 1

    async def tick(self, **by: float) -> None:
        """Later: tokens are new ones, results that have stood become final, and what follows from that is done."""
        self.clock.move(**by)
        self.feed, self.staff = await tokens(self.auth)
        assert await jobs.run_scheduled(self.app.state.sessions, self.clock, "scoring.finish_matches")
        await self.work()

    async def board(self, contest: str, bearer: Mapping[str, str], query: str = "") -> list[tuple[int, str, str]]:
        """Rank, team and points."""
        answer = await self.ok("GET", f"/scoring/contests/{contest}/board{query}", bearer)
        return [(place["rank"], place["team"], place["points"]) for place in answer["places"]]


async def tokens(auth: Auth) -> tuple[dict[str, str], dict[str, str]]:
    """The feed's and the operators'."""
    feed, staff = [await auth.bearer(f"scoring-{name}") for name in ("feed", "manage")]
    return feed, staff


@pytest.fixture(scope="session")
def snapshots(aws: str) -> str:
    """A bucket as the stack makes them: versioned. Files are kept in it by their SHA-256, so that tests can share it."""
    name = f"scoring-snapshots-{uuid4().hex[:12]}"
    s3: Any = boto3.client(
        "s3", endpoint_url=aws, region_name="ap-south-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture
def s3(aws: str, snapshots: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables of a process that finds the bucket; clients, which are made when they are first used, find S3, too."""
    found = {
        "AWS_ENDPOINT_URL": aws, "AWS_REGION": "ap-south-1", "AWS_DEFAULT_REGION": "ap-south-1",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "BUCKET_SNAPSHOTS": snapshots,
        "BUCKET_RULES": snapshots,  # keys of each have a folder of their own
    }  # fmt: skip
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
async def scoring(
    cloud: Cloud, clock: Clock, cheap_passwords: None, auth: Auth, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scoring]:
    """Scoring, running, with nothing in it."""
    app = create_app(clock, httpx.ASGITransport(auth.app))
    to_auth = Once(functools.partial(letters.open_writer, httpx.ASGITransport(auth.app)))
    monkeypatch.setitem(jobs.outside, letters.LETTERS, letters.Letters(to_auth))
    async with cloud.fresh("scoring") as database:
        made = Scoring(app, httpx.AsyncClient(), database, auth, clock, *await tokens(auth), s3)
        async with running(app, made.environment("web")) as made.client:
            yield made


@dataclass
class Paying:
    """A running scoring whose worker reaches a running wallet."""

    scoring: Scoring
    wallet: Wallet
    inside: ByHost

    async def winnings(self, *players: str) -> list[int]:
        """What players have won, by the wallet."""
        bearer = await self.wallet.machine("tests", {"wallet:read"})
        answer = await self.wallet.client.post("/wallet/internal/balances", headers=bearer, json={"players": players})
        assert answer.status_code == 200, answer.text
        return [each["winnings"] for each in answer.json()["balances"]]

    async def postings(self) -> int:
        """How many prizes the wallet has posted."""
        owner = await self.scoring.auth.cloud.connect(self.wallet.database, role="owner", service="wallet")
        found = await owner.fetchval("SELECT count(*) FROM transactions WHERE kind = 'guaranteed_prize'")
        await owner.close()
        return int(found)


@pytest.fixture
async def paying_wallet(scoring: Scoring, wallet: Wallet, monkeypatch: pytest.MonkeyPatch) -> Paying:
    """Scoring and the wallet that it pays by; the way between them can be broken."""
    inside = ByHost(auth=scoring.auth.app, wallet=wallet.app)
    to_wallet = Once(functools.partial(wallets.open_wallet, inside))
    monkeypatch.setitem(jobs.outside, paying.PAY, paying.Pay(to_wallet))
    monkeypatch.setitem(jobs.outside, comparing.COMPARE, comparing.Compare(to_wallet))
    return Paying(scoring, wallet, inside)
