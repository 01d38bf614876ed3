"""DIGEST_KEY rotates: the same document is found by both secrets meanwhile, and by the new one alone afterwards."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from services.kyc import redigesting
from services.kyc.checking import Tools
from services.kyc.settings import Digests
from tests.services.kyc.fixtures import PAN, Kyc

pytestmark = pytest.mark.postgres

NEW = "a-new-secret-of-forty-three-letters-or-more"


class Rotation:
    """Kyc's secrets, in the web process and in the worker, as a deployment changes them."""

    def __init__(self, kyc: Kyc, old: str) -> None:
        self.kyc, self.old = kyc, old

    async def deploy(self, *secrets: str) -> None:
        """Both processes have these, the present one first."""
        digests = Digests(secrets)
        self.kyc.app.state.digests = digests
        for call in self.kyc.jobs.outside.values():
            toolbox = getattr(call, "_toolbox", None)
            if toolbox is not None and isinstance(found := await toolbox(), Tools):
                toolbox._found = replace(found, digests=digests)

    async def night(self) -> None:
        assert await self.kyc.jobs.run_scheduled(self.kyc.sessions, self.kyc.clock, "kyc.redigest_documents")
        await self.kyc.work()

    async def names(self) -> set[bytes | None]:
        return {row[0] for row in await self.kyc.rows("SELECT digest_by FROM items")}


@pytest.fixture
def rotation(kyc: Kyc) -> Iterator[Rotation]:
    yield Rotation(kyc, kyc.auth.cloud.secrets["DIGEST_KEY"])


async def test_no_document_is_forgotten_while_the_secret_rotates(kyc: Kyc, rotation: Rotation) -> None:
    first = await kyc.player()
    await kyc.decide(first, "approve")
    (before,) = await rotation.names()
    await rotation.deploy(NEW, rotation.old)
    meanwhile = await kyc.player()
    assert "duplicate" in (await kyc.review_of(meanwhile))["findings"], "both secrets find it"
    await rotation.night()
    assert await rotation.names() == {Digests([NEW]).name} != {before}
    await rotation.deploy(NEW)
    afterwards = await kyc.player()
    assert "duplicate" in (await kyc.review_of(afterwards))["findings"], "so does the new one alone"
    assert len(await kyc.rows("SELECT DISTINCT digest FROM items")) == 1
    done = len(await kyc.rows("SELECT FROM outbox WHERE task = $1", redigesting.REDIGEST))
    await rotation.night()
    assert len(await kyc.rows("SELECT FROM outbox WHERE task = $1", redigesting.REDIGEST)) == done + 1, "nothing to do"


async def test_two_players_verified_by_one_document_are_said_and_left_as_they_are(
    kyc: Kyc, rotation: Rotation, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes a secret that was replaced and not rotated; then a person has to decide which of both is the holder."""
    await kyc.decide(await kyc.player(), "approve")
    await rotation.deploy(NEW)
    second = await kyc.player()
    assert (await kyc.decide(second, "approve")).json()["closed"]
    with caplog.at_level(logging.ERROR):
        await rotation.night()
    assert "two players are verified by one document" in caplog.text and PAN not in caplog.text
    rows = await kyc.rows("SELECT state, digest_kept FROM items ORDER BY id")
    assert [tuple(row) for row in rows] == [("verified", True), ("verified", False)]
    await rotation.night()
    assert len(await kyc.rows("SELECT DISTINCT digest FROM items")) == 2
