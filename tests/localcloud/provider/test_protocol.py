"""The gRPC face, spoken to as the engine speaks: order of calls, secrets, unknowns, previews, errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from localcloud.provider.wire import SIGNATURE, UNKNOWN, dump, load

pytestmark = pytest.mark.process

SECRET = "1b47061264138c4ac30d75fd1eb44270"
TOPIC, VPC, BUCKET = "aws:sns/topic:Topic", "aws:ec2/vpc:Vpc", "aws:s3/bucket:Bucket"
PASSWORD = "random:index/randomPassword:RandomPassword"


@pytest.fixture(scope="module")
def port(endpoint: str, tmp_path_factory: pytest.TempPathFactory, schemas: Any) -> Iterator[str]:
    directory = str(tmp_path_factory.mktemp("provider"))
    command = [sys.executable, "-m", "localcloud.provider", "--endpoint", endpoint, "--store", directory]
    process = subprocess.Popen(
        [*command, "--addresses", directory], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        assert process.wait(timeout=120) == 0
        process.stdout.close()


def _connect(port: str) -> Any:
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)])
    return provider_pb2_grpc.ResourceProviderStub(channel)


@pytest.fixture(scope="module")
def engine(port: str) -> Any:
    stub = _connect(port)
    stub.Handshake(pb.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))
    stub.Attach(plugin_pb2.PluginAttach(address="127.0.0.1:1"))
    assert stub.GetPluginInfo(empty_pb2.Empty()).version == "7.51.1"
    stub.Configure(pb.ConfigureRequest(args=dump({"region": "ap-south-1"})))
    return stub


def _call(error: pytest.ExceptionInfo[grpc.RpcError]) -> Any:
    """The refused call: what gRPC raises is one, which its types do not say."""
    return error.value


def _check(engine: Any, token: str, news: dict[str, Any], olds: dict[str, Any] | None = None) -> Any:
    request: dict[str, Any] = {
        "urn": f"urn:pulumi:s::p::{token}::n",
        "name": "n",
        "type": token,
        "randomSeed": b"0" * 32,
    }
    return engine.Check(pb.CheckRequest(news=dump(news), olds=dump(olds or {}), **request))


def test_a_resource_from_check_to_delete(engine: Any) -> None:
    checked = _check(engine, TOPIC, {"displayName": "one"})
    inputs = load(checked.inputs)
    assert inputs["name"].startswith("n-")
    assert load(_check(engine, TOPIC, {"displayName": "one"}).inputs) == inputs  # the seed decides, not the clock
    planned = load(engine.Create(pb.CreateRequest(type=TOPIC, properties=checked.inputs, preview=True)).properties)
    assert planned["arn"] == UNKNOWN
    assert planned["displayName"] == "one"

    made = engine.Create(pb.CreateRequest(type=TOPIC, properties=checked.inputs))
    assert made.id.startswith("arn:aws:sns:ap-south-1:123456789012:n-")
    news = {**inputs, "displayName": "two"}
    diff = engine.Diff(
        pb.DiffRequest(type=TOPIC, id=made.id, old_inputs=dump(inputs), olds=made.properties, news=dump(news))
    )
    assert (diff.changes, list(diff.replaces)) == (pb.DiffResponse.DIFF_SOME, [])
    assert diff.detailedDiff["displayName"].kind == pb.PropertyDiff.UPDATE
    ignored = pb.DiffRequest(
        type=TOPIC,
        id=made.id,
        old_inputs=dump(inputs),
        olds=made.properties,
        news=dump(news),
        ignoreChanges=["displayName"],
    )
    assert engine.Diff(ignored).changes == pb.DiffResponse.DIFF_NONE
    engine.Update(
        pb.UpdateRequest(type=TOPIC, id=made.id, old_inputs=dump(inputs), olds=made.properties, news=dump(news))
    )
    read = engine.Read(pb.ReadRequest(type=TOPIC, id=made.id, inputs=dump(news), properties=made.properties))
    assert load(read.inputs) == news
    imported = engine.Read(pb.ReadRequest(type=TOPIC, id=made.id))
    assert load(imported.inputs)["displayName"] == "two"
    engine.Delete(pb.DeleteRequest(type=TOPIC, id=made.id, old_inputs=dump(news), properties=made.properties))
    assert engine.Read(pb.ReadRequest(type=TOPIC, id=made.id, inputs=dump(news))).id == ""


def test_what_is_imported_by_its_name_is_not_replaced_by_the_program_that_names_it(engine: Any) -> None:
    """The name is the id, and what is live does not say it again."""
    inputs = load(_check(engine, BUCKET, {"bucket": "imported-by-its-name"}).inputs)
    made = engine.Create(pb.CreateRequest(type=BUCKET, properties=dump(inputs)))
    imported = engine.Read(pb.ReadRequest(type=BUCKET, id="imported-by-its-name"))
    assert load(imported.inputs)["bucket"] == "imported-by-its-name"
    diff = pb.DiffRequest(
        type=BUCKET, id=made.id, old_inputs=imported.inputs, olds=imported.properties, news=dump(inputs)
    )
    assert not engine.Diff(diff).replaces
    engine.Delete(pb.DeleteRequest(type=BUCKET, id=made.id, old_inputs=dump(inputs), properties=made.properties))


def test_a_change_that_cannot_be_made_in_place_replaces(engine: Any) -> None:
    olds = {"cidrBlock": "10.0.0.0/16"}
    diff = engine.Diff(pb.DiffRequest(type=VPC, id="vpc-1", old_inputs=dump(olds), news=dump({"cidrBlock": UNKNOWN})))
    assert list(diff.replaces) == ["cidrBlock"]
    assert diff.detailedDiff["cidrBlock"].kind == pb.PropertyDiff.UPDATE_REPLACE


def test_a_generated_password_is_secret(engine: Any) -> None:
    inputs = {"length": 24, "special": False, "minNumeric": 3}
    made = engine.Create(pb.CreateRequest(type=PASSWORD, properties=dump(inputs)))
    result = made.properties.fields["result"].struct_value
    assert result.fields[SIGNATURE].string_value == SECRET
    value = load(made.properties)["result"]
    assert len(value) == 24 and value.isalnum() and sum(map(str.isdigit, value)) >= 3
    diff = engine.Diff(
        pb.DiffRequest(type=PASSWORD, id="none", old_inputs=dump(inputs), news=dump({**inputs, "length": 25}))
    )
    assert list(diff.replaces) == ["length"]


def test_secrets_and_unknowns_inside_are_understood(engine: Any) -> None:
    news = {"displayName": {SIGNATURE: SECRET, "value": "hidden"}, "kmsMasterKeyId": UNKNOWN}
    inputs = load(_check(engine, TOPIC, news).inputs)
    assert (inputs["displayName"], inputs["kmsMasterKeyId"]) == ("hidden", UNKNOWN)


def test_each_connection_has_its_own_region(port: str, engine: Any) -> None:
    other = _connect(port)
    other.Configure(pb.ConfigureRequest(args=dump({"region": "eu-west-1", "defaultTags": '{"tags": {"team": "x"}}'})))
    inputs = load(_check(other, TOPIC, {"name": "elsewhere"}).inputs)
    made = other.Create(pb.CreateRequest(type=TOPIC, properties=dump(inputs)))
    assert ":eu-west-1:" in made.id
    assert load(made.properties)["tagsAll"] == {"team": "x"}
    read = load(other.Read(pb.ReadRequest(type=TOPIC, id=made.id, inputs=dump(inputs))).inputs)
    assert read == inputs and read["tags"] == {"team": "x"}  # default tags are part of tags, as in the official check
    here = engine.Create(pb.CreateRequest(type=TOPIC, properties=dump(inputs)))
    assert ":ap-south-1:" in here.id


def test_cancel_ends_nothing(engine: Any) -> None:
    engine.Cancel(empty_pb2.Empty())
    engine.Configure(pb.ConfigureRequest(args=dump({"region": "ap-south-1"})))
    assert not _check(engine, TOPIC, {"name": "still-there"}).failures


def test_what_aws_says_against_it_is_the_error(engine: Any) -> None:
    inputs = dump({"name": "/aws/reserved", "type": "String", "value": "x"})
    with pytest.raises(grpc.RpcError) as error:
        engine.Create(pb.CreateRequest(type="aws:ssm/parameter:Parameter", properties=inputs))
    assert "put_parameter" in str(_call(error).details())


def test_a_resource_that_is_only_half_made_is_told_to_the_engine(engine: Any) -> None:
    topic = engine.Create(pb.CreateRequest(type=TOPIC, properties=dump({"name": "half"}))).id
    said = {
        "topic": topic,
        "protocol": "sqs",
        "endpoint": "arn:aws:sqs:ap-south-1:123456789012:q",
        "filterPolicy": '{"a": 5}',
    }
    with pytest.raises(grpc.RpcError) as error:
        engine.Create(pb.CreateRequest(type="aws:sns/topicSubscription:TopicSubscription", properties=dump(said)))
    trailers: dict[str, Any] = dict(_call(error).trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    detail = pb.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert detail.id.startswith(f"{topic}:")


def test_invokes(engine: Any) -> None:
    def ask(token: str, **arguments: Any) -> dict[str, Any]:
        return load(getattr(engine.Invoke(pb.InvokeRequest(tok=token, args=dump(arguments))), "return"))

    assert ask("aws:index/getCallerIdentity:getCallerIdentity")["accountId"] == "123456789012"
    assert ask("aws:index/getRegion:getRegion")["region"] == "ap-south-1"
    zones = ask("aws:index/getAvailabilityZones:getAvailabilityZones", excludeNames=["ap-south-1c"])
    assert zones["names"] == ["ap-south-1a", "ap-south-1b"]
    statement = {"actions": ["s3:GetObject"], "resources": ["*"], "principals": [{"type": "AWS", "identifiers": ["*"]}]}
    document = ask("aws:iam/getPolicyDocument:getPolicyDocument", statements=[statement])["minifiedJson"]
    assert document == (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*",'
        '"Principal":{"AWS":"*"}}]}'
    )
    policy = ask("aws:cloudfront/getCachePolicy:getCachePolicy", name="Managed-CachingDisabled")
    assert policy["id"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    lists = ask("aws:ec2/getManagedPrefixList:getManagedPrefixList", name="com.amazonaws.ap-south-1.s3")
    assert lists["id"].startswith("pl-")
    with pytest.raises(grpc.RpcError, match="none of CloudFront's managed policies"):
        ask("aws:cloudfront/getCachePolicy:getCachePolicy", name="Mine")
    with pytest.raises(grpc.RpcError, match="does not know the function aws:x/y:z"):
        ask("aws:x/y:z")
