"""Offline e-KYC files: a good one is read, and each way of bringing another one is refused."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pyzipper
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod

from services.kyc import aadhaar, contact_rules
from services.kyc.contact_rules import Hashes
from services.kyc.signed_xml import FileRefusedError
from services.kyc.trust import Trust, pinned
from tests.services.kyc.aadhaar import SHARE_CODE, Authority, Person, document, eaadhaar, packed, photo

NOW = datetime.now(UTC)
UIDAI, STRANGER, ENDED = Authority(NOW), Authority(NOW), Authority(NOW, days=-1)
DS = "{http://www.w3.org/2000/09/xmldsig#}"


def read(content: bytes, share_code: str = SHARE_CODE) -> aadhaar.Holder:
    return aadhaar.read(content, share_code, datetime.now(UTC), [UIDAI.certificate, ENDED.certificate])


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
            with pytest.raises(FileRefusedError) as refused:
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


def digest_by_sha1() -> bytes:
    """The signature is RSA with SHA-256, over a digest by SHA-1."""
    root = UIDAI.sign(Person().root(), digest=DigestAlgorithm.SHA1)
    assert root.find(f".//{DS}SignatureMethod").get("Algorithm").endswith("rsa-sha256")
    return xml(root)


def photo_in_a_comment() -> bytes:
    """Canonical XML leaves comments out."""
    root = signed()
    photo_text = root.find("UidData/Pht").text
    root.find("UidData/Pht").text = None
    root.find("UidData/Pht").append(etree.Comment(photo_text))
    return xml(root)


def second_person_first() -> bytes:
    root = signed()
    root.find("UidData").insert(0, etree.Element("Poi", name="Mallory Mehta", dob="01-01-1990", gender="F"))
    return xml(root)


def signature_around() -> bytes:
    """An enveloping signature: the root is the signature, the document within it."""
    root = signed()
    signature = root.find(f"{DS}Signature")
    root.remove(signature)
    etree.SubElement(signature, f"{DS}Object").append(root)
    return xml(signature)


def two_elements_of_one_id() -> bytes:
    """The reference finds the signed one, a reader the other."""
    good, evil = signed(), Person(name="Mallory Mehta").root()
    signature = good.find(f"{DS}Signature")
    signature.find(f".//{DS}Reference").set("URI", "#kyc")
    for each in (good, evil):
        each.set("Id", "kyc")
    good.remove(signature)
    evil.append(good)
    evil.append(signature)
    return xml(evil)


#: Attack → why it is refused, and what makes the file.
ATTACKS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "altered name": ("not_signed", altered(lambda root: _poi(root).set("name", "Mallory Mehta"))),
    "altered birth date": ("not_signed", altered(lambda root: _poi(root).set("dob", "01-01-1990"))),
    "altered reference": (
        "not_signed",
        altered(lambda root: root.set("referenceId", "9999" + root.get("referenceId")[4:])),
    ),
    "altered photo": ("not_signed", altered(lambda root: setattr(root.find("UidData/Pht"), "text", "/9j/AAAA"))),
    "added person": (
        "not_signed",
        altered(lambda root: root.find("UidData").append(etree.Element("Poi", name="Mallory"))),
    ),
    "removed photo": ("not_signed", altered(lambda root: root.find("UidData").remove(root.find("UidData/Pht")))),
    "altered digest": ("not_signed", altered(lambda root: setattr(root.find(f".//{DS}DigestValue"), "text", "AAAA"))),
    "altered signature": (
        "not_signed",
        altered(lambda root: setattr(root.find(f".//{DS}SignatureValue"), "text", "AAAA")),
    ),
    "wrapped beside": ("not_signed", wrapped_beside),
    "wrapped, signature moved": ("not_signed", wrapped_with_moved_signature),
    "signed by a stranger": ("not_signed", signed_by_a_stranger),
    "swapped certificate": ("not_signed", swapped_certificate),
    "unsigned": ("not_signed", unsigned),
    "empty signature": ("not_signed", empty_signature),
    "two signatures": ("not_signed", two_signatures),
    "deeper signature": ("not_signed", deeper_signature),
    "SHA-1": ("not_signed", by_sha1),
    "HMAC": ("not_signed", by_a_shared_secret),
    "XSLT": ("not_signed", transform("http://www.w3.org/TR/1999/REC-xslt-19991116")),
    "XPath": ("not_signed", transform("http://www.w3.org/TR/1999/REC-xpath-19991116")),
    "external entity": ("malformed", external_entity),
    "entity bomb": ("malformed", entity_bomb),
    "DOCTYPE": ("malformed", harmless_doctype),
    "external reference": ("not_signed", external_reference),
    "no reference": ("not_signed", no_reference),
    "zip bomb": ("too_large", zip_bomb),
    "too much XML": ("too_large", too_much_xml),
    "lying directory": ("malformed", lying_directory),
    "many files": ("not_a_zip", many_files),
    "not encrypted": ("not_a_zip", not_encrypted),
    "other name in the ZIP": ("not_a_zip", lambda: packed(etree.tostring(signed()), name="a.exe")),
    "not XML": ("malformed", lambda: packed(b"\xff\xfe hello")),
    "not a ZIP": ("not_a_zip", lambda: b"PK\x03\x04" + bytes(100)),
    "empty": ("not_a_zip", lambda: b""),
    "too large": ("too_large", lambda: bytes(aadhaar.ZIP_BYTES + 1)),
    "too old": ("not_fresh", lambda: document(UIDAI, Person(issued=NOW - timedelta(days=4)))),
    "of tomorrow": ("not_fresh", lambda: document(UIDAI, Person(issued=NOW + timedelta(days=1)))),
    "no birth date": ("birth_date_missing", lambda: document(UIDAI, Person(dob="1993"))),
    "impossible birth date": ("malformed", lambda: document(UIDAI, Person(dob="31-02-1993"))),
    "digest by SHA-1": ("not_signed", digest_by_sha1),
    "photo in a comment": ("not_signed", photo_in_a_comment),
    "second person before the first": ("not_signed", second_person_first),
    "signature around the document": ("not_signed", signature_around),
    "reference by an Id that two elements have": ("not_signed", two_elements_of_one_id),
    "certificate that ended": ("not_signed", lambda: document(ENDED, Person(issued=NOW - timedelta(hours=1)))),
    "certificate that has not begun": ("not_signed", lambda: document(UIDAI, Person(issued=NOW - timedelta(days=400)))),
    "whole number for the last digits": ("malformed", lambda: document(UIDAI, Person(last_four="499118665246"))),
    "no name": ("malformed", lambda: document(UIDAI, Person(name=" "))),
    "signed e-Aadhaar instead": ("not_signed", lambda: packed(eaadhaar(UIDAI, Person()))),
}


assert len(ATTACKS) >= 30


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks(attack: str) -> None:
    reason, make = ATTACKS[attack]
    with pytest.raises(FileRefusedError) as refused:
        read(make())
    assert refused.value.reason == reason


def test_a_certificate_counts_for_its_own_time_only() -> None:
    ended = ENDED
    with pytest.raises(FileRefusedError, match="not_signed"):
        aadhaar.read(document(ended), SHARE_CODE, NOW, [ended.certificate])
    before = NOW - timedelta(days=2)
    found = aadhaar.read(document(ended, Person(issued=before)), SHARE_CODE, NOW, [ended.certificate])
    assert found.name == "Asha Sharma"


def test_a_comment_cuts_nothing_off() -> None:
    """One may be added to a signed file; whoever reads the file itself, and not what was signed, sees what comes before it."""
    root = signed()
    text = root.find("UidData/Pht").text
    root.find("UidData/Pht").text = text[:40]
    root.find("UidData/Pht").append(etree.Comment("x"))
    root.find("UidData/Pht")[0].tail = text[40:]
    assert read(xml(root)).photo == photo()


def test_without_a_pinned_certificate_nothing_is_believed() -> None:
    assert pinned() == Trust(), "UIDAI's own is added by an operator, with a review"
    with pytest.raises(FileRefusedError, match="not_signed"):
        aadhaar.read(document(UIDAI), SHARE_CODE, NOW, [])


def test_a_wrong_share_code() -> None:
    with pytest.raises(FileRefusedError, match="wrong_share_code"):
        read(document(UIDAI), "9999")


def test_contacts_by_each_version_of_the_rule() -> None:
    """What UIDAI's page and its FAQ say of the hashes, with the example of the page: last digit 2, two rounds."""
    once = hashlib.sha256(b"1234567890Lock@487").hexdigest()
    twice = hashlib.sha256(once.encode()).hexdigest()
    plain = hashlib.sha256(b"asha@example.com").hexdigest()
    salted = hashlib.sha256(hashlib.sha256(b"asha@example.comLock@487").hexdigest().encode()).hexdigest()
    for version, email in (("page-2018", salted), ("faq-2021", plain)):
        rule = contact_rules.RULES[version]
        hashes = Hashes(twice, email.upper(), 2)
        assert hashes.agree(rule, "Lock@487", "1234567890", "asha@example.com")
        assert hashes.agree(rule, "Lock@487", None, None)
        for code, mobile, address in (
            ("Lock@488", "1234567890", None), ("Lock@487", "1234567891", None), ("Lock@487", None, "b@example.com"),
        ):  # fmt: skip
            assert not hashes.agree(rule, code, mobile, address)
        assert not Hashes("", "", 2).agree(rule, "Lock@487", "1234567890", None), "UIDAI knows of no number"
    for digit in (0, 1):
        assert Hashes(once, "", digit).agree(contact_rules.RULES["faq-2021"], "Lock@487", "1234567890", None)
    assert not contact_rules.RULES.keys() - {"page-2018", "faq-2021"} and contact_rules.VERSION in contact_rules.RULES


