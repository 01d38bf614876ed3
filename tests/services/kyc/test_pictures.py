"""Pictures from outside: what is taken, what is left of it, and that no file takes more than its bounds."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject, TextStringObject
from reportlab.pdfgen.canvas import Canvas

from services.kyc import pictures
from services.kyc.pictures import PictureError
from services.kyc.reader import Act
from services.kyc.sandbox import LIMITS, Limits, PoisonError, Sandbox, SandboxError


def file(size: tuple[int, int] = (640, 400), kind: str = "JPEG", mode: str = "RGB", **more: Any) -> bytes:
    """A picture whose left half is dark and whose right half is light."""
    image = Image.new(mode, size, 255 if mode == "1" else "#e0e0e0")
    if mode == "RGB":
        image.paste("#202020", (0, 0, size[0] // 2, size[1]))
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def pdf(pages: int = 1, size: tuple[float, float] = (400, 250)) -> bytes:
    """A PDF whose pages say which they are."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=size)
    canvas.setTitle("Asha's home")
    for number in range(pages):
        canvas.setFont("Helvetica", 40)
        canvas.drawString(40, 60, f"PAGE {number + 1}")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def test_nothing_but_pixels_is_left() -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x8825] = "Asha's home", {2: (12.0, 58.0, 0.0)}
    hidden = file(exif=exif, comment=b"a comment") + b"<?php hidden(); ?>"
    text = PngInfo()
    text.add_text("Author", "Asha's home")
    for content in (hidden, file(kind="PNG", pnginfo=text) + b"PK\x03\x04 hidden"):
        cleaned = pictures.cleaned(content)
        for word in (b"Asha", b"hidden", b"comment", b"Exif", b"PK\x03"):
            assert word not in cleaned
        assert not opened(cleaned).getexif()
        assert opened(cleaned).size == (640, 400)


def test_a_camera_that_was_turned_is_turned_back() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side
    cleaned = opened(pictures.cleaned(file(exif=exif)))
    assert cleaned.size == (400, 640)
    above, below = (cleaned.convert("L").getpixel((200, y)) for y in (50, 590))
    assert isinstance(above, int) and isinstance(below, int) and above < 100 < below


def test_what_is_transparent_is_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (300, 300), (0, 0, 0, 0)).save(out, "PNG")
    assert opened(pictures.cleaned(out.getvalue())).getpixel((150, 150)) == (255, 255, 255)


def test_of_a_pdf_the_first_page_is_taken() -> None:
    page = opened(pictures.cleaned(pdf(2)))
    assert page.size == (2000, 1250)
    darkest, lightest = page.convert("L").getextrema()
    assert (darkest, lightest) == (0, 255)
    locked = io.BytesIO()
    writer = PdfWriter(clone_from=io.BytesIO(pdf()))
    writer.encrypt("secret", algorithm="AES-256")
    writer.write(locked)
    with pytest.raises(PictureError):
        pictures.cleaned(locked.getvalue())


def test_what_a_pdf_carries_along_is_not_run_and_not_kept() -> None:
    """A script that runs when it is opened, a program to start, a file in it, a form's text, another page."""
    plain, loaded = pdf(2), io.BytesIO()
    writer = PdfWriter(clone_from=io.BytesIO(plain))
    writer.add_attachment("EVIL.exe", b"MZ EVIL " * 500)
    for event, action in (
        ("/OpenAction", {"/S": "/JavaScript", "/JS": "EVIL()"}),
        ("/AA", {"/S": "/Launch", "/F": "EVIL"}),
    ):
        made = DictionaryObject()
        for key, value in action.items():
            made[NameObject(key)] = NameObject(value) if value.startswith("/") else TextStringObject(value)
        writer.root_object[NameObject(event)] = made
    writer.write(loaded)
    assert b"EVIL" in loaded.getvalue() and b"/JavaScript" in loaded.getvalue()
    cleaned = pictures.cleaned(loaded.getvalue())
    assert cleaned == pictures.cleaned(plain), "the same pixels, and nothing else"
    for word in (b"EVIL", b"JavaScript", b"Launch", b"%PDF"):
        assert word not in cleaned


