"""The agreement that a player signs: made as a PDF with a place for the signature, signed, verified; pure.

The signature comes later and from elsewhere (eSign): what is signed is the SHA-256 of everything but that place (ByteRange,
ISO 32000-1, 12.8.1), and the CMS that comes back goes into it. pyHanko is imported on use: it takes 0.6 s and 25 MB.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from services.kyc.signed_xml import FileRefusedError

if TYPE_CHECKING:
    from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

# They log whose certificate they look at: that belongs in no log, whatever its level.
for _library in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_library).setLevel(logging.CRITICAL + 1)

TEXTS = Path(__file__).parent / "agreements"

#: The version of the text that players sign now.
VERSION = "2026-11"

#: The place for a signature, in hexadecimal digits: a CMS with its chain takes less than half of it.
RESERVED = 32 * 1024

_FIELD = "Player"


@dataclass(frozen=True)
class PreparedPdf:
    """A PDF with a place for the signature, between two offsets, and the SHA-256 of all the rest."""

    pdf: bytes
    digest: bytes
    start: int
    end: int


def made(version: str, name: str, birth_date: str, pan: str, number: str) -> bytes:
    """The text of `version` as a PDF, for a person; `pan` as it may be shown, `number`: the agreement's own."""
    from xml.sax.saxutils import escape

    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer

    styles = getSampleStyleSheet()
    title, *lines = [each for each in (TEXTS / f"{version}.txt").read_text().splitlines() if each]
    story = [Paragraph(escape(title), styles["Title"])]
    story += [Paragraph(escape(each), styles["BodyText"]) for each in lines]
    who = (f"Name: {name}", f"Date of birth: {birth_date}", f"PAN: {pan}", f"Agreement {number}, text {version}")
    story += [Spacer(1, 24), *(Paragraph(escape(each), styles["BodyText"]) for each in who)]
    file = io.BytesIO()
    SimpleDocTemplate(file, pagesize=A4, title=f"{title} {number}", invariant=1).build(story)
    return file.getvalue()


def prepare(pdf: bytes, at: datetime) -> PreparedPdf:
    """Leave a place for one signature, after which nothing of the document may change."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
    from pyhanko.sign.signers import SignatureObject
    from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup

    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    steps: Any = PdfCMSEmbedder(SigFieldSpec(_FIELD)).write_cms(field_name=_FIELD, writer=writer)
    next(steps)
    place = SignatureObject(
        timestamp=at,
        reason="Player agreement",
        bytes_reserved=RESERVED,
        subfilter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED,
    )
    only = SigMDPSetup(md_algorithm="sha256", certify=True, docmdp_perms=MDPPerm.NO_CHANGES)
    steps.send(SigObjSetup(sig_placeholder=place, mdp_setup=only))
    found, output = steps.send(SigIOSetup(md_algorithm="sha256"))
    return PreparedPdf(output.getvalue(), found.document_digest, found.reserved_region_start, found.reserved_region_end)


def embed(prepared: PreparedPdf, cms: bytes) -> bytes:
    """The PDF with the signature in its place. Raises FileRefusedError (too_large)."""
    from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest

    if 2 * len(cms) > RESERVED:
        raise FileRefusedError("too_large")
    output = io.BytesIO(prepared.pdf)
    PreparedByteRangeDigest(prepared.digest, prepared.start, prepared.end).fill_with_cms(output, cms)
    return output.getvalue()


async def verify(pdf: bytes, authorities: Sequence[x509.Certificate], at: datetime) -> x509.Certificate:
    """Whose signature the PDF has: one, over all of it, by a certificate that leads to an authority and counted at `at`.

    Certificates of eSign live for half an hour, so nobody asks whether one was revoked. Raises FileRefusedError
    (not_a_pdf, not_signed, altered, signature_invalid, signer_unknown).
    """
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.diff_analysis import ModificationLevel
    from pyhanko.sign.general import SigningError
    from pyhanko.sign.validation import SignatureCoverageLevel, async_validate_pdf_signature
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko.sign.validation.settings import KeyUsageConstraints
    from pyhanko_certvalidator import ValidationContext

    try:
        signatures: list[EmbeddedPdfSignature] = list(PdfFileReader(io.BytesIO(pdf)).embedded_signatures)
    except (PdfError, ValueError, KeyError, TypeError):
        raise FileRefusedError("not_a_pdf") from None
    if len(signatures) != 1:
        raise FileRefusedError("not_signed")
    trusted = ValidationContext(
        trust_roots=[_asn1(each) for each in authorities], moment=at, allow_fetching=False, revocation_mode="soft-fail"
    )
    usage = KeyUsageConstraints(key_usage={"digital_signature"})
    try:
        status = await async_validate_pdf_signature(signatures[0], trusted, key_usage_settings=usage)
    except (PdfError, SignatureValidationError, SigningError, ValueError, KeyError, TypeError):
        raise FileRefusedError("signature_invalid") from None
    if not status.intact or status.coverage is not SignatureCoverageLevel.ENTIRE_FILE:
        raise FileRefusedError("altered")
    if status.modification_level is not ModificationLevel.NONE:
        raise FileRefusedError("altered")
    if not status.valid or status.md_algorithm != "sha256":
        raise FileRefusedError("signature_invalid")
    if not status.trusted or not status.bottom_line:
        raise FileRefusedError("signer_unknown")
    return x509.load_der_x509_certificate(status.signing_cert.dump())


def _asn1(certificate: x509.Certificate) -> Any:
    from asn1crypto import x509 as asn1

    return asn1.Certificate.load(certificate.public_bytes(Encoding.DER))
