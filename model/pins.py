"""Certificates that messages of identity providers are believed by: whose they are, and what a pin has to be; pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence

#: Issuer → what its certificates sign.
ISSUERS: Mapping[str, str] = {
    "uidai": "offline e-KYC files",
    "digilocker": "e-Aadhaar that DigiLocker gives",
    "esp": "messages of the eSign provider",
    "signers": "certificates of people who sign: CCA's root and the licensed CA's below it",
}

#: The variable by which a service is given its pins (`text`).
VARIABLE = "PINS"

#: The organization in the name of every certificate that a stand-in makes (localcloud/partners/signing.py).
STAND_IN = "Matchday stand-in, believed on no other machine"

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def der(pem: str) -> bytes:
    """The one certificate in `pem`, as bytes; what is in it the service reads. Raises ValueError."""
    lines = pem.strip().splitlines()
    try:
        if (lines[0], lines[-1]) != (_BEGIN, _END):
            raise ValueError
        found = base64.b64decode("".join(lines[1:-1]), validate=True)
        # A SEQUENCE whose length, in two bytes, is all the rest.
        if found[:2] != b"\x30\x82" or int.from_bytes(found[2:4]) != len(found) - 4:
            raise ValueError
    except (ValueError, IndexError, binascii.Error):
        raise ValueError(f"one certificate is accepted, as PEM: from {_BEGIN} to {_END}") from None
    return found


def is_stand_in(certificate: bytes) -> bool:
    """Whether a certificate (DER) says that a stand-in made it."""
    return STAND_IN.encode() in certificate


def text(pins: Mapping[str, Sequence[str]]) -> str:
    """The variable's value: issuer → certificates as PEM."""
    return json.dumps({issuer: list(pins[issuer]) for issuer in sorted(pins)})
