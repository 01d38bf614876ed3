"""Whose signatures are believed: certificates that this repository holds, a folder for each issuer; with none, none is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

CERTIFICATES = Path(__file__).parent / "certificates"

Certificates = tuple[x509.Certificate, ...]


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


def pinned(directory: Path = CERTIFICATES) -> Trust:
    """What `directory` holds: `<issuer>/*.pem`."""
    return Trust(*(_read(directory / name) for name in ("uidai", "digilocker", "esp", "signers")))


def _read(folder: Path) -> Certificates:
    return tuple(x509.load_pem_x509_certificate(file.read_bytes()) for file in sorted(folder.glob("*.pem")))
