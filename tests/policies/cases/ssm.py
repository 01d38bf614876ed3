"""Cases of policies/controls/ssm.py."""

import json

from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res

DOCUMENT = "aws:ssm/document:Document"
PARAMETER = "aws:ssm/parameter:Parameter"
SETTING = "aws:ssm/serviceSetting:ServiceSetting"
KEY = "arn:aws:kms:ap-south-1:111122223333:key/0c1d"
TAGS = {"Project": "matchday"}


def session(**inputs: object) -> str:
    """The content of Session Manager's preferences."""
    return json.dumps({"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": inputs})


_SESSION = res(
    DOCUMENT, documentType="Session", content=session(kmsKeyId=KEY, cloudWatchLogGroupName="sessions"), tags=TAGS
)
_SETTINGS = [
    res(SETTING, "output", settingId="/ssm/automation/customer-script-log-destination", settingValue="CloudWatch"),
    res(SETTING, "sharing", settingId="/ssm/documents/console/public-sharing-permission", settingValue="Disable"),
]

CASES = {
    "SSM.4": Case(
        good=[[_SESSION], [res(DOCUMENT, permissions={"type": "Share", "account_ids": "111122223333"}, tags=TAGS)]],
        bad=[Change({"permissions": {"type": "Share", "account_ids": "All"}})],
        na=[[res(PARAMETER, type="String")]],
        unknown=[Change({"permissions": UNKNOWN})],
    ),
    "SSM.6": Case(
        good=[_SETTINGS],
        bad=[Change({"settingValue": "None"}), _SETTINGS[1:]],
        na=[[_SESSION]],
        unknown=[Change({"settingValue": UNKNOWN})],
    ),
    "SSM.7": Case(
        good=[_SETTINGS[::-1]],
        bad=[Change({"settingValue": "Enable"}), _SETTINGS[:1]],
        na=[[_SESSION]],
        unknown=[Change({"settingId": UNKNOWN})],
    ),
    "MD.SSM.1": Case(
        good=[[res(PARAMETER, name="/matchday/db_password", type="SecureString", keyId=KEY)]],
        bad=[Change({"type": "String"})],
        na=[[res(PARAMETER, name="/matchday/log-level", type="String")]],
        unknown=[Change({"name": UNKNOWN})],
    ),
    "MD.SSM.2": Case(
        good=[[res(PARAMETER, name="/matchday/x", type="SecureString", keyId=KEY)]],
        bad=[Change({"keyId": ABSENT})],
        na=[[res(PARAMETER, type="String")]],
        unknown=[Change({"keyId": UNKNOWN})],
    ),
    "MD.SSM.3": Case(
        good=[[_SESSION]],
        bad=[Change({"content": session(cloudWatchLogGroupName="sessions")})],
        na=[[res(DOCUMENT, documentType="Command", content="{}")], [res(PARAMETER, type="String")]],
        unknown=[Change({"content": UNKNOWN}), Change({"content": "schemaVersion: '1.0'"})],
    ),
    "MD.SSM.4": Case(
        good=[[_SESSION], [res(DOCUMENT, documentType="Session", content=session(s3BucketName="logs"))]],
        bad=[
            Change({"content": session(kmsKeyId=KEY)}),
            Change({"content": session(kmsKeyId=KEY, cloudWatchLogGroupName="x", cloudWatchEncryptionEnabled=False)}),
        ],
        na=[[res(DOCUMENT, documentType="Command", content="{}")]],
        unknown=[Change({"documentType": UNKNOWN})],
    ),
}
