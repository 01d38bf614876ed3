"""Controls that no stack can answer: account and run-time state. Auditors read here where to look instead."""

from __future__ import annotations

from dataclasses import dataclass

_HUB = "Security Hub CSPM, control {id}, in every Region of every account"
_CREDENTIALS = "IAM credential report (`aws iam generate-credential-report`); Security Hub control {id}"


@dataclass(frozen=True)
class Outside:
    """One control out of scope."""

    id: str
    title: str
    where: str


def _row(id_: str, title: str, where: str = _HUB) -> Outside:
    return Outside(id_, title, where.format(id=id_))


OUTSIDE: tuple[Outside, ...] = (
    _row("ACM.1", "Certificates renew in time"),
    _row("Config.3.3", "AWS Config is enabled in all Regions (CIS 3.3)", "AWS Config aggregator (Config.1 here: one Region)"),
    _row("EC2.4", "Stopped instances are removed"),
    _row("EC2.20", "Both VPN tunnels are up"),
    _row("IAM.3", "Access keys are at most 90 days old", _CREDENTIALS),
    _row("IAM.4", "The root user has no access key", _CREDENTIALS),
    _row("IAM.5", "Console users have MFA", _CREDENTIALS),
    _row("IAM.6", "The root user has hardware MFA", _CREDENTIALS),
    _row("IAM.8", "Unused credentials are removed", _CREDENTIALS),
    _row("IAM.9", "The root user has MFA", _CREDENTIALS),
    _row("IAM.19", "All users have MFA", _CREDENTIALS),
    _row("IAM.20", "The root user is not used (CIS 1.6)", _CREDENTIALS),
    _row("IAM.22", "Credentials unused for 45 days are removed", _CREDENTIALS),
    _row("IAM.26", "Expired server certificates are removed", "`aws iam list-server-certificates`; Security Hub control {id}"),
    _row("KMS.3", "No key waits for deletion by mistake", "`aws kms describe-key`, KeyState; Security Hub control {id}"),
    _row("Macie.2", "Macie discovers sensitive data by itself", "Macie console, automated discovery; Security Hub {id}"),
    _row("S3.20", "MFA delete is on", "`aws s3api get-bucket-versioning` (only root can set it); Security Hub {id}"),
    _row("SSM.1", "Instances are managed by Systems Manager"),
    _row("SSM.2", "Instances are patch compliant"),
    _row("SSM.3", "Associations are compliant"),
    _row("SecretsManager.2", "Secrets rotate successfully"),
    _row("SecretsManager.3", "Unused secrets are removed"),
    _row("CIS5.1.1", "Contact details are current (CIS 1.1)", "Account settings in the console, once a year"),
    _row("CIS5.1.3", "No root access key for daily work (CIS 1.3–1.6)", "IAM credential report; root access management"),
    _row("CIS7.2.1", "Organisation guardrails (CIS 7.0, 2.1.x)", "AWS Organizations: SCPs and RCPs of the management account"),
)  # fmt: skip
