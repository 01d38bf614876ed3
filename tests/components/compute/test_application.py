"""Cluster, applications and ECS services."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from components.compute.application import Application, ApplicationArgs, Platform
from components.compute.cluster import Cluster, ClusterArgs
from components.compute.containers import Database
from components.compute.iam import MailSender
from components.compute.log_events import job_signals
from components.compute.service import Listening, Service
from components.compute.service_plan import signals
from components.data.bucket import Bucket, BucketArgs
from components.data.connections import PostgresConnection, SecretReference
from components.edge.load_balancer import LoadBalancer, LoadBalancerArgs
from components.edge.routes import Route
from components.observability.signals import MissingData, Severity
from model.deployment import Deployment, Strategy
from model.manifest import Process, Schedule
from model.vocabulary import ProcessKind, Scaling
from services.common import metrics
from tests.components.conftest import ACCOUNT, REGION, Lint, Recorded, Registration
from tests.components.examples import service_args

Run = Callable[..., Recorded]
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"

WEB = Process(
    kind=ProcessKind.WEB,
    command=("web",),
    cpu=256,
    memory=512,
    scaling=Scaling(minimum=2, maximum=6, cpu=60, requests=300),
)
WORKER = Process(
    kind=ProcessKind.WORKER, command=("worker",), cpu=256, memory=512, scaling=Scaling(minimum=1, maximum=3, cpu=70)
)
SCHEDULER = Process(
    kind=ProcessKind.SCHEDULER,
    command=("tick",),
    cpu=256,
    memory=512,
)


def balancer(*, shifts: bool = False) -> LoadBalancer:
    return LoadBalancer(
        "load-balancer",
        LoadBalancerArgs(
            vpc_id="vpc-1",
            subnet_ids=["subnet-a", "subnet-b"],
            security_group_id="sg-lb",
            routes=[Route(name="wallet", patterns=["/wallet/*"], port=8080, shifts=shifts)],
            certificate_arn=f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/c",
            access_logs_bucket="logs",
        ),
    )


def build(
    run: Run,
    *,
    routed: bool = True,
    shifts: bool = False,
    buckets: Sequence[str] = (),
    platform: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Recorded:
    def program() -> Application:
        common = Platform(
            **{
                "account_id": ACCOUNT,
                "region": REGION,
                "cluster": Cluster("cluster", ClusterArgs(logs_key_arn=KEY)),
                "subnet_ids": ["subnet-1", "subnet-2"],
                "image": "registry.example/matchday/services:1",
                "repository_arn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/matchday/services",
                "logs_key_arn": KEY,
                "secrets_key_arn": KEY,
                "data_key_arn": KEY,
                "public_url": "https://play.example.com/",
                **(platform or {}),
            }
        )
        given: dict[str, Any] = {
            "platform": common,
            "processes": {"web": WEB, "worker": WORKER, "scheduler": SCHEDULER},
            "security_group_id": "sg-wallet",
            "target": balancer(shifts=shifts).target_groups["wallet"] if routed else None,
            "secrets": {"SIGNING_KEK": 43},
            "receives": {"web": ["SIGNING_KEK"]},
            "buckets": {
                name: Bucket(name, BucketArgs(account_id=ACCOUNT, key_arn=KEY, log_bucket="logs")) for name in buckets
            },
        }
        return Application("wallet", ApplicationArgs(**{**given, **changes}))

    return run(program, stack_name="prod")


def service(recorded: Recorded, process: str) -> Registration:
    (found,) = [item for item in recorded.of("aws:ecs/service:Service") if item.name == f"wallet-{process}"]
    return found


def test_a_service_rolls_without_ever_lacking_tasks_and_rolls_back_by_itself(run: Run) -> None:
    recorded = build(run)
    for process in ("web", "worker"):
        inputs = service(recorded, process).inputs
        assert (inputs["deploymentMinimumHealthyPercent"], inputs["deploymentMaximumPercent"]) == (100, 200)
        assert inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}


def test_a_deployment_goes_back_on_alarms_that_look_back_minutes(run: Run) -> None:
    """ECS keeps a deployment open for as long as its alarms look back, so a burn rate's hour would be an hour of each."""
    recorded = build(run)
    critical, failing = (
        "matchday-prod-monitoring-wallet-log-critical",
        "matchday-prod-monitoring-load-balancer-wallet-failing",
    )
    alarms = {process: service(recorded, process).inputs["alarms"] for process in ("web", "worker", "scheduler")}
    assert alarms["web"] == {"enable": True, "rollback": True, "alarmNames": [failing, critical]}
    assert alarms["worker"]["alarmNames"] == alarms["scheduler"]["alarmNames"] == [critical]
    inside = service(build(run, routed=False, platform={"scaled": False}), "web").inputs["alarms"]
    assert inside["alarmNames"] == [critical], "the load balancer sends it nothing"


