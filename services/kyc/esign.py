"""eSign (CCA's API 2.1): the request that we sign, and what of an eSign provider's (ESP's) response is believed; pure.

The player's browser carries both: our page posts the request to the ESP as a form, where the player proves to UIDAI who they
are, and the ESP's page posts the response to us. So a response is anybody's until the ESP's signature, by a pinned
certificate, says otherwise. The ESP signs a hash and never sees the document.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from services.kyc.signed_xml import FileRefusedError, only, signed

if TYPE_CHECKING:
    from lxml import etree

VERSION = "2.1"

#: What a response may have in bytes, and how far the ESP's clock may differ from ours.
RESPONSE_BYTES, SKEW = 64 * 1024, timedelta(minutes=5)

#: Why a response is nobody's that we know, or no response yet: it says nothing about the request that it was sent for.
FOREIGN = frozenset({"malformed", "not_signed", "too_large", "wrong_txn", "pending"})

#: Of `status`: nobody has signed nor refused yet.
_PENDING = "2"

_INDIA = timezone(timedelta(hours=5, minutes=30))


class KeyUnusableError(ValueError):
    """What we are to sign requests with is no RSA key with its certificate."""


@dataclass(frozen=True)
class RequestKey:
    """Our key as an application service provider (ASP), and the certificate that the ESP has registered."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    @lru_cache(2)
    def read(cls, pem: str) -> RequestKey:
        """Of a private key and a certificate, one after the other. Raises KeyUnusableError.

        Kept: to check a key, primes and all, takes 50 ms of the only thread, and each request has the same one.
        """
        try:
            key = serialization.load_pem_private_key(pem.encode(), None)
            certificate = x509.load_pem_x509_certificate(pem.encode())
        except (ValueError, TypeError):
            raise KeyUnusableError("accepted: a private key and a certificate, both PEM") from None
        if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != certificate.public_key():
            raise KeyUnusableError("accepted: an RSA key, and the certificate of that key")
        return cls(key, certificate)


@dataclass(frozen=True)
class SignatureAsked:
    """What was asked for."""

    txn: str
    digest: bytes
    at: datetime


@dataclass(frozen=True)
class Response:
    """What an ESP gave: the signature (CMS), whose it is, when."""

    cms: bytes = field(repr=False)
    certificate: x509.Certificate = field(repr=False)
    at: datetime

    @property
    def name(self) -> str:
        """The signer's, as UIDAI has it."""
        found = self.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return str(found[0].value).strip() if len(found) == 1 else ""


def request(asked: SignatureAsked, asp: str, answer_to: str, about: str, key: RequestKey) -> str:
    """The signed request for a signature over one hash; `about`: what the ESP shows of the document."""
    from lxml import etree

    root = etree.Element(
        "Esign", ver=VERSION, sc="Y", ts=asked.at.astimezone(_INDIA).strftime("%Y-%m-%dT%H:%M:%S"), txn=asked.txn,
        ekycId="", ekycIdType="A", aspId=asp, AuthMode="1", responseSigType="pkcs7", responseUrl=answer_to,
    )  # fmt: skip
    docs = etree.SubElement(root, "Docs")
    etree.SubElement(docs, "InputHash", id="1", hashAlgorithm="SHA256", docInfo=about).text = asked.digest.hex()
    return _signed(root, key)


def status_query(txn: str, asp: str, key: RequestKey, now: datetime) -> str:
    """The signed question what became of a transaction; it is answered as the request is, or that it is not done yet."""
    from lxml import etree

    made = now.astimezone(_INDIA).strftime("%Y-%m-%dT%H:%M:%S")
    return _signed(etree.Element("EsignStatus", ver=VERSION, ts=made, txn=txn, aspId=asp), key)


def is_pending(xml: bytes, asked: SignatureAsked, pinned: Sequence[x509.Certificate]) -> bool:
    """Whether the ESP says of `asked` that nothing has come of it yet. Raises FileRefusedError: one of FOREIGN."""
    return bool(_answered(xml, asked, pinned).get("status") == _PENDING)


