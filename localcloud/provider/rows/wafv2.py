"""WAF: web ACLs, IP sets, what they protect and where they log."""

from __future__ import annotations

from typing import Any

from localcloud.provider.constraints.combinations.given import Given
from localcloud.provider.constraints.combinations.waf import capacity
from localcloud.provider.row import VIRTUAL, Call, Context, Prop, Read, Row
from localcloud.provider.rows.tagging import by_arn

#: Web ACLs and IP sets of CloudFront live in us-east-1, wherever the stack is.
_REGION = "$in.scope=='CLOUDFRONT' && 'us-east-1' || `null`"
_KEY = {"Id": "$id", "Name": "$in.name", "Scope": "$in.scope"}
_LOCKED = {**_KEY, "LockToken": "$el.LockToken"}
_NAME = (r"[\w-]{1,128}", "1 to 128 letters, digits, hyphens and underscores")


def _lock(operation: str) -> Any:
    """Deleting needs the lock token of this moment."""

    def before(context: Context) -> None:
        inputs = context["in"]
        key = {"Id": context["id"], "Name": inputs["name"], "Scope": inputs["scope"]}
        context.environment["el"] = {"LockToken": context.call(operation, key)["LockToken"]}

    return before


def _capacity(context: Context, outputs: dict[str, Any]) -> dict[str, Any]:
    """moto counts another way than the developer guide's table."""
    rules = Given(context["in"]).each("rules")
    return {**outputs, "capacity": sum(capacity(rule.inner("statement")) for rule in rules)}


def _tags(arn: str) -> Any:
    read = Read("list_tags_for_resource", {"ResourceARN": arn}, "TagInfoForResource.TagList", into="Tags")
    return by_arn("ResourceARN", arn, read=read)


ROWS: dict[str, Row] = {
    "aws:wafv2/webAcl:WebAcl": Row(
        "wafv2",
        "create_web_acl",
        "$answer.Summary.Id",
        reads=(Read("get_web_acl", _KEY, "merge(WebACL, {LockToken: LockToken})"),),
        update=Call("update_web_acl", _LOCKED),
        whole=True,
        before_delete=_lock("get_web_acl"),
        delete=(Call("delete_web_acl", _LOCKED),),
        region=_REGION,
        props={"scope": Prop(identity=True), "namePrefix": VIRTUAL, "ruleJson": Prop(api="", update=True)},
        name="name",
        name_limit=128,
        name_rule=_NAME,
        outputs={"arn": "$el.ARN", "lockToken": "$el.LockToken"},
        finish=_capacity,
        tagging=_tags("$answer.Summary.ARN || el.ARN || out.arn"),
    ),
    "aws:wafv2/ipSet:IpSet": Row(
        "wafv2",
        "create_ip_set",
        "$answer.Summary.Id",
        reads=(Read("get_ip_set", _KEY, "merge(IPSet, {LockToken: LockToken})"),),
        arguments={"Addresses": "$!in.addresses && `[]` || `null`"},
        update=Call("update_ip_set", _LOCKED),
        whole=True,
        before_delete=_lock("get_ip_set"),
        delete=(Call("delete_ip_set", _LOCKED),),
        region=_REGION,
        props={
            "scope": Prop(identity=True),
            "namePrefix": VIRTUAL,
            "ipAddressVersion": Prop(api="IPAddressVersion", force=True),
        },
        name="name",
        name_limit=128,
        name_rule=_NAME,
        outputs={"arn": "$el.ARN", "lockToken": "$el.LockToken"},
        tagging=_tags("$answer.Summary.ARN || el.ARN || out.arn"),
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Row(
        "wafv2",
        "associate_web_acl",
        "={in.webAclArn},{in.resourceArn}",
        reads=(Read("get_web_acl_for_resource", {"ResourceArn": "$in.resourceArn"}, "WebACL"),),
        delete=(Call("disassociate_web_acl", {"ResourceArn": "$in.resourceArn"}),),
        props={"webAclArn": Prop(api="WebACLArn", live="ARN", force=True), "resourceArn": Prop(identity=True)},
    ),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": Row(
        "wafv2",
        "put_logging_configuration",
        "$in.resourceArn",
        reads=(Read("get_logging_configuration", {"ResourceArn": "$id"}, "LoggingConfiguration"),),
        update=Call("put_logging_configuration"),
        whole=True,
        delete=(Call("delete_logging_configuration", {"ResourceArn": "$id"}),),
        props={"resourceArn": Prop(api="LoggingConfiguration.ResourceArn", identity=True)},
        region="$contains(in.resourceArn, ':global/') && 'us-east-1' || `null`",
    ),
}
