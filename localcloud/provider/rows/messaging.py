"""SNS topics and SQS queues: most of their properties are entries of an attribute mapping."""

from __future__ import annotations

from collections.abc import Callable

from localcloud.provider.row import VIRTUAL, Call, Context, Inputs, Prop, Read, Row, Tagging
from localcloud.provider.rows.iam import document_check
from localcloud.provider.rows.tagging import by_arn


def _topic(attribute: str, default: object = None) -> Prop:
    call = Call(
        "set_topic_attributes", {"TopicArn": "$id", "AttributeName": attribute, "AttributeValue": "$text"}, alone=True
    )
    return Prop(set=call, live=attribute, default=default)


def _subscription(attribute: str, default: object = None) -> Prop:
    arguments = {"SubscriptionArn": "$id", "AttributeName": attribute, "AttributeValue": "$text"}
    return Prop(set=Call("set_subscription_attributes", arguments, alone=True), live=attribute, default=default)


def _queue(attribute: str, default: object = None) -> Prop:
    call = Call("set_queue_attributes", {"QueueUrl": "$id", "Attributes": {attribute: "$text"}})
    return Prop(set=call, live=attribute, default=default)


def _fifo_topic(inputs: Inputs) -> dict[str, dict[str, str]]:
    return {"Attributes": {"FifoTopic": "true"}} if inputs.get("fifoTopic") else {}


def _fifo_queue(inputs: Inputs) -> dict[str, dict[str, str]]:
    return {"Attributes": {"FifoQueue": "true"}} if inputs.get("fifoQueue") else {}


def _clear_policy(context: Context) -> None:
    call = {"TopicArn": context["id"], "AttributeName": "Policy", "AttributeValue": "{}"}
    context.call("set_topic_attributes", call)


def _queue_part(prop: str, attribute: str, check: Callable[[Inputs], list[tuple[str, str]]] | None = None) -> Row:
    """One attribute of a queue as a resource of its own."""
    nothing = Call("set_queue_attributes", {"QueueUrl": "$id", "Attributes": {attribute: ""}})
    return Row(
        "sqs",
        "set_queue_attributes",
        "$in.queueUrl",
        reads=(
            Read(
                "get_queue_attributes",
                {"QueueUrl": "$id", "AttributeNames": [attribute]},
                f"(Attributes.{attribute} && Attributes) || `null`",
            ),
        ),
        update=Call("set_queue_attributes"),
        whole=True,
        delete=(nothing,),
        props={
            "queueUrl": Prop(identity=True),
            prop: Prop(
                encode=lambda value: {"Attributes": {attribute: value}},
                decode=lambda el: el.get(attribute),
                by_value=True,
                update=True,
            ),
        },
        check=check,
    )


