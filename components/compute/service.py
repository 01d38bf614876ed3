"""One ECS service on Fargate: one process of one of the platform's services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pulumi
from pulumi_aws import appautoscaling, ecs

from components.base import Component, Transforms
from components.compute import containers, scaling, service_plan, tracking
from components.compute.cluster import Cluster
from components.compute.containers import ContainerContext, Dependencies
from components.edge.load_balancer import TargetGroup
from model.manifest import Process
from model.vocabulary import ProcessKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Listening:
    """Where a web process is reached: its port, and the load balancer's group for it (None: only other services call it)."""

    port: int
    target: TargetGroup | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceArgs:
    """What an ECS service is made from.

    - process_name: its name in the manifest; also its container's. process: what the manifest says of it.
    - scaled: whether it scales within what the manifest says; default True; else it stays at the minimum.
    - listening: of a web process. spot_percent: share of the tasks above the first that may run on Fargate Spot; default 0.
    - execution_role_arn, task_role_arn: ECS's own for starting tasks, and the code's.
    - scheduled: bounds that change at known moments, where it scales. pauses: whether they are none at times; default False.
    - keep_revisions: whether the task definitions of earlier deployments stay, so that a rollback is one of them; default True.
    - traffic_role_arn: by which ECS moves requests between two target groups, where a deployment does; default None.
    - rollback_alarms: names of the alarms on which a deployment goes back to the version before; default none.
    - after: what must exist before the first task starts (the roles' policies).
    """

    process_name: str
    process: Process
    context: ContainerContext
    dependencies: Dependencies
    cluster: Cluster
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    execution_role_arn: pulumi.Input[str]
    task_role_arn: pulumi.Input[str]
    listening: Listening | None = None
    scaled: bool = True
    spot_percent: int = 0
    scheduled: Sequence[scaling.Scheduled] = ()
    pauses: bool = False
    keep_revisions: bool = True
    rollback_alarms: Sequence[str] = ()
    traffic_role_arn: pulumi.Input[str] | None = None
    after: Sequence[pulumi.Resource] = field(default_factory=tuple)