def test_an_eaadhaar_is_read() -> None:
    found = aadhaar.read_eaadhaar(eaadhaar(UIDAI, Person()), datetime.now(UTC), [UIDAI.certificate])
    assert (found.last_four, found.name, found.birth_date) == ("4321", "Asha Sharma", date(1993, 6, 30))
    assert found.address == "12, MG Road, near the lake, Pune, Maharashtra, 411001"


#: What is wrong with an e-Aadhaar → why it is refused.
EAADHAAR: dict[str, tuple[str, Callable[[], bytes]]] = {
    "signed by a stranger": ("not_signed", lambda: eaadhaar(STRANGER, Person())),
    "altered name": ("not_signed", lambda: eaadhaar(UIDAI, Person()).replace(b"Asha", b"Usha")),
    "offline file instead": ("not_signed", lambda: etree.tostring(signed())),
    "whole number": ("number_not_masked", lambda: eaadhaar(UIDAI, Person(), uid="499118665246")),
    "no number": ("number_not_masked", lambda: eaadhaar(UIDAI, Person(), uid="")),
    "ended": ("not_fresh", lambda: eaadhaar(UIDAI, Person(issued=NOW - timedelta(days=40)))),
    "of tomorrow": ("not_fresh", lambda: eaadhaar(UIDAI, Person(issued=NOW + timedelta(days=1)))),
    "refused by UIDAI": ("malformed", lambda: eaadhaar(UIDAI, Person(), ret="N")),
    "too large": ("too_large", lambda: bytes(aadhaar.XML_BYTES + 1)),
    "a page": ("malformed", lambda: b"<!DOCTYPE html><html><body>Maintenance</body></html>"),
    "external entity": (
        "malformed",
        lambda: b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + eaadhaar(UIDAI, Person()),
    ),
}


@pytest.mark.parametrize("attack", EAADHAAR)
def test_attacks_on_an_eaadhaar(attack: str) -> None:
    reason, make = EAADHAAR[attack]
    with pytest.raises(FileRefusedError) as refused:
        aadhaar.read_eaadhaar(make(), datetime.now(UTC), [UIDAI.certificate])
    assert refused.value.reason == reason
