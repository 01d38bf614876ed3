"""Aadhaar paperless offline e-KYC: the ZIP that a player downloads from UIDAI, opened with the share code and verified; pure.

Believed is what a pinned certificate signed, and nothing else of the file: not the certificate that it carries, no element
outside of the signed one, no DTD. The share code is used and forgotten; the Aadhaar number is not in the file, and of it only
the last four digits are known. Format: UIDAI, "Aadhaar Paperless Offline e-KYC".
"""

from __future__ import annotations

import base64
import io
import logging
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

if TYPE_CHECKING:
    from lxml import etree

#: What a file may be: bytes of the ZIP, of the XML in it, and how much smaller it may have been packed.
ZIP_BYTES, XML_BYTES, RATIO = 150_000, 400_000, 100

#: How old a file may be, and how far its clock may be ahead of ours.
FRESH, AHEAD = timedelta(days=3), timedelta(minutes=10)

CERTIFICATES = Path(__file__).parent / "certificates"

_INDIA = timezone(timedelta(hours=5, minutes=30))
_REFERENCE = re.compile(r"([0-9]{4})([0-9]{17})")
_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
_ROOT = "OfflinePaperlessKyc"
_ADDRESS = ("careof", "house", "street", "landmark", "loc", "vtc", "po", "subdist", "dist", "state", "country", "pc")
_PHOTO_BYTES = 100_000


# It logs whole documents at DEBUG: what a person's file says belongs in no log, whatever its level.
logging.getLogger("signxml").setLevel(logging.INFO)


class AadhaarError(ValueError):
    """The file is not accepted; `reason` is a code, and says nothing of what is in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class OfflineKyc:
    """What UIDAI says of a person; the address in its parts joined, the photo as JPEG."""

    last_four: str
    issued_at: datetime
    name: str = field(repr=False)
    birth_date: date = field(repr=False)
    gender: str = field(repr=False)
    address: str = field(repr=False)
    photo: bytes = field(repr=False)


def pinned(directory: Path = CERTIFICATES) -> list[x509.Certificate]:
    """UIDAI's certificates, as this repository holds them; with none no file is accepted."""
    return [x509.load_pem_x509_certificate(file.read_bytes()) for file in sorted(directory.glob("*.pem"))]


def read(content: bytes, share_code: str, now: datetime, certificates: Sequence[x509.Certificate]) -> OfflineKyc:
    """What a file says, once it is verified. Raises AadhaarError."""
    signed = _signed(unpacked(content, share_code), certificates)
    found = _REFERENCE.fullmatch(signed.get("referenceId") or "")
    if found is None:
        raise AadhaarError("malformed")
    issued_at = _moment(found[2])
    if not now - FRESH <= issued_at <= now + AHEAD:
        raise AadhaarError("not_fresh")
    (data,) = _only(signed, "UidData")
    (person,), (address,), photos = _only(data, "Poi"), _only(data, "Poa"), data.findall("Pht")
    name = (person.get("name") or "").strip()
    gender = person.get("gender") or ""
    if not 2 <= len(name) <= 120 or gender not in ("M", "F", "T"):
        raise AadhaarError("malformed")
    return OfflineKyc(
        last_four=found[1],
        issued_at=issued_at,
        name=name,
        birth_date=_birth_date(person.get("dob") or ""),
        gender=gender,
        address=", ".join(filter(None, ((address.get(part) or "").strip() for part in _ADDRESS)))[:1000],
        photo=_photo(photos[0].text or "") if photos else b"",
    )