def test_a_scheduler_never_runs_twice(run: Run) -> None:
    inputs = service(build(run, platform={"spot_percent": 80}), "scheduler").inputs
    assert (inputs["deploymentMinimumHealthyPercent"], inputs["deploymentMaximumPercent"]) == (0, 100)
    assert inputs["availabilityZoneRebalancing"] == "DISABLED", "it starts a task before it stops another"
    assert [share["capacityProvider"] for share in inputs["capacityProviderStrategies"]] == ["FARGATE"]
    assert inputs["desiredCount"] == 1


def test_tasks_are_private_and_named_by_the_contract(run: Run) -> None:
    recorded = build(run)
    inputs = service(recorded, "web").inputs
    assert inputs["networkConfiguration"]["assignPublicIp"] is False
    assert inputs["networkConfiguration"]["securityGroups"] == ["sg-wallet"]
    task = recorded.named("wallet-web-task").inputs
    assert task["family"] == inputs["name"] == "matchday-prod-wallet-web"
    assert (task["cpu"], task["memory"], task["networkMode"]) == ("256", "512", "awsvpc")
    assert task["executionRoleArn"] != task["taskRoleArn"]
    assert [volume["name"] for volume in task["volumes"]] == ["tmp"]


def test_a_web_process_answers_by_its_services_name_and_others_only_call(run: Run) -> None:
    recorded = build(run)
    connect = service(recorded, "web").inputs["serviceConnectConfiguration"]
    assert connect["enabled"]
    assert connect["services"] == [
        {"portName": "http", "discoveryName": "wallet", "clientAlias": [{"dnsName": "wallet", "port": 8080}]}
    ]
    worker = service(recorded, "worker").inputs["serviceConnectConfiguration"]
    assert worker["enabled"] and "services" not in worker
    assert worker["namespace"] == connect["namespace"]


def test_only_the_web_process_is_behind_the_load_balancer_and_waits_for_its_rules(run: Run) -> None:
    recorded = build(run)
    web = service(recorded, "web")
    assert [(each["containerName"], each["containerPort"]) for each in web.inputs["loadBalancers"]] == [("web", 8080)]
    assert any("ListenerRule" in urn for urn in web.dependencies)
    assert not any("ListenerRule" in urn for urn in service(recorded, "worker").dependencies)
    assert "loadBalancers" not in service(recorded, "worker").inputs


def test_the_first_task_finds_its_roles_allowed(run: Run) -> None:
    dependencies = service(build(run), "worker").dependencies
    assert any("wallet-execution-policy" in urn for urn in dependencies)
    assert any("ClusterCapacityProviders" in urn for urn in dependencies)


def test_where_it_scales_the_number_of_tasks_is_left_to_auto_scaling(run: Run) -> None:
    recorded = build(run)
    assert service(recorded, "web").ignore_changes == ("desiredCount",)
    assert service(recorded, "scheduler").ignore_changes == ()
    targets = {item.name: item.inputs for item in recorded.of("aws:appautoscaling/target:Target")}
    assert {name: (each["minCapacity"], each["maxCapacity"]) for name, each in targets.items()} == {
        "wallet-web-scaling": (2, 6),
        "wallet-worker-scaling": (1, 3),
    }
    policies = {
        item.name: item.inputs["targetTrackingScalingPolicyConfiguration"]
        for item in recorded.of("aws:appautoscaling/policy:Policy")
    }
    assert set(policies) == {"wallet-web-scaling-cpu", "wallet-web-scaling-requests", "wallet-worker-scaling-cpu"}
    requests = policies["wallet-web-scaling-requests"]["predefinedMetricSpecification"]
    assert requests["predefinedMetricType"] == "ALBRequestCountPerTarget"
    assert requests["resourceLabel"].startswith("app/") and "/targetgroup/" in requests["resourceLabel"]


