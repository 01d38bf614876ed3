"""The worker is killed between any two steps: a case has one outcome, no picture is left, a question is paid for once."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest

from localcloud.partners.wire import serve
from tests.services.auth.fixtures import Person
from tests.services.kyc import killed_worker
from tests.services.kyc.card_pictures import Photo, taken
from tests.services.kyc.fixtures import Kyc
from tests.services.kyc.test_documents import CARD, PAN_BODY, agreed, objects, send

pytestmark = pytest.mark.postgres

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.services.kyc.killed_worker"])


@pytest.fixture
async def surroundings(kyc: Kyc, data_key: str) -> AsyncIterator[Mapping[str, str]]:
    """The environment of a worker, with the provider behind a socket."""
    kyc.provider.stand_in.balance = None
    server = await serve("127.0.0.1", 0, kyc.provider.stand_in.handle)
    host, port = server.sockets[0].getsockname()[:2]
    found = kyc.auth.cloud.environment("kyc", kyc.database, process="worker") | {
        name: os.environ[name]
        for name in (
            "AWS_ENDPOINT_URL",
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
        )
    }
    yield found | {
        "DATA_KEY": data_key, "BUCKET_DOCUMENTS": kyc.bucket, "SECURE_ID_URL": f"http://{host}:{port}",
        "PATH": os.environ["PATH"],
        "CASHFREE_VERIFICATION_ID": kyc.provider.secrets["CASHFREE_VERIFICATION_ID"],
        "CASHFREE_VERIFICATION_SECRET": kyc.provider.secrets["CASHFREE_VERIFICATION_SECRET"],
    }  # fmt: skip
    server.close()


async def work(environment: Mapping[str, str], last: int, number: str) -> tuple[int | None, list[str]]:
    """Exit code of a worker, and its steps if it was not killed."""
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=killed_worker.work, args=(dict(environment), last, number, theirs))
    process.start()
    theirs.close()
    await asyncio.to_thread(process.join, 300)
    names = ours.recv() if process.exitcode == 0 else []
    return process.exitcode, names


async def handed_in(kyc: Kyc, number: str) -> Person:
    person = await agreed(kyc)
    document = await send(kyc, person, taken(replace(CARD, number=number), Photo(newer=True)))
    body = PAN_BODY | {"pan": number, "document": document}
    assert (await kyc.ask(person, "PUT", "/pan", body)).status_code == 200
    return person


async def killed_at(kyc: Kyc, environment: Mapping[str, str], last: int, at: int, *, really_read: bool) -> None:
    """Kill a worker at its step `last`, let others go on, and look at what came of it."""
    number = f"ABCPS{at:04}K"
    person = await handed_in(kyc, number)
    read = "" if really_read else number
    code, _ = await work(environment, last, read)
    assert code == -signal.SIGKILL
    # Reservations and pauses are over.
    await kyc.rows("UPDATE outbox SET reserved_until = now(), next_attempt_at = now() WHERE done_at IS NULL")
    code, _ = await work(environment, 0, read)
    assert code == 0
    ((item, state),) = await kyc.rows("SELECT id, state FROM items WHERE player_id = $1", person.id)
    decisions = await kyc.rows("SELECT outcome FROM decisions WHERE item_id = $1", item)
    reviews = await kyc.rows("SELECT FROM reviews WHERE item_id = $1", item)
    assert (state, len(decisions), len(reviews)) in {("verified", 1, 0), ("review", 0, 1)}, (last, state)
    assert await kyc.level(person) == ("basic" if state == "verified" else "none")
    assert list(kyc.provider.stand_in.charged.values()).count(number) == 1, last
    left = [each.rpartition("/")[2] for each in objects(kyc) if str(person.id) in each]
    assert sorted(set(left)) == ["masked.jpg", "whole.jpg"], (last, left)
    assert await kyc.rows("SELECT FROM outbox WHERE done_at IS NULL") == []


async def steps_of(kyc: Kyc, environment: Mapping[str, str], *, really_read: bool = False) -> list[str]:
    await handed_in(kyc, "ABCPS9999K")
    code, names = await work(environment, 0, "" if really_read else "ABCPS9999K")
    assert code == 0
    assert await kyc.rows("SELECT task, last_error FROM outbox WHERE last_error IS NOT NULL") == []
    return names


POINTS = ["after store.put", "after provider.confirm", "before commit", "after commit"]


async def test_killed_where_it_hurts(kyc: Kyc, surroundings: Mapping[str, str]) -> None:
    """After a picture is kept, after the provider was paid, before and after the last effect is committed."""
    names = await steps_of(kyc, surroundings)
    for at, point in enumerate(POINTS, 1):
        paid = names.index("after provider.confirm")
        last = names.index(point, paid) if "commit" in point else names.index(point)
        await killed_at(kyc, surroundings, last + 1, at, really_read=False)


@pytest.mark.nightly
@pytest.mark.parametrize("really_read", [False, True], ids=["quickly", "with OCR"])
async def test_killed_at_every_step(kyc: Kyc, surroundings: Mapping[str, str], really_read: bool) -> None:
    names = await steps_of(kyc, surroundings, really_read=really_read)
    assert len(names) > 30
    for at in range(1, len(names) + 1):
        await killed_at(kyc, surroundings, at, at, really_read=really_read)
