"""Redis: the two modes, and secure by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data import redis_plan
from components.data.redis import Redis, RedisArgs
from components.data.redis_plan import Mode
from components.observability.signals import Severity
from tests.components.conftest import Recorded

Run = Callable[..., Recorded]


def build(run: Run, mode: Mode, **changes: Any) -> Recorded:
    given_: dict[str, Any] = {
        "mode": mode,
        "subnet_ids": ["subnet-a", "subnet-b"],
        "security_group_id": "sg-1",
        "data_key_arn": "arn:aws:kms:ap-south-1:123456789012:key/data",
        "secrets_key_arn": "arn:aws:kms:ap-south-1:123456789012:key/secrets",
        "logs_key_arn": "arn:aws:kms:ap-south-1:123456789012:key/logs",
        "node_type": "cache.r7g.large",
    }
    return run(lambda: Redis(mode.value, RedisArgs(**{**given_, **changes})), stack_name="prod")


def group(recorded: Recorded) -> dict[str, Any]:
    (found,) = recorded.of("ReplicationGroup")
    return found.inputs


@pytest.mark.parametrize("mode", list(Mode))
def test_the_defaults_are_what_auditors_ask_for(run: Run, mode: Mode) -> None:
    recorded = build(run, mode)
    inputs = group(recorded)
    assert inputs["atRestEncryptionEnabled"] and inputs["kmsKeyId"].endswith("key/data")
    assert inputs["transitEncryptionEnabled"] and inputs["transitEncryptionMode"] == "required"
    assert inputs["automaticFailoverEnabled"] and inputs["multiAzEnabled"]
    assert inputs["autoMinorVersionUpgrade"] and inputs["snapshotRetentionLimit"] >= 1
    assert inputs["subnetGroupName"] != "default"
    assert inputs["finalSnapshotIdentifier"] and not inputs["applyImmediately"]
    assert {each["logType"] for each in inputs["logDeliveryConfigurations"]} == {"slow-log", "engine-log"}
    assert "authToken" in recorded.of("ReplicationGroup")[0].secrets


def test_a_newer_minor_version_that_aws_brought_is_no_reason_to_replace(run: Run) -> None:
    (kept,) = build(run, Mode.CACHE).of("ReplicationGroup")
    assert kept.ignore_changes == ("engineVersion",) and kept.protect
    (moved,) = build(run, Mode.CACHE, engine_version="9.0", upgrade=True).of("ReplicationGroup")
    assert moved.ignore_changes == () and moved.inputs["applyImmediately"]
    assert moved.inputs["parameterGroupName"].endswith("-9"), "a group of the new family, beside the old one"


def test_the_last_snapshot_has_a_name_of_its_own_each_time(run: Run) -> None:
    recorded = build(run, Mode.BROKER)
    suffix = recorded.named("broker-final").outputs["hex"]
    assert group(recorded)["finalSnapshotIdentifier"] == f"matchday-prod-broker-final-{suffix}"


def test_the_broker_has_one_shard_and_loses_no_job(run: Run) -> None:
    recorded = build(run, Mode.BROKER, replicas=2)
    inputs = group(recorded)
    assert inputs["numCacheClusters"] == 3
    assert not {"clusterMode", "numNodeGroups"} & set(inputs)
    assert recorded.named("broker-parameters").inputs["parameters"] == [
        {"name": "maxmemory-policy", "value": "noeviction"}
    ]
    with pytest.raises(ValueError, match="2 shards; a broker has one"):
        build(run, Mode.BROKER, shards=2)


def test_users_take_the_place_of_the_token(run: Run) -> None:
    """Each has a password of its own; ElastiCache's own `default` is replaced by one who may nothing."""
    recorded = build(run, Mode.BROKER, users={"wallet": "on ~wallet:* +@all", "auth": "on ~auth:* +@all"})
    inputs = group(recorded)
    assert "authToken" not in inputs
    assert inputs["transitEncryptionMode"] == "required"
    users = {item.inputs["userName"]: item for item in recorded.of("aws:elasticache/user:User")}
    assert set(users) == {"default", "wallet", "auth"}
    assert users["default"].inputs["accessString"] == "off -@all"
    assert users["wallet"].inputs["accessString"] == "on ~wallet:* +@all"
    assert "passwords" in users["wallet"].secrets and "passwords" in users["auth"].secrets
    (made,) = recorded.of("aws:elasticache/userGroup:UserGroup")
    assert made.inputs["userIds"] == [
        f"{inputs['replicationGroupId']}-{name}" for name in ("default", "auth", "wallet")
    ]
    names = {item.inputs["name"] for item in recorded.of("aws:secretsmanager/secret:Secret")}
    assert names == {"matchday/prod/broker/AUTH_PASSWORD", "matchday/prod/broker/WALLET_PASSWORD"}
    assert recorded.result.connection("wallet").user == "wallet"
    with pytest.raises(KeyError):
        recorded.result.connection("scoring")


