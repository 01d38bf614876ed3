"""Cases of policies/controls/ecs.py."""

from __future__ import annotations

from policies.controls.ecs import CAPACITY, CLUSTER, SERVICE, TASK_SET
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res
from tests.policies.cases.ecs_tasks import OTHER, TAGS, WEB, WINDOWS, task

SERVICE_GOOD = [
    res(
        SERVICE,
        "web",
        cluster="cluster",
        launchType="FARGATE",
        platformVersion="LATEST",
        networkConfiguration={"assignPublicIp": False, "subnets": ["s1", "s2"]},
        deploymentCircuitBreaker={"enable": True, "rollback": True},
        enableExecuteCommand=True,
        propagateTags="SERVICE",
        taskDefinition="task",
        tags=TAGS,
    )
]

EXEC = {"logging": "OVERRIDE", "kmsKeyId": "key", "logConfiguration": {"cloudWatchLogGroupName": "/exec"}}

CLUSTER_GOOD = [
    res(
        CLUSTER,
        "cluster",
        settings=[{"name": "containerInsights", "value": "enhanced"}],
        configuration={"executeCommandConfiguration": EXEC},
        tags=TAGS,
    ),
    *SERVICE_GOOD,
]

EXEC_PATH = "configuration.executeCommandConfiguration"

NETWORK = {"assignPublicIp": False, "subnets": ["s1"]}

PROVIDER = {"autoScalingGroupArn": "asg", "managedTerminationProtection": "ENABLED"}

CASES = {
    "ECS.2": Case(
        good=[SERVICE_GOOD, [res(SERVICE, launchType="EC2")]],
        bad=[Change({"networkConfiguration.assignPublicIp": True})],
        na=[OTHER],
        unknown=[Change({"networkConfiguration": UNKNOWN})],
    ),
    "ECS.10": Case(
        good=[
            SERVICE_GOOD,
            [res(SERVICE, launchType="FARGATE")],
            [res(SERVICE, launchType="FARGATE", platformVersion="1.4.0")],
            [res(SERVICE, platformVersion="1.0.0", taskDefinition="task"), *task(WEB, runtimePlatform=WINDOWS)],
        ],
        bad=[
            Change({"platformVersion": "1.3.0"}),
            [res(SERVICE, capacityProviderStrategies=[{"capacityProvider": "FARGATE_SPOT"}], platformVersion="1.0.0")],
        ],
        na=[OTHER, [res(SERVICE, launchType="EC2")], [res(SERVICE)]],
        unknown=[Change({"platformVersion": UNKNOWN})],
    ),
    "ECS.12": Case(
        good=[CLUSTER_GOOD, [res(CLUSTER, settings=[{"name": "containerInsights", "value": "enabled"}])]],
        bad=[Change({"settings.0.value": "disabled"}), Change({"settings": ABSENT})],
        na=[OTHER],
        unknown=[Change({"settings": UNKNOWN})],
    ),
    "ECS.16": Case(
        good=[[res(TASK_SET, networkConfiguration=NETWORK)]],
        bad=[Change({"networkConfiguration.assignPublicIp": True})],
        na=[OTHER],
        unknown=[Change({"networkConfiguration.assignPublicIp": UNKNOWN})],
    ),
    "ECS.19": Case(
        good=[[res(CAPACITY, autoScalingGroupProvider=PROVIDER)]],
        bad=[
            Change({"autoScalingGroupProvider.managedTerminationProtection": "DISABLED"}),
            Change({"autoScalingGroupProvider.managedTerminationProtection": ABSENT}),
        ],
        na=[OTHER, [res(CAPACITY, managedInstancesProvider={"infrastructureRoleArn": "role"})]],
        unknown=[Change({"autoScalingGroupProvider.managedTerminationProtection": UNKNOWN})],
    ),
    "MD.ECS.1": Case(
        good=[CLUSTER_GOOD],
        bad=[
            Change({f"{EXEC_PATH}.logging": "NONE"}),
            Change({f"{EXEC_PATH}.logConfiguration": ABSENT}),
            Change({f"{EXEC_PATH}.logging": ABSENT}),
        ],
        na=[OTHER, [res(CLUSTER)], [res(CLUSTER, "cluster"), res(SERVICE, cluster="cluster")]],
        unknown=[Change({"cluster": UNKNOWN}, type=SERVICE), Change({"configuration": UNKNOWN})],
    ),
    "MD.ECS.2": Case(
        good=[CLUSTER_GOOD],
        bad=[Change({f"{EXEC_PATH}.kmsKeyId": ABSENT})],
        na=[OTHER, [res(CLUSTER)]],
        unknown=[Change({f"{EXEC_PATH}.kmsKeyId": UNKNOWN})],
    ),
    "MD.ECS.8": Case(
        good=[SERVICE_GOOD],
        bad=[Change({"deploymentCircuitBreaker.rollback": False}), Change({"deploymentCircuitBreaker": ABSENT})],
        na=[OTHER, [res(SERVICE, deploymentController={"type": "CODE_DEPLOY"})]],
        unknown=[Change({"deploymentCircuitBreaker": UNKNOWN})],
    ),
    "MD.ECS.11": Case(
        good=[SERVICE_GOOD],
        bad=[Change({"propagateTags": "NONE"}), Change({"propagateTags": ABSENT})],
        na=[OTHER],
        unknown=[Change({"propagateTags": UNKNOWN})],
    ),
}
