"""The keys that stand-ins sign with: made once for a clone, kept in its state directory, and what a platform pins of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.partners.signing import Identity
from localcloud.runtime.state import write_atomically

#: Issuer of `model/pins.py` → the name that its certificate here has.
NAMES: Mapping[str, str] = {
    "uidai": "UIDAI (stand-in)",
    "digilocker": "DigiLocker (stand-in)",
    "esp": "ESP (stand-in)",
    "signers": "CCA India (stand-in)",
}

#: A clone's keys are good for as long as somebody has it.
LASTS = timedelta(days=3650)

_BEGIN = "-----BEGIN CERTIFICATE-----"


class Keys:
    """Identities by issuer. `directory`: where they are kept, each in a file of its owner's alone; None: nowhere."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._made: dict[str, Identity] = {}

    def identity(self, issuer: str) -> Identity:
        """An issuer's: the one that is kept, else a new one."""
        if issuer not in self._made:
            self._made[issuer] = self._kept(issuer) or self._new(issuer)
        return self._made[issuer]

    def make(self) -> None:
        """All of them, so that they can be pinned before anybody asks for a signature."""
        for issuer in NAMES:
            self.identity(issuer)

    def _kept(self, issuer: str) -> Identity | None:
        file = None if self._directory is None else _file(self._directory, issuer)
        return None if file is None or not file.exists() else identity(file.read_text())

    def _new(self, issuer: str) -> Identity:
        made = Identity.made(NAMES[issuer], lasts=LASTS)
        if self._directory is not None:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(_file(self._directory, issuer), made.pem() + made.certificate_pem())
        return made


def identity(pem: str) -> Identity:
    """Of a private key and its certificate, one after the other. Raises ValueError."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("no RSA key")
    return Identity(key, x509.load_pem_x509_certificate(pem.encode()))


def pins(directory: Path) -> dict[str, list[str]]:
    """Issuer → its certificate (PEM), of what is kept there; no key is in it."""
    found = {issuer: _file(directory, issuer) for issuer in NAMES}
    return {
        issuer: [(_BEGIN + file.read_text().partition(_BEGIN)[2]).strip()]
        for issuer, file in found.items()
        if file.exists()
    }


def _file(directory: Path, issuer: str) -> Path:
    return directory / f"{issuer}.pem"
