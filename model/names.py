"""Names that several rooms must spell alike: secrets, log groups, the image, and what the platform keeps for itself."""

from __future__ import annotations

import hashlib
import re

from model.limits import NAME_LIMITS

#: `name` of Pulumi.yaml: every physical name begins with it.
PROJECT = "matchday"

#: What of the image's name is fixed: one image for every service.
IMAGE_REPOSITORY = "matchday/services"

#: Names that a service may not have, because security groups, prefix lists and secrets of the platform itself go by them.
RESERVED_SERVICES = frozenset(
    {
        "bastion",
        "broker",
        "cache",
        "cloudfront",
        "databases",
        "endpoints",
        "internet",
        "load-balancer",
        "postgres",
        "s3",
    }
)

#: The platform's own task that makes the services' databases and roles, and the name of its process.
DATABASES, BOOTSTRAP = "databases", "bootstrap"

#: A service's secrets with the passwords of its two roles in PostgreSQL: of migrations, and at run time.
OWNER_PASSWORD, APP_PASSWORD = "DATABASE_OWNER_PASSWORD", "DATABASE_APP_PASSWORD"

#: The container that stands before every process with a database (docs/contracts.md, "A task definition"), and the one that
#: makes the databases.
RESERVED_PROCESSES = frozenset({BOOTSTRAP, "migrate"})

#: Variables that a container gets from the platform (docs/contracts.md, "A container's environment"); no secret may hide one.
RESERVED_VARIABLES = re.compile(
    r"(SERVICE|PROCESS|ENVIRONMENT|PORT|TRUSTED_PROXIES|DRAIN_SECONDS|LOG_LEVEL|OWNER_PASSWORD|APP_PASSWORD"
    r"|CLIENTS|CLIENT_SECRET_.*|DATA_KEY"
    r"|(DATABASE|BROKER|CACHE|BUCKET|MAIL)_.*|.*_URL|AWS_.*|ECS_.*)"
)


def physical_name(project: str, stack: str, *parts: str, kind: str = "default") -> str:
    """What a resource is called in AWS, within the limit of its `kind` (a key of NAME_LIMITS).

    >>> physical_name("matchday", "prod", "postgres")
    'matchday-prod-postgres'
    """
    return shorten("-".join((project, stack, *parts)), NAME_LIMITS[kind])


#: The component that all tasks run in.
CLUSTER = "cluster"


def cluster_name(project: str, stack: str) -> str:
    """The ECS cluster of a stack.

    >>> cluster_name("matchday", "prod")
    'matchday-prod-cluster'
    """
    return physical_name(project, stack, CLUSTER, kind="ecs")


def service_name(project: str, stack: str, service: str, process: str) -> str:
    """The ECS service of a process, and the family of its task definitions.

    >>> service_name("matchday", "prod", "wallet", "web")
    'matchday-prod-wallet-web'
    """
    return physical_name(project, stack, f"{service}-{process}", kind="ecs")


def vault_name(project: str, stack: str) -> str:
    """The name of a stack's vault of backups, for the stack that copies into it.

    >>> vault_name("matchday", "recovery")
    'matchday-recovery-vault'
    """
    return physical_name(project, stack, "vault", kind="backup-vault")


#: Buckets that a stack `recovery` may hold copies of: an environment's site, an account's Pulumi state and record of events.
SITE, STATE, TRAIL_RECORDS = "site", "state", "trail-records"


def bucket_stem(project: str, stack: str, name: str) -> str:
    """A bucket's name without the account's number, which follows a dash: names of buckets are unique in the world.

    >>> bucket_stem("matchday", "prod", "site")
    'matchday-prod-site'
    """
    return shorten(f"{project}-{stack}-{name}", NAME_LIMITS["bucket"] - len("-123456789012"))


def replica(stack: str, bucket: str) -> str:
    """What a stack `recovery` calls its copy of `bucket` of `stack`: the stem follows from it by `bucket_stem`.

    >>> bucket_stem("matchday", "recovery", replica("prod", "site"))
    'matchday-recovery-prod-site'
    """
    return f"{stack}-{bucket}"


def branch_boundary(project: str) -> str:
    """The policy that bounds every role of a pull request's environment; the account's stack makes it."""
    return f"{project}-branch-boundary"


def key_alias(project: str, stack: str, purpose: str) -> str:
    """The alias of a stack's KMS key.

    >>> key_alias("matchday", "recovery", "site")
    'alias/matchday/recovery/site'
    """
    return f"alias/{project}/{stack}/{purpose}"


def secret_name(project: str, stack: str, owner: str, variable: str) -> str:
    """A secret's name in Secrets Manager; `owner` is a service or a data store.

    >>> secret_name("matchday", "prod", "wallet", "SIGNING_KEK")
    'matchday/prod/wallet/SIGNING_KEK'
    """
    return f"{project}/{stack}/{owner}/{variable}"


#: The component that makes alarms of the signals of all others: part of their names.
MONITORING = "monitoring"


def alarm_name(project: str, stack: str, component: str, signal: str) -> str:
    """The name of the alarm on `signal` of `component`, for what needs it before the alarm is made.

    >>> alarm_name("matchday", "prod", "wallet", "log-critical")
    'matchday-prod-monitoring-wallet-log-critical'
    """
    return shorten(f"{project}-{stack}-{MONITORING}-{component}-{signal}", NAME_LIMITS["default"])


def log_group_name(project: str, stack: str, *rest: str) -> str:
    """A log group's name in CloudWatch Logs.

    >>> log_group_name("matchday", "prod", "wallet")
    '/matchday/prod/wallet'
    """
    return "/" + "/".join((project, stack, *rest))


def shorten(name: str, limit: int) -> str:
    """`name` itself when it fits in `limit` characters, else its head and 6 hex digits of the whole's SHA-256.

    The hash is of the whole, so that two long names never become one.
    """
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: limit - 7].rstrip('-')}-{digest}"