def test_a_worker_is_held_at_what_waits_for_each_task(run: Run) -> None:
    """The policy reads the very metric that the worker writes, and Container Insights' count of the tasks."""
    worker = WORKER.model_copy(update={"scaling": Scaling(minimum=1, maximum=3, backlog=500)})
    recorded = build(run, processes={"worker": worker}, receives={"worker": ["SIGNING_KEK"]})
    policy = recorded.named("wallet-worker-scaling-backlog").inputs["targetTrackingScalingPolicyConfiguration"]
    assert policy["targetValue"] == 500 and "predefinedMetricSpecification" not in policy
    first, waiting, tasks = policy["customizedMetricSpecification"]["metrics"]
    assert (first["expression"], first["returnData"]) == ("waiting / tasks", True)
    line = json.loads(metrics.line("wallet", "prod", 0, OutboxDepth=(1, "Count")))
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    read = waiting["metricStat"]["metric"]
    assert read["namespace"] == directive["Namespace"]
    assert read["metricName"] in {each["Name"] for each in directive["Metrics"]}
    assert {each["name"]: each["value"] for each in read["dimensions"]} == {
        name: line[name] for name in directive["Dimensions"][0]
    }
    assert tasks["metricStat"]["metric"]["namespace"] == "ECS/ContainerInsights"
    assert not waiting["returnData"] and not tasks["returnData"]


@pytest.mark.parametrize(
    ("deployment", "expected"),
    [
        (
            Deployment(strategy=Strategy.BLUE_GREEN, bake_minutes=15),
            {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": "15"},
        ),
        (
            Deployment(strategy=Strategy.CANARY, percent=10, step_minutes=5),
            {
                "strategy": "CANARY",
                "bakeTimeInMinutes": "5",
                "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": "5"},
            },
        ),
        (
            Deployment(strategy=Strategy.LINEAR, percent=20, step_minutes=3),
            {
                "strategy": "LINEAR",
                "bakeTimeInMinutes": "5",
                "linearConfiguration": {"stepPercent": 20.0, "stepBakeTimeInMinutes": "3"},
            },
        ),
    ],
)
def test_requests_move_between_two_groups_as_the_manifest_says(
    run: Run, deployment: Deployment, expected: dict[str, Any]
) -> None:
    web = WEB.model_copy(update={"scaling": Scaling(minimum=2, maximum=6, cpu=60), "deployment": deployment})
    recorded = build(run, processes={"web": web}, shifts=True)
    made = service(recorded, "web")
    assert made.inputs["deploymentConfiguration"] == expected
    (place,) = made.inputs["loadBalancers"]
    between = place["advancedConfiguration"]
    assert between["alternateTargetGroupArn"] != place["targetGroupArn"]
    assert between["productionListenerRule"].startswith("arn:") and "listener-rule" in between["productionListenerRule"]
    trust = json.loads(recorded.named("wallet-traffic").inputs["assumeRolePolicy"])["Statement"][0]
    assert trust["Principal"] == {"Service": "ecs.amazonaws.com"}
    assert any("wallet-traffic-policy" in urn for urn in made.dependencies), "ECS asks for it with the first deployment"
    assert made.inputs["alarms"]["rollback"], "and an alarm brings the version before back"


def test_where_requests_do_not_move_there_is_no_role_to_move_them_by(run: Run) -> None:
    recorded = build(run)
    assert "deploymentConfiguration" not in service(recorded, "web").inputs
    assert "advancedConfiguration" not in service(recorded, "web").inputs["loadBalancers"][0]
    assert not [item for item in recorded.registrations if item.name == "wallet-traffic"]


def test_where_it_does_not_scale_the_number_is_the_programs(run: Run) -> None:
    recorded = build(run, platform={"scaled": False})
    assert not recorded.of("aws:appautoscaling/target:Target")
    assert service(recorded, "web").ignore_changes == ()
    assert service(recorded, "web").inputs["desiredCount"] == 2


def test_requests_to_scale_by_must_come_from_the_load_balancer(run: Run) -> None:
    with pytest.raises(ValueError, match="scales by requests, but the load balancer sends it none"):
        build(run, routed=False)


