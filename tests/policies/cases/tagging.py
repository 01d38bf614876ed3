"""Cases of policies/controls/tagging.py: one row each, of the same form."""

from policies.controls.tagging import TAGGED
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res

HOUSE = {"Project": "matchday", "Environment": "prod", "Component": "data", "ManagedBy": "pulumi"}

CASES = {
    id_: Case(
        good=[[res(kind, tags={"Project": "matchday"})], [res(kind, tagsAll={"Environment": "prod"})]],
        bad=[Change({"tags": ABSENT}), Change({"tags": {"aws:cloudformation:stack-name": "x"}})],
        na=[[res("aws:ec2/eip:Eip", tags={})]],
        unknown=[Change({"tags": UNKNOWN})],
    )
    for id_, kind in TAGGED
} | {
    "MD.Tagging.1": Case(
        good=[[res("aws:kms/key:Key", tags=HOUSE)], [res("aws:s3/bucketV2:BucketV2", tagsAll=HOUSE)]],
        bad=[Change({"tags.Project": ABSENT}), Change({"tags": {}})],
        na=[[res("aws:ec2/eip:Eip")]],
        unknown=[Change({"tags": UNKNOWN})],
    )
}
