"""What is read of a card: by its lines, and by OCR of drawn ones; and that no wrong number passes, however it was read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from services.kyc import cards, findings, pan
from services.kyc.cards import Card, Line, Read
from services.kyc.findings import Finding
from services.kyc.ocr import Ocr, masked, opened
from services.kyc.reader import Act
from services.kyc.sandbox import Sandbox
from tests.services.kyc import corpus
from tests.services.kyc.card_pictures import Holder, Photo, taken
from tests.services.kyc.fixtures import PATIENT
from tests.services.support import ROOT

HOLDER = Holder("ABCPS1234K", "ASHA SHARMA", "RAVI SHARMA", date(1993, 6, 30))


def lines(*texts: str, confidence: float = 0.99) -> list[Line]:
    return [
        Line(text, confidence, [(10, y), (300, y), (300, y + 20), (10, y + 20)])
        for y, text in zip(range(0, 1000, 30), texts, strict=False)
    ]


def value(read: Read | None) -> str | None:
    return None if read is None else read.value


OLDER = (
    "INCOME TAX DEPARTMENT",
    "GOVT. OF INDIA",
    "ASHA SHARMA",
    "RAVI SHARMA",
    "30/06/1993",
    "Permanent Account Number",
    "ABCPS1234K",
)
NEWER = ("INCOME TAX DEPARTMENT",
         "Permanent Account Number Card", "ABCPS1234K", "नाम/Name", "ASHA SHARMA", "पिता का नाम/Father's Name", "RAVI SHARMA",
         "जन्म की तारीख/Date of Birth", "30/06/1993", "12/01/2019")  # fmt: skip


@pytest.mark.parametrize("texts", [OLDER, NEWER], ids=["older", "newer"])
def test_both_kinds_of_cards(texts: tuple[str, ...]) -> None:
    card = cards.read(lines(*texts))
    assert [value(card.number), value(card.name), value(card.birth_date)] == ["ABCPS1234K", "ASHA SHARMA", "1993-06-30"]
    assert Card.of(json.loads(json.dumps(card.values))) == card
    assert "ABCPS1234K" not in repr(card) and "ASHA" not in repr(card)


@pytest.mark.parametrize("axis", [0, 1], ids=["across", "down"])
@pytest.mark.parametrize("sign", [1, -1], ids=["on", "back"])
@pytest.mark.parametrize("texts", [OLDER, NEWER], ids=["older", "newer"])
def test_a_card_that_lies_otherwise(texts: tuple[str, ...], axis: int, sign: int) -> None:
    """Turned by a quarter or by a half, its lines come in another order."""
    turned = []
    for line in lines(*texts):
        corners = [(sign * x, sign * y) if axis else (sign * y, -sign * x) for x, y in line.corners]
        turned.append(Line(line.text, line.confidence, corners))
    assert cards.lying(turned) == (axis, sign)
    card = cards.read(turned)
    assert [value(card.number), value(card.name), value(card.birth_date)] == ["ABCPS1234K", "ASHA SHARMA", "1993-06-30"]


def test_without_a_heading_no_line_is_a_name() -> None:
    assert cards.read(lines(*OLDER[2:])).name is None


@pytest.mark.parametrize(
    ("text", "number", "corrected"),
    [
        ("ABCPS1234K", "ABCPS1234K", 0),
        ("A8CP5I234K", "ABCPS1234K", 3),
        ("ABCPS12O4K", "ABCPS1204K", 1),
        ("abcps 1234 k", "ABCPS1234K", 0),
        ("PAN: ABCPS1234K", "ABCPS1234K", 0),
        ("A8C95I2E4K", None, 0),
        ("DEPARTMENT", None, 0),
        ("ABCXS1234K", None, 0),  # no such holder
        ("ABCPS0000K", None, 0),
        ("ABCPS1234KK", None, 0),
    ],
)
def test_a_number_is_set_right_by_its_places(text: str, number: str | None, corrected: int) -> None:
    read = cards.number_in(lines(text)[0])
    assert value(read) == number
    assert read is None or (read.corrected, read.sure) == (corrected, corrected == 0)


def test_two_numbers_are_none() -> None:
    assert cards.read(lines("ABCPS1234K", "ABCPS1235K")).number is None
    assert value(cards.read(lines("ABCPS1234K", "A8CPS1235K")).number) == "ABCPS1234K", "one of them was set right"


@given(st.from_regex(pan.FORM, fullmatch=True))
def test_every_number_is_read_as_it_is(number: str) -> None:
    read = cards.number_in(lines(number)[0])
    assert read is not None and (read.value, read.corrected) == (number, 0)


def of_card(
    card: Card, number: str = "ABCPS1234K", name: str = "Asha Sharma", birth_date: date = date(1993, 6, 30)
) -> list[Finding]:
    return findings.of_card(card, number, name, birth_date)


def test_what_a_card_says_beside_what_the_player_wrote() -> None:
    card = cards.read(lines(*OLDER))
    assert of_card(card) == []
    assert of_card(card, number="ABCPS1235K") == [Finding.NUMBER_DIFFERS]
    assert of_card(card, name="Ravi Kumar Gupta") == [Finding.NAME_DIFFERS]
    assert of_card(card, birth_date=date(1993, 6, 3)) == [Finding.BIRTH_DATE_DIFFERS]
    unsure = cards.read(lines(*OLDER, confidence=0.8))
    assert of_card(unsure) == [], "it agrees with what was written"
    assert of_card(unsure, number="ABCPS1235K", birth_date=date(1993, 6, 3)) == [Finding.CARD_UNREADABLE]
    assert of_card(Card()) == [Finding.CARD_UNREADABLE]
    assert findings.any_failed(["number_differs"]) and not findings.any_failed(["card_unreadable"])


@pytest.mark.slow
@given(st.from_regex(pan.FORM, fullmatch=True), st.from_regex(pan.FORM, fullmatch=True), st.floats(0.5, 1))
def test_no_other_number_passes(written: str, printed: str, confidence: float) -> None:
    found = of_card(cards.read(lines(*OLDER[:-1], printed, confidence=confidence)), number=written)
    assert (found == []) == (written == printed)


async def test_ocr_in_another_process_reads_a_photo_and_covers_the_number() -> None:
    jpeg = taken(HOLDER, Photo(newer=True, rotation=4, blur=1.2, noise=10))
    found = await Sandbox(PATIENT).run(Act.READ, jpeg)
    assert of_card(Card.of(found.values)) == []
    hidden = opened(found.files["masked"])
    changed = [
        abs(a - b) for a, b in zip(hidden.convert("L").tobytes(), opened(jpeg).convert("L").tobytes(), strict=True)
    ]
    assert 0.01 < sum(each > 60 for each in changed) / len(changed) < 0.1, "a bar over the number, and nothing else"


@pytest.fixture(scope="module")
def ocr() -> Ocr:
    return Ocr()


@pytest.mark.slow
def test_a_number_that_is_covered_is_not_read_again(ocr: Ocr) -> None:
    image = opened(taken(HOLDER, Photo(font="vera-bold")))
    found = ocr.lines(image)
    covered = masked(image, found)
    assert covered is not None
    texts = "".join(line.text for line in ocr.lines(opened(covered)))
    assert "ABCP" not in texts and "S1234K" not in texts and "34K" in texts


@pytest.mark.slow
def test_a_blurred_card_that_lies_on_its_side_is_turned_and_covered_as_it_is_read(ocr: Ocr) -> None:
    photo = Photo(font="vera-bold", newer=True, rotation=90, blur=1.6)
    holder = Holder("BDPPR9656A", "ARJUN REDDY", "ZOYA REDDY", date(1963, 12, 9))
    for lies in (
        opened(taken(holder, photo, 146)),
        opened(taken(holder, photo, 146)).transpose(Image.Transpose.ROTATE_180),
    ):
        image, found = ocr.upright(lies)
        assert (image.width > image.height) and (lies.width < lies.height) and cards.lying(found) == (1, 1)
        card = cards.read(found)
        assert (value(card.number), value(card.birth_date)) == ("BDPPR9656A", "1963-12-09")
        assert masked(image, found) is not None


@pytest.mark.slow
def test_nothing_of_a_reading_is_reported_to_whoever_made_the_runtime() -> None:
    """onnxruntime would make an id of this machine for that, in a home that is none here, and complains."""
    command = [sys.executable, "-c", "from services.kyc.ocr import Ocr; Ocr()"]
    environment = {"PATH": os.environ["PATH"], "HOME": "/proc/nothing"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert "telemetry" not in done.stderr


@pytest.mark.slow
def test_what_is_no_card_says_nothing_and_is_not_masked(ocr: Ocr) -> None:
    image = Image.new("RGB", (800, 500), "white")
    assert ocr.lines(image) == [] and masked(image, []) is None


@pytest.mark.nightly
def test_three_hundred_cards(record_property: Callable[[str, object], None]) -> None:
    """The number of at least 97 of 100 readable ones, and of none a number that is wrong and agrees with what was written."""
    found = list(corpus.results())
    readable = [each for each in found if each.readable]
    record_property("accuracy", corpus.table(found))
    sys.stderr.write(f"{corpus.table(found)}\n")
    assert len(found) >= 300
    assert [each for each in found if each.passed] == []
    unlike = [each.photo for each in readable if not each.right["number"]]
    assert len(unlike) <= 0.03 * len(readable), unlike