def test_a_rotation_gives_each_user_a_password_beside_the_one_before(run: Run) -> None:
    """Tasks that run go on with the one before; the secret, which the next ones read, holds the new one."""
    users = {"wallet": "on ~wallet:* +@all", "auth": "on ~auth:* +@all"}
    before = build(run, Mode.CACHE, users=users)
    recorded = build(run, Mode.CACHE, users=users, password_rotation=2)
    for name in users:
        role = f"cache-{name}-password"
        first = before.named(f"{role}-value")
        assert before.named(f"cache-{name}-user").inputs["passwords"] == [first.outputs["result"]]
        newest, older = (recorded.named(f"{role}-value-{number}") for number in (2, 1))
        assert (newest.protect, older.protect, first.protect) == (True, False, True)
        passwords = [newest.outputs["result"], older.outputs["result"]]
        assert recorded.named(f"cache-{name}-user").inputs["passwords"] == passwords
        assert recorded.named(f"{role}-version-2").inputs["secretString"] == passwords[0]
    with pytest.raises(ValueError, match="rotation -1; accepted: 0 or more"):
        build(run, Mode.CACHE, users=users, password_rotation=-1)


def test_users_without_tls_are_offered_it(run: Run) -> None:
    """ElastiCache has no users where TLS is off; "preferred" also takes clients that do not speak it."""
    inputs = group(
        build(run, Mode.BROKER, users={"w": "on ~w:*"}, tls=False, relaxed={"tls": "because a test says so"})
    )
    assert (inputs["transitEncryptionEnabled"], inputs["transitEncryptionMode"]) == (True, "preferred")


def test_the_cache_is_in_cluster_mode(run: Run) -> None:
    recorded = build(run, Mode.CACHE, shards=3)
    inputs = group(recorded)
    assert (inputs["clusterMode"], inputs["numNodeGroups"], inputs["replicasPerNodeGroup"]) == ("enabled", 3, 1)
    assert "numCacheClusters" not in inputs
    rows = {row["name"]: row["value"] for row in recorded.named("cache-parameters").inputs["parameters"]}
    assert rows == {"cluster-enabled": "yes", "maxmemory-policy": "volatile-lru"}


@pytest.mark.parametrize(
    ("changes", "default"),
    [({"replicas": 0}, "failover"), ({"deletion_protection": False}, "deletion_protection"), ({"tls": False}, "tls")],
)
def test_a_relaxed_default_needs_its_reason(run: Run, changes: dict[str, Any], default: str) -> None:
    with pytest.raises(ValueError, match=f"{default} does not hold .*say why in relaxed"):
        build(run, Mode.BROKER, **changes)
    build(run, Mode.BROKER, **changes, relaxed={default: "because a test says so"})


def test_without_replicas_only_cluster_mode_keeps_failover_on(run: Run) -> None:
    relaxed = {"failover": "because a test says so"}
    assert not group(build(run, Mode.BROKER, replicas=0, relaxed=relaxed))["automaticFailoverEnabled"]
    cache = group(build(run, Mode.CACHE, replicas=0, relaxed=relaxed))
    assert cache["automaticFailoverEnabled"] and not cache["multiAzEnabled"], "ElastiCache asks for it in cluster mode"


def test_the_family_follows_the_engine(run: Run) -> None:
    parameters = build(run, Mode.CACHE, engine_version="9.0").named("cache-parameters").inputs
    assert (parameters["family"], parameters["name"]) == ("valkey9", "matchday-prod-cache-9")


@given(st.sampled_from(Mode), st.integers(1, 5), st.integers(0, 5))
def test_every_node_is_watched_once(mode: Mode, shards: int, replicas: int) -> None:
    shards = 1 if mode is Mode.BROKER else shards
    nodes = redis_plan.nodes("group", mode, shards=shards, replicas=replicas)
    assert len(nodes) == len(set(nodes)) == shards * (replicas + 1)
    signals = redis_plan.signals("group", mode, node_ids=nodes, replicas=replicas)
    assert len({signal.name for signal in signals}) == len(signals) == len(nodes) * (3 if replicas else 2)
    assert {signal.dimensions["CacheClusterId"] for signal in signals} == set(nodes)


def test_nodes_have_elasticaches_names() -> None:
    assert redis_plan.nodes("g", Mode.BROKER, shards=1, replicas=1) == ["g-001", "g-002"]
    assert redis_plan.nodes("g", Mode.CACHE, shards=2, replicas=1) == [
        "g-0001-001",
        "g-0001-002",
        "g-0002-001",
        "g-0002-002",
    ]


def test_a_full_broker_pages_and_a_full_cache_waits() -> None:
    for mode, severity in ((Mode.BROKER, Severity.PAGE), (Mode.CACHE, Severity.TICKET)):
        signals = redis_plan.signals("g", mode, node_ids=["g-001"], replicas=0)
        (memory,) = [signal for signal in signals if signal.name.startswith("memory")]
        assert memory.severity is severity
