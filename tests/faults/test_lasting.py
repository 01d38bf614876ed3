"""Whatever is killed, interrupted or deleted, in whatever order: what was acknowledged is there after the next `up`.

Sequences are drawn by hypothesis and run on one tiny platform, one after another, with the real command, engine, emulator,
supervisor, PostgreSQL and Valkey. A failure prints its steps; MATCHDAY_SEED=n repeats a run.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.faults.platform import SERVERS, Platform

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("faults"), pytest.mark.timeout(0)]

SEED = int(os.environ.get("MATCHDAY_SEED", "20261126"))
Step = tuple[str, ...]


WRITES = st.tuples(st.just("write"), st.sampled_from(["object", "message", "row", "key", "taken message"]))
KILLS = st.tuples(st.just("kill"), st.sampled_from(SERVERS))
CUTS = st.tuples(
    st.just("cut"),
    st.sampled_from(["command", "engine"]),
    st.sampled_from(["SIGINT", "SIGTERM", "SIGKILL"]),
    st.sampled_from(["0.5", "2", "4"]),
)
OTHERS = st.sampled_from(
    [
        ("up",),
        ("down",),
        ("taken port",),
        ("preview",),
        ("move",),
        ("delete", "provider"),
        ("delete", "supervisor.json"),
    ]
)
#: Half of what happens is writing: else there is little to lose.
SEQUENCES = st.lists(st.one_of(WRITES, WRITES, WRITES, KILLS, KILLS, OTHERS), min_size=2, max_size=3)
#: A cut needs two real runs of the engine, so there is one in every third sequence.
WITH_CUTS = st.tuples(SEQUENCES, st.sampled_from([0, 0, 1]), CUTS).map(
    lambda drawn: [*drawn[0][: len(drawn[0]) // 2], *[drawn[2]] * drawn[1], *drawn[0][len(drawn[0]) // 2 :]]
)


def write(platform: Platform, store: str) -> None:
    if not platform.running:
        platform.settle()
    kept, number = platform.kept, len(platform.steps)
    if store == "object":
        platform.retry(
            lambda: platform.client("s3").put_object(Bucket="kept", Key=f"k{number % 5}", Body=str(number).encode())
        )
        kept.objects[f"k{number % 5}"] = str(number)
    elif store == "message":
        platform.retry(lambda: platform.client("sqs").send_message(QueueUrl=platform.queue(), MessageBody=str(number)))
        kept.messages[str(number)] += 1
    elif store == "taken message":
        _take_message(platform)
    elif store == "key":
        platform.retry(lambda: platform.cache().set(f"k{number % 5}", str(number)))
        kept.keys[f"k{number % 5}"] = str(number)
    else:

        async def insert() -> None:
            connection = await platform.database()
            try:
                await connection.execute("CREATE TABLE IF NOT EXISTS kept (number int PRIMARY KEY)")
                await connection.execute("INSERT INTO kept VALUES ($1) ON CONFLICT DO NOTHING", number)
            finally:
                await connection.close()

        asyncio.run(insert())
        kept.rows.add(number)


def _take_message(platform: Platform) -> None:
    """Receive one message and delete it, as a worker does: it must not come back."""
    sqs, kept = platform.client("sqs"), platform.kept
    found = platform.retry(lambda: sqs.receive_message(QueueUrl=platform.queue())).get("Messages", [])
    for message in found:
        platform.retry(
            lambda: sqs.delete_message(QueueUrl=platform.queue(), ReceiptHandle=message["ReceiptHandle"])  # noqa: B023 - called at once
        )
        kept.messages -= Counter([message["Body"]])


def _cut(platform: Platform, victim: str, number: str, delay: str) -> None:
    """An `up` that has something to do, interrupted."""
    platform.unsettled = True
    before = platform.wanted_extras
    platform.want_extras(0 if before else 3)
    process = platform.start("up", "--port", str(platform.port))
    platform.interrupt(process, victim, getattr(signal, number), float(delay))


def _take_port(platform: Platform) -> None:
    """`up` while another process has the port; it fails, and says which."""
    platform.run("down")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", platform.port))
        other.listen()
        status, _, err = platform.run("up", "--port", str(platform.port), check=False)
    assert status == 1
    assert f"127.0.0.1:{platform.port}" in err


def _preview(platform: Platform) -> None:
    """A preview beside what runs, or of its own cloud when nothing does, changes neither."""
    platform.run("preview", "local")


def _move(platform: Platform) -> None:
    """The clone's folder is moved while it is down; the next `up` is run from where it is now."""
    platform.run("down")
    platform.directory = platform.directory.rename(platform.directory.with_name(f"tiny-{len(platform.steps)}"))


def _delete(platform: Platform, part: str) -> None:
    path = platform.directory / ".matchday" / part
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


STEPS: dict[str, Callable[..., None]] = {
    "write": write,
    "cut": _cut,
    "kill": lambda platform, server: platform.kill(server),
    "up": lambda platform: platform.up(),
    "down": lambda platform: platform.run("down"),
    "taken port": _take_port,
    "delete": _delete,
    "preview": _preview,
    "move": _move,
}


def check(platform: Platform) -> None:
    """Everything acknowledged is there, no more and no less, and the stack is what its settings say."""
    kept = platform.kept
    s3 = platform.client("s3")
    for key, body in kept.objects.items():
        assert s3.get_object(Bucket="kept", Key=key)["Body"].read().decode() == body
    assert platform.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"] == kept.secret
    assert _messages(platform) == kept.messages
    assert {k: platform.cache().get(k).decode() for k in kept.keys} == kept.keys
    names = {url.rsplit("/", 1)[1] for url in platform.client("sqs").list_queues()["QueueUrls"]}
    assert names == {"kept", *(f"extra-{n}" for n in range(kept.extras))}

    async def rows() -> set[int]:
        connection = await platform.database()
        try:
            return {row[0] for row in await connection.fetch("SELECT number FROM kept")} if kept.rows else set()
        finally:
            await connection.close()

    assert asyncio.run(rows()) == kept.rows


def _messages(platform: Platform) -> Counter[str]:
    """All messages of the queue, put back at once."""
    sqs, queue, found = platform.client("sqs"), platform.queue(), Counter[str]()
    seen = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=60).get("Messages"):
        found.update(message["Body"] for message in messages)
        seen += [message["ReceiptHandle"] for message in messages]
    for handle in seen:
        sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=0)
    return found


def _play(platform: Platform, sequence: list[Step]) -> None:
    for step in sequence:
        platform.steps.append(" ".join(step))
        STEPS[step[0]](platform, *step[1:])
    platform.settle()
    try:
        platform.retry(lambda: platform.client("s3").list_buckets())
        check(platform)
    except AssertionError as error:
        raise AssertionError(f"after {platform.steps[-12:]} (seed {SEED}): {error}") from error


# The platform goes on from one sequence to the next, so a sequence that failed is not run again to be made smaller.
PLAIN = settings(
    deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None, derandomize=False
)


@seed(SEED)
@settings(PLAIN, max_examples=15)
@given(sequence=WITH_CUTS)
def test_nothing_acknowledged_is_lost(platform: Platform, sequence: list[Step]) -> None:
    _play(platform, sequence)


@pytest.mark.nightly
@seed(SEED + 1)
@settings(PLAIN, max_examples=int(os.environ.get("MATCHDAY_SEQUENCES", "200")))
@given(sequence=WITH_CUTS)
def test_nothing_acknowledged_is_lost_in_many_sequences(platform: Platform, sequence: list[Step]) -> None:
    _play(platform, sequence)
