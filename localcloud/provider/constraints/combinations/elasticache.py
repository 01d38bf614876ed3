"""ElastiCache: replication groups, clusters, users. Sources: CreateReplicationGroup (API reference), "Supported engines and
versions", "Authenticating with the AUTH command", cfn-lint's engine versions and node types (engines.json).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from localcloud.provider.constraints.combinations.given import Failure, Given
from localcloud.provider.constraints.combinations.rds import tables, windows

_DEFAULT_GROUP = re.compile(r"default\.(redis|valkey|memcached)(\d+)(?:\.(\d+|x))?(\.cluster\.on)?")


def _version(given: Given) -> Iterator[Failure]:
    engine, version = given.text("engine", "redis"), given.text("engineVersion")
    known = tables()["elasticache"]["versions"]
    if not version or engine not in known:
        return
    held = known[engine]
    majors = {item.split(".")[0] for item in held}
    wrong = engine == "valkey" and not any(version == item or item == ".".join(version.split(".")[:2]) for item in held)
    if engine == "redis":  # from 6 on by major.minor, 6.x, or (5 and below) by the whole version
        wrong = not (version == "6.x" or version in held or re.fullmatch(r"[345]\.\d+\.\d+", version))
    if engine == "memcached":
        wrong = not re.fullmatch(r"1\.[456]\.\d+", version)
    if wrong:
        yield (
            "engineVersion",
            f"engineVersion is {version!r}, which {engine} does not have; its major versions: {', '.join(sorted(majors))}",
        )


def _group(given: Given) -> Iterator[Failure]:
    """A default parameter group is one of the engine and its major version."""
    group, engine, version = (
        given.text("parameterGroupName"),
        given.text("engine", "redis"),
        given.text("engineVersion"),
    )
    found = _DEFAULT_GROUP.fullmatch(group or "")
    if not found or not version or not engine:
        return
    if found[1] != engine or found[2] != version.split(".")[0]:
        yield "parameterGroupName", f"parameterGroupName is {group!r}, which is not for {engine} {version}"


def _node(given: Given) -> Iterator[Failure]:
    node = given.text("nodeType")
    if node and not re.fullmatch(r"cache\.[a-z0-9]+\.[a-z0-9]+", node):
        yield "nodeType", f"nodeType is {node!r}; accepted is a type such as cache.t4g.micro"
    elif (
        node
        and node not in tables()["elasticache"]["nodes"]
        and not re.fullmatch(r"cache\.(t1|m1|m2|m3|c1|r3|t2)\..+", node)
    ):
        yield "nodeType", f"nodeType is {node!r}, which ElastiCache does not have"


def replication_group(given: Given) -> Iterator[Failure]:
    """A replication group: nodes, failover, encryption, access."""
    yield from _version(given)
    yield from _group(given)
    yield from _node(given)
    nodes, replicas, groups = (
        given.number("numCacheClusters"),
        given.number("replicasPerNodeGroup"),
        given.number("numNodeGroups"),
    )
    clustered = given.text("clusterMode") == "enabled" or (given.text("parameterGroupName") or "").endswith(
        ".cluster.on"
    )
    if given.has("engine") and given.text("engine") == "memcached":
        yield "engine", "engine is 'memcached'; accepted are redis and valkey"
    if given.on("automaticFailoverEnabled") and nodes is not None and nodes < 2:
        yield "automaticFailoverEnabled", f"automatic failover needs two nodes at least; numCacheClusters is {nodes:g}"
    if given.on("multiAzEnabled") and given.off("automaticFailoverEnabled") and not clustered:
        yield "multiAzEnabled", "multiAzEnabled needs automaticFailoverEnabled"
    if given.on("multiAzEnabled") and replicas is not None and replicas < 1 and groups:
        yield "multiAzEnabled", "multiAzEnabled needs one replica per node group at least"
    if (
        groups is not None
        and groups > 1
        and given.has("automaticFailoverEnabled")
        and given.off("automaticFailoverEnabled")
    ):
        yield "automaticFailoverEnabled", f"{groups:g} node groups (cluster mode) need automaticFailoverEnabled"
    if given.has("userGroupIds") and given.has("authToken"):
        yield "userGroupIds", "userGroupIds and authToken exclude each other"
    encrypted = given.on("transitEncryptionEnabled") or given.get("transitEncryptionEnabled") is None
    if given.has("userGroupIds") and not encrypted:
        yield "userGroupIds", "userGroupIds needs transitEncryptionEnabled"
    if (
        given.has("transitEncryptionMode")
        and given.has("transitEncryptionEnabled")
        and given.off("transitEncryptionEnabled")
    ):
        yield "transitEncryptionMode", "transitEncryptionMode needs transitEncryptionEnabled"
    token = given.text("authToken")
    if token and (not 16 <= len(token) <= 128 or re.search(r"[^\x21-\x7e]|[@\"/]", token)):
        yield "authToken", 'accepted are 16 to 128 printable characters without @, " and /'
    zones = given.items("preferredCacheClusterAzs")
    if zones and nodes is not None and len(zones) != nodes:
        yield (
            "preferredCacheClusterAzs",
            f"preferredCacheClusterAzs has {len(zones)} zones; numCacheClusters is {nodes:g}",
        )
    if given.on("dataTieringEnabled") and not (given.text("nodeType") or "cache.r6gd").startswith("cache.r6gd"):
        yield (
            "dataTieringEnabled",
            f"dataTieringEnabled needs a node type of the family r6gd, not {given.text('nodeType')}",
        )
    if given.has("kmsKeyId") and given.has("atRestEncryptionEnabled") and given.off("atRestEncryptionEnabled"):
        yield "kmsKeyId", "kmsKeyId needs atRestEncryptionEnabled"
    if given.text("engine") == "valkey" and given.text("engineVersion") == "":
        return
    node = given.text("nodeType") or ""
    if node.startswith("cache.t1.") and given.number("snapshotRetentionLimit"):
        yield "snapshotRetentionLimit", "snapshots are not supported by cache.t1 nodes"


def _windows(given: Given) -> Iterator[Failure]:
    yield from windows(given, "snapshotWindow", "maintenanceWindow")


def cluster(given: Given) -> Iterator[Failure]:
    """A cache cluster."""
    if given.has("replicationGroupId"):
        return
    yield from _version(given)
    yield from _node(given)
    engine, nodes = given.text("engine"), given.number("numCacheNodes")
    if engine in ("redis", "valkey") and nodes is not None and nodes != 1:
        yield "numCacheNodes", f"numCacheNodes is {nodes:g}; {engine} accepts 1"
    if given.text("azMode") == "cross-az" and nodes == 1:
        yield "azMode", "azMode cross-az needs more than one node"
    for name in ("snapshotRetentionLimit", "snapshotWindow", "snapshotName"):
        if engine == "memcached" and given.has(name):
            yield name, f"{name} is not supported by memcached"


def user(given: Given) -> Iterator[Failure]:
    """A user: how it proves itself, and its access string."""
    if given.on("noPasswordRequired") and given.has("passwords"):
        yield "passwords", "passwords and noPasswordRequired exclude each other"
    if given.lacks("passwords", "authenticationMode", "noPasswordRequired"):
        yield (
            "passwords",
            "InvalidParameterCombination: one of passwords, authenticationMode and noPasswordRequired is required",
        )
    access = given.text("accessString")
    if access and access.split()[0] not in ("on", "off"):
        yield "accessString", f"accessString is {access!r}; it begins with on or off"
    mode = given.inner("authenticationMode")
    if mode.text("type") == "password" and mode.lacks("passwords"):
        yield "authenticationMode", "authenticationMode password needs passwords"
    if mode.text("type") in ("iam", "no-password-required") and mode.has("passwords"):
        yield "authenticationMode", f"authenticationMode {mode.text('type')} takes no passwords"
    if (
        mode.text("type") == "iam"
        and given.text("userId") != given.text("userName")
        and given.get("userId")
        and given.get("userName")
    ):
        yield "userName", "userName must be the userId when the user proves itself by IAM"


def parameter_group(given: Given) -> Iterator[Failure]:
    """A parameter group's family."""
    family = given.text("family")
    if family and not re.fullmatch(r"memcached1\.[456]|redis(2\.[68]|3\.2|4\.0|5\.0|6\.x|7)|valkey[789]", family):
        yield "family", f"family is {family!r}; accepted is one such as valkey8, redis7 or memcached1.6"


CHECKS = {
    "aws:elasticache/replicationGroup:ReplicationGroup": (replication_group, _windows),
    "aws:elasticache/cluster:Cluster": (cluster,),
    "aws:elasticache/user:User": (user,),
    "aws:elasticache/parameterGroup:ParameterGroup": (parameter_group,),
}
