"""Cases of policies/controls/config.py."""

from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res

RECORDER = "aws:cfg/recorder:Recorder"
STATUS = "aws:cfg/recorderStatus:RecorderStatus"
ROLE = "arn:aws:iam::111122223333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
ALL = {"allSupported": True, "includeGlobalResourceTypes": True}
GOOD = [
    res(RECORDER, "all", name="all", roleArn=ROLE, recordingGroup=ALL),
    res(STATUS, name="all", isEnabled=True),
    res("aws:macie2/account:Account", status="ENABLED"),
]
NA = [[res("aws:ec2/vpc:Vpc")]]

CASES = {
    "Config.1": Case(
        good=[GOOD],
        bad=[
            Drop(RECORDER),
            Change({"roleArn": "arn:aws:iam::111122223333:role/own"}),
            Change({"recordingGroup.allSupported": False}),
        ],
        na=NA,
        unknown=[Change({"roleArn": UNKNOWN})],
    ),
    "MD.Config.1": Case(
        good=[GOOD],
        bad=[Drop(STATUS), Change({"isEnabled": False}, STATUS)],
        na=NA,
        unknown=[Change({"isEnabled": UNKNOWN}, STATUS)],
    ),
    "MD.Config.2": Case(
        good=[
            GOOD,
            [
                res(RECORDER, "here", recordingGroup={"allSupported": True}),
                res(RECORDER, "home", recordingGroup=ALL),
            ],
        ],
        bad=[Change({"recordingGroup.includeGlobalResourceTypes": ABSENT}), Change({"recordingGroup": ABSENT})],
        na=[[res(RECORDER, recordingGroup={"allSupported": False})]],
        unknown=[Change({"recordingGroup": UNKNOWN})],
    ),
}
