"""Offline e-KYC files: a good one is read, and each way of bringing another one is refused."""

from __future__ import annotations

import base64
import copy
import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pyzipper
from lxml import etree
from signxml.algorithms import SignatureMethod

from services.kyc import aadhaar
from services.kyc.aadhaar import AadhaarError
from tests.services.kyc.aadhaar import SHARE_CODE, Authority, Person, document, packed, photo

NOW = datetime.now(UTC)
UIDAI, STRANGER = Authority.made(NOW), Authority.made(NOW)
DS = "{http://www.w3.org/2000/09/xmldsig#}"


def read(content: bytes, share_code: str = SHARE_CODE) -> aadhaar.OfflineKyc:
    return aadhaar.read(content, share_code, datetime.now(UTC), [UIDAI.certificate])


def signed(person: Person | None = None, authority: Authority = UIDAI) -> Any:
    return authority.sign((person or Person()).root())


def xml(root: Any) -> bytes:
    return packed(etree.tostring(root))


def test_a_good_file_is_read() -> None:
    found = read(document(UIDAI))
    assert (found.last_four, found.name, found.birth_date, found.gender) == (
        "4321",
        "Asha Sharma",
        date(1993, 6, 30),
        "F",
    )
    assert found.address == "12, MG Road, Pune, Maharashtra, 411001"
    assert found.photo == photo()
    assert abs(found.issued_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert "Asha" not in repr(found)


def test_old_encryption_of_zips_is_read_too() -> None:
    """ZipCrypto has a check of one byte: a wrong code that passes it opens nonsense."""
    good, refusals = document(UIDAI), set()
    for code in range(60):
        if f"{code:04}" != SHARE_CODE:
            with pytest.raises(AadhaarError) as refused:
                aadhaar.unpacked(good, f"{code:04}") if code < 5 else aadhaar.unpacked(_crypto(), f"{code:04}")
            refusals.add(refused.value.reason)
    assert refusals <= {"wrong_share_code", "not_a_zip"}
    assert aadhaar.unpacked(_crypto(), SHARE_CODE).startswith(b"<Offline")


def _crypto() -> bytes:
    """Encrypted as zip(1) does; no library writes it, so the bytes are made here (APPNOTE 6.1)."""
    content = etree.tostring(Person(issued=NOW).root())
    keys = [0x12345678, 0x23456789, 0x34567890]
    table = [_crc_entry(n) for n in range(256)]

    def update(byte: int) -> None:
        keys[0] = table[(keys[0] ^ byte) & 255] ^ keys[0] >> 8
        keys[1] = (keys[1] + (keys[0] & 255)) * 134775813 + 1 & 0xFFFFFFFF
        keys[2] = table[(keys[2] ^ keys[1] >> 24) & 255] ^ keys[2] >> 8

    def encrypt(data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            mixed = (keys[2] | 2) & 0xFFFF
            out.append(byte ^ (mixed * (mixed ^ 1) >> 8) & 255)
            update(byte)
        return bytes(out)

    for byte in SHARE_CODE.encode():
        update(byte)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.xml", content)
        entry = archive.infolist()[0]
        crc, at = entry.CRC, 30 + len("a.xml")
    plain = file.getvalue()
    body = encrypt(bytes(11) + bytes([crc >> 24]) + content)
    made = bytearray(plain[:at] + body + plain[at + len(content) :])
    made[6] |= 1
    made[18:22] = len(body).to_bytes(4, "little")
    directory = made.index(b"PK\x01\x02")
    made[directory + 8] |= 1
    made[directory + 20 : directory + 24] = len(body).to_bytes(4, "little")
    end = made.index(b"PK\x05\x06")
    made[end + 16 : end + 20] = directory.to_bytes(4, "little")
    return bytes(made)


def _crc_entry(number: int) -> int:
    for _ in range(8):
        number = number >> 1 ^ (0xEDB88320 if number & 1 else 0)
    return number


# --- attacks: each makes a file that must not be believed


def altered(change: Callable[[Any], None]) -> Callable[[], bytes]:
    def make() -> bytes:
        root = signed()
        change(root)
        return xml(root)

    return make


def _poi(root: Any) -> Any:
    return root.find("UidData/Poi")


def wrapped_beside() -> bytes:
    """The signed element becomes a child of another one that says something else."""
    good, evil = signed(), Person(name="Mallory Mehta").root()
    evil.append(good)
    return xml(evil)


def wrapped_with_moved_signature() -> bytes:
    """The signature refers to the original by an Id; the root is forged."""
    good, evil = signed(), Person(name="Mallory Mehta").root()
    signature = good.find(f"{DS}Signature")
    good.set("Id", "original")
    signature.find(f".//{DS}Reference").set("URI", "#original")
    keeper = etree.SubElement(signature, f"{DS}Object")
    evil.append(signature)
    good_copy = copy.deepcopy(good)
    keeper.append(good_copy)
    return xml(evil)


def signed_by_a_stranger() -> bytes:
    """A good signature, with its certificate, of somebody else's."""
    return xml(signed(authority=STRANGER))


def swapped_certificate() -> bytes:
    """A stranger's signature that carries the pinned certificate."""
    root = signed(authority=STRANGER)
    theirs = signed().find(f".//{DS}X509Certificate").text
    root.find(f".//{DS}X509Certificate").text = theirs
    return xml(root)


def unsigned() -> bytes:
    return xml(Person().root())


def empty_signature() -> bytes:
    root = Person().root()
    etree.SubElement(root, f"{DS}Signature")
    return xml(root)


def two_signatures() -> bytes:
    root = signed()
    root.append(copy.deepcopy(root.find(f"{DS}Signature")))
    return xml(root)


def deeper_signature() -> bytes:
    root = signed()
    root.find("UidData").append(root.find(f"{DS}Signature"))
    return xml(root)


def by_sha1() -> bytes:
    return xml(UIDAI.sign(Person().root(), SignatureMethod.RSA_SHA1))


def by_a_shared_secret() -> bytes:
    """The verifier is led to take the public key for the secret of an HMAC."""
    root = signed()
    method = root.find(f".//{DS}SignatureMethod")
    method.set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
    return xml(root)


def transform(algorithm: str) -> Callable[[], bytes]:
    def make() -> bytes:
        root = signed()
        transforms = root.find(f".//{DS}Transforms")
        etree.SubElement(transforms, f"{DS}Transform", Algorithm=algorithm)
        return xml(root)

    return make


def external_entity() -> bytes:
    text = etree.tostring(signed()).replace(b'name="Asha Sharma"', b'name="&x;"')
    return packed(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + text)


def entity_bomb() -> bytes:
    entities = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10 if n else b"aaaaaaaaaa") for n in range(10))
    return packed(b"<!DOCTYPE a [" + entities + b"]>" + etree.tostring(signed()).replace(b"Asha", b"&e9;"))


