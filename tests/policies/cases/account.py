"""Cases of policies/controls/account.py."""

from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res

CONTACT = "aws:account/alternativeContact:AlternativeContact"
BUDGET = "aws:budgets/budget:Budget"
MACIE = res("aws:macie2/account:Account", status="ENABLED")
NOTIFY = [{"notificationType": "ACTUAL", "subscriberEmailAddresses": ["platform@matchday.example"]}]

CASES = {
    "Account.1": Case(
        good=[[res(CONTACT, alternateContactType="SECURITY"), MACIE]],
        bad=[Drop(CONTACT), Change({"alternateContactType": "BILLING"})],
        na=[[res("aws:ec2/vpc:Vpc")]],
        unknown=[Change({"alternateContactType": UNKNOWN})],
    ),
    "MD.Budgets.1": Case(
        good=[
            [res(BUDGET, notifications=NOTIFY)],
            [res(BUDGET, notifications=[{"subscriberSnsTopicArns": ["arn:aws:sns:x"]}])],
        ],
        bad=[Change({"notifications": ABSENT}), Change({"notifications": [{"notificationType": "ACTUAL"}]})],
        na=[[MACIE]],
        unknown=[Change({"notifications": UNKNOWN})],
    ),
}