class Service(Component):
    """An ECS service that rolls, and rolls back by itself when the new tasks do not become healthy or an alarm rings meanwhile.

    Makes: ``aws:ecs:TaskDefinition``, ``aws:ecs:Service`` (role ``""``) and, where it scales, ``aws:appautoscaling:Target``
    with an ``aws:appautoscaling:Policy`` per metric and a ``ScheduledAction`` per scheduled change (``at-<name>``). The number
    of tasks is left to Auto Scaling where it scales, and is the program's where it does not.
    """

    service_name: str
    task_definition_arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: ServiceArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        if (args.process.kind is ProcessKind.WEB) != (args.listening is not None):
            rule = "must listen" if args.process.kind is ProcessKind.WEB else "cannot listen"
            raise ValueError(f"Service {name!r}: a {args.process.kind} process {rule}")
        if args.scaled and _by_requests(args.process) and not (args.listening and args.listening.target):
            raise ValueError(f"Service {name!r} scales by requests, but the load balancer sends it none")
        if args.scaled and _by_backlog(args.process) and not args.cluster.watched:
            raise ValueError(
                f"Service {name!r} scales by its backlog, but without Container Insights nothing counts its tasks"
            )
        target = args.listening.target if args.listening else None
        if args.process.deployment.shifts and target and (target.other_arn is None or args.traffic_role_arn is None):
            raise ValueError(
                f"Service {name!r} moves requests, but has no second target group or no role to move them by"
            )
        self.service_name = self.physical_name(kind="ecs")
        definition = self._task_definition(args)
        policies = scaling.plan(args.process.scaling) if args.scaled else []
        moves = bool(policies or args.scheduled)
        service = self._service(args, definition, ignored=["desiredCount"] if moves else [])
        if moves:
            self._scale(args, service, policies)
        self.task_definition_arn = definition.arn
        self.signals = service_plan.signals(
            args.cluster.cluster_name,
            self.service_name,
            args.process.kind,
            minimum_tasks=args.process.minimum,
            insights=args.cluster.watched,
            pauses=args.pauses,
        )
        self.register_outputs({"service_name": self.service_name, "task_definition_arn": self.task_definition_arn})

    def _task_definition(self, args: ServiceArgs) -> Any:
        return self.make(
            "task",
            ecs.TaskDefinition,
            ecs.TaskDefinitionArgs(
                family=self.service_name,
                requires_compatibilities=["FARGATE"],
                # Deregistered, it could not be gone back to, and the circuit breaker may have gone back to it by itself.
                skip_destroy=args.keep_revisions,
                network_mode="awsvpc",
                cpu=str(args.process.cpu),
                memory=str(args.process.memory),
                runtime_platform=ecs.TaskDefinitionRuntimePlatformArgs(
                    operating_system_family="LINUX", cpu_architecture="ARM64"
                ),
                execution_role_arn=args.execution_role_arn,
                task_role_arn=args.task_role_arn,
                volumes=[ecs.TaskDefinitionVolumeArgs(name=containers.VOLUME)],
                container_definitions=pulumi.Output.json_dumps(
                    containers.definitions(
                        args.context,
                        args.dependencies,
                        name=args.process_name,
                        process=args.process,
                        port=args.listening.port if args.listening else None,
                    ),
                    sort_keys=True,
                ),
            ),
        )

    def _service(self, args: ServiceArgs, definition: Any, *, ignored: list[str]) -> Any:
        deployment = service_plan.DEPLOYMENTS[args.process.kind]
        target = args.listening.target if args.listening else None
        shares = scaling.capacity(args.spot_percent, interruptible=deployment.interruptible)
        return self.make(
            "",
            ecs.Service,
            ecs.ServiceArgs(
                name=self.service_name,
                cluster=args.cluster.arn,
                task_definition=definition.arn,
                desired_count=args.process.minimum,
                # Without it a changed mix of Fargate and Spot would replace the service. Off where tasks do not scale: it
                # would replace all tasks when only their number changes.
                force_new_deployment=args.scaled,
                platform_version="LATEST",
                scheduling_strategy="REPLICA",
                capacity_provider_strategies=[
                    ecs.ServiceCapacityProviderStrategyArgs(
                        capacity_provider=share.provider, weight=share.weight, base=share.base
                    )
                    for share in shares
                ],
                deployment_configuration=cast(
                    ecs.ServiceDeploymentConfigurationArgs | None, service_plan.shift(args.process.deployment)
                ),
                deployment_minimum_healthy_percent=deployment.minimum_healthy,
                deployment_maximum_percent=deployment.maximum,
                deployment_circuit_breaker=ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
                # By name: the alarms come later, as they watch this. One that rings already is not looked at by a deployment,
                # so what mends an incident can be deployed in it.
                alarms=ecs.ServiceAlarmsArgs(enable=True, rollback=True, alarm_names=list(args.rollback_alarms))
                if args.rollback_alarms
                else None,
                # ECS balances by starting a task before it stops another: not where only one may run.
                availability_zone_rebalancing="ENABLED" if deployment.maximum > 100 else "DISABLED",
                network_configuration=ecs.ServiceNetworkConfigurationArgs(
                    subnets=args.subnet_ids, security_groups=[args.security_group_id], assign_public_ip=False
                ),
                load_balancers=[
                    ecs.ServiceLoadBalancerArgs(
                        target_group_arn=target.arn,
                        container_name=args.process_name,
                        container_port=args.listening.port,
                        advanced_configuration=_between(target, args.traffic_role_arn),
                    )
                ]
                if args.listening and target
                else None,
                # Init containers run first; until then the load balancer's checks must not stop the task.
                health_check_grace_period_seconds=120 if target else None,
                service_connect_configuration=_service_connect(args),
                enable_ecs_managed_tags=True,
                propagate_tags="SERVICE",
                wait_for_steady_state=True,
            ),
            pulumi.ResourceOptions(
                depends_on=[args.cluster.capacity, *args.after, *(target.rules if target else ())],
                ignore_changes=ignored,
            ),
        )

    def _scale(self, args: ServiceArgs, service: Any, policies: Sequence[scaling.TargetTracking]) -> None:
        target = self.make(
            "scaling",
            appautoscaling.Target,
            appautoscaling.TargetArgs(
                service_namespace="ecs",
                scalable_dimension="ecs:service:DesiredCount",
                resource_id=pulumi.Output.concat("service/", args.cluster.cluster_name, "/", service.name),
                min_capacity=args.process.minimum,
                max_capacity=args.process.maximum,
            ),
            # In the middle of an event the bounds are the schedule's.
            pulumi.ResourceOptions(ignore_changes=["minCapacity", "maxCapacity"] if args.scheduled else []),
        )
        for change in args.scheduled:
            self.make(
                f"at-{change.name}",
                appautoscaling.ScheduledAction,
                appautoscaling.ScheduledActionArgs(
                    name=f"{self.service_name}-{change.name}",
                    service_namespace=target.service_namespace,
                    scalable_dimension=target.scalable_dimension,
                    resource_id=target.resource_id,
                    schedule=change.when,
                    timezone=change.timezone,
                    scalable_target_action=appautoscaling.ScheduledActionScalableTargetActionArgs(
                        min_capacity=change.minimum, max_capacity=change.maximum
                    ),
                ),
            )
        goal = args.listening.target if args.listening else None
        backlog = tracking.backlog(
            args.context.service, args.context.environment, args.cluster.cluster_name, self.service_name
        )
        for policy in policies:
            self.make(
                f"scaling-{policy.role}",
                appautoscaling.Policy,
                appautoscaling.PolicyArgs(
                    name=f"{self.service_name}-{policy.role}",
                    policy_type="TargetTrackingScaling",
                    service_namespace=target.service_namespace,
                    scalable_dimension=target.scalable_dimension,
                    resource_id=target.resource_id,
                    target_tracking_scaling_policy_configuration=cast(
                        appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs,
                        tracking.configuration(policy, label=goal.request_label if goal else None, backlog=backlog),
                    ),
                ),
            )


