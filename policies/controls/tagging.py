"""Controls that resources carry tags: Security Hub's tagging standard, one row per kind, and the house's own tags."""

from __future__ import annotations

from policies.lang.links import tags_of
from policies.lang.resources import Resource
from policies.model import Control, Each, Severity, Verdict, bad, ok
from policies.rules import tagged

#: Security Hub's control and the resource type.
TAGGED: tuple[tuple[str, str], ...] = (
    ("ACM.3", "aws:acm/certificate:Certificate"),
    ("Backup.3", "aws:backup/vault:Vault"),
    ("Backup.4", "aws:backup/reportPlan:ReportPlan"),
    ("Backup.5", "aws:backup/plan:Plan"),
    ("CloudTrail.9", "aws:cloudtrail/trail:Trail"),
    ("DynamoDB.5", "aws:dynamodb/table:Table"),
    ("EventBridge.2", "aws:cloudwatch/eventBus:EventBus"),
    ("GuardDuty.2", "aws:guardduty/filter:Filter"),
    ("GuardDuty.3", "aws:guardduty/iPSet:IPSet"),
    ("GuardDuty.4", "aws:guardduty/detector:Detector"),
    ("IAM.23", "aws:accessanalyzer/analyzer:Analyzer"),
    ("IAM.24", "aws:iam/role:Role"),
    ("IAM.25", "aws:iam/user:User"),
    ("Lambda.6", "aws:lambda/function:Function"),
    ("Route53.1", "aws:route53/healthCheck:HealthCheck"),
    ("SNS.3", "aws:sns/topic:Topic"),
    ("SQS.2", "aws:sqs/queue:Queue"),
    ("SSM.5", "aws:ssm/document:Document"),
    ("SecretsManager.5", "aws:secretsmanager/secret:Secret"),
    ("StepFunctions.2", "aws:sfn/activity:Activity"),
)

#: What the platform team finds a resource by: whose, where, and which part of the program made it.
HOUSE_TAGS = ("Project", "Environment", "Component", "ManagedBy")

#: Kinds that cost money or hold data, which must be found by their tags.
HOUSE_TAGGED = (
    "aws:dynamodb/table:Table",
    "aws:ec2/instance:Instance",
    "aws:ec2/vpc:Vpc",
    "aws:ecs/cluster:Cluster",
    "aws:ecs/service:Service",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:kms/key:Key",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
)


def _house_tags(resource: Resource) -> Verdict:
    missing = [key for key in HOUSE_TAGS if not tags_of(resource).get(key)]
    return (
        bad("tags", f"without {', '.join(missing)}", "make it through a component, which tags it") if missing else ok()
    )


CONTROLS: tuple[Control, ...] = (
    *(
        Control(
            id=id_,
            severity=Severity.LOW,
            remediation=f"Set tags on the {kind.rpartition(':')[2]}, or default_tags on the provider.",
            rule=tagged(kind),
        )
        for id_, kind in TAGGED
    ),
    Control(
        id="MD.Tagging.1",
        title="What costs money or holds data says whose it is",
        severity=Severity.LOW,
        remediation="Make it through a component of this repository: it sets Project, Environment, Component, ManagedBy.",
        link="https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html",
        rule=Each(HOUSE_TAGGED, _house_tags),
    ),
)
