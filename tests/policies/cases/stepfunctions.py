"""Cases of policies/controls/stepfunctions.py."""

from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res

MACHINE = "aws:sfn/stateMachine:StateMachine"
GOOD = [res(MACHINE, loggingConfiguration={"level": "ERROR"}, tracingConfiguration={"enabled": True})]
NA = [[res("aws:sfn/activity:Activity", tags={"Project": "matchday"})]]

CASES = {
    "StepFunctions.1": Case(
        good=[GOOD],
        bad=[Change({"loggingConfiguration.level": "OFF"}), Change({"loggingConfiguration": ABSENT})],
        na=NA,
        unknown=[Change({"loggingConfiguration": UNKNOWN})],
    ),
    "MD.StepFunctions.1": Case(
        good=[GOOD],
        bad=[Change({"tracingConfiguration": ABSENT})],
        na=NA,
        unknown=[Change({"tracingConfiguration": UNKNOWN})],
    ),
}
