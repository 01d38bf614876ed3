"""The reference graph: databases, caches, topics and queues."""

from __future__ import annotations

import json

from tests.localcloud.provider.graph.case import TAGS, Case, document, ref

_DEAD = "arn:aws:sqs:ap-south-1:123456789012:graph-dead"

CASES: dict[str, Case] = {
    "db-subnets": Case(
        "aws:rds/subnetGroup:SubnetGroup",
        {"name": "graph", "subnetIds": [ref("subnet-a.id"), ref("subnet-b.id")], "tags": TAGS},
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
            "tags": TAGS,
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
            "tags": TAGS,
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
    "snapshot": Case(
        "aws:rds/snapshot:Snapshot",
        {"dbInstanceIdentifier": ref("database.identifier"), "dbSnapshotIdentifier": "graph-snapshot", "tags": TAGS},
    ),
    "topic": Case(
        "aws:sns/topic:Topic",
        {"name": "graph", "displayName": "Graph", "tags": TAGS},
        {"displayName": "Other"},
        lambda aws, i, _: aws("sns").set_topic_attributes(
            TopicArn=i, AttributeName="DisplayName", AttributeValue="by hand"
        ),
        "displayName",
    ),
    "topic-policy": Case(
        "aws:sns/topicPolicy:TopicPolicy",
        {"arn": ref("topic.arn"), "policy": document(Principal="*", Action="sns:Publish", Resource="*")},
        {"policy": document(Principal="*", Action="sns:Subscribe", Resource="*")},
    ),
    "queue-policy": Case(
        "aws:sqs/queuePolicy:QueuePolicy",
        {"queueUrl": ref("part-queue.id"), "policy": document(Principal="*", Action="sqs:SendMessage", Resource="*")},
        {"policy": document(Principal="*", Action="sqs:ReceiveMessage", Resource="*")},
        lambda aws, i, _: aws("sqs").set_queue_attributes(
            QueueUrl=i, Attributes={"Policy": document(Principal="*", Action="sqs:*", Resource="*")}
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
        {"name": "graph", "visibilityTimeoutSeconds": 60, "sqsManagedSseEnabled": True, "tags": TAGS},
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
        {"name": "graph", "subnetIds": [ref("subnet-a.id")], "tags": TAGS},
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
            "tags": TAGS,
        },
        {"accessString": "on ~graph:* -@all +get"},
    ),
    "cache-users": Case(
        "aws:elasticache/userGroup:UserGroup",
        {"userGroupId": "graph-users", "engine": "valkey", "userIds": [ref("cache-user.userId")], "tags": TAGS},
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
            "tags": TAGS,
        },
        {"description": "another cache"},
    ),
}