def _signed(root: etree._Element, key: RequestKey) -> str:
    from lxml import etree
    from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
    from signxml.signer import XMLSigner

    signer = XMLSigner(
        signature_algorithm=SignatureMethod.RSA_SHA256, digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_0,
    )  # fmt: skip
    # The key itself: a text of it would be checked anew, primes and all, which takes twenty times as long as to sign.
    made: str = etree.tostring(signer.sign(root, key=key.key, cert=[key.certificate]), encoding="unicode")
    return made


def response(xml: bytes, asked: SignatureAsked, now: datetime, pinned: Sequence[x509.Certificate]) -> Response:
    """What the ESP answered to `asked`, but whether the signature itself is good. Raises FileRefusedError.

    Reasons: those of FOREIGN, not_fresh, esp_refused, wrong_hash, another_certificate, certificate_expired.
    """
    root = _answered(xml, asked, pinned)
    if root.get("status") == _PENDING:
        raise FileRefusedError("pending")
    at = _moment(root)
    if not asked.at - SKEW <= at <= now + SKEW:
        raise FileRefusedError("not_fresh")
    if root.get("status") != "1" or root.get("errCode") not in ("NA", ""):
        raise FileRefusedError("esp_refused")
    found = only(only(root, "Signatures"), "DocSignature")
    if found.get("id") != "1" or found.get("sigHashAlgorithm") != "SHA256":
        raise FileRefusedError("malformed")
    if found.get("error") not in (None, "", "NA"):
        raise FileRefusedError("esp_refused")
    cms = _decoded(found.text)
    try:
        certificate = x509.load_der_x509_certificate(_decoded(only(root, "UserX509Certificate").text))
        inside, digest = _signer(cms)
    except (ValueError, TypeError, KeyError, IndexError):
        raise FileRefusedError("malformed") from None
    if not hmac.compare_digest(digest, asked.digest):
        raise FileRefusedError("wrong_hash")
    if inside != certificate.public_bytes(serialization.Encoding.DER):
        raise FileRefusedError("another_certificate")
    if not certificate.not_valid_before_utc - SKEW <= at <= certificate.not_valid_after_utc:
        raise FileRefusedError("certificate_expired")
    return Response(cms, certificate, at)


def _answered(xml: bytes, asked: SignatureAsked, pinned: Sequence[x509.Certificate]) -> etree._Element:
    """What the ESP signed for this transaction."""
    if len(xml) > RESPONSE_BYTES:
        raise FileRefusedError("too_large")
    root = signed(xml, "EsignResp", pinned, _moment)
    if not hmac.compare_digest((root.get("txn") or "").encode(), asked.txn.encode()):
        raise FileRefusedError("wrong_txn")
    return root


def _signer(cms: bytes) -> tuple[bytes, bytes]:
    """Of a signature by one signer: the certificate (DER) and the SHA-256 that it is over. Raises ValueError and the like."""
    from asn1crypto import cms as asn1

    content: Any = asn1.ContentInfo.load(cms, strict=True)
    if content["content_type"].native != "signed_data":
        raise ValueError("no signature")
    data = content["content"]
    (info,) = data["signer_infos"]
    if (
        info["digest_algorithm"]["algorithm"].native != "sha256"
        or data["encap_content_info"]["content"].native is not None
    ):
        raise ValueError("another digest, or a document in it")
    (digest,) = [each["values"] for each in info["signed_attrs"] if each["type"].native == "message_digest"]
    who = info["sid"].chosen
    mine = [
        each.chosen.dump()
        for each in data["certificates"]
        if (each.chosen.issuer, each.chosen.serial_number) == (who["issuer"], who["serial_number"].native)
    ]
    (certificate,), (value,) = mine, digest
    return certificate, value.native


def _decoded(text: str | None) -> bytes:
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except ValueError:
        raise FileRefusedError("malformed") from None


def _moment(root: etree._Element) -> datetime:
    """When an ESP says that it answered; without an offset it is India's time."""
    try:
        found = datetime.fromisoformat(root.get("ts") or "")
    except ValueError:
        raise FileRefusedError("malformed") from None
    return found if found.tzinfo else found.replace(tzinfo=_INDIA)
