"""Controls on ACM certificates."""

from __future__ import annotations

from policies.lang.resources import Resource
from policies.model import Control, Each, Severity, Verdict, bad, na, ok
from policies.rules import is_one_of

CERTIFICATE = "aws:acm/certificate:Certificate"


def _strong_key(certificate: Resource) -> Verdict:
    algorithm = certificate.text("keyAlgorithm", "RSA_2048")
    if not algorithm.startswith("RSA_"):
        return na(f"its key is {algorithm}, not RSA")
    if algorithm == "RSA_1024":
        return bad("keyAlgorithm", algorithm, "use RSA_2048 or an elliptic curve")
    return ok()


def _imported(certificate: Resource) -> str | None:
    imported = certificate.has("privateKey") or certificate.has("privateKeyWo")
    return "it is imported: who issued it validated the domain" if imported else None


def _private(certificate: Resource) -> str | None:
    private = certificate.has("certificateAuthorityArn")
    return "a private authority's certificates are not logged publicly" if private else _imported(certificate)


CONTROLS: tuple[Control, ...] = (
    Control(
        id="ACM.2",
        severity=Severity.HIGH,
        remediation="Set key_algorithm to RSA_2048 or EC_prime256v1 on the acm.Certificate.",
        rule=Each((CERTIFICATE,), _strong_key),
    ),
    Control(
        id="MD.ACM.1",
        title="ACM certificates should be validated by DNS, so that they renew automatically",
        severity=Severity.MEDIUM,
        remediation='Set validation_method="DNS" on the acm.Certificate.',
        link="https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html",
        rule=is_one_of(CERTIFICATE, "validationMethod", {"DNS"}, unless=_private),
    ),
    Control(
        id="MD.ACM.2",
        title="Certificates appear in transparency logs",
        severity=Severity.LOW,
        remediation="Leave options.certificate_transparency_logging_preference out, or set it to ENABLED.",
        link="https://docs.aws.amazon.com/acm/latest/userguide/acm-concepts.html#concept-transparency",
        rule=is_one_of(
            CERTIFICATE,
            "options.certificateTransparencyLoggingPreference",
            {"ENABLED"},
            default="ENABLED",
            unless=_private,
        ),
    ),
)
