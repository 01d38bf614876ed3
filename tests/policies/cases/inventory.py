"""Cases of policies/controls/inventory.py: the same for every kind of resource."""

from __future__ import annotations

from policies.controls.inventory import GROUP, TAGGED
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res

OTHER = [res("aws:sqs/queue:Queue")]
TAGS = {"Project": "matchday"}
GROUP_TAG = {"key": "Project", "value": "matchday", "propagateAtLaunch": True}

CASES = {
    "AutoScaling.10": Case(
        good=[[res(GROUP, tags=[GROUP_TAG])]],
        bad=[Change({"tags": ABSENT}), Change({"tags.0.key": "aws:autoscaling:groupName"})],
        na=[OTHER],
        unknown=[Change({"tags": UNKNOWN})],
    ),
} | {
    control_id: Case(
        good=[*([res(kind, tags=TAGS)] for kind in types), [res(types[0], tagsAll=TAGS)]],
        bad=[Change({"tags": ABSENT}), Change({"tags": {}}), Change({"tags": {"aws:cloudformation:stack-name": "x"}})],
        na=[OTHER],
        unknown=[Change({"tags": UNKNOWN})],
    )
    for control_id, types in TAGGED
}
