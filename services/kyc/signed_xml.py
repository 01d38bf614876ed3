"""Signed XML (XML-DSig, enveloped) of UIDAI, DigiLocker and eSign providers: what a pinned certificate signed, no more.

Not believed: the certificate that a file carries, an element outside of the signed one, a second signature or reference, a DTD,
a digest or signature other than SHA-256 and RSA.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography import x509

if TYPE_CHECKING:
    from lxml import etree

_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"

# It logs whole documents at DEBUG: what a person's file says belongs in no log, whatever its level.
logging.getLogger("signxml").setLevel(logging.INFO)


class FileRefusedError(ValueError):
    """What came is not believed; `reason` is a code, and says nothing of what is in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


#: When a signed element says that it was made. Raises FileRefusedError.
Made = Callable[["etree._Element"], datetime]


def signed(xml: bytes, tag: str, certificates: Sequence[x509.Certificate], made: Made) -> etree._Element:
    """The root `tag` as one of `certificates` signed it, in that certificate's time. Raises FileRefusedError.

    Reasons: malformed, not_signed, and those of `made`.
    """
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, remove_pis=True
    )
    try:
        root = etree.fromstring(xml, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise FileRefusedError("malformed") from None
    if root.getroottree().docinfo.internalDTD is not None or root.getroottree().docinfo.doctype:
        raise FileRefusedError("malformed")
    if root.tag != tag or [each.getparent() for each in root.iter(_SIGNATURE)] != [root]:
        raise FileRefusedError("not_signed")
    for certificate in certificates:
        found = _verified(xml, certificate)
        if found is None or found.tag != tag or found.find(_SIGNATURE) is not None:
            continue
        if certificate.not_valid_before_utc <= made(found) <= certificate.not_valid_after_utc:
            return found
    raise FileRefusedError("not_signed")


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
        verification_time=certificate.not_valid_after_utc,  # when it counted is compared by who asks
    )
    try:
        result = XMLVerifier().verify(xml, x509_cert=certificate, expect_config=config)
    except (SignXMLException, BadSignature, etree.LxmlError, ValueError, TypeError, KeyError):
        return None
    assert not isinstance(result, list), "one reference is expected"
    return result.signed_xml


def only(parent: etree._Element, tag: str) -> etree._Element:
    """The one child `tag`. Raises FileRefusedError (malformed)."""
    found: list[etree._Element] = parent.findall(tag)
    if len(found) != 1:
        raise FileRefusedError("malformed")
    return found[0]
