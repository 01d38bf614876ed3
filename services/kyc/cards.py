"""What stands on a PAN card, from the lines that OCR read: number, name, date of birth; pure.

Of the number each place is a letter or a digit, so what OCR mixes up (O and 0, S and 5) is set right by its place, and counted:
a number that needed it is believed only where the player wrote the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

from services.kyc import pan

#: From this confidence on a line that says something else than the player is no misreading.
SURE = 0.90

#: What is read for a digit, and for a letter.
_DIGITS = str.maketrans("OQDILZSGB", "000112568")
_LETTERS = str.maketrans("0125684", "OIZSGBA")

#: Characters of a number, and how many of them may be set right.
LENGTH, _MOST_CORRECTED = 10, 3
_FORM = re.compile(pan.FORM)
_DATE = re.compile(r"\b([0-9OIL]{2})[/.\-]([0-9OIL]{2})[/.\-]([0-9OIL]{4})\b")
_WORDS = re.compile(r"[A-Z][A-Z .']{1,60}")

#: Words of the form itself: a line with one of them is no name.
_PRINTED = re.compile(
    r"INCOME|TAX|DEPART|GOVT|INDIA|PERMAN|ACCOUNT|NUMBER|CARD|SIGNATURE|NAME|FATHER|DATE|BIRTH|E-?PAN", re.IGNORECASE
)
#: What stands at the top of a card.
_HEADING = re.compile(r"INCOME|DEPARTM|GOVT|INDIA", re.IGNORECASE)

_OF_NAME = re.compile(r"\bname\b|(?:/|^)name", re.IGNORECASE)
_OF_FATHER = re.compile(r"father|mother|spouse", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that OCR read: its corners in pixels, from the upper left one on clockwise, and how sure it is, 0 to 1."""

    text: str = field(repr=False)
    confidence: float
    corners: Sequence[tuple[float, float]]

    @property
    def middle(self) -> tuple[float, float]:
        """Where it is, across and down."""
        return sum(x for x, _ in self.corners) / len(self.corners), sum(y for _, y in self.corners) / len(self.corners)

    @property
    def upright(self) -> bool:
        """Whether it runs across the picture, and not up or down."""
        across, down = ([corner[axis] for corner in self.corners] for axis in (0, 1))
        return max(across) - min(across) >= max(down) - min(down)

    @property
    def height(self) -> float:
        """Of its letters."""
        (ax, ay), (bx, by) = self.corners[0], self.corners[3]
        return float(((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5)


@dataclass(frozen=True, slots=True)
class Read:
    """A value of a card: how sure OCR is of it, and how many of its characters were set right."""

    value: str = field(repr=False)
    confidence: float
    corrected: int = 0

    @property
    def sure(self) -> bool:
        """Whether it counts against what the player wrote."""
        return self.confidence >= SURE and self.corrected == 0


@dataclass(frozen=True, slots=True)
class Card:
    """What could be read of a card."""

    number: Read | None = None
    name: Read | None = None
    birth_date: Read | None = None

    @property
    def fields(self) -> Mapping[str, Read]:
        """What was read, by the names that it is kept under."""
        found = {"card_number": self.number, "card_name": self.name, "card_date_of_birth": self.birth_date}
        return {name: each for name, each in found.items() if each is not None}

    @property
    def values(self) -> dict[str, Any]:
        """As JSON has it."""
        return {name: [each.value, each.confidence, each.corrected] for name, each in self.fields.items()}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """From `values`."""
        number, name, birth_date = (
            Read(*values[each]) if each in values else None
            for each in ("card_number", "card_name", "card_date_of_birth")
        )
        return cls(number, name, birth_date)


def read(lines: Sequence[Line]) -> Card:
    """The values of a card, however it lies; None for what is not there or not clear."""
    axis, sign = lying(lines) or (1, 1)
    down = sorted(lines, key=lambda line: sign * line.middle[axis])
    return Card(_number(down), _name(down) if lying(lines) else None, _birth_date(down))


def lying(lines: Sequence[Line]) -> tuple[int, int] | None:
    """Which way is down on a card: the axis (0 across, 1 down the picture) and its sign; None where no heading says it."""
    headings = [line for line in lines if _HEADING.search(line.text)]
    others = [line for line in lines if not _HEADING.search(line.text)]
    if not headings or not others:
        return None
    axis = int(2 * sum(line.upright for line in lines) >= len(lines))
    above, below = (sum(line.middle[axis] for line in side) / len(side) for side in (headings, others))
    return axis, 1 if above < below else -1


def number_in(line: Line) -> Read | None:
    """The PAN in a line, set right by its places."""
    words = [re.sub(r"[^A-Z0-9]", "", word) for word in line.text.upper().split()]
    found = [each for word in (*words, "".join(words)) if (each := _corrected(word, line.confidence)) is not None]
    return min(found, key=lambda each: each.corrected, default=None)


def _corrected(word: str, confidence: float) -> Read | None:
    if len(word) != LENGTH:
        return None
    right = word[:5].translate(_LETTERS) + word[5:9].translate(_DIGITS) + word[9:].translate(_LETTERS)
    changed = sum(a != b for a, b in zip(word, right, strict=True))
    return Read(right, confidence, changed) if _FORM.match(right) and changed <= _MOST_CORRECTED else None


def _number(lines: Sequence[Line]) -> Read | None:
    """A card has one number; two that are read equally well are none."""
    found = sorted(filter(None, map(number_in, lines)), key=lambda each: (each.corrected, -each.confidence))
    best = [each for each in found if each.corrected == found[0].corrected]
    return best[0] if len({each.value for each in best}) == 1 else None


def _birth_date(lines: Sequence[Line]) -> Read | None:
    """The earliest date: others are of the card."""
    found: list[tuple[date, Read]] = []
    for line in lines:
        for day, month, year in _DATE.findall(line.text.upper()):
            right = [part.translate(_DIGITS) for part in (day, month, year)]
            try:
                value = date(int(right[2]), int(right[1]), int(right[0]))
            except ValueError:
                continue
            changed = sum(a != b for a, b in zip(day + month + year, "".join(right), strict=True))
            found.append((value, Read(value.isoformat(), line.confidence, changed)))
    return min(found, key=lambda each: each[0])[1] if found else None


def _name(lines: Sequence[Line]) -> Read | None:
    """Below the word "Name" on newer cards; on older ones the first line of capitals between the heading and the date."""
    for at, line in enumerate(lines):
        if _OF_NAME.search(line.text) and not _OF_FATHER.search(line.text):
            return next(filter(None, map(_capitals, lines[at + 1 : at + 3])), None)
    found = [each for line in lines if (each := _capitals(line)) is not None]
    return found[0] if found else None


def _capitals(line: Line) -> Read | None:
    text = " ".join(line.text.split())
    if not _WORDS.fullmatch(text) or _PRINTED.search(text):
        return None
    return Read(text, line.confidence)
