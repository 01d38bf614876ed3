"""Whose signatures are believed: certificates that the environment's settings name for each issuer; with none, none is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from services.common.settings import Settings, SettingsError, load

Certificates = tuple[x509.Certificate, ...]

_BITS = 2048


class PinSettings(Settings):
    """Issuer → certificates as PEM, in JSON."""

    pins: str = "{}"


@dataclass(frozen=True)
class Trust:
    """Pinned certificates.

    uidai: sign offline e-KYC files. digilocker: sign e-Aadhaar. esp: sign the eSign provider's messages.
    signers: authorities (CCA's, and the CA's below it) that certificates of people who sign end at.
    """

    uidai: Certificates = ()
    digilocker: Certificates = ()
    esp: Certificates = ()
    signers: Certificates = ()


def pinned() -> Trust:
    """What the environment names. Raises SettingsError, naming issuer and place, where that is no pin."""
    return read(load(PinSettings).pins)


def read(text: str) -> Trust:
    """The same of a variable's value."""
    try:
        named = json.loads(text)
    except ValueError:
        named = None
    known = [each.name for each in fields(Trust)]
    if not isinstance(named, dict) or not set(named) <= set(known):
        raise SettingsError(f"PINS: accepted: JSON of issuers ({', '.join(known)}) with lists of certificates (PEM)")
    return Trust(**{issuer: _certificates(issuer, each) for issuer, each in named.items()})


def _certificates(issuer: str, pems: Sequence[str]) -> Certificates:
    return tuple(_certificate(issuer, place, pem) for place, pem in enumerate(pems))


def _certificate(issuer: str, place: int, pem: str) -> x509.Certificate:
    """What signs by RSA; of an authority besides that it is one."""
    try:
        found = x509.load_pem_x509_certificate(pem.encode())
        key = found.public_key()
        authority = issuer != "signers" or found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _BITS and authority:
            return found
    except (ValueError, AttributeError, x509.ExtensionNotFound):
        pass  # no certificate, or one that says nothing of being an authority
    kind = "an authority's certificate" if issuer == "signers" else "a certificate"
    raise SettingsError(f"PINS: {issuer}[{place}]: accepted: {kind}, as PEM, with an RSA key of {_BITS} bits or more")
