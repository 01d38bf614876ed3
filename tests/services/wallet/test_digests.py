"""What makes two requests one: their values, however they were spelt, and nothing less."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from services.wallet.internal_schemas import HoldRequest, LinkedRequest, MovementRequest
from services.wallet.ledger import digest

MOVEMENT = {
    "id": str(uuid4()), "kind": "deposit", "amount": 100, "player": str(uuid4()), "provider": "razorpay", "reference": "d:1",
}  # fmt: skip
HOLD = {"id": str(uuid4()), "kind": "payout", "amount": 100, "player": str(uuid4()), "reference": "p:1"}


def hashed(body: dict[str, Any], by: str = "one") -> bytes:
    model = MovementRequest if body.get("provider") else HoldRequest
    return digest(by, model.model_validate_json(json.dumps(body)))


@pytest.mark.parametrize(
    "again",
    [
        dict(reversed(MOVEMENT.items())),
        MOVEMENT | {"id": str(MOVEMENT["id"]).upper(), "player": str(MOVEMENT["player"]).replace("-", "")},
        MOVEMENT | {"note": "", "gst": False, "pot": None},
    ],
    ids=["order", "UUIDs", "defaults"],
)
def test_a_movement_that_is_spelt_in_another_way_is_the_same(again: dict[str, Any]) -> None:
    assert hashed(again) == hashed(MOVEMENT)


def test_a_hold_that_is_spelt_in_another_way_is_the_same() -> None:
    assert hashed(HOLD | {"at_most": False, "expires_at": None}) == hashed(HOLD)


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 101}, {"player": str(uuid4())}, {"provider": "cashfree"}, {"reference": "d:2"}, {"note": "x"}, {"gst": True},
        {"id": str(uuid4())},
    ],
    ids=lambda other: next(iter(other)),  # not its values: each worker draws others
)  # fmt: skip
def test_another_value_is_another_request(other: dict[str, Any]) -> None:
    assert hashed(MOVEMENT | other) != hashed(MOVEMENT)


def test_nobody_repeats_another_callers_request() -> None:
    assert hashed(MOVEMENT, by="two") != hashed(MOVEMENT)
    assert hashed(HOLD | {"reference": "x"}, by="a b") != hashed(HOLD | {"reference": "x"}, by="a")


def test_what_was_sent_alone_may_be_sent_again_in_a_batch() -> None:
    alone = MovementRequest.model_validate_json(json.dumps(MOVEMENT))
    linked = LinkedRequest.model_validate_json(json.dumps(MOVEMENT | {"linked": True}))
    assert digest("one", linked, of=MovementRequest) == digest("one", alone)
    assert digest("one", linked) != digest("one", alone)
