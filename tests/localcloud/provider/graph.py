"""The reference graph: one resource of every kind, with what it needs, how it is updated and how it can drift.

`{"ref": "name.output"}` stands for an output of a resource above. `drift` changes the live thing by boto3 behind the
provider's back, and `drifted` is the input in which Read must see it; kinds without a live form (recorded) or without
anything that can be changed have none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Inputs = dict[str, Any]


def ref(path: str) -> dict[str, str]:
    return {"ref": path}


@dataclass(frozen=True)
class Case:
    token: str
    inputs: Inputs
    update: Inputs = field(default_factory=dict)
    drift: Callable[[Any, str, Inputs], None] | None = None
    drifted: str = ""


def _document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


TRUST = _document(Principal={"Service": "ecs-tasks.amazonaws.com"}, Action="sts:AssumeRole")
LOGS = _document(Action=["logs:PutLogEvents"], Resource="*")
LOGS_AND_STREAMS = _document(Action=["logs:PutLogEvents", "logs:CreateLogStream"], Resource="*")
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
_DEAD = "arn:aws:sqs:ap-south-1:123456789012:graph-dead"
_TAGS = {"Name": "graph", "Key": "value"}
_METRIC = {"name": "Errors", "namespace": "Matchday", "value": "1"}
_SCALED = {
    "serviceNamespace": "ecs",
    "resourceId": "service/graph-cluster/graph-service",
    "scalableDimension": "ecs:service:DesiredCount",
}


def _untag_ec2(aws: Any, resource_id: str, _: Inputs) -> None:
    aws("ec2").create_tags(Resources=[resource_id], Tags=[{"Key": "Name", "Value": "by hand"}])


def _visibility(name: str) -> Inputs:
    return {"cloudwatchMetricsEnabled": True, "metricName": name, "sampledRequestsEnabled": True}


CASES: dict[str, Case] = {
    "vpc": Case(
        "aws:ec2/vpc:Vpc",
        {"cidrBlock": "10.8.0.0/16", "enableDnsHostnames": True, "tags": _TAGS},
        {"enableDnsHostnames": False, "tags": {"Name": "other"}},
        lambda aws, i, _: aws("ec2").modify_vpc_attribute(VpcId=i, EnableDnsSupport={"Value": False}),
        "enableDnsSupport",
    ),
    "subnet-a": Case(
        "aws:ec2/subnet:Subnet",
        {"vpcId": ref("vpc.id"), "cidrBlock": "10.8.0.0/24", "availabilityZone": "ap-south-1a", "tags": _TAGS},
        {"mapPublicIpOnLaunch": True},
        lambda aws, i, _: aws("ec2").modify_subnet_attribute(SubnetId=i, MapPublicIpOnLaunch={"Value": False}),
        "mapPublicIpOnLaunch",
    ),
    "subnet-b": Case(
        "aws:ec2/subnet:Subnet",
        {"vpcId": ref("vpc.id"), "cidrBlock": "10.8.1.0/24", "availabilityZone": "ap-south-1b", "tags": _TAGS},
        {"tags": {}},
        _untag_ec2,
        "tags",
    ),
    "igw": Case(
        "aws:ec2/internetGateway:InternetGateway",
        {"vpcId": ref("vpc.id"), "tags": _TAGS},
        {"tags": {"a": "b"}},
        _untag_ec2,
        "tags",
    ),
    "eip": Case("aws:ec2/eip:Eip", {"tags": _TAGS}, {"tags": {"a": "b"}}, _untag_ec2, "tags"),
    "nat": Case(
        "aws:ec2/natGateway:NatGateway",
        {"allocationId": ref("eip.id"), "subnetId": ref("subnet-a.id"), "tags": _TAGS},
        {"tags": {"a": "b"}},
        _untag_ec2,
        "tags",
    ),
    "table": Case(
        "aws:ec2/routeTable:RouteTable",
        {"vpcId": ref("vpc.id"), "tags": _TAGS},
        {"tags": {"a": "b"}},
        _untag_ec2,
        "tags",
    ),
    "route": Case(
        "aws:ec2/route:Route",
        {"routeTableId": ref("table.id"), "destinationCidrBlock": "0.0.0.0/0", "gatewayId": ref("igw.id")},
        {"gatewayId": None, "natGatewayId": ref("nat.id")},
        lambda aws, i, inputs: aws("ec2").replace_route(
            RouteTableId=inputs["routeTableId"],
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=aws("ec2").describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"],
        ),
        "natGatewayId",
    ),
    "association": Case(
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        {"routeTableId": ref("table.id"), "subnetId": ref("subnet-a.id")},
    ),
    "group": Case(
        "aws:ec2/securityGroup:SecurityGroup",
        {"name": "graph", "vpcId": ref("vpc.id"), "description": "a group", "tags": _TAGS},
        {"tags": {"a": "b"}},
        _untag_ec2,
        "tags",
    ),
    "inline-group": Case(
        "aws:ec2/securityGroup:SecurityGroup",
        {
            "name": "graph-inline",
            "vpcId": ref("vpc.id"),
            "ingress": [{"protocol": "tcp", "fromPort": 80, "toPort": 80, "cidrBlocks": ["10.0.0.0/8"]}],
            "egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}],
        },
        {"ingress": [{"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/8"]}]},
        lambda aws, i, _: aws("ec2").authorize_security_group_ingress(
            GroupId=i,
            IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        ),
        "ingress",
    ),
    "ingress": Case(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {
            "securityGroupId": ref("group.id"),
            "ipProtocol": "tcp",
            "fromPort": 80,
            "toPort": 80,
            "cidrIpv4": "0.0.0.0/0",
            "description": "web",
        },
        {"toPort": 81, "description": "web and more"},
        lambda aws, i, inputs: aws("ec2").modify_security_group_rules(
            GroupId=inputs["securityGroupId"],
            SecurityGroupRules=[
                {
                    "SecurityGroupRuleId": i,
                    "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 90, "CidrIpv4": "0.0.0.0/0"},
                }
            ],
        ),
        "toPort",
    ),
    "egress": Case(
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        {"securityGroupId": ref("group.id"), "ipProtocol": "-1", "referencedSecurityGroupId": ref("inline-group.id")},
        {"tags": {"a": "b"}},
    ),
    "default-group": Case(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        {"vpcId": ref("vpc.id"), "tags": _TAGS},
        {"tags": {"a": "b"}},
        _untag_ec2,
        "tags",
    ),
    "acl": Case(
        "aws:ec2/networkAcl:NetworkAcl",
        {
            "vpcId": ref("vpc.id"),
            "subnetIds": [ref("subnet-b.id")],
            "ingress": [
                {
                    "ruleNo": 100,
                    "protocol": "tcp",
                    "action": "allow",
                    "cidrBlock": "10.0.0.0/8",
                    "fromPort": 80,
                    "toPort": 80,
                }
            ],
        },
        {
            "ingress": [
                {
                    "ruleNo": 100,
                    "protocol": "tcp",
                    "action": "allow",
                    "cidrBlock": "10.0.0.0/8",
                    "fromPort": 80,
                    "toPort": 90,
                }
            ]
        },
        lambda aws, i, _: aws("ec2").delete_network_acl_entry(NetworkAclId=i, RuleNumber=100, Egress=False),
        "ingress",
    ),
    "acl-rule": Case(
        "aws:ec2/networkAclRule:NetworkAclRule",
        {
            "networkAclId": ref("acl.id"),
            "ruleNumber": 200,
            "protocol": "tcp",
            "ruleAction": "allow",
            "cidrBlock": "10.0.0.0/8",
            "fromPort": 1,
            "toPort": 2,
            "egress": True,
        },
    ),
    "endpoint": Case(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        {
            "vpcId": ref("vpc.id"),
            "serviceName": "com.amazonaws.ap-south-1.s3",
            "routeTableIds": [ref("table.id")],
            "tags": _TAGS,
        },
        {"routeTableIds": [], "tags": {"a": "b"}},
        _untag_ec2,
        "tags",
    ),
    "block": Case(
        "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions",
        {"internetGatewayBlockMode": "off"},
        {"internetGatewayBlockMode": "block-ingress"},
    ),
    "key": Case(
        "aws:kms/key:Key",
        {
            "description": "graph",
            "enableKeyRotation": True,
            "rotationPeriodInDays": 180,
            "policy": _document(Principal={"AWS": "*"}, Action="kms:*", Resource="*"),
            "tags": _TAGS,
        },
        {"description": "other", "enableKeyRotation": False},
        lambda aws, i, _: aws("kms").enable_key_rotation(KeyId=i),
        "enableKeyRotation",
    ),
    "alias": Case("aws:kms/alias:Alias", {"name": "alias/graph", "targetKeyId": ref("key.id")}),
    "role": Case(
        "aws:iam/role:Role",
        {"name": "graph-role", "assumeRolePolicy": TRUST, "description": "a role", "tags": _TAGS},
        {"description": "another", "maxSessionDuration": 7200, "tags": {"a": "b"}},
        lambda aws, i, _: aws("iam").update_role(RoleName=i, MaxSessionDuration=3600),
        "maxSessionDuration",
    ),
    "role-policy": Case(
        "aws:iam/rolePolicy:RolePolicy",
        {"name": "inline", "role": ref("role.name"), "policy": LOGS},
        {"policy": LOGS_AND_STREAMS},
        lambda aws, i, inputs: aws("iam").put_role_policy(
            RoleName=inputs["role"], PolicyName="inline", PolicyDocument=LOGS
        ),
        "policy",
    ),
    "policy": Case(
        "aws:iam/policy:Policy",
        {"name": "graph-policy", "policy": LOGS, "tags": _TAGS},
        {"policy": LOGS_AND_STREAMS},
        lambda aws, i, _: aws("iam").create_policy_version(PolicyArn=i, PolicyDocument=LOGS, SetAsDefault=True),
        "policy",
    ),
    "attachment": Case(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment", {"role": ref("role.name"), "policyArn": ref("policy.arn")}
    ),
    "log-group": Case(
        "aws:cloudwatch/logGroup:LogGroup",
        {"name": "/graph/logs", "retentionInDays": 30, "tags": _TAGS},
        {"retentionInDays": 90, "tags": {"a": "b"}},
        lambda aws, i, _: aws("logs").put_retention_policy(logGroupName=i, retentionInDays=7),
        "retentionInDays",
    ),
    "flow-log": Case(
        "aws:ec2/flowLog:FlowLog",
        {
            "vpcId": ref("vpc.id"),
            "trafficType": "ALL",
            "logDestination": ref("log-group.arn"),
            "iamRoleArn": ref("role.arn"),
            "tags": _TAGS,
        },
        {"tags": {"a": "b"}},
    ),
    "balancer": Case(
        "aws:lb/loadBalancer:LoadBalancer",
        {
            "name": "graph-lb",
            "subnets": [ref("subnet-a.id"), ref("subnet-b.id")],
            "securityGroups": [ref("group.id")],
            "idleTimeout": 120,
            "dropInvalidHeaderFields": True,
            "tags": _TAGS,
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
            "tags": _TAGS,
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
        {"name": "graph-cluster", "settings": [{"name": "containerInsights", "value": "enabled"}], "tags": _TAGS},
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
            "tags": _TAGS,
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
            "tags": _TAGS,
            "needs": ref("rule.id"),
        },
        {"desiredCount": 2},
        lambda aws, i, _: aws("ecs").update_service(cluster="graph-cluster", service=i, desiredCount=7),
        "desiredCount",
    ),
    "namespace": Case(
        "aws:servicediscovery/httpNamespace:HttpNamespace",
        {"name": "graph", "description": "a", "tags": _TAGS},
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
    "db-subnets": Case(
        "aws:rds/subnetGroup:SubnetGroup",
        {"name": "graph", "subnetIds": [ref("subnet-a.id"), ref("subnet-b.id")], "tags": _TAGS},
        {"description": "other"},
        lambda aws, i, _: aws("rds").modify_db_subnet_group(
            DBSubnetGroupName=i,
            DBSubnetGroupDescription="by hand",
            SubnetIds=[
                s["SubnetIdentifier"]
                for s in aws("rds").describe_db_subnet_groups(DBSubnetGroupName=i)["DBSubnetGroups"][0]["Subnets"]
            ],
        ),
        "description",
    ),
    "db-parameters": Case(
        "aws:rds/parameterGroup:ParameterGroup",
        {
            "name": "graph",
            "family": "postgres16",
            "parameters": [{"name": "log_statement", "value": "ddl"}],
            "tags": _TAGS,
        },
        {"parameters": [{"name": "log_statement", "value": "all"}]},
    ),
    "database": Case(
        "aws:rds/instance:Instance",
        {
            "identifier": "graph-db",
            "engine": "postgres",
            "engineVersion": "16.4",
            "instanceClass": "db.t4g.micro",
            "allocatedStorage": 20,
            "username": "master",
            "manageMasterUserPassword": True,
            "dbSubnetGroupName": ref("db-subnets.name"),
            "parameterGroupName": ref("db-parameters.name"),
            "vpcSecurityGroupIds": [ref("group.id")],
            "storageEncrypted": True,
            "backupRetentionPeriod": 7,
            "skipFinalSnapshot": True,
            "tags": _TAGS,
        },
        {"backupRetentionPeriod": 14, "instanceClass": "db.t4g.small"},
        lambda aws, i, _: aws("rds").modify_db_instance(DBInstanceIdentifier=i, BackupRetentionPeriod=1),
        "backupRetentionPeriod",
    ),
    "replica": Case(
        "aws:rds/instance:Instance",
        {
            "identifier": "graph-replica",
            "replicateSourceDb": ref("database.identifier"),
            "instanceClass": "db.t4g.micro",
            "skipFinalSnapshot": True,
        },
    ),
    "topic": Case(
        "aws:sns/topic:Topic",
        {"name": "graph", "displayName": "Graph", "tags": _TAGS},
        {"displayName": "Other"},
        lambda aws, i, _: aws("sns").set_topic_attributes(
            TopicArn=i, AttributeName="DisplayName", AttributeValue="by hand"
        ),
        "displayName",
    ),
    "topic-policy": Case(
        "aws:sns/topicPolicy:TopicPolicy",
        {"arn": ref("topic.arn"), "policy": _document(Principal="*", Action="sns:Publish", Resource="*")},
        {"policy": _document(Principal="*", Action="sns:Subscribe", Resource="*")},
    ),
    "queue-policy": Case(
        "aws:sqs/queuePolicy:QueuePolicy",
        {"queueUrl": ref("part-queue.id"), "policy": _document(Principal="*", Action="sqs:SendMessage", Resource="*")},
        {"policy": _document(Principal="*", Action="sqs:ReceiveMessage", Resource="*")},
        lambda aws, i, _: aws("sqs").set_queue_attributes(
            QueueUrl=i, Attributes={"Policy": _document(Principal="*", Action="sqs:*", Resource="*")}
        ),
        "policy",
    ),
    "queue-redrive": Case(
        "aws:sqs/redrivePolicy:RedrivePolicy",
        {
            "queueUrl": ref("part-queue.id"),
            "redrivePolicy": json.dumps({"deadLetterTargetArn": _DEAD, "maxReceiveCount": 4}),
        },
        {"redrivePolicy": json.dumps({"deadLetterTargetArn": _DEAD, "maxReceiveCount": 5})},
    ),
    "dead-queue": Case("aws:sqs/queue:Queue", {"name": "graph-dead"}),
    "part-queue": Case("aws:sqs/queue:Queue", {"name": "graph-part", "tags": {"of": ref("dead-queue.name")}}),
    "queue": Case(
        "aws:sqs/queue:Queue",
        {"name": "graph", "visibilityTimeoutSeconds": 60, "sqsManagedSseEnabled": True, "tags": _TAGS},
        {"visibilityTimeoutSeconds": 90},
        lambda aws, i, _: aws("sqs").set_queue_attributes(QueueUrl=i, Attributes={"VisibilityTimeout": "5"}),
        "visibilityTimeoutSeconds",
    ),
    "subscription": Case(
        "aws:sns/topicSubscription:TopicSubscription",
        {"topic": ref("topic.arn"), "protocol": "sqs", "endpoint": ref("queue.arn")},
        {"rawMessageDelivery": True},
    ),
    "db-events": Case(
        "aws:rds/eventSubscription:EventSubscription",
        {"name": "graph", "snsTopic": ref("topic.arn"), "sourceType": "db-instance", "eventCategories": ["failover"]},
    ),
    "cache-subnets": Case(
        "aws:elasticache/subnetGroup:SubnetGroup",
        {"name": "graph", "subnetIds": [ref("subnet-a.id")], "tags": _TAGS},
        {"subnetIds": [ref("subnet-a.id"), ref("subnet-b.id")]},
    ),
    "cache-parameters": Case(
        "aws:elasticache/parameterGroup:ParameterGroup",
        {"name": "graph", "family": "valkey8", "parameters": [{"name": "maxmemory-policy", "value": "noeviction"}]},
        {"parameters": []},
    ),
    "cache-user": Case(
        "aws:elasticache/user:User",
        {
            "userId": "graph-user",
            "userName": "default",
            "engine": "valkey",
            "accessString": "off -@all",
            "noPasswordRequired": True,
            "tags": _TAGS,
        },
        {"accessString": "on ~graph:* -@all +get"},
    ),
    "cache-users": Case(
        "aws:elasticache/userGroup:UserGroup",
        {"userGroupId": "graph-users", "engine": "valkey", "userIds": [ref("cache-user.userId")], "tags": _TAGS},
        {"tags": {"a": "b"}},
    ),
    "cache": Case(
        "aws:elasticache/replicationGroup:ReplicationGroup",
        {
            "replicationGroupId": "graph-cache",
            "description": "a cache",
            "engine": "valkey",
            "nodeType": "cache.t4g.micro",
            "numNodeGroups": 2,
            "replicasPerNodeGroup": 1,
            "automaticFailoverEnabled": True,
            "subnetGroupName": ref("cache-subnets.name"),
            "securityGroupIds": [ref("group.id")],
            "atRestEncryptionEnabled": True,
            "transitEncryptionEnabled": True,
            "authToken": "a-token-of-16-characters",
            "tags": _TAGS,
        },
        {"description": "another cache"},
    ),
    "bucket": Case(
        "aws:s3/bucket:Bucket",
        {"bucket": "graph-bucket", "forceDestroy": True, "tags": _TAGS},
        {"tags": {"a": "b"}},
        lambda aws, i, _: aws("s3").put_bucket_tagging(Bucket=i, Tagging={"TagSet": [{"Key": "x", "Value": "y"}]}),
        "tags",
    ),
    "acl-bucket": Case("aws:s3/bucket:Bucket", {"bucket": "graph-acl-bucket", "forceDestroy": True}),
    "acl-ownership": Case(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        {"bucket": ref("acl-bucket.bucket"), "rule": {"objectOwnership": "BucketOwnerPreferred"}},
    ),
    "bucket-acl": Case(
        "aws:s3/bucketAcl:BucketAcl",
        {"bucket": ref("acl-ownership.bucket"), "acl": "log-delivery-write"},
        {"acl": "private"},
    ),
    "log-bucket": Case("aws:s3/bucket:Bucket", {"bucket": "graph-log-bucket", "forceDestroy": True}),
    "versioning": Case(
        "aws:s3/bucketVersioning:BucketVersioning",
        {"bucket": ref("bucket.bucket"), "versioningConfiguration": {"status": "Enabled"}},
        {"versioningConfiguration": {"status": "Suspended"}},
        lambda aws, i, _: aws("s3").put_bucket_versioning(Bucket=i, VersioningConfiguration={"Status": "Enabled"}),
        "versioningConfiguration",
    ),
    "encryption": Case(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        {
            "bucket": ref("bucket.bucket"),
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": ref("key.arn")},
                    "bucketKeyEnabled": True,
                }
            ],
        },
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]},
    ),
    "public": Case(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        {
            "bucket": ref("bucket.bucket"),
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        {"blockPublicAcls": False},
        lambda aws, i, _: aws("s3").put_public_access_block(
            Bucket=i, PublicAccessBlockConfiguration={"BlockPublicPolicy": False}
        ),
        "blockPublicPolicy",
    ),
    "ownership": Case(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        {"bucket": ref("bucket.bucket"), "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
    ),
    "lifecycle": Case(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        {
            "bucket": ref("bucket.bucket"),
            "rules": [
                {
                    "id": "old",
                    "status": "Enabled",
                    "expiration": {"days": 90},
                    "noncurrentVersionExpiration": {"noncurrentDays": 30},
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
                }
            ],
        },
        {"rules": [{"id": "old", "status": "Enabled", "expiration": {"days": 30}}]},
    ),
    "bucket-policy": Case(
        "aws:s3/bucketPolicy:BucketPolicy",
        {
            "bucket": ref("bucket.bucket"),
            "policy": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "s3:*",
                            "Resource": "arn:aws:s3:::graph-bucket/*",
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        }
                    ],
                }
            ),
        },
    ),
    "logging": Case(
        "aws:s3/bucketLogging:BucketLogging",
        {"bucket": ref("bucket.bucket"), "targetBucket": ref("log-bucket.bucket"), "targetPrefix": "s3/"},
        {"targetPrefix": "logs/"},
    ),
    "cors": Case(
        "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration",
        {"bucket": ref("bucket.bucket"), "corsRules": [{"allowedMethods": ["GET"], "allowedOrigins": ["*"]}]},
        {"corsRules": [{"allowedMethods": ["PUT"], "allowedOrigins": ["*"]}]},
    ),
    "notification": Case(
        "aws:s3/bucketNotification:BucketNotification",
        {"bucket": ref("log-bucket.bucket"), "eventbridge": True},
        {"eventbridge": False},
    ),
    "object": Case(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        {
            "bucket": ref("bucket.bucket"),
            "key": "index.html",
            "content": "<p>",
            "contentType": "text/html",
            "tags": _TAGS,
        },
        {"content": "<b>", "contentType": "text/plain"},
    ),
    "access-control": Case(
        "aws:cloudfront/originAccessControl:OriginAccessControl",
        {
            "name": "graph",
            "originAccessControlOriginType": "s3",
            "signingBehavior": "always",
            "signingProtocol": "sigv4",
        },
        {"description": "other"},
    ),
    "headers": Case(
        "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
        {"name": "graph", "securityHeadersConfig": {"contentTypeOptions": {"override": True}}},
        {"comment": "other"},
    ),
    "cache-policy": Case(
        "aws:cloudfront/cachePolicy:CachePolicy",
        {
            "name": "graph",
            "parametersInCacheKeyAndForwardedToOrigin": {
                "cookiesConfig": {"cookieBehavior": "none"},
                "headersConfig": {"headerBehavior": "none"},
                "queryStringsConfig": {"queryStringBehavior": "none"},
            },
        },
        {"defaultTtl": 60},
    ),
    "origin-policy": Case(
        "aws:cloudfront/originRequestPolicy:OriginRequestPolicy",
        {
            "name": "graph",
            "cookiesConfig": {"cookieBehavior": "none"},
            "headersConfig": {"headerBehavior": "none"},
            "queryStringsConfig": {"queryStringBehavior": "none"},
        },
        {"comment": "other"},
    ),
    "distribution": Case(
        "aws:cloudfront/distribution:Distribution",
        {
            "enabled": True,
            "defaultRootObject": "index.html",
            "origins": [
                {
                    "originId": "site",
                    "domainName": ref("bucket.bucketRegionalDomainName"),
                    "originAccessControlId": ref("access-control.id"),
                },
                # Not a bucket, and not public: its name need not end as AWS's do.
                {
                    "originId": "api",
                    "domainName": "load-balancer.internal.example",
                    "vpcOriginConfig": {"vpcOriginId": "vo_AbCdEfGhIjKlMnOpQrStUv"},
                },
            ],
            "defaultCacheBehavior": {
                "targetOriginId": "site",
                "viewerProtocolPolicy": "redirect-to-https",
                "allowedMethods": ["GET", "HEAD"],
                "cachedMethods": ["GET", "HEAD"],
                "cachePolicyId": ref("cache-policy.id"),
            },
            "restrictions": {"geoRestriction": {"restrictionType": "none"}},
            "viewerCertificate": {"cloudfrontDefaultCertificate": True},
            "tags": _TAGS,
        },
        {"defaultRootObject": "home.html", "comment": "other"},
    ),
    "ips": Case(
        "aws:wafv2/ipSet:IpSet",
        {
            "name": "graph",
            "scope": "REGIONAL",
            "ipAddressVersion": "IPV4",
            "addresses": ["192.0.2.0/24"],
            "tags": _TAGS,
        },
        {"addresses": ["192.0.2.0/24", "198.51.100.0/24"]},
    ),
    "acl-waf": Case(
        "aws:wafv2/webAcl:WebAcl",
        {
            "name": "graph",
            "scope": "REGIONAL",
            "defaultAction": {"allow": {}},
            "visibilityConfig": _visibility("graph"),
            "rules": [
                {
                    "name": "managed",
                    "priority": 1,
                    "overrideAction": {"none": {}},
                    "visibilityConfig": _visibility("managed"),
                    "statement": {
                        "managedRuleGroupStatement": {"name": "AWSManagedRulesCommonRuleSet", "vendorName": "AWS"}
                    },
                },
                {
                    "name": "rate",
                    "priority": 2,
                    "action": {"block": {}},
                    "visibilityConfig": _visibility("rate"),
                    "statement": {"rateBasedStatement": {"limit": 2000, "aggregateKeyType": "IP"}},
                },
            ],
            "tags": _TAGS,
        },
        {
            "rules": [
                {
                    "name": "rate",
                    "priority": 2,
                    "action": {"block": {}},
                    "visibilityConfig": _visibility("rate"),
                    "statement": {"rateBasedStatement": {"limit": 500, "aggregateKeyType": "IP"}},
                }
            ]
        },
    ),
    "waf-association": Case(
        "aws:wafv2/webAclAssociation:WebAclAssociation",
        {"resourceArn": ref("balancer.arn"), "webAclArn": ref("acl-waf.arn")},
    ),
    "waf-log-group": Case("aws:cloudwatch/logGroup:LogGroup", {"name": "aws-waf-logs-graph"}),
    "waf-logging": Case(
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        {"resourceArn": ref("acl-waf.arn"), "logDestinationConfigs": [ref("waf-log-group.arn")]},
    ),
    "alarm": Case(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {
            "name": "graph",
            "comparisonOperator": "GreaterThanThreshold",
            "evaluationPeriods": 3,
            "metricName": "Errors",
            "namespace": "Matchday",
            "period": 60,
            "statistic": "Sum",
            "threshold": 5,
            "dimensions": {"Service": "auth"},
            "alarmActions": [ref("topic.arn")],
            "tags": _TAGS,
        },
        {"threshold": 7, "alarmActions": []},
        lambda aws, i, _: aws("cloudwatch").put_metric_alarm(
            AlarmName=i,
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=3,
            MetricName="Errors",
            Namespace="Matchday",
            Period=60,
            Statistic="Sum",
            Threshold=1,
            Dimensions=[{"Name": "Service", "Value": "auth"}],
        ),
        "threshold",
    ),
    "maths": Case(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {
            "name": "graph-maths",
            "comparisonOperator": "GreaterThanThreshold",
            "evaluationPeriods": 1,
            "threshold": 1,
            "metricQueries": [
                {"id": "rate", "expression": "errors / requests", "label": "rate", "returnData": True},
                {
                    "id": "errors",
                    "metric": {
                        "metricName": "Errors",
                        "namespace": "Matchday",
                        "period": 60,
                        "stat": "Sum",
                        "dimensions": {"Service": "auth"},
                    },
                },
                {
                    "id": "requests",
                    "metric": {"metricName": "Requests", "namespace": "Matchday", "period": 60, "stat": "Sum"},
                },
            ],
        },
        {"threshold": 2},
    ),
    "composite": Case(
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        {"alarmName": "graph-all", "alarmRule": "ALARM(graph)"},
        {"alarmRule": "ALARM(other)"},
    ),
    "dashboard": Case(
        "aws:cloudwatch/dashboard:Dashboard",
        {"dashboardName": "graph", "dashboardBody": json.dumps({"widgets": []})},
        {"dashboardBody": json.dumps({"widgets": [{"type": "text"}]})},
        lambda aws, i, _: aws("cloudwatch").put_dashboard(DashboardName=i, DashboardBody=json.dumps({"widgets": []})),
        "dashboardBody",
    ),
    "filter": Case(
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        {"name": "errors", "logGroupName": ref("log-group.name"), "pattern": "ERROR", "metricTransformation": _METRIC},
        {"pattern": "FATAL"},
    ),
    "log-policy": Case(
        "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
        {"policyName": "graph", "policyDocument": LOGS},
        {"policyDocument": LOGS_AND_STREAMS},
    ),
    "event-rule": Case(
        "aws:cloudwatch/eventRule:EventRule",
        {"name": "graph", "scheduleExpression": "rate(5 minutes)", "tags": _TAGS},
        {"scheduleExpression": "rate(1 hour)"},
        lambda aws, i, _: aws("events").disable_rule(Name=i),
        "state",
    ),
    "event-target": Case(
        "aws:cloudwatch/eventTarget:EventTarget",
        {"rule": ref("event-rule.name"), "targetId": "queue", "arn": ref("queue.arn")},
        {"input": "{}"},
    ),
    "delivery-source": Case(
        "aws:cloudwatch/logDeliverySource:LogDeliverySource",
        {"name": "graph", "logType": "ACCESS_LOGS", "resourceArn": ref("distribution.arn"), "region": "us-east-1"},
    ),
    "delivery-destination": Case(
        "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination",
        {
            "name": "graph",
            "outputFormat": "json",
            "deliveryDestinationConfiguration": {"destinationResourceArn": ref("bucket.arn")},
            "region": "us-east-1",
        },
    ),
    "delivery": Case(
        "aws:cloudwatch/logDelivery:LogDelivery",
        {
            "deliverySourceName": ref("delivery-source.name"),
            "deliveryDestinationArn": ref("delivery-destination.arn"),
            "region": "us-east-1",
        },
    ),
    "parameter": Case(
        "aws:ssm/parameter:Parameter",
        {"name": "/graph/fact", "type": "String", "value": "one", "description": "a fact", "tags": _TAGS},
        {"value": "two"},
        lambda aws, i, _: aws("ssm").put_parameter(Name=i, Value="by hand", Type="String", Overwrite=True),
        "value",
    ),
    "secret": Case(
        "aws:secretsmanager/secret:Secret",
        {"name": "graph/SECRET", "description": "a", "recoveryWindowInDays": 0, "tags": _TAGS},
        {"description": "b"},
        lambda aws, i, _: aws("secretsmanager").update_secret(SecretId=i, Description="by hand"),
        "description",
    ),
    "secret-version": Case(
        "aws:secretsmanager/secretVersion:SecretVersion", {"secretId": ref("secret.id"), "secretString": "a secret"}
    ),
    "repository": Case(
        "aws:ecr/repository:Repository",
        {
            "name": "matchday/services",
            "imageTagMutability": "IMMUTABLE",
            "imageScanningConfiguration": {"scanOnPush": True},
            "encryptionConfigurations": [{"encryptionType": "AES256"}],
            "tags": _TAGS,
        },
        {"imageTagMutability": "MUTABLE"},
        lambda aws, i, _: aws("ecr").put_image_tag_mutability(repositoryName=i, imageTagMutability="IMMUTABLE"),
        "imageTagMutability",
    ),
    "image-lifecycle": Case(
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        {
            "repository": ref("repository.name"),
            "policy": json.dumps(
                {
                    "rules": [
                        {
                            "rulePriority": 1,
                            "selection": {
                                "tagStatus": "untagged",
                                "countType": "sinceImagePushed",
                                "countUnit": "days",
                                "countNumber": 7,
                            },
                            "action": {"type": "expire"},
                        }
                    ]
                }
            ),
        },
    ),
    "certificate": Case(
        "aws:acm/certificate:Certificate",
        {"domainName": "play.graph.test", "validationMethod": "DNS", "keyAlgorithm": "EC_prime256v1", "tags": _TAGS},
        {"tags": {"Name": "other"}},
        lambda aws, i, _: aws("acm").add_tags_to_certificate(
            CertificateArn=i, Tags=[{"Key": "Name", "Value": "by hand"}]
        ),
        "tags",
    ),
    "hosted-zone": Case(
        "aws:route53/zone:Zone", {"name": "graph.test", "comment": "a", "tags": _TAGS}, {"comment": "b"}
    ),
    "dns-record": Case(
        "aws:route53/record:Record",
        {
            "zoneId": ref("hosted-zone.id"),
            "name": "play.graph.test",
            "type": "CNAME",
            "records": ["a.graph.test"],
            "ttl": 60,
        },
        {"ttl": 300},
    ),
}
