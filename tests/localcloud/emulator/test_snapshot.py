"""What the emulator holds outlives its process; a snapshot it cannot trust is refused with the reason."""

from __future__ import annotations

import json
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.localcloud.emulator.conftest import Running, Start

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def _fill(emulator: Running) -> dict[str, Any]:
    """One thing of every service the platform uses; returns what is needed to find them again."""
    c = emulator.client
    vpc = c("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        c("ec2").create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"ap-south-1{z}")["Subnet"][
            "SubnetId"
        ]
        for i, z in enumerate("ab")
    ]
    c("s3").create_bucket(Bucket="a-bucket", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    c("s3").put_object(Bucket="a-bucket", Key="k", Body=b"x" * 100_000)
    c("secretsmanager").create_secret(Name="secret", SecretString="value")
    c("ssm").put_parameter(Name="parameter", Value="value", Type="String")
    key = c("kms").create_key()["KeyMetadata"]["KeyId"]
    signing = c("kms").create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]["KeyId"]
    cipher = c("kms").encrypt(KeyId=key, Plaintext=b"hello")["CiphertextBlob"]
    c("iam").create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)
    c("ecs").create_cluster(clusterName="cluster")
    c("ecs").register_task_definition(family="f", containerDefinitions=[{"name": "web", "image": "i", "memory": 64}])
    c("ecs").create_service(cluster="cluster", serviceName="s", taskDefinition="f", desiredCount=2)
    c("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId="service/cluster/s",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=1,
        MaxCapacity=2,
    )
    c("elbv2").create_load_balancer(Name="lb", Subnets=subnets)
    c("rds").create_db_instance(
        DBInstanceIdentifier="db",
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        MasterUsername="u",
        MasterUserPassword="a-long-password",
        AllocatedStorage=20,
    )
    c("elasticache").create_replication_group(
        ReplicationGroupId="rg", ReplicationGroupDescription="d", CacheNodeType="cache.t4g.micro", Engine="valkey"
    )
    c("logs").create_log_group(logGroupName="/x")
    c("cloudwatch").put_metric_alarm(
        AlarmName="a", ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1, MetricName="m", Namespace="n",
        Period=60, Threshold=1, Statistic="Sum",
    )  # fmt: skip
    c("sns").create_topic(Name="topic")
    queue = c("sqs").create_queue(QueueName="queue")["QueueUrl"]
    c("sqs").send_message(QueueUrl=queue, MessageBody="hello")
    c("wafv2").create_ip_set(Name="ips", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=["192.0.2.0/24"])
    c("ecr").create_repository(repositoryName="repository")
    c("events").put_rule(Name="rule", ScheduleExpression="rate(1 minute)")
    c("acm").request_certificate(DomainName="example.test")
    c("servicediscovery").create_http_namespace(Name="namespace")
    return {"vpc": vpc, "key": key, "signing": signing, "cipher": cipher, "queue": queue}


