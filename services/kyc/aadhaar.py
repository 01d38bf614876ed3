"""What UIDAI says of a person: its paperless offline e-KYC, opened with the share code, and DigiLocker's e-Aadhaar; pure.

Believed is what a pinned certificate signed (`signed_xml`). The share code is used and forgotten; the Aadhaar number is in no
file that is taken: of it only the last four digits are known. Formats: UIDAI, "Aadhaar Paperless Offline e-KYC"; DigiLocker,
"Authorized Partner API Specification", Get e-Aadhaar Data in XML Format.
"""

from __future__ import annotations

import base64
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from cryptography import x509

from services.kyc.contact_rules import Hashes
from services.kyc.signed_xml import FileRefusedError, only, signed

if TYPE_CHECKING:
    from lxml import etree

#: What a file may be: bytes of the ZIP, of the XML in it, and how much smaller it may have been packed.
ZIP_BYTES, XML_BYTES, RATIO = 150_000, 400_000, 100

#: How old an offline file may be, and how far the clock of who made one may be ahead of ours.
FRESH, AHEAD = timedelta(days=3), timedelta(minutes=10)

_INDIA = timezone(timedelta(hours=5, minutes=30))
_REFERENCE = re.compile(r"([0-9]{4})([0-9]{17})")
_MASKED = re.compile(r"[xX*]{8}([0-9]{4})")

#: The parts of an address in the order that they are shown in: of an offline file, of an e-Aadhaar.
_OFFLINE = ("careof", "house", "street", "landmark", "loc", "vtc", "po", "subdist", "dist", "state", "country", "pc")
_EAADHAAR = ("co", "house", "street", "lm", "loc", "vtc", "po", "subdist", "dist", "state", "country", "pc")

_PHOTO_BYTES = 100_000


@dataclass(frozen=True)
class Holder:
    """What UIDAI says of a person; the address in its parts joined, the photo as JPEG, hashes of contacts if there are any."""

    last_four: str
    issued_at: datetime
    name: str = field(repr=False)
    birth_date: date = field(repr=False)
    gender: str = field(repr=False)
    address: str = field(repr=False)
    photo: bytes = field(repr=False)
    contacts: Hashes = field(repr=False)


def read(content: bytes, share_code: str, now: datetime, certificates: Sequence[x509.Certificate]) -> Holder:
    """What an offline file says, once it is verified. Raises FileRefusedError."""
    found = signed(unpacked(content, share_code), "OfflinePaperlessKyc", certificates, lambda root: _reference(root)[1])
    last_four, issued_at = _reference(found)
    if not now - FRESH <= issued_at <= now + AHEAD:
        raise FileRefusedError("not_fresh")
    return _holder(last_four, issued_at, only(found, "UidData"), _OFFLINE)


def read_eaadhaar(xml: bytes, now: datetime, certificates: Sequence[x509.Certificate]) -> Holder:
    """What an e-Aadhaar says that DigiLocker gave, once it is verified; it says how long it holds. Raises FileRefusedError."""
    if len(xml) > XML_BYTES:
        raise FileRefusedError("too_large")
    found = signed(xml, "Certificate", certificates, lambda root: _times(_answer(root))[0])
    answer = _answer(found)
    issued_at, ends_at = _times(answer)
    if answer.get("ret") != "Y":
        raise FileRefusedError("malformed")
    if not issued_at - AHEAD <= now < ends_at:
        raise FileRefusedError("not_fresh")
    data = only(answer, "UidData")
    masked = _MASKED.fullmatch(data.get("uid") or "")
    if masked is None:
        raise FileRefusedError("number_not_masked")
    return _holder(masked[1], issued_at, data, _EAADHAAR)


def _reference(root: etree._Element) -> tuple[str, datetime]:
    found = _REFERENCE.fullmatch(root.get("referenceId") or "")
    if found is None:
        raise FileRefusedError("malformed")
    return found[1], _moment(found[2])


def _answer(root: etree._Element) -> etree._Element:
    return only(only(root, "CertificateData"), "KycRes")


def _times(answer: etree._Element) -> tuple[datetime, datetime]:
    """When it was made, and until when it holds; without an offset it is India's time."""
    try:
        made, ends = (datetime.fromisoformat(answer.get(name) or "") for name in ("ts", "ttl"))
    except ValueError:
        raise FileRefusedError("malformed") from None
    made, ends = (each if each.tzinfo else each.replace(tzinfo=_INDIA) for each in (made, ends))
    return made, ends


def _holder(last_four: str, issued_at: datetime, data: etree._Element, parts: Sequence[str]) -> Holder:
    person, address, photos = only(data, "Poi"), only(data, "Poa"), data.findall("Pht")
    name = (person.get("name") or "").strip()
    gender = person.get("gender") or ""
    if not 2 <= len(name) <= 120 or gender not in ("M", "F", "T"):
        raise FileRefusedError("malformed")
    return Holder(
        last_four=last_four,
        issued_at=issued_at,
        name=name,
        birth_date=_birth_date(person.get("dob") or ""),
        gender=gender,
        address=", ".join(filter(None, ((address.get(part) or "").strip() for part in parts)))[:1000],
        photo=_photo(photos[0].text or "") if photos else b"",
        contacts=Hashes(person.get("m") or "", person.get("e") or "", int(last_four[-1])),
    )


def unpacked(content: bytes, share_code: str) -> bytes:
    """The XML of a ZIP with one small file. Raises FileRefusedError (not_a_zip, too_large, wrong_share_code)."""
    import pyzipper

    if len(content) > ZIP_BYTES:
        raise FileRefusedError("too_large")
    try:
        with pyzipper.AESZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) != 1 or not entries[0].filename.lower().endswith(".xml"):
                raise FileRefusedError("not_a_zip")
            entry = entries[0]
            if not entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise FileRefusedError("not_a_zip")
            if entry.file_size > min(XML_BYTES, RATIO * max(entry.compress_size, 1)):
                raise FileRefusedError("too_large")
            with archive.open(entry, pwd=share_code.encode()) as file:
                xml: bytes = file.read(XML_BYTES + 1)  # what the directory says of its size may be a lie
    except FileRefusedError:
        raise
    except RuntimeError:  # zipfile's for a wrong password
        raise FileRefusedError("wrong_share_code") from None
    except (zipfile.BadZipFile, pyzipper.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError):
        # One wrong password in 256 passes the first look, and what it opens cannot be unpacked.
        raise FileRefusedError("not_a_zip") from None
    if len(xml) > XML_BYTES:
        raise FileRefusedError("too_large")
    return xml


def _moment(digits: str) -> datetime:
    """YYYYMMDDHHMMSSmmm in India's time."""
    try:
        second = datetime.strptime(digits[:14], "%Y%m%d%H%M%S").replace(tzinfo=_INDIA)
    except ValueError:
        raise FileRefusedError("malformed") from None
    return (second + timedelta(milliseconds=int(digits[14:]))).astimezone(UTC)


def _birth_date(text: str) -> date:
    """DD-MM-YYYY; UIDAI knows of some people only the year, which is not enough."""
    if not re.fullmatch(r"[0-9]{2}-[0-9]{2}-[0-9]{4}", text):
        raise FileRefusedError("birth_date_missing")
    try:
        return date(int(text[6:]), int(text[3:5]), int(text[:2]))
    except ValueError:
        raise FileRefusedError("malformed") from None


def _photo(text: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=False)
    except ValueError:
        raise FileRefusedError("malformed") from None
    if len(found) > _PHOTO_BYTES or not found.startswith(b"\xff\xd8\xff"):
        raise FileRefusedError("malformed")
    return found
