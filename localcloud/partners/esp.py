"""A stand-in for an eSign provider (ESP): takes a signed request by a browser's form, and gives a signed response to post on.

Whoever comes is the person `who`, who proves it at once, unless `refuses`. Enforced: the request's signature by the registered
certificate, its age, each transaction once, one hash by SHA-256. A signer's certificate is made for each document, of one key,
and holds for half an hour, as CCA has it; its authority is `authority`, and messages are signed by `identity`, another key.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from localcloud.partners.provider import Refusal, answered
from localcloud.partners.signing import Identity
from localcloud.partners.wire import Answer, PartnerCall
from localcloud.partners.world import World

REQUEST_AGE, SIGNER_LASTS = timedelta(minutes=10), timedelta(minutes=30)

_INDIA = timezone(timedelta(hours=5, minutes=30))


@dataclass
class Twist:
    """What a hostile ESP, or somebody between, does to a response: `stated` before it is signed, `sent` after."""

    stated: Callable[[Any], None] = lambda root: None
    sent: Callable[[bytes], bytes] = lambda xml: xml
    digest: Callable[[bytes], bytes] = lambda digest: digest
    signer: Callable[[str, datetime], Identity] | None = None
    identity: Identity | None = None


@dataclass
class EspStandIn:
    """The provider. `registered`: aspId → certificate of its requests; KeyError for whom it does not know."""

    world: World
    registered: Mapping[str, x509.Certificate] = field(default_factory=dict)
    who: str = "Asha Sharma"
    refuses: bool = False
    twist: Twist = field(default_factory=Twist)
    _seen: set[str] = field(default_factory=set)
    _given: dict[str, bytes] = field(default_factory=dict)

    @cached_property
    def authority(self) -> Identity:
        """What signers' certificates end at."""
        return Identity.made("CCA India (stand-in)")

    @cached_property
    def identity(self) -> Identity:
        """What messages are signed with."""
        return Identity.made("ESP (stand-in)")

    @cached_property
    def signer_key(self) -> rsa.RSAPrivateKey:
        """Of everybody who signs."""
        return rsa.generate_private_key(65537, 2048)

    async def handle(self, request: PartnerCall) -> Answer:
        """A page that has the browser post the response to the platform; or a server's query, which may meet a fault."""
        if (request.method, request.path) == ("POST", "/esign/2.1/status"):
            return answered(self.world, request, self._status, _error)
        if (request.method, request.path) != ("POST", "/esign/2.1/signdoc"):
            return Answer.of({"error": "not_found"}, 404)
        form = dict(parse_qsl(request.body.decode()))
        try:
            where, xml = self.signed(form.get("eSignRequest", "").encode())
        except Refusal as refusal:
            return _error(refusal)
        page = (
            f'<form method="post" action="{html.escape(where)}"><input type="hidden" name="eSignResponse"'
            f' value="{html.escape(xml.decode())}"></form><script>document.forms[0].submit()</script>'
        )
        return Answer(200, page.encode(), {"Content-Type": "text/html"})

    def signed(self, xml: bytes) -> tuple[str, bytes]:
        """Where the response goes, and the response. Raises Refusal."""
        from lxml import etree

        root = self._request(xml)
        now = datetime.fromtimestamp(self.world.now(), UTC)
        (document,) = root.findall("Docs/InputHash")
        answer = etree.Element(
            "EsignResp", ver="2.1", status="0" if self.refuses else "1", ts=_time(now), txn=root.get("txn"),
            resCode=hashlib.sha256(xml).hexdigest()[:32], errCode="ESP-991" if self.refuses else "NA",
            errMsg="Signer cancelled" if self.refuses else "NA",
        )  # fmt: skip
        if not self.refuses:
            signer = (self.twist.signer or self._signer)(self.who, now)
            certificate = signer.certificate.public_bytes(Encoding.DER)
            etree.SubElement(answer, "UserX509Certificate").text = base64.b64encode(certificate).decode()
            made = signature(signer, self.twist.digest(bytes.fromhex(document.text)), now)
            signatures = etree.SubElement(answer, "Signatures")
            given = etree.SubElement(signatures, "DocSignature", id="1", sigHashAlgorithm="SHA256", error="NA")
            given.text = base64.b64encode(made).decode()
        self.twist.stated(answer)
        made = self._given[str(root.get("txn"))] = self._sealed(answer)
        return str(root.get("responseUrl")), made

    def _sealed(self, answer: Any) -> bytes:
        return self.twist.sent((self.twist.identity or self.identity).sign_xml(answer))

    def _status(self, request: PartnerCall) -> Answer:
        """What was answered to a transaction; to one that nobody has come with yet, that it is pending."""
        from lxml import etree

        root = self._verified(request.body, "EsignStatus")
        txn = str(root.get("txn"))
        made = self._given.get(txn)
        if made is None:
            now = datetime.fromtimestamp(self.world.now(), UTC)
            pending = etree.Element(
                "EsignResp", ver="2.1", status="2", ts=_time(now), txn=txn, resCode="", errCode="NA", errMsg="NA"
            )
            self.twist.stated(pending)
            made = self._sealed(pending)
        return Answer(200, made, {"Content-Type": "application/xml"})

    def _signer(self, name: str, now: datetime) -> Identity:
        begins = now - timedelta(minutes=1)
        return Identity.made(name, self.authority, begins=begins, lasts=SIGNER_LASTS, key=self.signer_key)

    def _verified(self, xml: bytes, tag: str) -> Any:
        """A request as one who is registered signed it, a moment ago. Raises Refusal."""
        from lxml import etree
        from signxml.exceptions import SignXMLException
        from signxml.verifier import XMLVerifier

        try:
            asp = etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True)).get("aspId")
            verified: Any = XMLVerifier().verify(xml, x509_cert=self.registered[asp])
            root = verified.signed_xml
            at = datetime.fromisoformat(root.get("ts")).replace(tzinfo=_INDIA)
        except (etree.XMLSyntaxError, SignXMLException, KeyError, ValueError, TypeError):
            raise Refusal(400, "ESP-001: the request's signature or form") from None
        late = abs(at - datetime.fromtimestamp(self.world.now(), UTC)) > REQUEST_AGE
        if late or root.tag != tag or root.get("ver") != "2.1":
            raise Refusal(400, "ESP-002: the request's values or time")
        return root

    def _request(self, xml: bytes) -> Any:
        root = self._verified(xml, "Esign")
        try:
            (document,) = root.findall("Docs/InputHash")
            good = (
                root.get("sc") == "Y" and root.get("AuthMode") == "1" and root.get("responseSigType") == "pkcs7"
                and document.get("hashAlgorithm") == "SHA256" and len(bytes.fromhex(document.text)) == 32
            )  # fmt: skip
        except (ValueError, TypeError):
            raise Refusal(400, "ESP-001: the request's signature or form") from None
        if not good:
            raise Refusal(400, "ESP-002: the request's values or time")
        if root.get("txn") in self._seen:
            raise Refusal(400, "ESP-003: the transaction came before")
        self._seen.add(root.get("txn"))
        return root


