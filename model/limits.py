"""What AWS takes: sizes, retentions, lengths of names, and the quotas that the platform could meet; each with its source."""

from __future__ import annotations

from collections.abc import Mapping

#: Memory (MiB) that Fargate offers for each CPU size (Amazon ECS Developer Guide, "Fargate task sizes").
FARGATE_SIZES: Mapping[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}

#: Days that CloudWatch Logs can keep events (API reference of PutRetentionPolicy).
LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

#: Longest physical name that AWS takes, by what is named (AWS service documentation of each). `Component.physical_name`
#: takes a key of this table as its `kind` and shortens what is longer (`model.names.shorten`). A new kind of name with a limit
#: below 255 gets a row here, and one in LIMITS of tests/components/test_conventions.py, which is written apart from this.
NAME_LIMITS: Mapping[str, int] = {
    "alb": 32,
    "target-group": 32,
    "elasticache": 40,
    "bucket": 63,
    "db-instance": 63,
    "backup-vault": 50,
    "launch-template": 128,
    "ssm-document": 128,
    "event-rule": 64,
    "iam-role": 64,
    "cloudfront": 64,
    "ecs": 255,
    "waf": 128,
    "log-delivery": 60,
    "log-group": 512,
    "sns": 256,
    "default": 255,
}

#: Quotas that a platform of this shape could meet, at AWS's defaults. What AWS raises on request is an environment's setting.
LISTENER_RULES = 100  # rules per Application Load Balancer, without the default ones (Elastic Load Balancing quotas)
GROUP_RULES = 60  # inbound, and as many outbound, rules per security group (Amazon VPC quotas)
CACHE_BEHAVIORS = 75  # cache behaviors per distribution (Amazon CloudFront quotas)
ALARMS = 5000  # per account and Region (Amazon CloudWatch quotas)
COMPOSITE_CHILDREN = (
    100  # alarms that one composite alarm may look at (CloudWatch User Guide, "Create a composite alarm")
)
LOG_GROUPS = 1_000_000  # per account and Region (Amazon CloudWatch Logs API Reference, CreateLogGroup)
ROLE_POLICY_CHARACTERS = 10_240  # all inline policies of a role together, without white space (IAM quotas)

#: How many rules a prefix list counts as in a security group (Amazon VPC User Guide, "AWS-managed prefix lists": weight).
PREFIX_LIST_WEIGHTS: Mapping[str, int] = {"cloudfront": 55, "s3": 1}

#: Connections of `max_connections` that no service may plan with: PostgreSQL keeps 3 for superusers, RDS 2 for its own agent;
#: the rest is for people with psql and for `bootstrap` and `migrate`, which run before a task's own process.
RESERVED_CONNECTIONS = 10

#: Bytes for data of a node, by its type (ElastiCache User Guide, "Valkey and Redis OSS node-type specific parameters":
#: `maxmemory`, which cannot be changed; read in public index document 58757872364).
CACHE_MEMORY: Mapping[str, int] = {
    "cache.t4g.micro": 536_870_912,
    "cache.t4g.small": 1_471_026_299,
    "cache.t4g.medium": 3_317_862_236,
    "cache.m7g.large": 6_854_542_746,
    "cache.r7g.large": 14_037_181_030,
    "cache.r7g.xlarge": 28_261_849_702,
    "cache.r7g.2xlarge": 56_711_183_565,
}
