"""Synthetic PAN cards, drawn at test time: of nobody, in fonts of Pillow and reportlab, and damaged as photos are."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import reportlab
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

_VERA = Path(reportlab.__file__).parent / "fonts"

#: Name → file; None is Pillow's own.
FONTS = {
    "aileron": None,
    "vera": _VERA / "Vera.ttf",
    "vera-bold": _VERA / "VeraBd.ttf",
    "vera-italic": _VERA / "VeraIt.ttf",
}

SIZE = (860, 540)

_FIRST = (
    "ASHA",
    "RAVI",
    "MEERA",
    "ARJUN",
    "LAKSHMI",
    "IMRAN",
    "GURPREET",
    "ANANYA",
    "JOSEPH",
    "SRINIVASAN",
    "DIVYA",
    "ZOYA",
)
_LAST = (
    "SHARMA",
    "NAIR",
    "KHAN",
    "SINGH",
    "IYER",
    "DSOUZA",
    "PATEL",
    "BANERJEE",
    "REDDY",
    "GOWDA",
    "CHATTERJEE",
    "OBEROI",
)


@dataclass(frozen=True)
class Holder:
    """Of a card; of nobody."""

    number: str
    name: str
    father: str
    birth_date: date

    @classmethod
    def drawn(cls, random_: random.Random) -> Holder:
        last = random_.choice(_LAST)
        letters = [random_.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(4)]
        number = f"{''.join(letters[:3])}P{last[0]}{random_.randrange(1, 10_000):04}{letters[3]}"
        birth_date = date(random_.randrange(1950, 2006), random_.randrange(1, 13), random_.randrange(1, 29))
        return cls(number, f"{random_.choice(_FIRST)} {last}", f"{random_.choice(_FIRST)} {last}", birth_date)


@dataclass(frozen=True)
class Photo:
    """How a card was taken: degrees, blur and noise in pixels' values, glare 0 to 1, JPEG quality, share of full size."""

    font: str = "aileron"
    newer: bool = False
    rotation: float = 0
    blur: float = 0
    noise: float = 0
    glare: float = 0
    quality: int = 90
    scale: float = 1

    @property
    def readable(self) -> bool:
        """Whether a person reads it without effort."""
        return self.blur <= 1.6 and self.noise <= 14 and self.glare <= 0.5 and self.quality >= 40 and self.scale >= 0.7


def taken(holder: Holder, photo: Photo, seed: int = 0) -> bytes:
    """A photo of a card, as a JPEG."""
    image = _card(holder, photo)
    if photo.glare:
        image = _glare(image, photo.glare)
    if photo.rotation:
        image = image.rotate(photo.rotation, Image.Resampling.BICUBIC, expand=True, fillcolor="#6b6258")
    if photo.scale != 1:
        image = image.resize([round(side * photo.scale) for side in image.size], Image.Resampling.LANCZOS)
    if photo.blur:
        image = image.filter(ImageFilter.GaussianBlur(photo.blur))
    if photo.noise:
        drawn = random.Random(seed)
        grain = Image.frombytes("L", image.size, drawn.randbytes(image.width * image.height))
        spread = grain.point([round(128 + (value - 128) / 74 * photo.noise) & 255 for value in range(256)])
        image = ImageChops.add(image, Image.merge("RGB", [spread] * 3), 1, -128)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=photo.quality)
    return out.getvalue()


def _card(holder: Holder, photo: Photo) -> Image.Image:
    image = Image.new("RGB", SIZE, "#cfe0ea")
    draw = ImageDraw.Draw(image)
    for y in range(0, SIZE[1], 12):  # a pattern, as cards have one
        draw.line([(0, y), (SIZE[0], y + 40)], fill="#c3d6e2")
    draw.rectangle((660, 150, 820, 350), fill="#8fa3ad")  # the photo of the holder

    def write(x: int, y: int, text: str, size: int) -> None:
        file = FONTS[photo.font]
        font = ImageFont.load_default(size) if file is None else ImageFont.truetype(file, size)
        draw.text((x, y), text, font=font, fill="#1a1a2a")

    write(40, 24, "INCOME TAX DEPARTMENT", 30)
    write(560, 24, "GOVT. OF INDIA", 30)
    birth_date = holder.birth_date.strftime("%d/%m/%Y")
    if photo.newer:
        write(40, 90, "Permanent Account Number Card", 24)
        write(40, 130, holder.number, 40)
        for y, label, value in (
            (220, "Name", holder.name),
            (300, "Father's Name", holder.father),
            (380, "Date of Birth", birth_date),
        ):
            write(40, y, label, 20)
            write(40, y + 28, value, 28)
    else:
        for y, value in ((110, holder.name), (165, holder.father), (220, birth_date)):
            write(40, y, value, 30)
        write(40, 310, "Permanent Account Number", 26)
        write(40, 355, holder.number, 40)
        write(40, 460, "Signature", 20)
    return image


def _glare(image: Image.Image, strength: float) -> Image.Image:
    light = Image.new("L", image.size, 0)
    ImageDraw.Draw(light).ellipse((240, 200, 620, 480), fill=round(255 * strength))
    return Image.composite(Image.new("RGB", image.size, "white"), image, light.filter(ImageFilter.GaussianBlur(60)))