def test_a_file_of_two_kinds_is_the_one_that_it_begins_as_or_none() -> None:
    """What is a picture to one program and a page, an archive or a script to another is our picture afterwards."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("EVIL.class", b"EVIL" * 10)
    picture, page = file(), b"<script>EVIL</script>"
    commented = file(comment=b"*/=1;EVIL()/*" + page)
    for content in (picture + archive.getvalue(), picture + pdf(), commented, file(kind="PNG") + page):
        cleaned = pictures.cleaned(content)
        assert opened(cleaned).format == "JPEG" and b"EVIL" not in cleaned
        assert not zipfile.is_zipfile(io.BytesIO(cleaned)) and b"%PDF" not in cleaned
    for content in (archive.getvalue() + picture, page + picture, b"GIF89a" + picture, b"\n" + pdf()):
        with pytest.raises(PictureError, match="not_a_picture"):
            pictures.cleaned(content)


def test_a_large_one_is_kept_smaller() -> None:
    assert opened(pictures.cleaned(file((2400, 1440)))).size == (2000, 1200)


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is that large, in a few bytes."""
    lines = zlib.compress(b"\0" * 1000)
    chunks = b""
    for name, data in (
        (b"IHDR", width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\0\0\0"),
        (b"IDAT", lines),
        (b"IEND", b""),
    ):
        chunks += len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)
    return b"\x89PNG\r\n\x1a\n" + chunks + bytes(100)


#: Made when they are used: a PDF has the time in it, and collecting the tests draws no pictures.
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (bytes, "not_a_picture"),
    "pdf-begun": (lambda: b"%PDF-1.7 ", "not_a_picture"),
    "pdf-of-many-pages": (lambda: pdf(5), "too_many_pages"),
    "pdf-slim": (lambda: pdf(1, (1000, 100)), "too_slim"),
    "gif": (lambda: file(kind="GIF"), "not_a_picture"),
    "tiff": (lambda: file(kind="TIFF"), "not_a_picture"),
    "svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_a_picture"),
    "jpeg-cut-off": (lambda: file()[:900], "not_a_picture"),
    "png-cut-off": (lambda: file(kind="PNG")[:-30], "not_a_picture"),
    "bomb-by-its-head": (lambda: bomb(60_000, 60_000), "too_large"),
    "bomb-just-too-large": (lambda: bomb(8000, 7000), "too_large"),
    "bomb-that-fits": (lambda: bomb(2000, 2000), "not_a_picture"),
    "small": (lambda: file((640, 100)), "too_small"),
    "slim": (lambda: file((2000, 300)), "too_slim"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    make, reason = REFUSED[case]
    with pytest.raises(PictureError) as refused:
        pictures.cleaned(make())
    assert refused.value.reason == reason


@given(st.sampled_from(["JPEG", "PNG"]), st.integers(0, 1000), st.binary(min_size=1, max_size=40))
def test_a_damaged_file_is_refused_or_read(kind: str, where: int, damage: bytes) -> None:
    whole = file((240, 240), kind)
    at = 8 + where % (len(whole) - 8)
    try:
        assert opened(pictures.cleaned(whole[:at] + damage + whole[at + len(damage) :])).format == "JPEG"
    except PictureError as error:
        assert error.reason in ("not_a_picture", "too_large", "too_small", "too_slim")


async def test_it_is_done_in_another_process() -> None:
    found = await Sandbox().run(Act.CLEAN, file())
    assert opened(found.files["picture"]).size == (640, 400)
    with pytest.raises(PoisonError) as refused:
        await Sandbox().run(Act.CLEAN, b"MZ")
    assert refused.value.reason == "not_a_picture"


async def test_a_file_that_takes_too_much_ends_its_process_and_nothing_else() -> None:
    sandbox = Sandbox({Act.CLEAN: LIMITS[Act.CLEAN]._replace(memory=120)})
    with pytest.raises(PoisonError) as refused:
        await sandbox.run(Act.CLEAN, file((7000, 7000), "PNG", "1"))
    assert refused.value.reason == "too_costly"


async def test_a_busy_machine_is_not_the_files_fault() -> None:
    with pytest.raises(SandboxError, match="no end within"):
        await Sandbox({Act.CLEAN: Limits(768, 10, 0.01)}).run(Act.CLEAN, file())
