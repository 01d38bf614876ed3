"""One example of each component, for the tests of what holds for all of them (test_conventions.py).

A component whose test module has EXAMPLES of its own (as `make new-component` writes it) is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from components.base import Component, Transforms
from components.compute.application import Application, ApplicationArgs, Platform
from components.compute.cluster import Cluster, ClusterArgs
from components.compute.containers import ContainerContext, Dependencies
from components.compute.service import Listening, Service, ServiceArgs
from components.data.bucket import Bucket, BucketAccess, BucketAccessArgs, BucketArgs
from components.data.database_events import DatabaseEvents, DatabaseEventsArgs
from components.data.parameters import Parameters, ParametersArgs
from components.data.postgres import Postgres, PostgresArgs
from components.data.redis import Redis, RedisArgs
from components.data.redis_plan import Mode
from components.edge.cdn import Cdn, CdnArgs
from components.edge.load_balancer import LoadBalancer, LoadBalancerArgs
from components.edge.routes import Route
from components.edge.web_acl import Scope, WebAcl, WebAclArgs
from components.network.vpc import Vpc, VpcArgs
from components.observability.log_group import LogGroup, LogGroupArgs
from components.observability.monitoring import Monitoring, MonitoringArgs
from components.security.flows import INTERNET, Flow
from components.security.groups import SecurityGroups, SecurityGroupsArgs
from components.security.keys import Keys, KeysArgs
from components.security.secrets import GeneratedSecret, GeneratedSecretArgs
from model.manifest import Process
from model.vocabulary import Nat, ProcessKind, Scaling

#: Makes one component of the name, with the transforms.
Example = Callable[[str, Transforms | None], Component]

ACCOUNT, REGION, KEY = "123456789012", "ap-south-1", "arn:aws:kms:ap-south-1:123456789012:key/1"

VPC = VpcArgs(
    cidr="10.20.0.0/16",
    availability_zones=["ap-south-1a", "ap-south-1b"],
    account_id=ACCOUNT,
    logs_key_arn=KEY,
    nat=Nat.PER_ZONE,
)
GROUPS = SecurityGroupsArgs(
    vpc_id="vpc-1",
    groups={"balancer": "Load balancer", "wallet": "Wallet"},
    flows=[Flow(INTERNET, "balancer", 443, "viewers"), Flow("balancer", "wallet", 8080, "requests")],
)
BALANCER = LoadBalancerArgs(
    vpc_id="vpc-1",
    subnet_ids=["subnet-a", "subnet-b"],
    security_group_id="sg-1",
    routes=[
        Route(name="wallet", patterns=["/wallet/*"], port=8080),
        Route(name="auth", patterns=["/auth/*"], port=8080),
    ],
    certificate_arn="arn:certificate",
    access_logs_bucket="logs",
)
ACL = WebAclArgs(scope=Scope.REGIONAL, region=REGION, account_id=ACCOUNT, logs_key_arn=KEY, resource_arn="arn:balancer")
CDN = CdnArgs(
    region=REGION,
    site_bucket_domain="site.s3.ap-south-1.amazonaws.com",
    api_domain="balancer.example.com",
    api_load_balancer_arn="arn:balancer",
    api_patterns=["/wallet/*"],
    web_acl_arn="arn:acl",
    log_bucket_arn="arn:aws:s3:::logs",
    aliases=["play.example.com"],
    certificate_arn="arn:certificate",
)
SECRET = GeneratedSecretArgs(secret_name="matchday/dev/x/Y", description="Opens x", key_arn=KEY)
GROUP = LogGroupArgs(log_group_name="/matchday/dev/wallet", key_arn=KEY)


def monitoring(name: str, transform: Transforms | None) -> Component:
    LoadBalancer("watched", BALANCER)
    args = MonitoringArgs(account_id=ACCOUNT, region=REGION, key_arn=KEY, page_emails=["on-call@example.com"])
    return Monitoring(name, args, transform=transform)


WEB = Process(
    kind=ProcessKind.WEB, command=("web",), cpu=256, memory=512, scaling=Scaling(minimum=1, maximum=2, cpu=60)
)


def bucket_access(name: str, transform: Transforms | None) -> Component:
    bucket = Bucket("watched", BucketArgs(account_id=ACCOUNT, key_arn=KEY, log_bucket="logs", statements=None))
    return BucketAccess(name, BucketAccessArgs(bucket=bucket, statements=[]), transform=transform)


def application(name: str, transform: Transforms | None) -> Component:
    platform = Platform(
        account_id=ACCOUNT,
        region=REGION,
        cluster=Cluster("cluster", ClusterArgs(logs_key_arn=KEY)),
        subnet_ids=["subnet-1"],
        image="registry.example/matchday/services:1",
        repository_arn=None,
        logs_key_arn=KEY,
        secrets_key_arn=KEY,
        data_key_arn=KEY,
        public_url="https://play.example.com",
    )
    args = ApplicationArgs(platform=platform, processes={"web": WEB}, security_group_id="sg-1", secrets={"KEK": 43})
    return Application(name, args, transform=transform)


def service_args() -> ServiceArgs:
    """Of a web process; made inside a program, since its cluster is."""
    context = ContainerContext(
        service="wallet",
        environment="dev",
        log_level="INFO",
        log_group="/g",
        region=REGION,
        image="i",
        drain_seconds=30,
        public_url="https://play.example.com",
    )
    return ServiceArgs(
        process_name="web",
        process=WEB,
        context=context,
        dependencies=Dependencies(),
        cluster=Cluster("cluster", ClusterArgs(logs_key_arn=KEY)),
        subnet_ids=["subnet-1"],
        security_group_id="sg-1",
        execution_role_arn="arn:aws:iam::123456789012:role/e",
        task_role_arn="arn:aws:iam::123456789012:role/t",
        listening=Listening(port=8080),
    )


def service(name: str, transform: Transforms | None) -> Component:
    return Service(name, service_args(), transform=transform)


POSTGRES = PostgresArgs(
    subnet_ids=["subnet-a", "subnet-b"],
    security_group_id="sg-1",
    account_id=ACCOUNT,
    data_key_arn=KEY,
    secrets_key_arn=KEY,
    logs_key_arn=KEY,
    instance_class="db.r7g.large",
    storage_gb=100,
    max_storage_gb=500,
    max_connections=400,
    replicas=1,
)
REDIS = RedisArgs(
    mode=Mode.CACHE,
    subnet_ids=["subnet-a", "subnet-b"],
    security_group_id="sg-1",
    data_key_arn=KEY,
    secrets_key_arn=KEY,
    logs_key_arn=KEY,
    node_type="cache.r7g.large",
)
PRIVATE = BucketArgs(account_id=ACCOUNT, key_arn=KEY, log_bucket="logs")

EXAMPLES: Mapping[type[Component], Example] = {
    Application: application,
    Bucket: lambda name, transform: Bucket(name, PRIVATE, transform=transform),
    BucketAccess: bucket_access,
    Cluster: lambda name, transform: Cluster(name, ClusterArgs(logs_key_arn=KEY), transform=transform),
    DatabaseEvents: lambda name, transform: DatabaseEvents(
        name, DatabaseEventsArgs(page_topic_arn="arn:page", ticket_topic_arn="arn:ticket"), transform=transform
    ),
    Parameters: lambda name, transform: Parameters(
        name, ParametersArgs(values={"cluster/name": "c"}, key_arn=KEY), transform=transform
    ),
    Postgres: lambda name, transform: Postgres(name, POSTGRES, transform=transform),
    Redis: lambda name, transform: Redis(name, REDIS, transform=transform),
    Service: service,
    Vpc: lambda name, transform: Vpc(name, VPC, transform=transform),
    SecurityGroups: lambda name, transform: SecurityGroups(name, GROUPS, transform=transform),
    Keys: lambda name, transform: Keys(
        name, KeysArgs(account_id=ACCOUNT, region=REGION, edge=True), transform=transform
    ),
    GeneratedSecret: lambda name, transform: GeneratedSecret(name, SECRET, transform=transform),
    LoadBalancer: lambda name, transform: LoadBalancer(name, BALANCER, transform=transform),
    WebAcl: lambda name, transform: WebAcl(name, ACL, transform=transform),
    Cdn: lambda name, transform: Cdn(name, CDN, transform=transform),
    LogGroup: lambda name, transform: LogGroup(name, GROUP, transform=transform),
    Monitoring: monitoring,
}
