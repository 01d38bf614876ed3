"""The names by which the ingress finds targets, and the DNS answers that carry them."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from localcloud.dataplane.ingress.resolver import addresses, answer, pool_name

TASKS = {"blue": ["127.80.16.1", "127.80.16.2"], "green": ["127.80.16.9"], "empty": []}


def lookup(group: str) -> list[str]:
    return TASKS.get(group, [])


def query(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    return b"\x12\x34" + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 1) + labels + b"\0" + struct.pack("!HH", kind, 1)


def test_one_group_is_its_tasks() -> None:
    assert addresses(pool_name([("blue", 1)]), lookup) == TASKS["blue"]


def test_weights_are_shares_of_the_answer() -> None:
    found = addresses(pool_name([("blue", 90), ("green", 10), ("empty", 0)]), lookup)
    share = found.count("127.80.16.9") / len(found)
    assert 0.08 < share < 0.13
    assert abs(found.count("127.80.16.1") - found.count("127.80.16.2")) <= 1


def test_answer_is_one_that_a_resolver_reads() -> None:
    reply = answer(query("1.blue.pool"), lookup)
    assert reply[:2] == b"\x12\x34"
    flags, questions, answers, _, _ = struct.unpack_from("!HHHHH", reply, 2)
    assert (flags & 0xF, questions, answers) == (0, 1, 2)
    assert reply.endswith(bytes([127, 80, 16, 2]))


def test_group_without_tasks_is_no_such_name_and_ipv6_is_empty() -> None:
    assert struct.unpack_from("!HHH", answer(query("1.empty.pool"), lookup), 2)[0] & 0xF == 3
    flags, _, answers = struct.unpack_from("!HHH", answer(query("1.blue.pool", kind=28), lookup), 2)
    assert (flags & 0xF, answers) == (0, 0)


@given(st.binary(max_size=80))
def test_noise_is_survived(noise: bytes) -> None:
    assert isinstance(answer(noise, lookup), bytes)


@given(st.text(alphabet="abc019.", max_size=40))
def test_other_names_lead_nowhere(name: str) -> None:
    assert addresses(f"{name}.example.", lookup) == []
