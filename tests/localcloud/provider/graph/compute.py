"""The reference graph: load balancer, ECS, and what scales it."""

from __future__ import annotations

import json

from tests.localcloud.provider.graph.case import TAGS, Case, ref

CONTAINERS = json.dumps(
    [
        {
            "name": "web",
            "image": "registry/matchday/services:1",
            "essential": True,
            "portMappings": [{"name": "http", "containerPort": 8080, "protocol": "tcp"}],
            "environment": [{"name": "PORT", "value": "8080"}],
        }
    ]
)
_SCALED = {
    "serviceNamespace": "ecs",
    "resourceId": "service/graph-cluster/graph-service",
    "scalableDimension": "ecs:service:DesiredCount",
}

CASES: dict[str, Case] = {
    "balancer": Case(
        "aws:lb/loadBalancer:LoadBalancer",
        {
            "name": "graph-lb",
            "subnets": [ref("subnet-a.id"), ref("subnet-b.id")],
            "securityGroups": [ref("group.id")],
            "idleTimeout": 120,
            "dropInvalidHeaderFields": True,
            "tags": TAGS,
        },
        {"idleTimeout": 90, "tags": {"a": "b"}},
        lambda aws, i, _: aws("elbv2").modify_load_balancer_attributes(
            LoadBalancerArn=i, Attributes=[{"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "false"}]
        ),
        "dropInvalidHeaderFields",
    ),
    "targets": Case(
        "aws:lb/targetGroup:TargetGroup",
        {
            "name": "graph-tg",
            "port": 8080,
            "protocol": "HTTP",
            "vpcId": ref("vpc.id"),
            "targetType": "ip",
            "deregistrationDelay": 30,
            "healthCheck": {"path": "/readyz", "matcher": "200", "interval": 15, "timeout": 5, "healthyThreshold": 2},
            "tags": TAGS,
        },
        {
            "deregistrationDelay": 60,
            "healthCheck": {
                "path": "/healthz",
                "matcher": "200-299",
                "interval": 15,
                "timeout": 5,
                "healthyThreshold": 2,
            },
        },
        lambda aws, i, _: aws("elbv2").modify_target_group(TargetGroupArn=i, HealthCheckPath="/by-hand"),
        "healthCheck",
    ),
    "listener": Case(
        "aws:lb/listener:Listener",
        {
            "loadBalancerArn": ref("balancer.arn"),
            "port": 80,
            "protocol": "HTTP",
            "defaultActions": [
                {
                    "type": "fixed-response",
                    "fixedResponse": {"contentType": "text/plain", "messageBody": "no", "statusCode": "404"},
                }
            ],
        },
        {"defaultActions": [{"type": "forward", "targetGroupArn": ref("targets.arn")}]},
        lambda aws, i, _: aws("elbv2").modify_listener(ListenerArn=i, Port=81),
        "port",
    ),
    "rule": Case(
        "aws:lb/listenerRule:ListenerRule",
        {
            "listenerArn": ref("listener.arn"),
            "priority": 10,
            "conditions": [{"pathPattern": {"values": ["/auth/*"]}}, {"hostHeader": {"values": ["example.test"]}}],
            "actions": [{"type": "forward", "targetGroupArn": ref("targets.arn")}],
        },
        {"priority": 20, "conditions": [{"pathPattern": {"values": ["/login/*"]}}]},
        lambda aws, i, _: aws("elbv2").modify_rule(
            RuleArn=i, Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/x"]}}]
        ),
        "conditions",
    ),
    "cluster": Case(
        "aws:ecs/cluster:Cluster",
        {"name": "graph-cluster", "settings": [{"name": "containerInsights", "value": "enabled"}], "tags": TAGS},
        {"settings": [{"name": "containerInsights", "value": "disabled"}]},
        lambda aws, i, _: aws("ecs").update_cluster(
            cluster=i, settings=[{"name": "containerInsights", "value": "enabled"}]
        ),
        "settings",
    ),
    "capacity": Case(
        "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
        {
            "clusterName": ref("cluster.name"),
            "capacityProviders": ["FARGATE"],
            "defaultCapacityProviderStrategies": [{"capacityProvider": "FARGATE", "weight": 1}],
        },
        {"capacityProviders": ["FARGATE", "FARGATE_SPOT"]},
    ),
    "task": Case(
        "aws:ecs/taskDefinition:TaskDefinition",
        {
            "family": "graph",
            "containerDefinitions": CONTAINERS,
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "executionRoleArn": ref("role.arn"),
            "tags": TAGS,
        },
        {"tags": {"a": "b"}},
    ),
    "service": Case(
        "aws:ecs/service:Service",
        {
            "name": "graph-service",
            "cluster": ref("cluster.arn"),
            "taskDefinition": ref("task.arn"),
            "desiredCount": 1,
            "launchType": "FARGATE",
            "networkConfiguration": {"subnets": [ref("subnet-a.id")], "securityGroups": [ref("group.id")]},
            "loadBalancers": [{"targetGroupArn": ref("targets.arn"), "containerName": "web", "containerPort": 8080}],
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "tags": TAGS,
            "needs": ref("rule.id"),
        },
        {"desiredCount": 2},
        lambda aws, i, _: aws("ecs").update_service(cluster="graph-cluster", service=i, desiredCount=7),
        "desiredCount",
    ),
    "namespace": Case(
        "aws:servicediscovery/httpNamespace:HttpNamespace",
        {"name": "graph", "description": "a", "tags": TAGS},
        {"tags": {"Name": "other"}},
    ),
    "dns-namespace": Case(
        "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace", {"name": "graph.internal", "vpc": ref("vpc.id")}
    ),
    "scalable": Case(
        "aws:appautoscaling/target:Target",
        {**_SCALED, "minCapacity": 1, "maxCapacity": 4, "needs": ref("service.id")},
        {"maxCapacity": 6},
        lambda aws, i, _: aws("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=i,
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=1,
            MaxCapacity=9,
        ),
        "maxCapacity",
    ),
    "scaling": Case(
        "aws:appautoscaling/policy:Policy",
        {
            **_SCALED,
            "name": "cpu",
            "policyType": "TargetTrackingScaling",
            "targetTrackingScalingPolicyConfiguration": {
                "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"},
                "targetValue": 60,
            },
        },
        {
            "targetTrackingScalingPolicyConfiguration": {
                "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"},
                "targetValue": 70,
            }
        },
    ),
    "scheduled": Case(
        "aws:appautoscaling/scheduledAction:ScheduledAction",
        {
            **_SCALED,
            "name": "evening",
            "schedule": "cron(0 18 * * ? *)",
            "scalableTargetAction": {"minCapacity": 2, "maxCapacity": 4},
        },
        {"schedule": "cron(0 17 * * ? *)"},
    ),
}
