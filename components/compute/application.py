"""One of the platform's services: what its processes share (roles, secrets, buckets, log), and an ECS service for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pulumi
from pulumi_aws import cloudwatch
from pulumi_aws import iam as aws_iam

from components.base import Component, Transforms
from components.compute import iam, log_events
from components.compute.cluster import Cluster
from components.compute.collector import Traces
from components.compute.containers import ContainerContext, Database, Dependencies
from components.compute.scaling import Scheduled
from components.compute.service import Listening, Service, ServiceArgs
from components.data.bucket import Bucket
from components.data.connections import RedisConnection, SecretReference
from components.edge.load_balancer import TargetGroup
from components.observability.log_group import LogGroup, LogGroupArgs
from components.security.secrets import GeneratedSecret, GeneratedSecretArgs
from model.manifest import Process, Schedule
from model.measures import Measure
from model.names import alarm_name, log_group_name, secret_name
from model.vocabulary import ProcessKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """What every service of an environment has in common.

    - image: of every service. repository_arn: the ECR repository it is in; None where its registry is not the account's ECR.
    - logs_key_arn, secrets_key_arn, data_key_arn: KMS keys of logs, secrets and buckets.
    - deletion_protection: deleted secrets can be brought back for 30 days; default True.
    - scaled, spot_percent, keep_revisions, pauses: see `ServiceArgs`.
    - trusted_proxies: how many proxies append to X-Forwarded-For before a web process sees it; default 1, the load balancer.
    - public_url: where people reach the platform: `https://` and its name.
    - traces: what is recorded of services' work, and the collector beside each process; default None, nothing.
    """

    account_id: pulumi.Input[str]
    region: str
    cluster: Cluster
    subnet_ids: Sequence[pulumi.Input[str]]
    image: pulumi.Input[str]
    repository_arn: pulumi.Input[str] | None
    logs_key_arn: pulumi.Input[str]
    secrets_key_arn: pulumi.Input[str]
    data_key_arn: pulumi.Input[str]
    public_url: pulumi.Input[str]
    log_level: str = "INFO"
    log_retention_days: int = 365
    deletion_protection: bool = True
    scaled: bool = True
    spot_percent: int = 0
    keep_revisions: bool = True
    pauses: bool = False
    trusted_proxies: int = 1
    traces: Traces | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplicationArgs:
    """What a service is made from.

    - processes: name → process. port: where the web process listens. target: the load balancer's group, if it routes here.
    - schedules: jobs of the clock, each with an alarm on it. measures: figures of the business, drawn, some watched, by metric.
    - database, broker, cache: what the service has of the data stores that it uses, and of no others.
    - secrets: variable → length of the secret that is generated for it. given: variable → a secret that another one made.
    - receives: process → the variables of `secrets` and `given` that it gets.
    - registry: the CLIENTS of a service that issues tokens (`model.clients`), for its web process; None for others.
    - variables: what else every process is given, as it is.
    - scheduled: process → bounds that change at known moments.
    - calls: name of another service → its URL. buckets: the manifest's name → the bucket.
    - data_key: whether it encrypts with the platform's data key itself, under its own name.
    - endpoints: variable → URL of a partner outside of AWS, or certificates that partners' messages are believed by.
    - mail: from whom it sends e-mail by SES, if it does.
    - drain_seconds: 5–120, from SIGTERM to SIGKILL.
    - after: what its tasks must find when they start: the services that it calls (Service Connect tells a task only the names
      that existed when it started).
    """

    platform: Platform
    processes: Mapping[str, Process]
    security_group_id: pulumi.Input[str]
    port: int = 8080
    target: TargetGroup | None = None
    database: Database | None = None
    schedules: Sequence[Schedule] = ()
    measures: Mapping[str, Measure] = field(default_factory=dict)
    broker: RedisConnection | None = None
    cache: RedisConnection | None = None
    secrets: Mapping[str, int] = field(default_factory=dict)
    given: Mapping[str, SecretReference] = field(default_factory=dict)
    receives: Mapping[str, Collection[str]] = field(default_factory=dict)
    registry: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    scheduled: Mapping[str, Sequence[Scheduled]] = field(default_factory=dict)
    calls: Mapping[str, str] = field(default_factory=dict)
    endpoints: Mapping[str, str] = field(default_factory=dict)
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    data_key: bool = False
    mail: iam.MailSender | None = None
    drain_seconds: int = 30
    after: Sequence[pulumi.Resource] = ()


class Application(Component):
    """One service of the platform; its name is the service's.

    Makes: a `LogGroup` and an ``aws:cloudwatch:LogMetricFilter`` per event that needs a person (``log-critical``,
    ``log-error``), a `GeneratedSecret` per secret, ``aws:iam:Role`` ``execution``
    (with an ``aws:iam:RolePolicy``) and ``task`` (with one if it uses buckets, encrypts, mails or is traced), where a
    deployment moves requests also ``traffic`` (with ``aws:iam:RolePolicyAttachment`` ``traffic-policy``), and a `Service`
    per process.
    """

    services: Mapping[str, Service]
    secrets: Mapping[str, SecretReference]
    secret_names: Sequence[str]
    log_group_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: ApplicationArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        self._args = args
        self._platform = args.platform
        self._secret_names: list[str] = []
        log = self._log_group()
        self.log_group_name = log.log_group_name
        self._watch(log)
        dependencies = self._dependencies()
        execution, execution_policy = self._execution_role(log, dependencies)
        task, task_policies = self._task_role()
        traffic, traffic_policies = self._traffic_role()
        context = ContainerContext(
            service=name,
            environment=pulumi.get_stack(),
            log_level=self._platform.log_level,
            log_group=log.log_group_name,
            region=self._platform.region,
            image=self._platform.image,
            drain_seconds=args.drain_seconds,
            trusted_proxies=self._platform.trusted_proxies,
            public_url=self._platform.public_url,
            traces=self._platform.traces,
        )
        self.services = {
            process: Service(
                self.child_name(process),
                ServiceArgs(
                    process_name=process,
                    process=each,
                    context=context,
                    dependencies=self._of_process(process, each, dependencies),
                    cluster=self._platform.cluster,
                    subnet_ids=self._platform.subnet_ids,
                    security_group_id=args.security_group_id,
                    execution_role_arn=execution.arn,
                    task_role_arn=task.arn,
                    listening=Listening(port=args.port, target=args.target) if each.kind is ProcessKind.WEB else None,
                    scaled=self._platform.scaled,
                    spot_percent=self._platform.spot_percent,
                    keep_revisions=self._platform.keep_revisions,
                    pauses=self._platform.pauses,
                    scheduled=args.scheduled.get(process, ()),
                    rollback_alarms=self._rollback_alarms(each),
                    traffic_role_arn=traffic if each.kind is ProcessKind.WEB else None,
                    after=[log, execution_policy, *task_policies, *traffic_policies, *args.after],
                ),
                pulumi.ResourceOptions(parent=self),
            )
            for process, each in args.processes.items()
        }
        self.secret_names = tuple(self._secret_names)
        self.register_outputs({"services": [service.service_name for service in self.services.values()]})

    def _rollback_alarms(self, process: Process) -> list[str]:
        """What ends a deployment of `process`: a line that must never be logged; failed requests, where it is sent any."""
        found = [alarm_name(pulumi.get_project(), pulumi.get_stack(), self.name, log_events.CRITICAL)]
        target = self._args.target if process.kind is ProcessKind.WEB else None
        return found if target is None else [target.failing_alarm, *found]

    def _log_group(self) -> LogGroup:
        return LogGroup(
            self.child_name("log"),
            LogGroupArgs(
                log_group_name=log_group_name(pulumi.get_project(), pulumi.get_stack(), self.name),
                key_arn=self._platform.logs_key_arn,
                retention_days=self._platform.log_retention_days,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _watch(self, log: LogGroup) -> None:
        """Count the lines of the log that needs a person."""
        namespace = f"{pulumi.get_project()}/{pulumi.get_stack()}"
        for event in log_events.EVENTS:
            self.make(
                event.name,
                cloudwatch.LogMetricFilter,
                cloudwatch.LogMetricFilterArgs(
                    name=self.physical_name(event.name),
                    log_group_name=log.log_group_name,
                    pattern=event.pattern,
                    metric_transformation=cloudwatch.LogMetricFilterMetricTransformationArgs(
                        namespace=namespace, name=log_events.metric(self.name, event), value="1"
                    ),
                ),
            )
        self.signals = log_events.signals(self.name, namespace)
        worker = any(process.kind is ProcessKind.WORKER for process in self._args.processes.values())
        if worker and self._args.database is not None:
            self.signals = [*self.signals, log_events.outbox_signal(self.name, pulumi.get_stack())]
        jobs = log_events.job_signals(self.name, pulumi.get_stack(), self._args.schedules, pauses=self._platform.pauses)
        figures = log_events.measure_signals(self.name, pulumi.get_stack(), self._args.measures)
        self.signals = [*self.signals, *jobs, *figures]
        self.graphs = log_events.measure_graphs(self.name, pulumi.get_stack(), self._args.measures)

    def _secret(self, variable: str, description: str, length: int) -> SecretReference:
        secret = GeneratedSecret(
            self.child_name(variable.lower().replace("_", "-")),
            GeneratedSecretArgs(
                secret_name=secret_name(pulumi.get_project(), pulumi.get_stack(), self.name, variable),
                description=description,
                key_arn=self._platform.secrets_key_arn,
                length=length,
                recovery_window_days=30 if self._platform.deletion_protection else 0,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self._secret_names.append(secret.secret_name)
        return SecretReference(arn=secret.arn, key_arn=self._platform.secrets_key_arn)

    def _dependencies(self) -> Dependencies:
        args = self._args
        self.secrets = {
            name: self._secret(name, f"{name} of {self.name}", length) for name, length in args.secrets.items()
        }
        return Dependencies(
            database=args.database,
            broker=args.broker,
            cache=args.cache,
            calls=args.calls,
            endpoints=args.endpoints,
            buckets={name: bucket.bucket_name for name, bucket in args.buckets.items()},
            data_key=self._platform.data_key_arn if args.data_key else None,
            secrets={**self.secrets, **args.given},
            variables={**args.variables, **_mail_variables(args.mail)},
        )

    def _of_process(self, name: str, process: Process, dependencies: Dependencies) -> Dependencies:
        """`dependencies` with only the secrets that this process gets."""
        received = self._args.receives.get(name, ())
        registry = self._args.registry if process.kind is ProcessKind.WEB else None
        return replace(
            dependencies,
            secrets={variable: dependencies.secrets[variable] for variable in received},
            variables={**dependencies.variables, **({} if registry is None else {"CLIENTS": registry})},
        )

    def _traffic_role(self) -> tuple[pulumi.Input[str] | None, list[pulumi.Resource]]:
        """What ECS may do to the load balancer while it deploys: move requests between the groups of a rule."""
        web = next((each for each in self._args.processes.values() if each.kind is ProcessKind.WEB), None)
        if web is None or not web.deployment.shifts or self._args.target is None:
            return None, []
        trust = pulumi.Output.from_input(self._platform.account_id).apply(iam.traffic_trust)
        role = self.make(
            "traffic",
            aws_iam.Role,
            aws_iam.RoleArgs(
                name=self.physical_name("traffic", "iam-role"),
                description=f"ECS moves requests between versions of {self.name}",
                assume_role_policy=pulumi.Output.json_dumps(trust),
            ),
        )
        policy = self.make(
            "traffic-policy",
            aws_iam.RolePolicyAttachment,
            aws_iam.RolePolicyAttachmentArgs(role=role.name, policy_arn=iam.TRAFFIC_POLICY),
        )
        return role.arn, [policy]

    def _role(self, role: str, description: str) -> Any:
        platform = self._platform
        trust = pulumi.Output.from_input(platform.account_id).apply(lambda account: iam.trust(account, platform.region))
        return self.make(
            role,
            aws_iam.Role,
            aws_iam.RoleArgs(
                name=self.physical_name(role, "iam-role"),
                description=description,
                assume_role_policy=pulumi.Output.json_dumps(trust),
            ),
        )

    def _execution_role(self, log: LogGroup, dependencies: Dependencies) -> tuple[Any, pulumi.Resource]:
        role = self._role("execution", f"ECS starts tasks of {self.name}: image, log, secrets")
        references = dependencies.references()
        inputs = pulumi.Output.all(
            repository_arn=self._platform.repository_arn,
            log_group_arn=log.arn,
            secret_arns=[reference.arn for reference in references],
            key_arns=[reference.key_arn for reference in references],
        )
        document = inputs.apply(lambda known: iam.execution(region=self._platform.region, **known))
        policy = self.make(
            "execution-policy",
            aws_iam.RolePolicy,
            aws_iam.RolePolicyArgs(name="execution", role=role.name, policy=pulumi.Output.json_dumps(document)),
        )
        return role, policy

    def _task_role(self) -> tuple[Any, list[pulumi.Resource]]:
        role = self._role("task", f"What the code of {self.name} may do in AWS")
        buckets = list(self._args.buckets.values())
        traced = self._platform.traces is not None
        mail = self._args.mail
        if not buckets and not self._args.data_key and not traced and mail is None:
            return role, []
        encrypts = self.name if self._args.data_key else None
        inputs = pulumi.Output.all(
            bucket_arns=[bucket.arn for bucket in buckets],
            key_arns=[self._platform.data_key_arn],
            account_id=self._platform.account_id,
        )
        document = inputs.apply(
            lambda known: iam.task(region=self._platform.region, encrypts=encrypts, traced=traced, mail=mail, **known)
        )
        policy = self.make(
            "task-policy",
            aws_iam.RolePolicy,
            aws_iam.RolePolicyArgs(name="task", role=role.name, policy=pulumi.Output.json_dumps(document)),
        )
        return role, [policy]


def _mail_variables(mail: iam.MailSender | None) -> dict[str, str]:
    return {} if mail is None else {"MAIL_FROM": mail.address, "MAIL_CONFIGURATION_SET": mail.configuration_set}
