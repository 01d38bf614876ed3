"""Files like UIDAI's, made at test time with a key of our own: no real one is anywhere in the repository."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import cache, cached_property
from typing import Any

import pyzipper
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from PIL import Image
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

SHARE_CODE = "1234"


@dataclass(frozen=True, eq=False)
class Authority:
    """A key and its certificate, valid from a year before `now` on; made when asked for, not when tests are collected."""

    now: datetime
    days: int = 365

    @cached_property
    def key(self) -> rsa.RSAPrivateKey:
        """The key."""
        return rsa.generate_private_key(65537, 2048)

    @cached_property
    def certificate(self) -> x509.Certificate:
        """By itself."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "DS Unique Identification Authority of India")])
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - timedelta(days=365))
            .not_valid_after(self.now + timedelta(days=self.days))
            .sign(self.key, hashes.SHA256())
        )

    def sign(
        self,
        root: Any,
        method: SignatureMethod = SignatureMethod.RSA_SHA256,
        digest: DigestAlgorithm = DigestAlgorithm.SHA256,
    ) -> Any:
        """Envelop a signature."""
        signer = _Old if "SHA1" in method.name + digest.name else XMLSigner
        made = signer(signature_algorithm=method, digest_algorithm=digest)
        return made.sign(root, key=self.key, cert=[self.certificate])


class _Old(XMLSigner):
    """Signs by SHA-1, as UIDAI once did."""

    def check_deprecated_methods(self) -> None:
        """Let it."""


@dataclass
class Person:
    """What a file says."""

    name: str = "Asha Sharma"
    dob: str = "30-06-1993"
    last_four: str = "4321"
    issued: datetime = field(default_factory=lambda: datetime.now(UTC))

    def root(self) -> Any:
        """The document, not signed."""
        moment = (self.issued + timedelta(hours=5, minutes=30)).strftime("%Y%m%d%H%M%S%f")[:17]
        root = etree.Element("OfflinePaperlessKyc", referenceId=f"{self.last_four}{moment}")
        data = etree.SubElement(root, "UidData")
        etree.SubElement(data, "Poi", name=self.name, dob=self.dob, gender="F", e="", m="0" * 64)
        etree.SubElement(data, "Poa", house="12", street="MG Road", dist="Pune", state="Maharashtra", pc="411001")
        etree.SubElement(data, "Pht").text = base64.b64encode(photo()).decode()
        return root


@cache
def photo() -> bytes:
    """A small JPEG."""
    file = io.BytesIO()
    Image.new("RGB", (16, 20), (120, 90, 60)).save(file, "JPEG")
    return file.getvalue()


def packed(xml: bytes, share_code: str = SHARE_CODE, name: str = "offlineaadhaar.xml") -> bytes:
    """The ZIP, encrypted with the share code."""
    file = io.BytesIO()
    with pyzipper.AESZipFile(file, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(share_code.encode())
        archive.writestr(name, xml)
    return file.getvalue()


def document(authority: Authority, person: Person | None = None) -> bytes:
    """A good file."""
    return packed(etree.tostring(authority.sign((person or Person()).root())))


def eaadhaar(authority: Authority, person: Person, uid: str | None = None, ret: str = "Y") -> bytes:
    """What DigiLocker gives of a person, good for 30 days."""
    india = timezone(timedelta(hours=5, minutes=30))
    ts, ttl = (each.astimezone(india) for each in (person.issued, person.issued + timedelta(days=30)))
    root = etree.Element("Certificate")
    times = {"ts": ts.isoformat(timespec="milliseconds"), "ttl": ttl.replace(tzinfo=None).isoformat(timespec="seconds")}
    answer = etree.SubElement(
        etree.SubElement(root, "CertificateData"), "KycRes", code="0" * 32, ret=ret, txn="UKC:1", **times
    )
    shown = f"xxxxxxxx{person.last_four}" if uid is None else uid
    data = etree.SubElement(answer, "UidData", tkn="", uid=shown)
    etree.SubElement(data, "Poi", name=person.name, dob=person.dob, gender="F")
    etree.SubElement(
        data,
        "Poa",
        co="",
        house="12",
        street="MG Road",
        lm="near the lake",
        dist="Pune",
        state="Maharashtra",
        pc="411001",
    )
    etree.SubElement(data, "LData", lang="13", name=person.name)
    etree.SubElement(data, "Pht").text = base64.b64encode(photo()).decode()
    signed: bytes = etree.tostring(authority.sign(root))
    return signed