def signature(signer: Identity, digest: bytes, at: datetime) -> bytes:
    """A detached CMS over a SHA-256, of which the document is not known (RFC 5652, 5.4)."""
    from asn1crypto import algos, cms
    from asn1crypto import x509 as asn1

    certificate = asn1.Certificate.load(signer.certificate.public_bytes(Encoding.DER))
    attributes = cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["data"]}),
            cms.CMSAttribute({"type": "message_digest", "values": [digest]}),
            cms.CMSAttribute({"type": "signing_time", "values": [cms.Time({"utc_time": at.replace(microsecond=0)})]}),
        ]
    )
    sha256 = algos.DigestAlgorithm({"algorithm": "sha256"})
    info = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                "issuer_and_serial_number",
                cms.IssuerAndSerialNumber({"issuer": certificate.issuer, "serial_number": certificate.serial_number}),
            ),
            "digest_algorithm": sha256,
            "signed_attrs": attributes,
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}),
            "signature": signer.key.sign(attributes.dump(), padding.PKCS1v15(), hashes.SHA256()),
        }
    )
    data = cms.SignedData(
        {
            "version": "v1", "digest_algorithms": [sha256], "encap_content_info": {"content_type": "data"},
            "certificates": [certificate], "signer_infos": [info],
        }
    )  # fmt: skip
    made: bytes = cms.ContentInfo({"content_type": "signed_data", "content": data}).dump()
    return made


def _error(refusal: Refusal) -> Answer:
    return Answer(refusal.status, html.escape(refusal.code).encode(), {"Content-Type": "text/html"})


def _time(now: datetime) -> str:
    return now.astimezone(_INDIA).strftime("%Y-%m-%dT%H:%M:%S")