def test_without_buckets_the_code_may_do_nothing_in_aws(run: Run) -> None:
    policies = [item for item in build(run).of("RolePolicy") if item.name.startswith("wallet")]
    assert [item.name for item in policies] == ["wallet-execution-policy"]


@pytest.mark.slow
def test_who_sends_mail_is_told_from_whom_and_may_do_that_alone(run: Run) -> None:
    sender = MailSender(address="letters@play.example.com", configuration_set="players")
    recorded = build(run, mail=sender)
    (policy,) = [item for item in recorded.of("aws:iam/rolePolicy:RolePolicy") if item.inputs["name"] == "task"]
    (statement,) = json.loads(policy.inputs["policy"])["Statement"]
    assert statement["Action"] == ["ses:SendEmail"]
    assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": sender.address}}
    assert f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/play.example.com" in statement["Resource"]
    for definition in recorded.of("aws:ecs/taskDefinition:TaskDefinition"):
        *_, main = json.loads(definition.inputs["containerDefinitions"])
        given = {entry["name"]: entry["value"] for entry in main["environment"]}
        assert (given["MAIL_FROM"], given["MAIL_CONFIGURATION_SET"]) == (sender.address, sender.configuration_set)


def test_policies_of_a_whole_service_pass_the_linter(run: Run, lint: Lint) -> None:
    recorded = build(run, buckets=["receipts"])
    documents = {item.name: json.loads(item.inputs["policy"]) for item in recorded.of("RolePolicy")}
    assert set(documents) >= {"wallet-execution-policy", "wallet-task-policy"}
    for name, document in documents.items():
        assert lint(document) == [], name


def test_the_log_is_watched_for_lines_that_call_a_person(run: Run) -> None:
    recorded = build(run)
    filters = {item.name: item.inputs for item in recorded.of("LogMetricFilter")}
    assert set(filters) == {"wallet-log-critical", "wallet-log-error"}
    assert {each["logGroupName"] for each in filters.values()} == {"/matchday/prod/wallet"}
    assert filters["wallet-log-critical"]["pattern"] == '{ $.level = "CRITICAL" }'
    counted = {
        (each["metricTransformation"]["namespace"], each["metricTransformation"]["name"], 1)
        for each in filters.values()
    }
    watched = {signal.name: signal for signal in recorded.result.signals if signal.name.startswith("log-")}
    assert {(signal.namespace, signal.metric, 1) for signal in watched.values()} == counted
    assert watched["log-critical"].severity is Severity.PAGE
    assert watched["log-error"].severity is Severity.TICKET
    assert {(signal.statistic, signal.threshold, signal.periods) for signal in watched.values()} == {("Sum", 0, 1)}


def test_an_outbox_that_is_late_pages(run: Run) -> None:
    """The alarm reads the very metric that the worker writes."""
    server = PostgresConnection(
        host="db",
        read_host="db",
        port=5432,
        tls=True,
    )
    password = SecretReference(arn="arn:p", key_arn=KEY)
    database = Database(server=server, owner_password=password, app_password=password)
    (signal,) = (each for each in build(run, database=database).result.signals if each.name == "outbox-age")
    line = json.loads(metrics.line("wallet", "prod", 0, OutboxAge=(1.0, "Seconds")))
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert signal.namespace == directive["Namespace"]
    assert signal.metric in {each["Name"] for each in directive["Metrics"]}
    assert [sorted(signal.dimensions)] == [sorted(each) for each in directive["Dimensions"]]
    assert {name: line[name] for name in signal.dimensions} == dict(signal.dimensions)
    assert (signal.severity, signal.runbook) == (Severity.PAGE, "outbox-stuck")


def test_each_job_has_an_alarm_that_reads_what_the_scheduler_writes(run: Run) -> None:
    schedules = [Schedule(job="wallet.reconcile", late_after=10), Schedule(job="wallet.forget_keys", late_after=1560)]
    recorded = build(run, schedules=schedules)
    found = {each.name: each for each in recorded.result.signals if each.name.startswith("late-")}
    assert set(found) == {"late-reconcile", "late-forget-keys"}
    signal = found["late-reconcile"]
    line = json.loads(metrics.line("wallet", "prod", 0, by={"job": "wallet.reconcile"}, JobAge=(1.0, "Seconds")))
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert signal.namespace == directive["Namespace"]
    assert signal.metric in {each["Name"] for each in directive["Metrics"]}
    assert [sorted(signal.dimensions)] == [sorted(each) for each in directive["Dimensions"]]
    assert {name: line[name] for name in signal.dimensions} == dict(signal.dimensions)
    assert (signal.threshold, signal.runbook, signal.missing) == (600, "job-late", MissingData.BREACHING)


