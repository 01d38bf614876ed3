"""Signed agreements: what of an eSign provider's response is believed, and what of a signed PDF."""

from __future__ import annotations

import asyncio
import base64
import copy
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from localcloud.partners.esp import EspStandIn, Twist
from localcloud.partners.provider import Refusal
from localcloud.partners.signing import Identity
from services.kyc import agreement_pdf, esign
from services.kyc.agreement_pdf import PreparedPdf
from services.kyc.esign import KeyUnusableError, RequestKey, Response, SignatureAsked
from services.kyc.signed_xml import FileRefusedError

NOW = datetime.now(UTC).replace(microsecond=0)
DS = "{http://www.w3.org/2000/09/xmldsig#}"


@dataclass
class Signing:
    """A document that is to be signed, and who signs."""

    esp: EspStandIn
    key: RequestKey
    prepared: PreparedPdf
    asked: SignatureAsked
    stranger: Identity

    def request(self, **change: Any) -> bytes:
        asked = SignatureAsked(change.get("txn", self.asked.txn), self.asked.digest, change.get("at", NOW))
        return esign.request(asked, change.get("asp", "MATCHDAY"), "http://localhost/response", "x", self.key).encode()

    def answered(self, twist: Twist | None = None, **change: Any) -> bytes:
        self.esp.twist = twist or Twist()
        self.esp._seen.clear()
        return self.esp.signed(self.request(**change))[1]

    def read(self, xml: bytes, now: datetime = NOW) -> Response:
        return esign.response(xml, self.asked, now, [self.esp.identity.certificate])

    def pdf(self, xml: bytes) -> bytes:
        """The document with the signature of a response, verified."""
        found = self.read(xml)
        signed = agreement_pdf.embed(self.prepared, found.cms)
        assert self.verified(signed) == found.certificate.serial_number
        return signed

    def verified(self, pdf: bytes, at: datetime = NOW) -> int:
        return asyncio.run(agreement_pdf.verify(pdf, [self.esp.authority.certificate], at)).serial_number


@pytest.fixture(scope="module")
def prepared() -> PreparedPdf:
    pdf = agreement_pdf.made("2026-11", "Asha <Sharma>", "1993-06-30", "******234K", "1")
    return agreement_pdf.prepare(pdf, NOW)


@pytest.fixture(scope="module")
def stranger() -> Identity:
    return Identity.made("CCA India (stand-in)")


@pytest.fixture
def signing(esp: EspStandIn, asp: Identity, prepared: PreparedPdf, stranger: Identity) -> Iterator[Signing]:
    esp.world.now, esp.registered, esp.refuses = NOW.timestamp, {"MATCHDAY": asp.certificate}, False
    key = RequestKey.read(asp.pem() + asp.certificate_pem())
    yield Signing(esp, key, prepared, SignatureAsked("t-1", prepared.digest, NOW), stranger)


def test_an_agreement_is_signed(signing: Signing) -> None:
    found = signing.read(signing.answered())
    assert (found.name, found.at) == ("Asha Sharma", NOW)
    signed = signing.pdf(signing.answered())
    assert len(signed) == len(signing.prepared.pdf), "nothing but the reserved place changes"
    start, end = signing.prepared.start, signing.prepared.end
    assert signed[:start] + signed[end:] == signing.prepared.pdf[:start] + signing.prepared.pdf[end:]


