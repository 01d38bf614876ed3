"""Drawn faces, made at test time: of nobody, and such that a detector of faces finds them; turned and tilted as heads are.

Drawn faces are all alike to a network that learned on photographs (distances of 0.1 to 0.4): they show geometry and flow, and
not how well persons are told apart.
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFilter

from services.kyc.faces import Gesture

Box = tuple[float, float, float, float]

#: Gesture → how far the features move to the right of the picture (a share), and degrees that the head turns clockwise.
POSES: dict[Gesture | None, tuple[float, float]] = {
    None: (0, 0), Gesture.TURN_LEFT: (0.9, 0), Gesture.TURN_RIGHT: (-0.9, 0), Gesture.TILT_LEFT: (0, 14),
    Gesture.TILT_RIGHT: (0, -14),
}  # fmt: skip


def frame(seed: int = 0, gesture: Gesture | None = None, size: int = 480) -> bytes:
    """A frame of a selfie, as a JPEG."""
    turn, tilt = POSES[gesture]
    out = io.BytesIO()
    face(seed, turn, size).rotate(-tilt, Image.Resampling.BICUBIC, fillcolor=_WALL).save(out, "JPEG", quality=92)
    return out.getvalue()


_WALL = (120, 135, 150)


def face(seed: int = 0, turn: float = 0.0, size: int = 400) -> Image.Image:
    """A face; its features follow from `seed`."""
    drawn = random.Random(seed)

    def around(value: float, spread: float) -> float:
        return value * drawn.uniform(1 - spread, 1 + spread)

    skin = (drawn.randrange(150, 230), drawn.randrange(110, 170), drawn.randrange(80, 140))
    dark, light = _times(skin, 0.75), _times(skin, 1.12)
    hair = (drawn.randrange(10, 70), drawn.randrange(10, 70), drawn.randrange(10, 70))
    image = Image.new("RGB", (size, size), _WALL)
    draw = ImageDraw.Draw(image)
    x, y, wide, high = size / 2, size / 2, size * around(0.27, 0.06), size * around(0.36, 0.05)
    draw.ellipse((x - wide * 1.12, y - high * 1.15, x + wide * 1.12, y + high * 0.6), fill=hair)
    draw.rectangle((x - wide * 0.45, y + high * 0.7, x + wide * 0.45, size), fill=dark)
    draw.ellipse((x - wide, y - high, x + wide, y + high), fill=skin)
    draw.pieslice((x - wide * 1.02, y - high * 1.08, x + wide * 1.02, y + high * 0.2), 200, 340, fill=hair)
    aside = turn * wide * 0.35
    eye, brow = wide * around(0.42, 0.06), y - high * 0.12
    eyes = [x + aside + side * eye for side in (-1, 1)]
    hollows = [(at - wide * 0.28, brow - high * 0.16, at + wide * 0.28, brow + high * 0.13) for at in eyes]
    _shade(image, hollows, dark, 150, 0.02)
    draw = ImageDraw.Draw(image)
    iris, thick = high * 0.065, round(size * around(0.018, 0.25))
    for at in eyes:
        white = (at - wide * 0.2, brow - iris, at + wide * 0.2, brow + iris)
        draw.ellipse(white, fill=(235, 235, 230), outline=(40, 25, 20), width=max(2, size // 150))
        draw.ellipse((at - iris, brow - iris, at + iris, brow + iris), fill=(50, 30, 20))
        arch = (at - wide * 0.28, brow - high * 0.3, at + wide * 0.28, brow - high * 0.02)
        draw.arc(arch, 200, 340, fill=hair, width=thick)
    nose = x + aside * 1.6
    _shade(image, [(nose - wide * 0.2, y + high * 0.12, nose + wide * 0.2, y + high * 0.32)], dark, 130, 0.012)
    _shade(image, [(nose - wide * 0.06, y - high * 0.1, nose + wide * 0.06, y + high * 0.22)], light, 170, 0.01)
    draw = ImageDraw.Draw(image)
    for at in (nose - wide * 0.1, nose + wide * 0.1):
        nostril = (at - wide * 0.05, y + high * 0.225, at + wide * 0.05, y + high * 0.275)
        draw.ellipse(nostril, fill=_times(skin, 0.4))
    mouth, lips = y + high * around(0.52, 0.05), wide * around(0.36, 0.1)
    middle = x + aside
    draw.ellipse((middle - lips, mouth - high * 0.06, middle + lips, mouth + high * 0.07), fill=(160, 70, 70))
    draw.line((middle - lips, mouth, middle + lips, mouth), fill=(80, 30, 30), width=max(2, size // 120))
    return image.filter(ImageFilter.GaussianBlur(size * 0.004))


def _times(colour: tuple[int, int, int], factor: float) -> tuple[int, int, int]:
    red, green, blue = (min(255, round(each * factor)) for each in colour)
    return red, green, blue


def _shade(image: Image.Image, boxes: Sequence[Box], colour: tuple[int, int, int], depth: int, blur: float) -> None:
    mask = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(mask)
    for box in boxes:
        draw.ellipse(box, fill=depth)
    image.paste(Image.new("RGB", image.size, colour), (0, 0), mask.filter(ImageFilter.GaussianBlur(image.width * blur)))