def test_secrets_are_named_by_the_contract_and_never_plain(run: Run) -> None:
    recorded = build(run)
    names = {item.inputs["name"] for item in recorded.of("aws:secretsmanager/secret:Secret")}
    assert names == {"matchday/prod/wallet/SIGNING_KEK"}
    (definition,) = json.loads(recorded.named("wallet-web-task").inputs["containerDefinitions"])
    assert [entry["name"] for entry in definition["secrets"]] == ["SIGNING_KEK"]
    assert "SIGNING_KEK" not in {entry["name"] for entry in definition["environment"]}


def test_a_process_gets_the_secrets_that_it_receives_and_no_others(run: Run) -> None:
    of_another = SecretReference(arn=f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:theirs", key_arn=KEY)
    recorded = build(
        run,
        given={"CLIENT_SECRET_X": of_another},
        receives={"web": ["SIGNING_KEK"], "worker": ["SIGNING_KEK", "CLIENT_SECRET_X"]},
        registry='{"x":{}}',
    )
    received, clients = {}, {}
    for process in ("web", "worker", "scheduler"):
        (definition,) = json.loads(recorded.named(f"wallet-{process}-task").inputs["containerDefinitions"])
        received[process] = [entry["name"] for entry in definition["secrets"]]
        clients[process] = [entry["value"] for entry in definition["environment"] if entry["name"] == "CLIENTS"]
    assert received == {"web": ["SIGNING_KEK"], "worker": ["CLIENT_SECRET_X", "SIGNING_KEK"], "scheduler": []}
    assert clients == {"web": ['{"x":{}}'], "worker": [], "scheduler": []}
    policy = json.loads(recorded.named("wallet-execution-policy").inputs["policy"])
    assert str(of_another.arn) in json.dumps(policy), "the role that starts the tasks may read it"


@pytest.mark.parametrize(
    ("kind", "listening", "message"),
    [
        (ProcessKind.WORKER, Listening(port=8080), "a worker process cannot listen"),
        (ProcessKind.WEB, None, "a web process must listen"),
    ],
)
def test_exactly_web_processes_listen(run: Run, kind: ProcessKind, listening: Listening | None, message: str) -> None:
    def program() -> None:
        process = Process(kind=kind, command=("x",), cpu=256, memory=512)
        args = replace(service_args(), process_name="x", process=process, listening=listening)
        Service("wallet-x", args)

    with pytest.raises(ValueError, match=message):
        run(program)


def test_every_shell_is_recorded_and_encrypted(run: Run) -> None:
    recorded = run(lambda: Cluster("cluster", ClusterArgs(logs_key_arn=KEY)), stack_name="prod")
    inputs = recorded.named("cluster").inputs
    execute = inputs["configuration"]["executeCommandConfiguration"]
    assert (execute["kmsKeyId"], execute["logging"]) == (KEY, "OVERRIDE")
    assert execute["logConfiguration"]["cloudWatchEncryptionEnabled"]
    assert inputs["settings"] == [{"name": "containerInsights", "value": "enhanced"}]


def test_tasks_are_counted_only_where_container_insights_counts_them() -> None:
    counted = {each.name: each for each in signals("c", "s", ProcessKind.WEB, minimum_tasks=2, insights=True)}
    assert counted["tasks"].threshold == 2 and counted["tasks"].severity is Severity.PAGE
    assert "tasks" not in {each.name for each in signals("c", "s", ProcessKind.WEB, minimum_tasks=2, insights=False)}


def test_where_tasks_pause_they_are_held_against_what_ecs_wants_and_silence_rings_nothing() -> None:
    found = {
        each.name: each for each in signals("c", "s", ProcessKind.WEB, minimum_tasks=2, insights=True, pauses=True)
    }
    assert found["tasks"].expression == "wanted - running" and found["tasks"].missing is MissingData.NOT_BREACHING
    (late,) = job_signals("wallet", "dev", [Schedule(job="wallet.reconcile", late_after=10)], pauses=True)
    assert late.missing is MissingData.NOT_BREACHING
