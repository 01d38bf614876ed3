"""Whatever is killed, interrupted or deleted, in whatever order: what was acknowledged is there after the next `up`.

Sequences are drawn from decks and run on one tiny platform, one after another, with the real command, engine, emulator,
supervisor, PostgreSQL and Valkey. A failure prints its steps; MATCHDAY_SEED=n repeats a run.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import pytest

from tests.faults.platform import PATIENCE, SERVERS, Platform

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("faults"), pytest.mark.timeout(0)]

SEED = int(os.environ.get("MATCHDAY_SEED", "20261126"))
Step = tuple[str, ...]


#: One in each sequence, each as often: without writing there is little to lose.
WRITES: tuple[Step, ...] = tuple(("write", store) for store in ("object", "message", "row", "key", "taken message"))
#: Once each in a deck, so that its sequences meet everything that can happen: to a platform that runs …
EVENTS: tuple[Step, ...] = (
    *(("kill", server) for server in SERVERS if server != "supervisor"),
    ("up",),
    ("delete", "provider"),
    ("delete", "supervisor.json"),
)
#: … and what ends it, after which a kill would find nothing.
ENDS: tuple[Step, ...] = (("kill", "supervisor"), ("down",), ("taken port",), ("preview",), ("move",))
#: A cut needs two real runs of the engine, so a deck has one for each victim, and in the long form two more.
CUTS: tuple[Step, ...] = tuple(
    ("cut", victim, number, delay)
    for victim in ("command", "engine")
    for number in ("SIGINT", "SIGTERM", "SIGKILL")
    for delay in ("0.5", "2", "4")
)
DECK = 15
#: Of servers that keep nothing, of what the cut of an engine does too, or what tests/e2e has, too.
BY_NIGHT: tuple[Step, ...] = (
    ("kill", "ingress"),
    ("kill", "provider"),
    ("delete", "provider"),
    ("up",),
    ("taken port",),
)


def sequences(count: int, seed: int, *, together: int = 1, more_cuts: int = 0) -> Iterator[list[Step]]:
    """So many sequences, each of `together` events or a few more, and of a write at least: dealt from decks, as independent
    draws would repeat some steps and never come to others."""
    draw = Random(seed)
    size = DECK // together
    for start in range(0, count, size):
        cuts = [draw.choice([cut for cut in CUTS if cut[1] == victim]) for victim in ("command", "engine")]
        # Where a sequence has two of them, the one comes first that wants a platform that runs.
        ends = sorted(draw.sample(ENDS, len(ENDS)), key=lambda step: step[0] not in ("kill", "preview"))
        events = [*draw.sample([*EVENTS, *cuts], DECK - len(ENDS)), *ends]
        dealt = [events[number::size] for number in range(size)]
        for event in draw.sample(CUTS, more_cuts):
            draw.choice(dealt).append(event)
        writes = max(size, len(WRITES))
        for number, write in enumerate(draw.sample(WRITES * (writes // len(WRITES)), writes)):
            # Before what ends the platform: what is written then has to outlast it, and needs no start of its own.
            sequence = dealt[number % size]
            running = next((place for place, step in enumerate(sequence) if step in ENDS), len(sequence))
            sequence.insert(draw.randint(0, running), write)
        yield from dealt[: count - start]


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
    if not kept.messages:
        write(platform, "message")
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
    """A preview of what runs, or of a cloud of its own when nothing does, changes nothing; a `down` meanwhile waits for it."""
    running = platform.running
    preview = platform.start("preview", "local")
    deadline = time.monotonic() + PATIENCE
    while running and preview.poll() is None and "preview local" not in platform.locked_by:
        assert time.monotonic() < deadline, "the preview of what runs takes no lock"
        time.sleep(0.05)
    platform.run("down")
    _, said = preview.communicate(timeout=PATIENCE)
    assert preview.returncode == 0, said


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
        raise AssertionError(f"after {platform.steps[-20:]} (seed {SEED}): {error}") from error


def test_nothing_acknowledged_is_lost(platform: Platform) -> None:
    """Every write and what may lose one, then one look, as each costs a start of what is down, and a run of the engine: what an
    event loses, no later one brings back. Each event, by itself and with others, is in nightly sequences."""
    (dealt, *_) = sequences(1, SEED, together=DECK)
    _play(platform, [step for step in dealt if step not in BY_NIGHT and step[:2] != ("cut", "command")])


@pytest.mark.nightly
def test_nothing_acknowledged_is_lost_in_many_sequences(platform: Platform) -> None:
    for sequence in sequences(int(os.environ.get("MATCHDAY_SEQUENCES", "200")), SEED + 1, more_cuts=2):
        _play(platform, sequence)