def test_the_request_is_as_the_api_has_it(signing: Signing) -> None:
    root = etree.fromstring(signing.request())
    assert dict(root.attrib) == {
        "ver": "2.1", "sc": "Y", "ts": (NOW + timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M:%S"), "txn": "t-1",
        "ekycId": "", "ekycIdType": "A", "aspId": "MATCHDAY", "AuthMode": "1", "responseSigType": "pkcs7",
        "responseUrl": "http://localhost/response",
    }  # fmt: skip
    (document,) = root.findall("Docs/InputHash")
    assert document.text == signing.prepared.digest.hex() and document.get("hashAlgorithm") == "SHA256"
    assert root.find(f".//{DS}SignatureMethod").get("Algorithm").endswith("#rsa-sha256")
    assert root.find(f".//{DS}Reference").get("URI") == ""


def test_what_the_stand_in_refuses(signing: Signing) -> None:
    """A request that was altered, is old, of somebody else, or comes again."""
    signing.esp._seen.clear()
    signing.esp.signed(signing.request())
    for request in (
        signing.request(), signing.request(txn="t-2").replace(b"t-2", b"t-3"), signing.request(txn="t-4", asp="ANOTHER"),
        signing.request(txn="t-5", at=NOW - timedelta(hours=1)), b"<Esign/>", b"",
    ):  # fmt: skip
        with pytest.raises(Refusal, match="ESP-00"):
            signing.esp.signed(request)


def test_what_signs_requests(signing: Signing, asp: Identity, stranger: Identity) -> None:
    for pem in ("", "x" * 43, asp.pem(), asp.certificate_pem(), asp.pem() + stranger.certificate_pem()):
        with pytest.raises(KeyUnusableError) as refused:
            RequestKey.read(pem)
        assert "PRIVATE" not in str(refused.value)


# --- attacks on a response


def stated(change: Callable[[Any], None]) -> Callable[[Signing], bytes]:
    """The provider itself says something else."""
    return lambda signing: signing.answered(Twist(stated=change))


def sent(change: Callable[[Any], None]) -> Callable[[Signing], bytes]:
    """Somebody on the way, the player's browser to begin with, changes it."""

    def altered(xml: bytes) -> bytes:
        root = etree.fromstring(xml)
        change(root)
        return etree.tostring(root)

    return lambda signing: signing.answered(Twist(sent=altered))


def at(moment: timedelta) -> Callable[[Signing], bytes]:
    """A response of another time, with a request of that time."""

    def make(signing: Signing) -> bytes:
        signing.esp.world.now = (NOW + moment).timestamp
        return signing.answered(at=NOW + moment)

    return make


def _signature(root: Any) -> Any:
    return root.find(f"{DS}Signature")


def _another_certificate(root: Any) -> None:
    other = Identity.made("Asha Sharma").certificate.public_bytes(Encoding.DER)
    root.find("UserX509Certificate").text = base64.b64encode(other).decode()


def wrapped(signing: Signing) -> bytes:
    """A good response of another person's within one that says this transaction."""
    good = etree.fromstring(signing.answered(txn="t-0"))
    evil = copy.deepcopy(good)
    evil.set("txn", "t-1")
    evil.remove(_signature(evil))
    evil.append(good)
    return etree.tostring(evil)


def expired(signing: Signing) -> bytes:
    old = lambda name, now: Identity.made(  # noqa: E731 - two lines of a table's
        name,
        signing.esp.authority,
        begins=now - timedelta(hours=2),
        lasts=timedelta(minutes=30),
        key=signing.esp.signer_key,
    )
    return signing.answered(Twist(signer=old))


def _two(root: Any) -> None:
    signatures = root.find("Signatures")
    signatures.append(copy.deepcopy(signatures[0]))


#: Attack → why it is refused, and what makes the response.
ATTACKS: dict[str, tuple[str, Callable[[Signing], bytes]]] = {
    "replay of another transaction's": ("wrong_txn", lambda signing: signing.answered(txn="t-0")),
    "wrong transaction": ("wrong_txn", stated(lambda root: root.set("txn", "t-2"))),
    "transaction altered on the way": ("not_signed", sent(lambda root: root.set("txn", "t-2"))),
    "status altered on the way": ("not_signed", sent(lambda root: root.set("status", "0"))),
    "wrong hash": ("wrong_hash", lambda signing: signing.answered(Twist(digest=lambda digest: digest[::-1]))),
    "unsigned": ("not_signed", sent(lambda root: root.remove(_signature(root)))),
    "signed twice": ("not_signed", sent(lambda root: root.append(copy.deepcopy(_signature(root))))),
    "signed by another provider": ("not_signed", lambda signing: signing.answered(Twist(identity=signing.stranger))),
    "wrapped": ("not_signed", wrapped),
    "external entity": (
        "malformed",
        lambda signing: b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + signing.answered(),
    ),
    "a page": ("malformed", lambda signing: b"<!DOCTYPE html><html><body>Bad gateway</body></html>"),
    "nothing": ("malformed", lambda signing: b""),
    "too large": ("too_large", lambda signing: bytes(esign.RESPONSE_BYTES + 1)),
    "another document": ("not_signed", lambda signing: signing.esp.identity.sign_xml(etree.Element("Certificate"))),
    "of before": ("not_fresh", at(-timedelta(minutes=30))),
    "of later": ("not_fresh", at(timedelta(minutes=30))),
    "no time": ("malformed", stated(lambda root: root.set("ts", ""))),
    "the player refused": ("esp_refused", stated(lambda root: root.set("status", "0"))),
    "nobody has signed yet": ("pending", stated(lambda root: root.set("status", "2"))),
    "an error": ("esp_refused", stated(lambda root: root.set("errCode", "ESP-944"))),
    "an error of the document": (
        "esp_refused",
        stated(lambda root: root.find(".//DocSignature").set("error", "ESP-9")),
    ),
    "another document's id": ("malformed", stated(lambda root: root.find(".//DocSignature").set("id", "2"))),
    "SHA-1": ("malformed", stated(lambda root: root.find(".//DocSignature").set("sigHashAlgorithm", "SHA1"))),
    "two signatures": ("malformed", stated(_two)),
    "no signature": ("malformed", stated(lambda root: root.remove(root.find("Signatures")))),
    "no base64": ("malformed", stated(lambda root: setattr(root.find(".//DocSignature"), "text", "%%%"))),
    "no CMS": ("malformed", stated(lambda root: setattr(root.find(".//DocSignature"), "text", "MAA="))),
    "another certificate beside it": ("another_certificate", stated(_another_certificate)),
    "a certificate that ended": ("certificate_expired", expired),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_on_a_response(signing: Signing, attack: str) -> None:
    reason, make = ATTACKS[attack]
    with pytest.raises(FileRefusedError) as refused:
        signing.read(make(signing))
    assert refused.value.reason == reason


def test_a_providers_certificate_counts_for_its_own_time_only(signing: Signing) -> None:
    ended = Identity.made("ESP", begins=NOW - timedelta(days=9), lasts=timedelta(days=8), key=signing.esp.signer_key)
    xml = signing.answered(Twist(identity=ended))
    with pytest.raises(FileRefusedError, match="not_signed"):
        esign.response(xml, signing.asked, NOW, [ended.certificate])


# --- attacks on a signed document


def _appended(pdf: bytes) -> bytes:
    """Another revision, as an editor writes it."""
    from pyhanko.pdf_utils.generic import TextStringObject, pdf_name
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    writer.root[pdf_name("/Lang")] = TextStringObject("en")
    writer.update_root()
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def _flipped(offset: int) -> Callable[[bytes], bytes]:
    return lambda pdf: pdf[:offset] + bytes([pdf[offset] ^ 1]) + pdf[offset + 1 :]


#: What happens to a signed PDF → why it is refused.
ALTERED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a byte of the text": ("altered", _flipped(700)),
    "another revision": ("altered", _appended),
    "cut off": ("not_a_pdf", lambda pdf: pdf[: len(pdf) // 2]),
    "empty": ("not_a_pdf", lambda pdf: b""),
}


@pytest.mark.parametrize("attack", ALTERED)
def test_a_signed_document_is_altered(signing: Signing, attack: str) -> None:
    reason, change = ALTERED[attack]
    with pytest.raises(FileRefusedError) as refused:
        signing.verified(change(signing.pdf(signing.answered())))
    assert refused.value.reason == reason


def test_a_document_without_a_good_signature(signing: Signing) -> None:
    cms = signing.read(signing.answered()).cms
    bad = cms[:-9] + bytes([cms[-9] ^ 1]) + cms[-8:]
    for pdf, reason in (
        (agreement_pdf.embed(signing.prepared, bad), "signature_invalid"),
        (agreement_pdf.made("2026-11", "A B", "1993-06-30", "x", "1"), "not_signed"),
    ):
        with pytest.raises(FileRefusedError) as refused:
            signing.verified(pdf)
        assert refused.value.reason == reason
    with pytest.raises(FileRefusedError, match="too_large"):
        agreement_pdf.embed(signing.prepared, bytes(agreement_pdf.RESERVED // 2 + 1))


def test_a_signature_that_leads_to_no_authority(signing: Signing, caplog: pytest.LogCaptureFixture) -> None:
    """An authority of the same name, and nobody but oneself; who it was stands in no log."""
    for issuer in (signing.stranger, None):
        made = lambda name, now, by=issuer: Identity.made(name, by, key=signing.esp.signer_key)  # noqa: E731 - bound here
        found = signing.read(signing.answered(Twist(signer=made)))
        with pytest.raises(FileRefusedError, match="signer_unknown"):
            signing.verified(agreement_pdf.embed(signing.prepared, found.cms))
    assert "Asha" not in caplog.text


def test_another_documents_signature(signing: Signing) -> None:
    """A signature over the hash that was asked for, in another document."""
    cms = signing.read(signing.answered()).cms
    other = agreement_pdf.prepare(agreement_pdf.made("2026-11", "Ravi Iyer", "1990-01-01", "x", "2"), NOW)
    with pytest.raises(FileRefusedError, match="altered"):
        signing.verified(agreement_pdf.embed(other, cms))
