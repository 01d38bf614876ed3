"""Compares packaging/image/rds.pem with what Amazon RDS publishes: `python -m scripts.images.authorities [--write]`.

Exit code 1: AWS has authorities that the image would not trust, or the image trusts some that AWS does not name; 2: AWS's file
could not be had. With --write the copy becomes AWS's. RDS_AUTHORITIES: another place of that file.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

COPY = Path(__file__).resolve().parents[2] / "packaging" / "image" / "rds.pem"
PUBLISHED = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"


def roots(bundle: bytes) -> dict[str, str]:
    """Subject and serial number → PEM of each self-signed authority: what a chain ends at."""
    found = x509.load_pem_x509_certificates(bundle)
    return {
        f"{certificate.subject.rfc4514_string()} {certificate.serial_number:x}": certificate.public_bytes(
            Encoding.PEM
        ).decode()
        for certificate in found
        if certificate.subject == certificate.issuer
    }


def main(words: list[str]) -> int:
    """The script."""
    url = os.environ.get("RDS_AUTHORITIES") or PUBLISHED
    try:
        published = roots(httpx.get(url, timeout=30).raise_for_status().content)
    except (httpx.HTTPError, ValueError) as failure:
        sys.stderr.write(f"error: {url}: {failure!r}\n")
        return 2
    here = roots(COPY.read_bytes())
    for name in sorted(published.keys() ^ here.keys()):
        sys.stdout.write(
            f"{'AWS has, the image lacks' if name in published else 'the image has, AWS does not'}: {name}\n"
        )
    if words == ["--write"]:
        COPY.write_text("".join(published[name] for name in sorted(published)))
        return 0
    return int(published.keys() != here.keys())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
