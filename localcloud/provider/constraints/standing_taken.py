"""Names that are taken among what the emulator holds, where it would let a second one pass; the tables are in standing.py.

Sources: the errors of each create operation in AWS's API references; elbv2/load_balancer.go and target_group.go, which refuse
what exists even if it is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from localcloud.provider.errors import Refused
from localcloud.provider.row import Context

Hook = Callable[[Context], None]


def free(operation: str, arguments: Callable[[Any], dict[str, Any]], refusal: str) -> Hook:
    """Refuses a new resource whose name a call that describes finds."""

    def check(context: Context) -> None:
        name = context["in"].get("name")
        if name and context.exists(operation, arguments(name)):
            raise Refused(f"{refusal}: {name!r}")

    return check


balancer = free(
    "describe_load_balancers",
    lambda name: {"Names": [name]},
    "DuplicateLoadBalancerName: a load balancer with this name already exists",
)
target_group = free(
    "describe_target_groups",
    lambda name: {"Names": [name]},
    "DuplicateTargetGroupName: a target group with this name already exists",
)
subnet_group = free(
    "describe_db_subnet_groups",
    lambda name: {"DBSubnetGroupName": name},
    "DBSubnetGroupAlreadyExists: the DB subnet group already exists",
)


def listed(operation: str, arguments: tuple[str, ...], member: str, refusal: str) -> Hook:
    """The same where only a list says what there is. `arguments`: properties that go into the call as they are."""

    def check(context: Context) -> None:
        inputs = context["in"]
        asked = {each.capitalize(): inputs.get(each) for each in arguments}
        found: Any = context.call(operation, asked)
        for step in member.split("."):
            found = (found or {}).get(step)
        if any(each["Name"] == inputs.get("name") for each in found or ()):
            raise Refused(f"{refusal}: {inputs['name']!r}")

    return check


ip_set = listed(
    "list_ip_sets",
    ("scope",),
    "IPSets",
    "WAFDuplicateItemException: AWS WAF couldn't perform the operation because some resource in your request is a duplicate of "
    "an existing one",
)
namespace = listed(
    "list_namespaces", (), "Namespaces", "NamespaceAlreadyExists: a namespace with this name already exists"
)
access_control = listed(
    "list_origin_access_controls",
    (),
    "OriginAccessControlList.Items",
    "OriginAccessControlAlreadyExists: an origin access control with this name already exists",
)

#: Attributes of a queue that CreateQueue compares: property -> attribute, and its default.
_QUEUE = {
    "delaySeconds": ("DelaySeconds", 0),
    "maxMessageSize": ("MaximumMessageSize", None),
    "messageRetentionSeconds": ("MessageRetentionPeriod", 345600),
    "receiveWaitTimeSeconds": ("ReceiveMessageWaitTimeSeconds", 0),
    "visibilityTimeoutSeconds": ("VisibilityTimeout", 30),
}


def queue(context: Context) -> None:
    """CreateQueue: one of this name is another unless its attributes are the same."""
    inputs = context["in"]
    try:
        url = context.call("get_queue_url", {"QueueName": inputs["name"]})["QueueUrl"]
    except ClientError:
        return
    held = context.call("get_queue_attributes", {"QueueUrl": url, "AttributeNames": ["All"]})["Attributes"]
    for name, (attribute, default) in _QUEUE.items():
        wanted = inputs.get(name, default)
        if wanted is not None and attribute in held and int(wanted) != int(held[attribute]):
            raise Refused(
                "QueueAlreadyExists: a queue already exists with the same name and a different value for attribute "
                f"{attribute}: {inputs['name']!r}"
            )


def distribution(context: Context) -> None:
    """CreateDistribution, UpdateDistribution: a domain name is one distribution's."""
    aliases = set(context["in"].get("aliases") or ())
    if not aliases or not context.asks("aliases"):
        return
    for found in (context.call("list_distributions", {}).get("DistributionList") or {}).get("Items") or ():
        shared = aliases & set((found.get("Aliases") or {}).get("Items") or ())
        if shared and found["Id"] != context.environment.get("id"):
            raise Refused(
                "CNAMEAlreadyExists: one or more of the CNAMEs you provided are already associated with a different resource: "
                f"{', '.join(sorted(shared))} ({found['Id']})"
            )
