"""Text on pictures, by models that lie in the wheel of rapidocr: nothing is asked of anybody.

The one module that imports OCR and OpenCV, which are in the image of kyc alone (the extra `kyc`). It runs in a process for one
file (`sandbox`), and sees JPEGs of ours, never a file that came from outside.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy
from PIL import Image, ImageDraw

from services.kyc import cards, pictures
from services.kyc.cards import Line

#: Lines below this confidence are noise.
_LEAST = 0.5

#: Longer pictures are read smaller, and shorter ones larger: print on a card is then some 30 pixels high.
_SIDE = 1100

#: How much wider than read a number is painted over, in heights of its letters.
_MARGIN = 0.25

#: How a card lies on its side (`cards.lying`) → how it is turned.
_TURNS = {(0, 1): Image.Transpose.ROTATE_270, (0, -1): Image.Transpose.ROTATE_90}

#: How much of a line with a number alone is: its first six characters, and letters are wider than digits.
_SHARE = 0.65


class Ocr:
    """The models, loaded once (0.2 s, 400 MB while it reads)."""

    def __init__(self) -> None:
        # onnxruntime has telemetry in it, on unless this is set before it is imported: nothing of a reading leaves.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        from rapidocr import (
            RapidOCR,  # here, as it reads its settings and models' list when it is imported: half a second
        )

        # One thread: two spin while they wait for each other, and take a third more CPU for the same page.
        one = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
        # What it answers has a type for each of its uses; with text asked for, it is lines.
        self._engine: Any = RapidOCR(params={"Global.log_level": "critical", "Global.text_score": _LEAST, **one})

    def lines(self, image: Image.Image) -> list[Line]:
        """What stands on a picture, in its pixels."""
        factor = _SIDE / max(image.size)
        size = (round(image.width * factor), round(image.height * factor))
        found = self._engine(numpy.asarray(image.resize(size, Image.Resampling.LANCZOS))[:, :, ::-1])
        if found.txts is None:
            return []
        return [
            Line(text, float(score), [(float(x) / factor, float(y) / factor) for x, y in corners])
            for text, score, corners in zip(found.txts, found.scores, found.boxes, strict=True)
        ]

    def upright(self, image: Image.Image) -> tuple[Image.Image, list[Line]]:
        """The same of a card, and the picture as it was read: one that lies on its side is turned and read once more.

        Lines that are cut out and turned one by one lose letters where they are blurred: of 36 drawn cards, four their date.
        """
        found = self.lines(image)
        turn = _TURNS.get(cards.lying(found) or (1, 1))
        if turn is None:
            return image, found
        image = image.transpose(turn)
        return image, self.lines(image)


def read_card(jpeg: bytes) -> tuple[Mapping[str, Any], Mapping[str, bytes]]:
    """The act READ: what stands on the card, and the picture without its number where it was found."""
    image, lines = Ocr().upright(opened(jpeg))
    covered = masked(image, lines)
    return cards.read(lines).values, {} if covered is None else {"masked": covered}


def opened(jpeg: bytes) -> Image.Image:
    """A picture of ours."""
    return Image.open(io.BytesIO(jpeg), formats=["JPEG"]).convert("RGB")


def masked(image: Image.Image, lines: Sequence[Line]) -> bytes | None:
    """The picture without its number but the last characters, and without what code readers read; None where no number is."""
    numbers = [line for line in lines if cards.number_in(line) is not None]
    if not numbers:
        return None
    partly = cards.lying(lines) == (1, 1)
    image = image.copy()
    draw = ImageDraw.Draw(image)
    for line in numbers:
        draw.polygon(_hidden(line, partly), fill="black")
    there, codes = cv2.QRCodeDetector().detectMulti(numpy.asarray(image.convert("L")))
    for corners in codes if there and codes is not None else ():
        draw.polygon([(float(x), float(y)) for x, y in corners], fill="black")
    return pictures.encoded(image)


def _hidden(line: Line, partly: bool) -> list[tuple[float, float]]:
    """The part of a line with the number's first characters; all of it where it is not known where they are."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = line.corners
    share = _SHARE if partly and line.upright and len(line.text.strip()) == cards.LENGTH else 1.0
    margin = _MARGIN * line.height
    return [
        (ax - margin, ay - margin),
        (ax + (bx - ax) * share, ay + (by - ay) * share - margin),
        (dx + (cx - dx) * share, dy + (cy - dy) * share + margin),
        (dx - margin, dy + margin),
    ]
