"""A player's statement of a time as a file: CSV for programs, PDF for people. Nothing is left out silently."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING
from uuid import UUID

from services.common.errors import ServiceError
from services.common.money import Paise
from services.common.postgres import Reads
from services.common.spreadsheet import cell
from services.wallet import repository
from services.wallet.amounts import grouped
from services.wallet.errors import WalletCode
from services.wallet.tax import IST

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

#: Entries of one file. A page has ROWS, and a page takes some 4 ms of CPU.
CSV_MOST, PDF_MOST = 10_000, 2_000
ROWS = 46

_LEFT, _TOP, _STEP = 36, 800, 15
#: Where columns end (numbers) or begin, and how many characters each has.
_COLUMNS = (
    ("Date and time (IST)", 36, 20),
    ("Bucket", 126, 9),
    ("Movement", 176, 16),
    ("Amount", 318, 22),
    ("Balance", 410, 22),
    ("Note", 418, 30),
)
_NUMBERS = {"Amount", "Balance"}

#: One statement at a time: drawing is Python's own work, and requests want the thread too.
_turn = asyncio.Semaphore(1)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a statement."""

    moment: datetime
    bucket: str
    kind: str
    amount: Paise
    balance_after: Paise
    currency: str
    transaction: UUID
    note: str


async def as_csv(reads: Reads, player: UUID, since: datetime, until: datetime) -> str:
    """The player's entries of a time, oldest first. Raises ServiceError (account_missing, statement_too_long)."""
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(("moment", "bucket", "kind", "amount", "balance_after", "currency", "transaction", "note"))
    for line in await _lines(reads, player, since, until, CSV_MOST):
        fields = line.moment, line.bucket, line.kind, line.amount, line.balance_after, line.currency, line.transaction
        table.writerow((*fields, cell(line.note)))  # the note is somebody else's
    return written.getvalue()


async def as_pdf(reads: Reads, player: UUID, since: datetime, until: datetime) -> bytes:
    """The same on pages. Raises ServiceError (account_missing, statement_too_long)."""
    lines = await _lines(reads, player, since, until, PDF_MOST)
    async with _turn:
        return await asyncio.to_thread(draw, lines, player, since, until)


async def _lines(reads: Reads, player: UUID, since: datetime, until: datetime, most: int) -> list[Line]:
    if await repository.players_account(reads, player) is None:
        raise ServiceError(WalletCode.ACCOUNT_MISSING, "Open an account first: POST /wallet/account.")
    rows = await repository.entries_between(reads, player, since, until, most + 1)
    if len(rows) > most:
        raise ServiceError(WalletCode.STATEMENT_TOO_LONG, f"It has more than {most} entries; ask for a shorter time.")
    return [Line(*row) for row in rows]


def draw(lines: Sequence[Line], player: UUID, since: datetime, until: datetime) -> bytes:
    """A PDF of `lines`: a part for each currency, which begins on a page of its own and has its own sums.

    The fonts are those that every reader has: a character that they have not is a question mark.
    """
    from reportlab.lib.pagesizes import A4  # every process of the wallet would load it, and few ever draw
    from reportlab.pdfgen.canvas import Canvas

    written = io.BytesIO()
    canvas = Canvas(written, pagesize=A4, invariant=1)
    canvas.setTitle("Matchday wallet: statement")
    span = f"{since.astimezone(IST):%d %b %Y %H:%M} to {until.astimezone(IST):%d %b %Y %H:%M} (IST)"
    number = 0
    for currency, part in groupby(sorted(lines, key=lambda line: line.currency), key=lambda line: line.currency):
        own = list(part)
        for first in range(0, len(own), ROWS):
            number += 1
            _page(canvas, f"Statement in {currency}, {span}", f"Player {player}, page {number}")
            shown = own[first : first + ROWS]
            for row, line in enumerate(shown):
                _row(canvas, _TOP - 60 - row * _STEP, line)
            if first + ROWS >= len(own):
                _sums(canvas, _TOP - 66 - len(shown) * _STEP, currency, own)
            canvas.showPage()
    if not number:
        _page(canvas, f"Statement, {span}", f"Player {player}, page 1")
        canvas.drawString(_LEFT, _TOP - 60, "No entries.")
        canvas.showPage()
    canvas.save()
    return written.getvalue()


def _page(canvas: Canvas, title: str, below: str) -> None:
    canvas.setFont("Helvetica-Bold", 11)
    canvas.drawString(_LEFT, _TOP, title)
    canvas.setFont("Helvetica", 8)
    canvas.drawString(_LEFT, _TOP - 14, below)
    canvas.setFont("Helvetica-Bold", 7)
    _cells(canvas, _TOP - 40, [name for name, _, _ in _COLUMNS])
    canvas.setFont("Helvetica", 7)


def _row(canvas: Canvas, height: int, line: Line) -> None:
    moment = f"{line.moment.astimezone(IST):%d %b %Y %H:%M:%S}"
    kind = line.kind.replace("_", " ")
    _cells(canvas, height, [moment, line.bucket, kind, grouped(line.amount), grouped(line.balance_after), line.note])


def _cells(canvas: Canvas, height: int, texts: Sequence[str]) -> None:
    for (name, place, most), text in zip(_COLUMNS, texts, strict=True):
        shown = text if len(text) <= most else f"{text[: most - 3]}..."
        shown = shown.encode("cp1252", "replace").decode("cp1252")
        (canvas.drawRightString if name in _NUMBERS else canvas.drawString)(place, height, shown)


def _sums(canvas: Canvas, height: int, currency: str, lines: Sequence[Line]) -> None:
    came = sum(line.amount for line in lines if line.amount > 0)
    went = -sum(line.amount for line in lines if line.amount < 0)
    canvas.setFont("Helvetica-Bold", 8)
    text = f"{len(lines)} entries: came in {grouped(came)}, went out {grouped(went)} {currency}"
    canvas.drawString(_LEFT, height, text)
