"""Controls on Systems Manager: documents, parameters, account settings, sessions."""

from __future__ import annotations

from policies.lang.resources import Resource, Stack
from policies.lang.values import View
from policies.model import Control, Each, Severity, Verdict, Whole, bad, na, ok
from policies.rules import is_set
from policies.rules.baseline import ACCOUNT_WIDE, ELSEWHERE

DOCUMENT = "aws:ssm/document:Document"
PARAMETER = "aws:ssm/parameter:Parameter"
SETTING = "aws:ssm/serviceSetting:ServiceSetting"


def _not_shared(document: Resource) -> Verdict:
    if not document.has("permissions"):
        return ok()  # the owner alone
    accounts = document.view("permissions").text("account_ids")
    if accounts.strip().lower() == "all":
        return bad("permissions.account_ids", accounts, "name the accounts that share the document")
    return ok()


def _setting(suffix: str, value: str) -> Whole:
    """Among the service settings there is one whose id ends in `suffix`, with `value`."""

    def check(stack: Stack) -> Verdict:
        for setting in stack.of(SETTING):
            if setting.text("settingId").endswith(suffix):
                found = setting.text("settingValue")
                return ok() if found == value else bad("settingValue", found or None, f"set it to {value}")
        return bad("ServiceSetting", None, f"add an ssm.ServiceSetting {suffix} = {value}")

    return Whole((*ACCOUNT_WIDE, SETTING), check, elsewhere=ELSEWHERE)


def _is_session_preferences(document: Resource) -> str | None:
    return None if document.text("documentType") == "Session" else "it is no Session document"


def _session(document: Resource) -> View:
    return document.document("content").view("inputs")


def _sessions_encrypted(document: Resource) -> Verdict:
    reason = _is_session_preferences(document)
    if reason:
        return na(reason)
    return ok() if _session(document).has("kmsKeyId") else bad("content.inputs.kmsKeyId", None, "name a KMS key")


def _sessions_logged(document: Resource) -> Verdict:
    reason = _is_session_preferences(document)
    if reason:
        return na(reason)
    inputs = _session(document)
    for name, encrypted in (
        ("cloudWatchLogGroupName", "cloudWatchEncryptionEnabled"),
        ("s3BucketName", "s3EncryptionEnabled"),
    ):
        if inputs.has(name):
            if inputs.flag(encrypted, True):
                return ok()
            return bad(f"content.inputs.{encrypted}", False, "set it to true")
    return bad("content.inputs.cloudWatchLogGroupName", None, "send session logs to an encrypted log group or bucket")


def _not_a_secret(parameter: Resource) -> str | None:
    return None if parameter.text("type") == "SecureString" else "it is no SecureString"


_SENSITIVE_WORDS = ("password", "secret", "token", "credential", "private_key", "privatekey", "api_key", "apikey")


def _secret_by_name(parameter: Resource) -> Verdict:
    name = parameter.text("name", parameter.name).lower().replace("-", "_")
    if not any(word in name for word in _SENSITIVE_WORDS):
        return na("its name does not say that it is a secret")
    kind = parameter.text("type")
    return (
        ok() if kind == "SecureString" else bad("type", kind or None, "set it to SecureString, or use Secrets Manager")
    )


CONTROLS: tuple[Control, ...] = (
    Control(
        id="SSM.4",
        severity=Severity.CRITICAL,
        remediation="Name accounts instead of All in the ssm.Document's permissions.",
        rule=Each((DOCUMENT,), _not_shared),
    ),
    Control(
        id="SSM.6",
        severity=Severity.MEDIUM,
        remediation="Set /ssm/automation/customer-script-log-destination to CloudWatch by an ssm.ServiceSetting.",
        rule=_setting("/ssm/automation/customer-script-log-destination", "CloudWatch"),
    ),
    Control(
        id="SSM.7",
        severity=Severity.CRITICAL,
        remediation="Set /ssm/documents/console/public-sharing-permission to Disable by an ssm.ServiceSetting.",
        rule=_setting("/ssm/documents/console/public-sharing-permission", "Disable"),
    ),
    Control(
        id="MD.SSM.1",
        title="Parameters that hold a secret are SecureStrings",
        severity=Severity.HIGH,
        remediation="Set type to SecureString, or keep the secret in Secrets Manager.",
        link="https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-securestring.html",
        rule=Each((PARAMETER,), _secret_by_name),
    ),
    Control(
        id="MD.SSM.2",
        title="SecureStrings are encrypted by a key of the platform's own",
        severity=Severity.MEDIUM,
        remediation="Set key_id on the ssm.Parameter.",
        link="https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html",
        rule=is_set(PARAMETER, "keyId", "name a KMS key", unless=_not_a_secret),
    ),
    Control(
        id="MD.SSM.3",
        title="Session Manager encrypts sessions by KMS",
        severity=Severity.MEDIUM,
        remediation="Set inputs.kmsKeyId in the content of the ssm.Document of type Session.",
        link="https://docs.aws.amazon.com/systems-manager/latest/userguide/session-preferences-enable-encryption.html",
        rule=Each((DOCUMENT,), _sessions_encrypted),
    ),
    Control(
        id="MD.SSM.4",
        title="Session Manager keeps encrypted logs of sessions",
        severity=Severity.MEDIUM,
        remediation="Set inputs.cloudWatchLogGroupName or s3BucketName, encrypted, in the Session document.",
        link="https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-logging.html",
        rule=Each((DOCUMENT,), _sessions_logged),
    ),
)
