"""A detached Ed25519 signature over the evidence's list of digests.

Verified by `openssl pkeyutl -verify -pubin -inkey audit.pub -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig`, and the files by
`sha256sum -c SHA256SUMS`.
"""

from __future__ import annotations

from pathlib import Path

from policies.audit.evidence import Sign


class SignatureError(ValueError):
    """The key cannot sign; the message says what is accepted."""


def signer(key: Path) -> Sign:
    """What signs with the private key in `key` (PEM, Ed25519, without a passphrase). Raises `SignatureError`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    accepted = "expected an Ed25519 private key in PEM, as `openssl genpkey -algorithm ed25519` writes it"
    try:
        private = load_pem_private_key(key.read_bytes(), password=None)
    except OSError as error:
        raise SignatureError(f"--sign: {key} cannot be read: {error.strerror}; {accepted}") from error
    except (ValueError, TypeError) as error:
        raise SignatureError(f"--sign: {key} is no key that can be used: {accepted}") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise SignatureError(f"--sign: {key} is a key of another kind; {accepted}")
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return lambda content: (private.sign(content), public)
