"""Pictures that players sent, made into ours: decoded within bounds, turned upright, and encoded anew; pure.

Nothing of the file survives but its pixels: no metadata, no second picture, no script. It runs in a process of
its own (`sandbox`), as decoders have had holes and will have more.
"""

from __future__ import annotations

import io
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

#: What a picture may have when it is decoded; a phone's camera makes 12 to 50 million.
PIXELS, FEWEST_SIDE = 50_000_000, 200

#: Its longer side as it is kept: print on a card is read from half of that.
KEPT_SIDE, QUALITY = 2000, 90

#: The most pages of a PDF, of which the first is taken.
PAGES = 4

#: How often longer than wide: beyond it is no document.
_SLIMMEST = 5


class MediaType(StrEnum):
    """What is taken."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    PDF = "application/pdf"  #: its first page


#: How a file of each type begins.
_BEGINS = {MediaType.JPEG: b"\xff\xd8\xff", MediaType.PNG: b"\x89PNG\r\n\x1a\n", MediaType.PDF: b"%PDF-"}


class PictureError(ValueError):
    """It is not taken; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def load() -> None:
    """Import what decodes. Raises ImportError."""
    for name in ("PIL.ImageOps", "PIL.JpegImagePlugin", "PIL.PngImagePlugin", "pypdfium2"):
        import_module(name)


def media_type(content: bytes) -> MediaType | None:
    """By how it begins, whatever it is called."""
    return next((kind for kind, begin in _BEGINS.items() if content.startswith(begin)), None)


def cleaned(content: bytes) -> bytes:
    """A JPEG of the same pixels. Raises PictureError (not_a_picture, too_large, …)."""
    from PIL import Image, ImageOps

    kind = media_type(content)
    if kind is None:
        raise PictureError("not_a_picture")
    try:
        if kind is MediaType.PDF:
            return encoded(_page(content))
        with Image.open(io.BytesIO(content), formats=[kind.removeprefix("image/").upper()]) as image:
            _check(image.size)
            image.draft(
                "RGB", (KEPT_SIDE, KEPT_SIDE)
            )  # a JPEG is decoded at a fraction of its size: less memory, less time
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((KEPT_SIDE, KEPT_SIDE))
            return encoded(_flat(upright))
    except (PictureError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise PictureError("too_large") from None
    except Exception:  # decoders raise what they like: OSError, ValueError, SyntaxError, struct.error, zlib.error
        raise PictureError("not_a_picture") from None


def _page(content: bytes) -> Image:
    """The first page of a PDF; its forms and scripts are not run. Raises PictureError, PdfiumError."""
    import pypdfium2

    document = pypdfium2.PdfDocument(content)
    if not 1 <= len(document) <= PAGES:
        raise PictureError("too_many_pages")
    page = document[0]
    width, height = page.get_size()
    if min(width, height) <= 0 or max(width, height) > _SLIMMEST * min(width, height):
        raise PictureError("too_slim")
    image: Image = page.render(scale=KEPT_SIDE / max(width, height), may_draw_forms=False).to_pil()
    return image.convert("RGB")


def encoded(image: Image) -> bytes:
    """As a JPEG without metadata."""
    out = io.BytesIO()
    image.info.clear()
    image.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _check(size: tuple[int, int]) -> None:
    if size[0] * size[1] > PIXELS:
        raise PictureError("too_large")
    if min(size) < FEWEST_SIDE:
        raise PictureError("too_small")
    if max(size) > _SLIMMEST * min(size):
        raise PictureError("too_slim")


def _flat(image: Image) -> Image:
    """Without transparency: what is transparent is white."""
    from PIL import Image as Images

    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        above = image.convert("RGBA")
        image = Images.new("RGBA", above.size, "white")
        image.alpha_composite(above)
    return image.convert("RGB")
