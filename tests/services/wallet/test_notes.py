"""Notes: what a sender writes reaches the receiver as plain text on one line, and nothing else does."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.wallet.notes import clean
from tests.services.wallet.fixtures import Wallet


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        ("for the match", "for the match"),
        ("<img src=x onerror=alert(1)>", "‹img src=x onerror=alert(1)›"),
        ("pay \u202e0001\u202c back", "pay 0001 back"),
        ("\u2066isolated\u2069 \u200fmark\ufeff", "isolated mark"),
        ("two\nlines\tand  blanks \x07", "two lines and blanks"),
        ("क्\u200dष 👨\u200d👩\u200d👧", "क्\u200dष 👨\u200d👩\u200d👧"),
        ("cafe\u0301", "café"),
        ("\u202e\x00", ""),
    ],
)
def test_what_could_do_harm_is_taken_out(note: str, shown: str) -> None:
    assert clean(note) == shown


@given(st.text(max_size=200))
def test_any_note_becomes_one_line_of_visible_text(note: str) -> None:
    cleaned = clean(note)
    assert "<" not in cleaned and ">" not in cleaned
    assert cleaned == cleaned.strip() and "\n" not in cleaned
    hidden = {unicodedata.category(character) for character in cleaned if character not in "\u200c\u200d"}
    assert not hidden & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert clean(cleaned) == cleaned


@pytest.mark.postgres
async def test_a_receiver_sees_the_note_cleaned(wallet: Wallet) -> None:
    one, other = await wallet.player(100), await wallet.player()
    body = {"to_account": other.account, "amount": 5, "note": "<b>\u202eyou</b>"}
    headers = one.bearer | {"Idempotency-Key": "intent-0001"}
    assert (await wallet.client.post("/wallet/transfers", json=body, headers=headers)).status_code == 201
    assert (await other.entries())[0]["note"] == "‹b› you‹/b›"
