"""324 drawn cards, read by OCR: how well each field is read, by what was wrong with the picture.

    python -m tests.services.kyc.corpus [PART PARTS]

prints a line of JSON for each card, and at the end the table of docs/kyc.md.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from services.kyc import cards, findings, names
from services.kyc.cards import Card, Read
from services.kyc.ocr import Ocr, opened
from tests.services.kyc.card_pictures import FONTS, Holder, Photo, taken

_DAMAGES: Sequence[tuple[str, dict[str, Any]]] = (
    ("as it is", {}), ("blur up to 1.6", {"blur": 1.0}), ("blur up to 1.6", {"blur": 1.6}), ("blur 2.4", {"blur": 2.4}),
    ("noise up to 14", {"noise": 8}), ("noise up to 14", {"noise": 14}), ("noise 24", {"noise": 24}),
    ("glare up to 0.5", {"glare": 0.3}), ("glare up to 0.5", {"glare": 0.5}), ("glare 0.9", {"glare": 0.9}),
    ("JPEG quality 60 and 40", {"quality": 60}), ("JPEG quality 60 and 40", {"quality": 40}),
    ("JPEG quality 15", {"quality": 15}),
    ("at 0.7 of the size", {"scale": 0.7}), ("at 0.45 of the size", {"scale": 0.45}),
    ("several at once", {"blur": 1.2, "noise": 10, "quality": 60}),
    ("several at once", {"blur": 1.6, "noise": 14, "glare": 0.3}),
    ("several at once", {"scale": 0.7, "quality": 50, "noise": 8}),
)  # fmt: skip

_ANGLES = (0, 3, -6, 12, 0, -3, 90, 0, 1.5)

#: Fields, and what of all a reader needs to be sure of.
FIELDS = ("number", "name", "birth date", "all, without a doubt")


def photos() -> Iterator[tuple[str, Photo]]:
    """What is wrong, and the photo: fonts, kinds, angles, and each way of being bad alone and together."""
    for at in range(18):
        for number, (kind, damage) in enumerate(_DAMAGES):
            font = list(FONTS)[(at + number) % len(FONTS)]
            rotation = _ANGLES[(at * 5 + number) % len(_ANGLES)]
            yield kind, Photo(font=font, newer=bool((at + number // 2) % 2), rotation=rotation, **damage)


@dataclass(frozen=True)
class Result:
    """Of one card. `misread`: another number was read; `passed`: the card agrees with a number that it was not read as."""

    kind: str
    readable: bool
    right: dict[str, bool]
    misread: bool
    passed: bool
    photo: str


def results(part: int = 0, parts: int = 1) -> Iterator[Result]:
    """Of every card, or of every `parts`-th."""
    ocr, drawn = Ocr(), random.Random(15)
    for seed, (kind, photo) in enumerate(photos()):
        holder = Holder.drawn(drawn)
        if seed % parts == part:
            yield _result(kind, photo, holder, cards.read(ocr.upright(opened(taken(holder, photo, seed)))[1]))


def _result(kind: str, photo: Photo, holder: Holder, card: Card) -> Result:
    number = value(card.number)
    near = f"{holder.number[:6]}{(int(holder.number[6]) + 1) % 10}{holder.number[7:]}"
    alike = 0.0 if card.name is None else names.likeness(card.name.value, holder.name) or 0.0
    right = (
        number == holder.number, alike >= names.SAME, value(card.birth_date) == holder.birth_date.isoformat(),
        not findings.of_card(card, holder.number, holder.name, holder.birth_date),
    )  # fmt: skip
    # Whoever wrote another number than the card was read as must not pass.
    written = [each for each in (holder.number, near) if each != number]
    passed = any(not findings.of_card(card, each, holder.name, holder.birth_date) for each in written)
    misread = number is not None and number != holder.number
    return Result(kind, photo.readable, dict(zip(FIELDS, right, strict=True)), misread, passed, repr(photo))


def value(read: Read | None) -> str | None:
    return None if read is None else read.value


def table(found: Iterable[Result]) -> str:
    """Markdown: a line for each kind, and one for all that a person reads without effort."""
    made = list(found)
    kinds = [("**readable, all**", [each for each in made if each.readable])]
    kinds += [
        (kind, [each for each in made if each.kind == kind]) for kind in dict.fromkeys(each.kind for each in made)
    ]
    lines = [
        f"| what is wrong | readable | cards | {' | '.join(FIELDS)} | wrong numbers read |",
        "|---|---|---|" + "---|" * 5,
    ]
    for kind, group in kinds:
        shares = (f"{100 * sum(each.right[field] for each in group) / len(group):.1f} %" for field in FIELDS)
        readable = "yes" if all(each.readable for each in group) else "no"
        lines.append(
            f"| {kind} | {readable} | {len(group)} | {' | '.join(shares)} | {sum(each.misread for each in group)} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print."""
    part, parts = (int(each) for each in (sys.argv[1:] or ("0", "1")))
    made = []
    for each in results(part, parts):
        made.append(each)
        sys.stdout.write(json.dumps(asdict(each)) + "\n")
        sys.stdout.flush()
    sys.stdout.write(table(made) + "\n")


if __name__ == "__main__":
    main()
