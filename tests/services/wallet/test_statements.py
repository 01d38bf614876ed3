"""Statements as files: read back from what is answered."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from pypdf import PdfReader

from services.common.money import Paise
from services.wallet import statements
from services.wallet.amounts import grouped
from services.wallet.statements import ROWS, Line
from tests.services.wallet.fixtures import Wallet

SPAN = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
DAY = datetime(2026, 3, 31, 18, 31, tzinfo=UTC)
PLAYER = UUID(int=7)


def pages(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def line(number: int, currency: str = "INR", note: str = "") -> Line:
    moment = DAY + timedelta(minutes=number)
    amount = Paise(100 * number if number % 2 else -100 * number)
    return Line(moment, "deposit", "contest_entry", amount, Paise(10**9 + number), currency, uuid4(), note)


def test_every_entry_is_on_a_page_and_currencies_are_apart() -> None:
    """In order, with sums of each currency by itself; the days are India's."""
    mixed = [line(number, "INR" if number % 3 else "USD") for number in range(1, 3 * ROWS)]
    found = pages(statements.draw(mixed, PLAYER, DAY, DAY + timedelta(days=1)))
    for currency in ("INR", "USD"):
        own = [each for each in mixed if each.currency == currency]
        texts = [text for text in found if f"Statement in {currency}" in text]
        assert len(texts) == -(-len(own) // ROWS)
        shown = re.findall(r"1 Apr 2026 (\d\d:\d\d):00", "\n".join(texts))
        assert shown == [f"{each.moment + timedelta(hours=5.5):%H:%M}" for each in own]
        came, went = (sum(abs(each.amount) for each in own if (each.amount > 0) is sign) for sign in (True, False))
        assert f"{len(own)} entries: came in {grouped(came)}, went out {grouped(went)} {currency}" in texts[-1]
        assert all(grouped(each.balance_after) in "\n".join(texts) for each in own)
    assert not any("INR" in text and "USD" in text for text in found)
    assert "No entries." in pages(statements.draw([], PLAYER, DAY, DAY))[0]


@pytest.mark.parametrize("note", ["a) Tj (b", "<b>bold</b> &amp; %PDF", "\\n\\(", "नमस्ते ₹", "x" * 140])
def test_a_note_is_text_whatever_it_says(note: str) -> None:
    (text,) = pages(statements.draw([line(1, note=note)], PLAYER, DAY, DAY))
    wanted = note.encode("cp1252", "replace").decode("cp1252")
    assert (wanted if len(note) <= 30 else "x" * 27 + "...") in text


@pytest.mark.slow
def test_the_longest_has_a_bounded_number_of_pages() -> None:
    longest = [line(number) for number in range(statements.PDF_MOST)]
    made = statements.draw(longest, PLAYER, DAY, DAY)
    assert len(PdfReader(io.BytesIO(made)).pages) == -(-statements.PDF_MOST // ROWS)
    assert len(made) < 2_000_000


@pytest.mark.postgres
async def test_a_player_gets_their_own(wallet: Wallet, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = await wallet.player(9_876_500), await wallet.player()
    for amount in (1, 250):
        assert (await one.transfer(other.account, amount)).status_code == 201
    answer = await wallet.client.get("/wallet/statement.pdf", params=SPAN, headers=one.bearer)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert "attachment" in answer.headers["content-disposition"]
    (text,) = pages(answer.content)
    assert "98,765.00" in text
    assert "-2.50" in text
    assert "3 entries: came in 98,765.00, went out 2.51 INR" in text
    (theirs,) = pages((await wallet.client.get("/wallet/statement.pdf", params=SPAN, headers=other.bearer)).content)
    assert "98,765.00" not in theirs
    monkeypatch.setattr(statements, "PDF_MOST", 2)
    monkeypatch.setattr(statements, "CSV_MOST", 2)
    for kind in ("pdf", "csv"):
        refused = await wallet.client.get(f"/wallet/statement.{kind}", params=SPAN, headers=one.bearer)
        assert (refused.status_code, refused.json()["code"]) == (422, "statement_too_long")
