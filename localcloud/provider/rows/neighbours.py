"""Kinds without a row of their own: recorded, but judged by the official schema like any other.

Their inputs live in the provider's store; a name is made, references by AWS's own ids are looked up, ids and ARNs have AWS's
form. docs/local-provider-coverage.md lists them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from localcloud.provider.constraints import official
from localcloud.provider.row import Row

#: Module of pulumi_aws -> the service in an ARN, where they differ.
_SERVICES = {
    "accessanalyzer": "access-analyzer", "alb": "elasticloadbalancing", "appautoscaling": "application-autoscaling",
    "cfg": "config", "costexplorer": "ce", "ebs": "ec2", "efs": "elasticfilesystem", "kinesis": "kinesis",
    "lb": "elasticloadbalancing", "resourcegroups": "resource-groups", "s3control": "s3", "vpc": "ec2",
    "cloudwatch": "cloudwatch", "budgets": "budgets", "servicequotas": "servicequotas",
}  # fmt: skip
#: Services whose ARNs name no Region.
_GLOBAL = frozenset({"account", "budgets", "ce", "cloudfront", "iam", "route53", "chatbot"})
#: Ids that AWS makes begin so.
_PREFIXES = {
    "aws:ec2/instance:Instance": "i", "aws:ec2/launchTemplate:LaunchTemplate": "lt", "aws:ebs/volume:Volume": "vol",
    "aws:ec2/networkInterface:NetworkInterface": "eni", "aws:ec2/managedPrefixList:ManagedPrefixList": "pl",
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": "pcx", "aws:ec2/vpcDhcpOptions:VpcDhcpOptions": "dopt",
    "aws:ec2/ami:Ami": "ami",
    "aws:ebs/snapshot:Snapshot": "snap", "aws:efs/fileSystem:FileSystem": "fs", "aws:efs/accessPoint:AccessPoint": "fsap",
    "aws:efs/mountTarget:MountTarget": "fsmt", "aws:ec2/customerGateway:CustomerGateway": "cgw",
    "aws:ec2/vpnGateway:VpnGateway": "vgw", "aws:ec2/vpcEndpointService:VpcEndpointService": "vpce-svc",
}  # fmt: skip


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def _limit(field: official.Field) -> int:
    """The longest name that the rules of a field accept."""

    def limits(rule: object) -> list[int]:
        if not isinstance(rule, list):
            return []
        if rule[0] == "len" and isinstance(rule[2], int):
            return [rule[2]]
        return [limit for part in rule[1:] for limit in limits(part)]

    return min([255, *limits(field.get("v"))])


def _row(token: str, fields: official.Fields) -> Row:
    module, name = token.split(":")[1].split("/")[0], token.split(":")[-1]
    service = _SERVICES.get(module, module)
    region = "" if service in _GLOBAL else "{region}"
    prefix = _PREFIXES.get(token)
    identity = f"={prefix}-0{{token_id}}" if prefix else "={token}"
    api, operation = official.api(token)
    return Row(
        api,
        operation,
        identity,
        recorded=True,
        name="name" if "name" in fields and fields["name"].get("t") == "string" else None,
        name_limit=_limit(fields.get("name", {})),
        outputs={"arn": f"=arn:aws:{service}:{region}:{{account}}:{_kebab(name)}/{{id}}", "ownerId": "$account"},
        neighbour=True,
    )


def rows(known: Mapping[str, Row]) -> dict[str, Row]:
    """A row for each kind of the official table that has none."""
    return {token: _row(token, official.fields(token)) for token in sorted(official.kinds() - set(known))}
