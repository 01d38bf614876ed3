"""Keys and certificates of stand-ins for authorities, and XML that they sign. Each certificate says that it is a stand-in's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from model.pins import STAND_IN


@dataclass(frozen=True)
class Identity:
    """An RSA key and its certificate."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(
        cls,
        name: str,
        issuer: Identity | None = None,
        *,
        begins: datetime | None = None,
        lasts: timedelta = timedelta(days=365),
        key: rsa.RSAPrivateKey | None = None,
    ) -> Identity:
        """Signed by `issuer`, else by itself, and an authority then; from an hour ago on, if nothing else is said."""
        key = key or rsa.generate_private_key(65537, 2048)
        names = {NameOID.COMMON_NAME: name, NameOID.ORGANIZATION_NAME: STAND_IN}
        subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in names.items()])
        begins = begins or datetime.now(UTC) - timedelta(hours=1)
        usage = {
            "digital_signature": issuer is not None, "content_commitment": issuer is not None, "key_encipherment": False,
            "data_encipherment": False, "key_agreement": False, "key_cert_sign": issuer is None,
            "crl_sign": issuer is None, "encipher_only": False, "decipher_only": False,
        }  # fmt: skip
        signer = key if issuer is None else issuer.key
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + lasts)
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )
        return cls(key, made)

    def pem(self) -> str:
        """The key."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def certificate_pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def sign_xml(self, root: Any) -> bytes:
        """`root` (lxml's) with an enveloped signature by RSA and SHA-256, and this certificate in it."""
        from lxml import etree
        from signxml.signer import XMLSigner

        signed: bytes = etree.tostring(XMLSigner().sign(root, key=self.key, cert=[self.certificate]))
        return signed
