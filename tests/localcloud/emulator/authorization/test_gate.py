"""A task's role on the running emulator: what its policies name is done, all else is refused in the service's own words."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.dataplane.ecs import valuefrom
from localcloud.dataplane.ecs.images import TaskFailed
from localcloud.runtime.aws import Aws
from localcloud.runtime.task_credentials import access_key

pytestmark = pytest.mark.process

REGION, ACCOUNT = "ap-south-1", "123456789012"


class World:
    """A bucket, a key, a secret, a parameter, a topic and a queue; and a role whose policy the test writes."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint, self.name = endpoint, f"gate-{uuid.uuid4().hex[:8]}"
        aws = Aws(endpoint, REGION)
        self.admin = aws.client
        assume = {"Version": "2012-10-17", "Statement": []}
        made = self.admin("iam").create_role(RoleName=self.name, AssumeRolePolicyDocument=json.dumps(assume))
        self.role = made["Role"]["Arn"]
        self.admin("s3").create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.admin("s3").put_object(Bucket=self.name, Key="in/a b.txt", Body=b"text")
        self.key = self.admin("kms").create_key()["KeyMetadata"]["Arn"]
        self.secret = self.admin("secretsmanager").create_secret(Name=self.name, SecretString="x")["ARN"]
        self.admin("ssm").put_parameter(Name=f"/{self.name}/level", Value="debug", Type="String")
        self.topic = self.admin("sns").create_topic(Name=self.name)["TopicArn"]
        self.queue = self.admin("sqs").create_queue(QueueName=self.name)["QueueUrl"]

    def task(self, service: str, role: str = "") -> Any:
        """A client with the credentials of a task: of the world's role, or of another."""
        name: Any = service
        return boto3.client(
            name,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=access_key(role or self.role),
            aws_secret_access_key="none",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def may(self, *actions: str, on: str | list[str] = "*", **more: Any) -> None:
        """The role's policy: this and nothing else."""
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": on, **more}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.admin("iam").put_role_policy(RoleName=self.name, PolicyName="own", PolicyDocument=document)


@pytest.fixture(scope="module")
def world(endpoint: str) -> World:
    return World(endpoint)


def refused(call: Callable[[], Any]) -> str:
    """Why, in AWS's words."""
    with pytest.raises(ClientError) as error:
        call()
    found = error.value.response["Error"]
    assert found["Code"] in ("AccessDenied", "AccessDeniedException"), found
    return str(found["Message"])


def test_what_a_policy_names_is_done_and_nothing_else(world: World) -> None:
    name, arn = world.name, f"arn:aws:s3:::{world.name}"
    topic, queue = world.topic, world.queue
    calls: dict[str, tuple[str, Callable[[], Any]]] = {
        "s3:GetObject": (f"{arn}/in/*", lambda: world.task("s3").get_object(Bucket=name, Key="in/a b.txt")),
        "s3:PutObject": (f"{arn}/in/*", lambda: world.task("s3").put_object(Bucket=name, Key="in/b", Body=b"1")),
        "s3:DeleteObject": (f"{arn}/in/b", lambda: world.task("s3").delete_object(Bucket=name, Key="in/b")),
        "s3:ListBucket": (arn, lambda: world.task("s3").list_objects_v2(Bucket=name, Prefix="in/")),
        "kms:GenerateDataKey": (
            world.key,
            lambda: world.task("kms").generate_data_key(KeyId=world.key, KeySpec="AES_256"),
        ),
        "secretsmanager:GetSecretValue": (
            world.secret,
            lambda: world.task("secretsmanager").get_secret_value(SecretId=name),
        ),
        "ssm:GetParameter": (
            f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{name}/level",
            lambda: world.task("ssm").get_parameter(Name=f"/{name}/level"),
        ),
        "sns:Publish": (topic, lambda: world.task("sns").publish(TopicArn=topic, Message="m")),
        "sqs:SendMessage": (
            f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
            lambda: world.task("sqs").send_message(QueueUrl=queue, MessageBody="m"),
        ),
    }
    for action, (resource, call) in calls.items():
        world.may("sts:GetCallerIdentity")
        message = refused(call)
        assert f"is not authorized to perform: {action} on resource: " in message, message
        assert "because no identity-based policy allows" in message and f"assumed-role/{name}/" in message
        world.may(action, on=resource)
        call()
        world.may(action, on=f"{resource}-other")
        refused(call)


def test_data_keys_of_another_services_context_stay_closed(world: World) -> None:
    own = {"Condition": {"StringEquals": {"kms:EncryptionContext:service": "kyc"}}}
    world.may("kms:GenerateDataKey", "kms:Decrypt", on=world.key, **own)
    kms = world.task("kms")
    made = kms.generate_data_key(KeyId=world.key, KeySpec="AES_256", EncryptionContext={"service": "kyc", "user": "1"})
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"service": "kyc", "user": "1"})[
        "Plaintext"
    ]
    refused(lambda: kms.generate_data_key(KeyId=world.key, KeySpec="AES_256", EncryptionContext={"service": "auth"}))
    refused(lambda: kms.generate_data_key(KeyId=world.key, KeySpec="AES_256"))
    theirs = world.admin("kms").encrypt(KeyId=world.key, Plaintext=b"x", EncryptionContext={"service": "auth"})
    refused(lambda: kms.decrypt(CiphertextBlob=theirs["CiphertextBlob"], EncryptionContext={"service": "auth"}))


