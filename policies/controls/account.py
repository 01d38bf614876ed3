"""Controls on the account's own settings: contacts and budgets."""

from __future__ import annotations

from policies.lang.resources import Resource
from policies.model import Control, Each, Severity, Verdict, bad, ok
from policies.rules.baseline import exists

CONTACT = "aws:account/alternativeContact:AlternativeContact"
BUDGET = "aws:budgets/budget:Budget"


def _tells_somebody(budget: Resource) -> Verdict:
    for notification in budget.each("notifications"):
        if notification.has("subscriberEmailAddresses") or notification.has("subscriberSnsTopicArns"):
            return ok()
    return bad("notifications", budget.raw("notifications"), "add one with subscribers")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="Account.1",
        severity=Severity.MEDIUM,
        remediation='Add an account.AlternativeContact with alternate_contact_type="SECURITY".',
        rule=exists(
            CONTACT, "add one of type SECURITY", lambda contact: contact.text("alternateContactType") == "SECURITY"
        ),
    ),
    Control(
        id="MD.Budgets.1",
        title="AWS Budgets should notify subscribers",
        severity=Severity.LOW,
        remediation="Add notifications with e-mail addresses or SNS topics to the budgets.Budget.",
        link="https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-best-practices.html",
        rule=Each((BUDGET,), _tells_somebody),
    ),
)
