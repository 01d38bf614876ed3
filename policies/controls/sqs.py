"""Controls on SQS queues."""

from __future__ import annotations

from policies.lang.resources import Resource, Stack
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import is_at_least
from policies.rules.public import not_public

QUEUE = "aws:sqs/queue:Queue"
REDRIVE = "aws:sqs/redrivePolicy:RedrivePolicy"


def _encrypted(queue: Resource) -> Verdict:
    if queue.has("kmsMasterKeyId") or queue.flag("sqsManagedSseEnabled", True):
        return ok()  # AWS encrypts every new queue unless it is told not to
    return bad("sqsManagedSseEnabled", False, "set it to true, or set kmsMasterKeyId")


def _has_dead_letters(queue: Resource, stack: Stack) -> Verdict:
    if queue.has("redrivePolicy") or stack.referrers(queue, REDRIVE, "queueUrl"):
        return ok()
    for other in stack.of(QUEUE):
        target = other.document("redrivePolicy") if other is not queue and other.has("redrivePolicy") else None
        if target and queue in stack.named(target.text("deadLetterTargetArn"), QUEUE):
            return na("it holds other queues' dead letters")
    if queue.has("redriveAllowPolicy"):
        return na("it holds other queues' dead letters")
    return bad("redrivePolicy", None, "name a queue for messages that cannot be processed")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="SQS.1",
        severity=Severity.MEDIUM,
        remediation="Set sqs_managed_sse_enabled=True or kms_master_key_id on the sqs.Queue.",
        rule=Each((QUEUE,), _encrypted),
    ),
    Control(
        id="SQS.3",
        severity=Severity.CRITICAL,
        remediation="Name principals in the queue's policy, or narrow `*` by aws:SourceArn or aws:SourceAccount.",
        rule=not_public({QUEUE: "policy", "aws:sqs/queuePolicy:QueuePolicy": "policy"}),
    ),
    Control(
        id="MD.SQS.1",
        title="Messages that cannot be processed are kept aside",
        severity=Severity.MEDIUM,
        remediation="Set redrive_policy on the sqs.Queue: deadLetterTargetArn and maxReceiveCount.",
        link="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
        rule=Related((QUEUE,), _has_dead_letters),
    ),
    Control(
        id="MD.SQS.2",
        title="Queues keep messages for at least four days",
        severity=Severity.LOW,
        remediation="Set message_retention_seconds to 345600 or more: a weekend must not lose messages.",
        link="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html",
        rule=is_at_least(QUEUE, "messageRetentionSeconds", 345600, default=345600),
    ),
)