def unpacked(content: bytes, share_code: str) -> bytes:
    """The XML of a ZIP with one small file. Raises AadhaarError (not_a_zip, too_large, wrong_share_code)."""
    import pyzipper

    if len(content) > ZIP_BYTES:
        raise AadhaarError("too_large")
    try:
        with pyzipper.AESZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) != 1 or not entries[0].filename.lower().endswith(".xml"):
                raise AadhaarError("not_a_zip")
            entry = entries[0]
            if not entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise AadhaarError("not_a_zip")
            if entry.file_size > min(XML_BYTES, RATIO * max(entry.compress_size, 1)):
                raise AadhaarError("too_large")
            with archive.open(entry, pwd=share_code.encode()) as file:
                xml: bytes = file.read(XML_BYTES + 1)  # what the directory says of its size may be a lie
    except AadhaarError:
        raise
    except RuntimeError:  # zipfile's for a wrong password
        raise AadhaarError("wrong_share_code") from None
    except (zipfile.BadZipFile, pyzipper.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError):
        # One wrong password in 256 passes the first look, and what it opens cannot be unpacked.
        raise AadhaarError("not_a_zip") from None
    if len(xml) > XML_BYTES:
        raise AadhaarError("too_large")
    return xml


def _signed(xml: bytes, certificates: Sequence[x509.Certificate]) -> etree._Element:
    """The signed element, as it was signed. Raises AadhaarError (malformed, not_signed)."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, remove_pis=True
    )
    try:
        root = etree.fromstring(xml, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise AadhaarError("malformed") from None
    if root.getroottree().docinfo.internalDTD is not None or root.getroottree().docinfo.doctype:
        raise AadhaarError("malformed")
    if root.tag != _ROOT or [each.getparent() for each in root.iter(_SIGNATURE)] != [root]:
        raise AadhaarError("not_signed")
    for certificate in certificates:
        found = _verified(xml, certificate)
        if found is not None:
            return found
    raise AadhaarError("not_signed")


def _verified(xml: bytes, certificate: x509.Certificate) -> etree._Element | None:
    """What `certificate` signed: the whole document but the signature, by RSA and SHA-256; None if it did not."""
    from cryptography.exceptions import InvalidSignature as BadSignature
    from lxml import etree
    from signxml.algorithms import DigestAlgorithm, SignatureMethod
    from signxml.exceptions import SignXMLException
    from signxml.verifier import SignatureConfiguration, XMLVerifier

    config = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=frozenset({SignatureMethod.RSA_SHA256}),
        digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
        ignore_ambiguous_key_info=True,  # whatever key the file carries is not looked at
        verification_time=certificate.not_valid_after_utc,  # when it counted is compared below
    )
    try:
        result = XMLVerifier().verify(xml, x509_cert=certificate, expect_config=config)
    except (SignXMLException, BadSignature, etree.LxmlError, ValueError, TypeError, KeyError):
        return None
    assert not isinstance(result, list), "one reference is expected"
    signed = result.signed_xml
    issued = None if signed is None else _REFERENCE.fullmatch(signed.get("referenceId") or "")
    if signed is None or signed.tag != _ROOT or issued is None or signed.find(_SIGNATURE) is not None:
        return None
    if not certificate.not_valid_before_utc <= _moment(issued[2]) <= certificate.not_valid_after_utc:
        return None
    return signed


def _only(parent: etree._Element, tag: str) -> list[etree._Element]:
    found: list[etree._Element] = parent.findall(tag)
    if len(found) != 1:
        raise AadhaarError("malformed")
    return found


def _moment(digits: str) -> datetime:
    """YYYYMMDDHHMMSSmmm in India's time."""
    try:
        second = datetime.strptime(digits[:14], "%Y%m%d%H%M%S").replace(tzinfo=_INDIA)
    except ValueError:
        raise AadhaarError("malformed") from None
    return (second + timedelta(milliseconds=int(digits[14:]))).astimezone(UTC)


def _birth_date(text: str) -> date:
    """DD-MM-YYYY; UIDAI knows of some people only the year, which is not enough."""
    if not re.fullmatch(r"[0-9]{2}-[0-9]{2}-[0-9]{4}", text):
        raise AadhaarError("birth_date_missing")
    try:
        return date(int(text[6:]), int(text[3:5]), int(text[:2]))
    except ValueError:
        raise AadhaarError("malformed") from None


def _photo(text: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=False)
    except ValueError:
        raise AadhaarError("malformed") from None
    if len(found) > _PHOTO_BYTES or not found.startswith(b"\xff\xd8\xff"):
        raise AadhaarError("malformed")
    return found
