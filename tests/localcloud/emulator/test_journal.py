"""Every write that was answered is there after a kill; a damaged snapshot is rebuilt; a full disk refuses and loses nothing."""

from __future__ import annotations

import contextlib
import random
import resource
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given
from hypothesis import strategies as st

from localcloud.emulator import journal
from localcloud.emulator.journal import ENGINE, OTHER, Entry, Journal
from localcloud.emulator.requests import ENGINE_AGENT
from tests.localcloud.emulator.conftest import REGION, Running, Start


def _kill(emulator: Running) -> None:
    emulator.process.kill()
    emulator.process.wait()


def _health(emulator: Running) -> dict[str, Any]:
    content: dict[str, Any] = httpx.get(f"{emulator.url}/_matchday/health").json()
    return content


def _bucket(emulator: Running, name: str = "a-bucket") -> Any:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return s3


def _body(emulator: Running, key: str, bucket: str = "a-bucket") -> bytes:
    content: bytes = emulator.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


@pytest.mark.slow
def test_writers_side_by_side_and_a_kill_in_the_middle(start: Start, tmp_path: Path) -> None:
    """What each writer was told is done is there, in the order it was told."""
    file = tmp_path / "snapshot"
    first = start(file)
    _bucket(first)
    queue = first.client("sqs").create_queue(QueueName="queue")["QueueUrl"]
    done: dict[int, int] = {}
    sent: list[str] = []

    def write(writer: int) -> None:
        s3, sqs = first.client("s3"), first.client("sqs")
        with contextlib.suppress(ClientError, BotoCoreError):
            for count in range(1000):
                s3.put_object(Bucket="a-bucket", Key=str(writer), Body=str(count).encode())
                done[writer] = count
                sqs.send_message(QueueUrl=queue, MessageBody=f"{writer}/{count}")
                sent.append(f"{writer}/{count}")

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    while len(sent) < 40:
        threads[0].join(0.05)
    _kill(first)
    for thread in threads:
        thread.join()

    second = start(file)
    assert _health(second)["notes"] == []
    for writer, count in done.items():
        # The next write may have reached the disk without its answer reaching the writer.
        assert int(_body(second, str(writer))) in (count, count + 1)
    waiting = second.client("sqs").get_queue_attributes(
        QueueUrl=second.client("sqs").get_queue_url(QueueName="queue")["QueueUrl"],
        AttributeNames=["ApproximateNumberOfMessages"],
    )
    assert len(sent) <= int(waiting["Attributes"]["ApproximateNumberOfMessages"]) <= len(sent) + len(threads)


