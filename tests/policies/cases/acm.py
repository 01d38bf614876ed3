"""Cases of policies/controls/acm.py."""

from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res

CERTIFICATE = "aws:acm/certificate:Certificate"
GOOD = [res(CERTIFICATE, domainName="matchday.example", validationMethod="DNS", tags={"Project": "matchday"})]
IMPORTED = [res(CERTIFICATE, privateKey="…", certificateBody="…")]
LOGGING = "options.certificateTransparencyLoggingPreference"

CASES = {
    "ACM.2": Case(
        good=[GOOD, [res(CERTIFICATE, keyAlgorithm="RSA_4096")]],
        bad=[Change({"keyAlgorithm": "RSA_1024"})],
        na=[[res(CERTIFICATE, keyAlgorithm="EC_prime256v1")]],
        unknown=[Change({"keyAlgorithm": UNKNOWN})],
    ),
    "MD.ACM.1": Case(
        good=[GOOD],
        bad=[Change({"validationMethod": "EMAIL"}), Change({"validationMethod": ABSENT})],
        na=[IMPORTED, [res(CERTIFICATE, certificateAuthorityArn="arn:aws:acm-pca:x")]],
        unknown=[Change({"validationMethod": UNKNOWN})],
    ),
    "MD.ACM.2": Case(
        good=[GOOD], bad=[Change({LOGGING: "DISABLED"})], na=[IMPORTED], unknown=[Change({LOGGING: UNKNOWN})]
    ),
}
