"""Cases of policies/controls/efs.py."""

from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res

FILE_SYSTEM = "aws:efs/fileSystem:FileSystem"

CASES = {
    "EFS.1": Case(
        good=[[res(FILE_SYSTEM, encrypted=True)]],
        bad=[Change({"encrypted": False}), Change({"encrypted": ABSENT})],
        na=[[res("aws:sqs/queue:Queue")]],
        unknown=[Change({"encrypted": UNKNOWN})],
    )
}