def test_a_receipt_of_before_the_kill_still_deletes_its_message(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "snapshot"
    first = start(file)
    sqs = first.client("sqs")
    queue = sqs.create_queue(QueueName="queue", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    other = first.client("sqs")
    later = threading.Timer(0.5, lambda: other.send_message(QueueUrl=queue, MessageBody="polled for"))
    later.start()
    polled = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    assert [message["Body"] for message in polled] == ["polled for"]
    for body in ("one", "two"):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    taken = sqs.receive_message(QueueUrl=queue)["Messages"][0]
    _kill(first)

    second = start(file)
    sqs = second.client("sqs")
    queue = sqs.get_queue_url(QueueName="queue")["QueueUrl"]
    for message in (*polled, taken):
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    left = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert sorted([taken["Body"], *(message["Body"] for message in left)]) == ["one", "two"]


def test_a_damaged_snapshot_is_rebuilt_from_the_one_before_and_says_so(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "snapshot"
    first = start(file)
    _bucket(first).put_object(Bucket="a-bucket", Key="k", Body=b"1")
    assert first.stop() == 0
    second = start(file)
    second.client("s3").put_object(Bucket="a-bucket", Key="k", Body=b"2")
    assert second.stop() == 0
    file.write_bytes(file.read_bytes()[:-10])
    third = start(file)
    health = _health(third)
    assert health["snapshot"].startswith("loaded: ")
    assert "is damaged" in health["snapshot"]
    third.client("s3").put_object(Bucket="a-bucket", Key="l", Body=b"3")
    _kill(third)
    fourth = start(file)
    assert (_body(fourth, "k"), _body(fourth, "l")) == (b"2", b"3")
    assert _health(fourth)["notes"] == []


def test_a_snapshot_cut_off_between_its_two_renames_is_whole(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "snapshot"
    for count in range(3):
        emulator = start(file)
        if count == 0:
            _bucket(emulator)
        emulator.client("s3").put_object(Bucket="a-bucket", Key=str(count), Body=b"1")
        emulator.stop()
    # As after a kill when the old snapshot had moved and the new one had not: the journal of the new one exists and is empty.
    file.unlink()
    emulator = start(file)
    emulator.client("s3").put_object(Bucket="a-bucket", Key="after", Body=b"1")
    emulator.stop()
    emulator = start(file)
    assert [_body(emulator, key) for key in ("0", "1", "2", "after")] == [b"1"] * 4


def test_a_full_disk_refuses_the_write_and_heals(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "snapshot"
    first = start(file)
    s3 = _bucket(first)
    s3.put_object(Bucket="a-bucket", Key="before", Body=b"1")
    size = max(path.stat().st_size for path in tmp_path.iterdir())
    resource.prlimit(first.process.pid, resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
    for _ in range(2):
        with pytest.raises(ClientError, match="507"):
            s3.put_object(Bucket="a-bucket", Key="refused", Body=b"x" * 1000)
    assert _body(first, "before") == b"1"
    resource.prlimit(first.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    s3.put_object(Bucket="a-bucket", Key="after", Body=b"2")
    _kill(first)
    second = start(file)
    assert (_body(second, "before"), _body(second, "after")) == (b"1", b"2")


def test_the_engines_writes_of_a_cut_off_run_go_and_all_others_stay(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "snapshot"
    first = start(file)
    s3 = _bucket(first)
    s3.put_object(Bucket="a-bucket", Key="before", Body=b"1")
    position = _health(first)["position"]
    engine = first.client("sns")
    engine.meta.config.user_agent_extra = ""
    engine.meta.events.register(
        "before-send", lambda request, **_: request.headers.__setitem__("User-Agent", f"Boto3 {ENGINE_AGENT}")
    )
    engine.create_topic(Name="of-the-engine")
    first.client("sns").create_topic(Name="of-a-person")
    s3.put_object(Bucket="a-bucket", Key="after", Body=b"2")
    _kill(first)
    assert journal.drop(tmp_path / f"snapshot.journal-{position['generation']}", position["offset"], ENGINE) == 1
    second = start(file)
    topics = [t["TopicArn"].split(":")[-1] for t in second.client("sns").list_topics()["Topics"]]
    assert topics == ["of-a-person"]
    assert (_body(second, "before"), _body(second, "after")) == (b"1", b"2")


@given(
    bodies=st.lists(st.binary(max_size=200), max_size=8),
    cut=st.integers(min_value=0, max_value=60),
    flip=st.booleans(),
)
def test_a_torn_file_is_read_up_to_where_it_is_whole(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes], cut: int, flip: bool
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    writer = Journal(path)
    for number, body in enumerate(bodies):
        origin = ENGINE if number % 2 else OTHER
        writer.append(Entry(origin=origin, time=number, seed="00", keys=[], environ={}, body=body))
    writer.close()
    content = path.read_bytes()
    if flip and cut < len(content):
        content = content[: -cut - 1] + bytes([content[-cut - 1] ^ 1]) + content[len(content) - cut :]
    else:
        content = content[: max(0, len(content) - cut)]
    path.write_bytes(content)
    read = [entry.body for _, entry in journal.read(path)]
    assert read == bodies[: len(read)]
    # Writing goes on behind what is whole.
    again = Journal(path)
    again.append(Entry(origin=OTHER, time=0, seed="00", keys=[], environ={}, body=b"next"))
    again.close()
    assert [entry.body for _, entry in journal.read(path)] == [*read, b"next"]


@given(origins=st.lists(st.sampled_from([ENGINE, OTHER]), max_size=10), keep=st.integers(min_value=0, max_value=10))
def test_dropping_touches_only_that_origin_and_only_what_comes_after(
    tmp_path_factory: pytest.TempPathFactory, origins: list[str], keep: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    writer = Journal(path)
    offset = 0
    for number, origin in enumerate(origins):
        size = writer.append(
            Entry(origin=origin, time=number, seed="00", keys=[], environ={}, body=random.randbytes(9))
        )
        if number < keep:
            offset = size
    writer.close()
    before = [entry for _, entry in journal.read(path)]
    dropped = journal.drop(path, offset, ENGINE)
    after = [entry for _, entry in journal.read(path)]
    wanted = [e for number, e in enumerate(before) if number < keep or e.origin != ENGINE]
    assert after == wanted
    assert dropped == len(before) - len(wanted)