def _read(emulator: Running, made: dict[str, Any]) -> dict[str, Any]:
    c = emulator.client
    answers = {
        "vpcs": c("ec2").describe_vpcs(),
        "subnets": c("ec2").describe_subnets(),
        "object": c("s3").get_object(Bucket="a-bucket", Key="k")["Body"].read(),
        "secret": c("secretsmanager").get_secret_value(SecretId="secret")["SecretString"],
        "parameter": c("ssm").get_parameter(Name="parameter"),
        "plain": c("kms").decrypt(CiphertextBlob=made["cipher"])["Plaintext"],
        "public": c("kms").get_public_key(KeyId=made["signing"])["PublicKey"],
        "role": c("iam").get_role(RoleName="role"),
        "managed": c("iam").get_policy(PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")["Policy"]["PolicyName"],
        "service": c("ecs").describe_services(cluster="cluster", services=["s"])["services"][0]["desiredCount"],
        "target": c("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs"),
        "lb": c("elbv2").describe_load_balancers(),
        "db": [d | {"LatestRestorableTime": None} for d in c("rds").describe_db_instances()["DBInstances"]],
        "cache": c("elasticache").describe_replication_groups(),
        "logs": c("logs").describe_log_groups(),
        "alarm": c("cloudwatch").describe_alarms(),
        "topic": c("sns").list_topics(),
        "queue": c("sqs").get_queue_attributes(QueueUrl=made["queue"], AttributeNames=["ApproximateNumberOfMessages"]),
        "waf": c("wafv2").list_ip_sets(Scope="REGIONAL"),
        "certificate": c("acm").get_certificate(
            CertificateArn=c("acm").list_certificates()["CertificateSummaryList"][0]["CertificateArn"]
        )["Certificate"],
        "ecr": c("ecr").describe_repositories(),
        "events": c("events").list_rules(),
        "discovery": c("servicediscovery").list_namespaces(),
    }
    return {name: {**v, "ResponseMetadata": None} if isinstance(v, dict) else v for name, v in answers.items()}


def test_everything_outlives_the_process(start: Start, cold: Start, tmp_path: Path) -> None:
    file = tmp_path / "state" / "emulator.snapshot"
    first = start(file)
    assert first.health() == "none"
    made = _fill(first)
    before = _read(first, made)
    assert first.stop() == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    second = cold(file)
    assert second.health() == "loaded"
    first_url, second_url = first.url.split(":")[-1], second.url.split(":")[-1]
    after = json.loads(json.dumps(_read(second, made), default=str).replace(second_url, first_url))
    assert after == json.loads(json.dumps(before, default=str))
    # It is alive, not only readable: what is made now stands beside what was there.
    second.client("ec2").create_subnet(VpcId=made["vpc"], CidrBlock="10.0.200.0/24")
    second.client("sqs").send_message(QueueUrl=made["queue"].replace(first_url, second_url), MessageBody="again")


def test_what_is_written_after_a_snapshot_survives_a_kill_too(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "emulator.snapshot"
    first = start(file)
    first.client("sns").create_topic(Name="before")
    answer = httpx.post(f"{first.url}/_matchday/snapshot")
    assert answer.status_code == 200
    first.client("sns").create_topic(Name="after")
    first.process.kill()
    first.process.wait()
    topics = [t["TopicArn"].split(":")[-1] for t in start(file).client("sns").list_topics()["Topics"]]
    assert topics == ["before", "after"]


def test_a_kill_loses_nothing_and_changes_no_id(start: Start, cold: Start, tmp_path: Path) -> None:
    file = tmp_path / "emulator.snapshot"
    first = start(file)
    made = _fill(first)
    before = _read(first, made)
    first.process.kill()
    first.process.wait()
    assert not file.exists()
    second = cold(file)
    assert second.health() == "loaded"
    port, other = first.url.split(":")[-1], second.url.split(":")[-1]
    made["queue"] = made["queue"].replace(port, other)
    after = json.loads(json.dumps(_read(second, made), default=_moment).replace(other, port))
    before = json.loads(json.dumps(before, default=_moment))
    # A replay takes as long as it takes within a request: of the times that moto notes, only fractions of seconds may differ.
    for content in (before, after):
        content["certificate"] = _identity(content["certificate"])
    assert _without_times(after) == _without_times(before)
    assert abs(_created(after) - _created(before)) < 60


def _identity(pem: str) -> str:
    """A certificate without the seconds from and to which it is valid, which its signature covers."""
    found = x509.load_pem_x509_certificate(pem.encode())
    key = found.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return f"{found.serial_number} {found.subject.rfc4514_string()} {key.decode()}"


def _moment(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else str(value)


def _without_times(content: Any) -> Any:
    """A document without its times: numbers of seconds or milliseconds since 1970."""
    if isinstance(content, dict):
        return {name: _without_times(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_without_times(value) for value in content]
    return "a time" if isinstance(content, (int, float)) and content > 1_700_000_000 else content


def _created(content: Any) -> float:
    created: float = content["role"]["Role"]["CreateDate"]
    return created


def test_a_snapshot_of_another_moto_is_refused(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "emulator.snapshot"
    first = start(file)
    first.client("sns").create_topic(Name="t")
    first.stop()
    head, stamp, body = file.read_bytes().split(b"\n", 2)
    file.write_bytes(b"\n".join([head, stamp.replace(b'"moto": "', b'"moto": "9.'), body]))
    second = start(file)
    assert second.health().startswith("refused: it was written by format 1, moto 9.")
    assert second.client("sns").list_topics()["Topics"] == []


def test_a_damaged_snapshot_is_refused(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "emulator.snapshot"
    start(file).stop()
    file.write_bytes(file.read_bytes()[:-10])
    assert "is damaged" in start(file).health()
    file.write_bytes(b"something else")
    assert "is not a snapshot" in start(file).health()
