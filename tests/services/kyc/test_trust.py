"""What is pinned: certificates that the environment names, and nothing that is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from localcloud.partners.signing import Identity
from services.common.settings import SettingsError
from services.kyc import trust
from tests.services.support import environ


@pytest.fixture(scope="module")
def authority() -> Identity:
    return Identity.made("CCA of a test")


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    begins, ends = datetime(2026, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begins, ends)
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def test_what_the_environment_names_is_believed_and_without_it_nothing(authority: Identity) -> None:
    pem = authority.certificate_pem()
    with environ({"PINS": json.dumps({"signers": [pem], "esp": [pem, pem]})}):
        found = trust.pinned()
    assert found == trust.Trust(signers=(authority.certificate,), esp=(authority.certificate,) * 2)
    assert trust.read("{}") == trust.Trust()


def test_what_is_no_pin_ends_the_process_and_is_named(authority: Identity) -> None:
    signer = Identity.made("Asha Sharma", authority, key=authority.key).certificate_pem()
    weak, curve = _pem(rsa.generate_private_key(65537, 1024)), _pem(ec.generate_private_key(ec.SECP256R1()))
    good = authority.certificate_pem()
    cases = {
        "": "PINS", "[]": "PINS", '{"somebody": []}': "uidai, digilocker, esp, signers",
        json.dumps({"esp": [good, "x"]}): r"esp\[1\]", json.dumps({"esp": [authority.pem()]}): r"esp\[0\]",
        json.dumps({"esp": [7]}): r"esp\[0\]", json.dumps({"esp": "x"}): r"esp\[0\]",
        json.dumps({"uidai": [weak]}): "2048", json.dumps({"digilocker": [curve]}): "RSA",
        json.dumps({"signers": [signer]}): "an authority's", json.dumps({"signers": [_pem(authority.key)]}): "authority",
    }  # fmt: skip
    for text, named in cases.items():
        with pytest.raises(SettingsError, match=named) as refused:
            trust.read(text)
        assert "PRIVATE" not in str(refused.value)