def harmless_doctype() -> bytes:
    return packed(b"<!DOCTYPE OfflinePaperlessKyc>" + etree.tostring(signed()))


def external_reference() -> bytes:
    root = signed()
    root.find(f".//{DS}Reference").set("URI", "file:///etc/passwd")
    return xml(root)


def no_reference() -> bytes:
    root = signed()
    reference = root.find(f".//{DS}Reference")
    reference.getparent().remove(reference)
    return xml(root)


def zip_bomb() -> bytes:
    return packed(b"<a>" + b"a" * (aadhaar.XML_BYTES - 10) + b"</a>")


def too_much_xml() -> bytes:
    return packed(b"<a>" + base64.b64encode(bytes(range(256)) * 2000) + b"</a>")


def lying_directory() -> bytes:
    """The directory says that the file is small."""
    content = bytearray(zip_bomb())
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (100).to_bytes(4, "little")
    return bytes(content)


def many_files() -> bytes:
    file = io.BytesIO()
    with pyzipper.AESZipFile(file, "w", encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(SHARE_CODE.encode())
        for name in ("a.xml", "b.xml"):
            archive.writestr(name, etree.tostring(signed()))
    return file.getvalue()


def not_encrypted() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.xml", etree.tostring(signed()))
    return file.getvalue()


ATTACKS: dict[str, Callable[[], bytes]] = {
    "altered name": altered(lambda root: _poi(root).set("name", "Mallory Mehta")),
    "altered birth date": altered(lambda root: _poi(root).set("dob", "01-01-1990")),
    "altered reference": altered(lambda root: root.set("referenceId", "9999" + root.get("referenceId")[4:])),
    "altered photo": altered(lambda root: setattr(root.find("UidData/Pht"), "text", "/9j/AAAA")),
    "added person": altered(lambda root: root.find("UidData").append(etree.Element("Poi", name="Mallory"))),
    "removed photo": altered(lambda root: root.find("UidData").remove(root.find("UidData/Pht"))),
    "altered digest": altered(lambda root: setattr(root.find(f".//{DS}DigestValue"), "text", "AAAA")),
    "altered signature": altered(lambda root: setattr(root.find(f".//{DS}SignatureValue"), "text", "AAAA")),
    "wrapped beside": wrapped_beside,
    "wrapped, signature moved": wrapped_with_moved_signature,
    "signed by a stranger": signed_by_a_stranger,
    "swapped certificate": swapped_certificate,
    "unsigned": unsigned,
    "empty signature": empty_signature,
    "two signatures": two_signatures,
    "deeper signature": deeper_signature,
    "SHA-1": by_sha1,
    "HMAC": by_a_shared_secret,
    "XSLT": transform("http://www.w3.org/TR/1999/REC-xslt-19991116"),
    "XPath": transform("http://www.w3.org/TR/1999/REC-xpath-19991116"),
    "external entity": external_entity,
    "entity bomb": entity_bomb,
    "DOCTYPE": harmless_doctype,
    "external reference": external_reference,
    "no reference": no_reference,
    "zip bomb": zip_bomb,
    "too much XML": too_much_xml,
    "lying directory": lying_directory,
    "many files": many_files,
    "not encrypted": not_encrypted,
    "other name in the ZIP": lambda: packed(etree.tostring(signed()), name="a.exe"),
    "not XML": lambda: packed(b"\xff\xfe hello"),
    "not a ZIP": lambda: b"PK\x03\x04" + bytes(100),
    "empty": lambda: b"",
    "too large": lambda: bytes(aadhaar.ZIP_BYTES + 1),
    "too old": lambda: document(UIDAI, Person(issued=NOW - timedelta(days=4))),
    "of tomorrow": lambda: document(UIDAI, Person(issued=NOW + timedelta(days=1))),
    "no birth date": lambda: document(UIDAI, Person(dob="1993")),
    "impossible birth date": lambda: document(UIDAI, Person(dob="31-02-1993")),
}


#: Attack → why it is refused, where it is not for the signature: each by what it is about.
REASONS = {
    "external entity": "malformed", "entity bomb": "malformed", "DOCTYPE": "malformed", "zip bomb": "too_large",
    "too much XML": "too_large", "lying directory": "malformed", "many files": "not_a_zip", "not encrypted": "not_a_zip",
    "other name in the ZIP": "not_a_zip", "not XML": "malformed", "not a ZIP": "not_a_zip", "empty": "not_a_zip",
    "too large": "too_large", "too old": "not_fresh", "of tomorrow": "not_fresh", "no birth date": "birth_date_missing",
    "impossible birth date": "malformed",
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks(attack: str) -> None:
    with pytest.raises(AadhaarError) as refused:
        read(ATTACKS[attack]())
    assert refused.value.reason == REASONS.get(attack, "not_signed")


def test_a_certificate_counts_for_its_own_time_only() -> None:
    ended = Authority.made(NOW, days=-1)
    with pytest.raises(AadhaarError, match="not_signed"):
        aadhaar.read(document(ended), SHARE_CODE, NOW, [ended.certificate])
    before = NOW - timedelta(days=2)
    found = aadhaar.read(document(ended, Person(issued=before)), SHARE_CODE, NOW, [ended.certificate])
    assert found.name == "Asha Sharma"


def test_without_a_pinned_certificate_nothing_is_believed() -> None:
    assert aadhaar.pinned() == [], "UIDAI's own is added by an operator, with a review"
    with pytest.raises(AadhaarError, match="not_signed"):
        aadhaar.read(document(UIDAI), SHARE_CODE, NOW, [])


def test_a_wrong_share_code() -> None:
    with pytest.raises(AadhaarError, match="wrong_share_code"):
        read(document(UIDAI), "9999")