def test_a_key_whose_policy_does_not_admit_the_account(world: World) -> None:
    statement = {"Effect": "Allow", "Principal": {"Service": "logs.amazonaws.com"}, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    key = world.admin("kms").create_key(Policy=policy, BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"]["Arn"]
    world.may("kms:*")
    message = refused(lambda: world.task("kms").generate_data_key(KeyId=key, KeySpec="AES_256"))
    assert "no resource-based policy allows the kms:GenerateDataKey action" in message


def test_objects_under_a_key_need_the_key_too(world: World) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": world.key}}
    bucket = f"{world.name}-sealed"
    s3 = world.admin("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    task = world.task("s3")
    world.may("s3:PutObject", "s3:GetObject")
    assert "kms:GenerateDataKey" in refused(lambda: task.put_object(Bucket=bucket, Key="a", Body=b"1"))
    via = {"Condition": {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}}
    document = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "*"},
        {"Effect": "Allow", "Action": ["kms:GenerateDataKey"], "Resource": world.key, **via},
    ]}  # fmt: skip
    world.admin("iam").put_role_policy(RoleName=world.name, PolicyName="own", PolicyDocument=json.dumps(document))
    task.put_object(Bucket=bucket, Key="a", Body=b"1")
    assert "kms:Decrypt" in refused(lambda: task.get_object(Bucket=bucket, Key="a"))
    refused(lambda: world.task("kms").generate_data_key(KeyId=world.key, KeySpec="AES_256"))


def test_a_signed_address_can_do_what_its_signer_can(world: World) -> None:
    address = world.task("s3").generate_presigned_url("get_object", Params={"Bucket": world.name, "Key": "in/a b.txt"})
    world.may("s3:ListBucket")
    answer = httpx.get(address, trust_env=False)
    assert answer.status_code == 403 and "AccessDenied" in answer.text
    world.may("s3:GetObject", on=f"arn:aws:s3:::{world.name}/in/*")
    assert httpx.get(address, trust_env=False).text == "text"


def test_a_bucket_that_refuses_the_account(world: World) -> None:
    bucket = f"{world.name}-closed"
    world.admin("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*",
                 "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}}  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    world.admin("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    world.may("s3:*", "kms:*")
    task = world.task("s3")
    assert "explicit deny" in refused(lambda: task.put_object(Bucket=bucket, Key="a", Body=b"1"))
    task.put_object(Bucket=bucket, Key="a", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId=world.key)


def test_a_role_that_is_gone_may_do_nothing(world: World) -> None:
    world.may("s3:*")
    client = world.task("s3", world.role.replace(world.name, "gone"))
    refused(lambda: client.list_objects_v2(Bucket=world.name))


def test_attached_policies_and_a_boundary_count(world: World) -> None:
    iam = world.admin("iam")
    name = f"{world.name}-bound"
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})

    def policy(suffix: str, *actions: str) -> str:
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        return str(iam.create_policy(PolicyName=f"{name}-{suffix}", PolicyDocument=document)["Policy"]["Arn"])

    boundary = policy("boundary", "s3:ListBucket")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, PermissionsBoundary=boundary)["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=policy("attached", "s3:ListBucket", "s3:GetObject"))
    client = world.task("s3", role)
    client.list_objects_v2(Bucket=world.name)
    assert "boundary" in refused(lambda: client.get_object(Bucket=world.name, Key="in/a b.txt"))


def test_the_execution_role_reads_a_tasks_secrets_as_ecs_does(world: World) -> None:
    aws = Aws(world.endpoint, REGION)
    sealed = world.admin("secretsmanager").create_secret(
        Name=f"{world.name}-sealed", SecretString="swordfish", KmsKeyId=world.key
    )["ARN"]
    container = {"name": "web", "secrets": [{"name": "KEY", "valueFrom": sealed}]}
    world.may("logs:PutLogEvents")
    with pytest.raises(
        TaskFailed, match=r"ResourceInitializationError.*AccessDeniedException.*GetSecretValue"
    ) as refusal:
        valuefrom.resolve(aws, container, world.role)
    assert "swordfish" not in str(refusal.value)
    world.may("secretsmanager:GetSecretValue", on=sealed)
    with pytest.raises(TaskFailed, match=r"kms:Decrypt on resource: arn:aws:kms"):
        valuefrom.resolve(aws, container, world.role)
    world.may("secretsmanager:GetSecretValue", "kms:Decrypt", on=[sealed, world.key])
    assert valuefrom.resolve(aws, container, world.role) == {"KEY": "swordfish"}
    world.may("logs:PutLogEvents")
    assert valuefrom.resolve(aws, container, "") == {"KEY": "swordfish"}, (
        "in nobody's name, as a definition without a role"
    )
