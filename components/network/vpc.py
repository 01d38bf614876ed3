"""The network: a VPC with its tiers, routes out, private roads to AWS services, and a record of its traffic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import pulumi

from components.base import Component, Transforms

#: Interface endpoints that a Fargate task needs to start and to log where there is no NAT (with the S3 gateway endpoint, from
#: which image layers come).
FARGATE_ENDPOINTS = ("ecr.api", "ecr.dkr", "kms", "logs", "secretsmanager", "ssm", "sts")


class NatMode(StrEnum):
    """How private subnets reach the internet: not at all, through one zone, or each zone through its own gateway."""

    NONE = "none"
    SINGLE = "single"
    PER_ZONE = "per-zone"


@dataclass(frozen=True, kw_only=True, slots=True)
class VpcArgs:
    """What a network is made from.

    - cidr: a private IPv4 range, /16 to /23 (`subnets.plan`).
    - availability_zones: names in one Region. The Region of everything here is theirs.
    - account_id: the account's number, for the condition in the flow-log role's trust.
    - nat: default SINGLE; with NONE the interface endpoints are the only way to AWS services.
    - interface_endpoints: AWS service names without ``com.amazonaws.<region>.``; default what Fargate needs.
    - flow_log_retention_days: one of CloudWatch's; 365 (FSBP CloudWatch.16).
    - log_key_arn: KMS key of the flow logs; its policy must admit CloudWatch Logs (`security.Keys.logs`).
    """

    cidr: str
    availability_zones: Sequence[str]
    account_id: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]
    nat: NatMode = NatMode.SINGLE
    interface_endpoints: Sequence[str] = FARGATE_ENDPOINTS
    flow_log_retention_days: int = 365


class Vpc(Component):
    """A VPC. (resources listed when filled)"""

    vpc_id: pulumi.Output[str]
    public_subnet_ids: list[pulumi.Output[str]]
    private_subnet_ids: list[pulumi.Output[str]]
    data_subnet_ids: list[pulumi.Output[str]]
    endpoint_security_group_id: pulumi.Output[str]
    s3_prefix_list_id: pulumi.Output[str]
    dynamodb_prefix_list_id: pulumi.Output[str]
    region: str

    def __init__(
        self,
        name: str,
        args: VpcArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        raise NotImplementedError
