"""The ECS cluster: Fargate and Fargate Spot, Service Connect's namespace, and a record of every shell that is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import ecs, servicediscovery

from components.base import Component, Transforms
from components.observability.log_group import LogGroup, LogGroupArgs
from model.names import log_group_name

Insights = Literal["disabled", "enabled", "enhanced"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterArgs:
    """What a cluster is made from.

    - logs_key_arn: KMS key of the record of shells (`security.Keys.logs`), and of their traffic.
    - insights: CloudWatch Container Insights; default ``enhanced``.
    - log_retention_days: of the record of shells; default 365.
    """

    logs_key_arn: pulumi.Input[str]
    insights: Insights = "enhanced"
    log_retention_days: int = 365


class Cluster(Component):
    """An ECS cluster.

    Makes: ``aws:servicediscovery:HttpNamespace``, a `LogGroup` for ECS Exec, ``aws:ecs:Cluster`` (role ``""``) and
    ``aws:ecs:ClusterCapacityProviders``.
    """

    arn: pulumi.Output[str]
    cluster_name: str
    namespace_arn: pulumi.Output[str]
    watched: bool
    #: Services that use a capacity provider are made after this.
    capacity: pulumi.Resource

    def __init__(
        self,
        name: str,
        args: ClusterArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        self.cluster_name = self.physical_name(kind="ecs")
        self.watched = args.insights != "disabled"
        namespace = self.make(
            "namespace",
            servicediscovery.HttpNamespace,
            servicediscovery.HttpNamespaceArgs(
                name=self.cluster_name, description="Names by which services reach each other (Service Connect)"
            ),
        )
        shells = LogGroup(
            self.child_name("exec"),
            LogGroupArgs(
                log_group_name=log_group_name(pulumi.get_project(), pulumi.get_stack(), "exec"),
                key_arn=args.logs_key_arn,
                retention_days=args.log_retention_days,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        cluster = self.make(
            "",
            ecs.Cluster,
            ecs.ClusterArgs(
                name=self.cluster_name,
                settings=[ecs.ClusterSettingArgs(name="containerInsights", value=args.insights)],
                service_connect_defaults=ecs.ClusterServiceConnectDefaultsArgs(namespace=namespace.arn),
                configuration=ecs.ClusterConfigurationArgs(
                    execute_command_configuration=ecs.ClusterConfigurationExecuteCommandConfigurationArgs(
                        kms_key_id=args.logs_key_arn,
                        logging="OVERRIDE",
                        log_configuration=ecs.ClusterConfigurationExecuteCommandConfigurationLogConfigurationArgs(
                            cloud_watch_encryption_enabled=True, cloud_watch_log_group_name=shells.log_group_name
                        ),
                    )
                ),
            ),
            pulumi.ResourceOptions(depends_on=[shells]),
        )
        self.capacity = self.make(
            "capacity",
            ecs.ClusterCapacityProviders,
            ecs.ClusterCapacityProvidersArgs(
                cluster_name=cluster.name,
                capacity_providers=["FARGATE", "FARGATE_SPOT"],
                default_capacity_provider_strategies=[
                    ecs.ClusterCapacityProvidersDefaultCapacityProviderStrategyArgs(
                        capacity_provider="FARGATE", weight=1, base=1
                    )
                ],
            ),
        )
        self.arn = cluster.arn
        self.namespace_arn = namespace.arn
        self.register_outputs({"arn": self.arn, "cluster_name": self.cluster_name})
