"""Security groups, their rules, and a VPC's default group."""

from __future__ import annotations

from typing import Any

from localcloud.provider.row import VIRTUAL, Call, Context, Inputs, Prop, Read, Row, Tagging
from localcloud.provider.rows import tagging

_ALL = ("-1", "all")
#: (Terraform's inline property, list in an IpPermission, member of its items)
_SOURCES = (
    ("cidrBlocks", "IpRanges", "CidrIp"),
    ("ipv6CidrBlocks", "Ipv6Ranges", "CidrIpv6"),
    ("prefixListIds", "PrefixListIds", "PrefixListId"),
    ("securityGroups", "UserIdGroupPairs", "GroupId"),
)


def _permission(rule: dict[str, Any]) -> dict[str, Any]:
    protocol = "-1" if str(rule["protocol"]) in _ALL else str(rule["protocol"])
    permission: dict[str, Any] = {"IpProtocol": protocol}
    if protocol != "-1":
        permission |= {"FromPort": int(rule["fromPort"]), "ToPort": int(rule["toPort"])}
    for prop, member, item in _SOURCES:
        if rule.get(prop):
            permission[member] = [{item: source} for source in rule[prop]]
    return permission


def _inline(direction: str, member: str) -> Prop:
    def encode(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [_permission(rule) for rule in rules]

    def decode(element: dict[str, Any]) -> list[dict[str, Any]]:
        rules = []
        for permission in element.get(member, []):
            rule: dict[str, Any] = {
                "protocol": permission["IpProtocol"],
                "fromPort": permission.get("FromPort", 0),
                "toPort": permission.get("ToPort", 0),
            }
            for prop, inner, item in _SOURCES:
                if permission.get(inner):
                    rule[prop] = [source[item] for source in permission[inner]]
            rules.append(rule)
        return rules

    return Prop(
        encode=encode,
        decode=decode,
        live=member,
        set=Call(f"authorize_security_group_{direction}", {"GroupId": "$id", "IpPermissions": "$val"}),
        clear=Call(f"revoke_security_group_{direction}", {"GroupId": "$id", "IpPermissions": "$val"}),
    )


def _revoke_all(context: Context) -> None:
    """Terraform takes away what AWS puts into a new group (all egress), before it sets the group's own rules."""
    group = context.call("describe_security_groups", {"GroupIds": [context["id"]]})["SecurityGroups"][0]
    for direction, member in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        if group[member]:
            context.call(
                f"revoke_security_group_{direction}", {"GroupId": context["id"], "IpPermissions": group[member]}
            )


def _rule_arguments(inputs: Inputs) -> dict[str, Any]:
    """A rule's flat properties as one IpPermission."""
    permission: dict[str, Any] = {"IpProtocol": "-1" if inputs["ipProtocol"] in _ALL else inputs["ipProtocol"]}
    if permission["IpProtocol"] != "-1":
        permission |= {"FromPort": int(inputs["fromPort"]), "ToPort": int(inputs["toPort"])}
    description = {"Description": inputs["description"]} if inputs.get("description") else {}
    for prop, member, item in (
        ("cidrIpv4", "IpRanges", "CidrIp"),
        ("cidrIpv6", "Ipv6Ranges", "CidrIpv6"),
        ("prefixListId", "PrefixListIds", "PrefixListId"),
        ("referencedSecurityGroupId", "UserIdGroupPairs", "GroupId"),
    ):
        if inputs.get(prop):
            permission[member] = [{item: inputs[prop], **description}]
    return {"IpPermissions": [permission]}


def _check_rule(inputs: Inputs) -> list[tuple[str, str]]:
    if inputs["ipProtocol"] in _ALL:
        return []
    failures = [
        (name, f"{name} is required with the protocol {inputs['ipProtocol']!r}")
        for name in ("fromPort", "toPort")
        if name not in inputs
    ]
    if not failures and inputs["ipProtocol"] in ("tcp", "udp", "6", "17"):
        first, last = int(inputs["fromPort"]), int(inputs["toPort"])
        if not 0 <= first <= last <= 65535:
            failures.append(("toPort", f"ports {first} to {last}; accepted are 0 to 65535, the lower one first"))
    return failures


def _modify_rule(context: Context) -> None:
    if not context["changed"]:
        return
    inputs = context["in"]
    members = (
        ("fromPort", "FromPort"),
        ("toPort", "ToPort"),
        ("cidrIpv4", "CidrIpv4"),
        ("cidrIpv6", "CidrIpv6"),
        ("prefixListId", "PrefixListId"),
        ("referencedSecurityGroupId", "ReferencedGroupId"),
        ("description", "Description"),
    )
    rule = {member: inputs[prop] for prop, member in members if inputs.get(prop) is not None}
    rule["IpProtocol"] = "-1" if inputs["ipProtocol"] in _ALL else inputs["ipProtocol"]
    change = [{"SecurityGroupRuleId": context["id"], "SecurityGroupRule": rule}]
    context.call("modify_security_group_rules", {"GroupId": inputs["securityGroupId"], "SecurityGroupRules": change})


def _rule(direction: str) -> Row:
    return Row(
        "ec2",
        f"authorize_security_group_{direction}",
        "$answer.SecurityGroupRules[0].SecurityGroupRuleId",
        reads=(Read("describe_security_group_rules", {"SecurityGroupRuleIds": ["$id"]}, "SecurityGroupRules[0]"),),
        arguments=_rule_arguments,
        after_update=_modify_rule,
        delete=(
            Call(
                f"revoke_security_group_{direction}",
                {"GroupId": "$in.securityGroupId", "SecurityGroupRuleIds": ["$id"]},
            ),
        ),
        props={
            "securityGroupId": Prop(api="GroupId", force=True),
            "ipProtocol": Prop(api="", live="IpProtocol", update=True),
            "fromPort": Prop(api="", live="FromPort", update=True),
            "toPort": Prop(api="", live="ToPort", update=True),
            "cidrIpv4": Prop(api="", live="CidrIpv4", update=True),
            "cidrIpv6": Prop(api="", live="CidrIpv6", update=True),
            "prefixListId": Prop(api="", live="PrefixListId", update=True),
            "referencedSecurityGroupId": Prop(api="", live="ReferencedGroupInfo.GroupId", update=True),
            "description": Prop(api="", live="Description", update=True),
        },
        kept=frozenset({"description"}),
        one_of=(("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"),),
        check=_check_rule,
        outputs={"securityGroupRuleId": "$id", "arn": "=arn:aws:ec2:{region}:{account}:security-group-rule/{id}"},
        tagging=tagging.ec2("security-group-rule"),
        same_vpc=("securityGroupId", "referencedSecurityGroupId"),
    )


_OUTPUTS = {"arn": "=arn:aws:ec2:{region}:{account}:security-group/{id}", "ownerId": "$account"}
_READ = Read("describe_security_groups", {"GroupIds": ["$id"]}, "SecurityGroups[0]")
_RULES = {
    "ingress": _inline("ingress", "IpPermissions"),
    "egress": _inline("egress", "IpPermissionsEgress"),
    "revokeRulesOnDelete": VIRTUAL,
}

ROWS: dict[str, Row] = {
    "aws:ec2/securityGroup:SecurityGroup": Row(
        "ec2",
        "create_security_group",
        "$answer.GroupId",
        reads=(_READ,),
        fresh=_revoke_all,
        delete=(Call("delete_security_group", {"GroupId": "$id"}),),
        props={
            **_RULES,
            "name": Prop(api="GroupName"),
            "namePrefix": VIRTUAL,
            "description": Prop(default="Managed by Pulumi"),
        },
        name="name",
        name_rule=(
            r"(?!sg-)[a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,255}",
            "1 to 255 characters of letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*, not beginning with sg-",
        ),
        outputs=_OUTPUTS,
        tagging=tagging.ec2("security-group"),
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Row(
        "ec2",
        "describe_security_groups",
        "$answer.SecurityGroups[0].GroupId",
        reads=(_READ,),
        arguments={
            "Filters": [{"Name": "vpc-id", "Values": ["$in.vpcId"]}, {"Name": "group-name", "Values": ["default"]}]
        },
        fresh=_revoke_all,
        props={**_RULES, "vpcId": Prop(api="", live="VpcId", force=True)},
        outputs={**_OUTPUTS, "name": "$el.GroupName", "description": "$el.Description"},
        tagging=Tagging(
            Call("create_tags", {"Resources": ["$id"], "Tags": "$tags"}),
            Call("delete_tags", {"Resources": ["$id"], "Tags": "$tags"}),
        ),
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("egress"),
}