def _between(target: TargetGroup, role_arn: pulumi.Input[str] | None) -> Any:
    """The two groups between which ECS moves requests, and by whose leave; None where it does not."""
    if target.other_arn is None or target.rule_arn is None or role_arn is None:
        return None
    return ecs.ServiceLoadBalancerAdvancedConfigurationArgs(
        alternate_target_group_arn=target.other_arn, production_listener_rule=target.rule_arn, role_arn=role_arn
    )


def _by_requests(process: Process) -> bool:
    return process.scaling is not None and process.scaling.requests is not None


def _by_backlog(process: Process) -> bool:
    return process.scaling is not None and process.scaling.backlog is not None


def _service_connect(args: ServiceArgs) -> Any:
    """Every process may call others by name; a web process also answers by its service's."""
    context = args.context
    offered = []
    if args.listening is not None:
        alias = ecs.ServiceServiceConnectConfigurationServiceClientAliasArgs(
            dns_name=context.service, port=args.listening.port
        )
        offered = [
            ecs.ServiceServiceConnectConfigurationServiceArgs(
                port_name=containers.PORT_NAME, discovery_name=context.service, client_alias=[alias]
            )
        ]
    return ecs.ServiceServiceConnectConfigurationArgs(
        enabled=True,
        namespace=args.cluster.namespace_arn,
        services=offered or None,
        log_configuration=ecs.ServiceServiceConnectConfigurationLogConfigurationArgs(
            log_driver="awslogs",
            options={
                "awslogs-group": context.log_group,
                "awslogs-region": context.region,
                "awslogs-stream-prefix": "service-connect",
            },
        ),
    )
