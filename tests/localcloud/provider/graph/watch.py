"""The reference graph: alarms, events, logs; parameters, secrets and images."""

from __future__ import annotations

import json

from tests.localcloud.provider.graph.case import LOGS, LOGS_AND_STREAMS, TAGS, Case, ref

_METRIC = {"name": "Errors", "namespace": "Matchday", "value": "1"}

CASES: dict[str, Case] = {
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
            "tags": TAGS,
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
        {"alarmRule": "OK(graph)"},
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
        {"name": "graph", "scheduleExpression": "rate(5 minutes)", "tags": TAGS},
        {"scheduleExpression": "rate(1 hour)"},
        lambda aws, i, _: aws("events").disable_rule(Name=i),
        "state",
    ),
    "event-bus": Case(
        "aws:cloudwatch/eventBus:EventBus",
        {"name": "graph", "description": "Of the graph", "tags": TAGS},
        {"description": "Of the graph, changed"},
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
        {"name": "/graph/fact", "type": "String", "value": "one", "description": "a fact", "tags": TAGS},
        {"value": "two"},
        lambda aws, i, _: aws("ssm").put_parameter(Name=i, Value="by hand", Type="String", Overwrite=True),
        "value",
    ),
    "secret": Case(
        "aws:secretsmanager/secret:Secret",
        {"name": "graph/SECRET", "description": "a", "recoveryWindowInDays": 0, "tags": TAGS},
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
            "tags": TAGS,
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
        {"domainName": "play.graph.test", "validationMethod": "DNS", "keyAlgorithm": "EC_prime256v1", "tags": TAGS},
        {"tags": {"Name": "other"}},
        lambda aws, i, _: aws("acm").add_tags_to_certificate(
            CertificateArn=i, Tags=[{"Key": "Name", "Value": "by hand"}]
        ),
        "tags",
    ),
    "hosted-zone": Case(
        "aws:route53/zone:Zone", {"name": "graph.test", "comment": "a", "tags": TAGS}, {"comment": "b"}
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