ROWS: dict[str, Row] = {
    "aws:sqs/queuePolicy:QueuePolicy": _queue_part("policy", "Policy", document_check("policy")),
    "aws:sqs/redrivePolicy:RedrivePolicy": _queue_part("redrivePolicy", "RedrivePolicy"),
    "aws:sns/topic:Topic": Row(
        "sns",
        "create_topic",
        "$answer.TopicArn",
        reads=(Read("get_topic_attributes", {"TopicArn": "$id"}, "Attributes"),),
        arguments=_fifo_topic,
        delete=(Call("delete_topic", {"TopicArn": "$id"}),),
        props={
            "name": Prop(api="Name", identity=True),
            "namePrefix": VIRTUAL,
            "fifoTopic": Prop(api="", identity=True, default=False),
            "displayName": _topic("DisplayName"),
            "kmsMasterKeyId": _topic("KmsMasterKeyId"),
            "policy": _topic("Policy"),
            "deliveryPolicy": _topic("DeliveryPolicy"),
            "contentBasedDeduplication": _topic("ContentBasedDeduplication"),
            "signatureVersion": _topic("SignatureVersion"),
            "tracingConfig": _topic("TracingConfig"),
        },
        name="name",
        name_limit=256,
        name_rule=(r"[\w-]{1,256}(\.fifo)?", "1 to 256 letters, digits, hyphens and underscores"),
        outputs={"arn": "$id", "owner": "$account"},
        tagging=by_arn("ResourceArn", read=Read("list_tags_for_resource", {"ResourceArn": "$id"}, "Tags", into="Tags")),
        references={"kmsMasterKeyId": "key"},
    ),
    "aws:sns/topicPolicy:TopicPolicy": Row(
        "sns",
        "set_topic_attributes",
        "$in.arn",
        reads=(Read("get_topic_attributes", {"TopicArn": "$id"}, "Attributes"),),
        arguments={"AttributeName": "Policy"},
        update=Call("set_topic_attributes"),
        whole=True,
        before_delete=_clear_policy,
        props={"arn": Prop(api="TopicArn", identity=True), "policy": Prop(api="AttributeValue", live="Policy")},
        check=document_check("policy"),
        outputs={"owner": "$account"},
        references={"arn": "topic"},
    ),
    "aws:sns/topicSubscription:TopicSubscription": Row(
        "sns",
        "subscribe",
        "$answer.SubscriptionArn",
        reads=(Read("get_subscription_attributes", {"SubscriptionArn": "$id"}, "Attributes"),),
        arguments={"ReturnSubscriptionArn": True},
        delete=(Call("unsubscribe", {"SubscriptionArn": "$id"}),),
        props={
            "topic": Prop(api="TopicArn", force=True),
            "rawMessageDelivery": _subscription("RawMessageDelivery", default=False),
            "filterPolicy": _subscription("FilterPolicy"),
            "filterPolicyScope": _subscription("FilterPolicyScope"),
            "deliveryPolicy": _subscription("DeliveryPolicy"),
            "redrivePolicy": _subscription("RedrivePolicy"),
            "subscriptionRoleArn": _subscription("SubscriptionRoleArn"),
            "confirmationTimeoutInMinutes": Prop(virtual=True, default=1),
            "endpointAutoConfirms": Prop(virtual=True, default=False),
        },
        outputs={"arn": "$id", "ownerId": "$account", "pendingConfirmation": "$el.PendingConfirmation == 'true'"},
    ),
    "aws:sqs/queue:Queue": Row(
        "sqs",
        "create_queue",
        "$answer.QueueUrl",
        reads=(Read("get_queue_attributes", {"QueueUrl": "$id", "AttributeNames": ["All"]}, "Attributes"),),
        arguments=_fifo_queue,
        delete=(Call("delete_queue", {"QueueUrl": "$id"}),),
        props={
            "name": Prop(api="QueueName", identity=True),
            "namePrefix": VIRTUAL,
            "fifoQueue": Prop(api="", identity=True, default=False),
            "delaySeconds": _queue("DelaySeconds", default=0),
            "maxMessageSize": _queue("MaximumMessageSize", default=262144),
            "messageRetentionSeconds": _queue("MessageRetentionPeriod", default=345600),
            "receiveWaitTimeSeconds": _queue("ReceiveMessageWaitTimeSeconds", default=0),
            "visibilityTimeoutSeconds": _queue("VisibilityTimeout", default=30),
            "policy": _queue("Policy"),
            "redrivePolicy": _queue("RedrivePolicy"),
            "redriveAllowPolicy": _queue("RedriveAllowPolicy"),
            "kmsMasterKeyId": _queue("KmsMasterKeyId"),
            "kmsDataKeyReusePeriodSeconds": _queue(
                "KmsDataKeyReusePeriodSeconds", default=lambda inputs: 300 if inputs.get("kmsMasterKeyId") else None
            ),
            "sqsManagedSseEnabled": _queue("SqsManagedSseEnabled"),
            "contentBasedDeduplication": _queue("ContentBasedDeduplication"),
            "deduplicationScope": _queue("DeduplicationScope"),
            "fifoThroughputLimit": _queue("FifoThroughputLimit"),
        },
        name="name",
        name_limit=80,
        name_rule=(r"[\w-]{1,80}|[\w-]{1,75}\.fifo", "1 to 80 letters, digits, hyphens and underscores"),
        outputs={"arn": "$el.QueueArn", "url": "$id"},
        tagging=Tagging(
            Call("tag_queue", {"QueueUrl": "$id", "Tags": "$tag_map"}),
            Call("untag_queue", {"QueueUrl": "$id", "TagKeys": "$tag_keys"}),
            Read("list_queue_tags", {"QueueUrl": "$id"}, "Tags", into="Tags"),
            at_create="tags",
        ),
        references={"kmsMasterKeyId": "key"},
    ),
}
