"""Shared by the component tests: a stand-in for the engine that records every registration, and `run(program)`."""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from unittest.mock import patch

import pulumi
import pytest
from pulumi.runtime import mocks, resource, rpc, settings, stack
from pulumi.runtime.proto import source_pb2

from localcloud.engine import quick_sdk
from tests.components.loop import Loop

# As the engine runs every program of ours (localcloud/engine/program.py): half the time of a composed environment. What it also
# does, tests/conftest.py has done.
quick_sdk.install()

REGION, ACCOUNT = "ap-south-1", "123456789012"

#: Type token → outputs that AWS computes. `{name}` is the physical name (or the logical one), `{id}` a number in hexadecimal. A
#: kind whose `arn` others use must have it here, in AWS's own format or as `service:rest`, which `_ARN` completes: else what is
#: built from it is missing, and the policy pack, which judges these recordings, reports a violation that is none.
_ARN = f"arn:aws:{{service}}:{REGION}:{ACCOUNT}:{{rest}}"
COMPUTED: Mapping[str, Mapping[str, str]] = {
    "aws:ec2/vpc:Vpc": {"id": "vpc-{id}", "arn": "ec2:vpc/vpc-{id}", "defaultSecurityGroupId": "sg-default{id}"},
    "aws:ec2/subnet:Subnet": {"id": "subnet-{id}", "arn": "ec2:subnet/subnet-{id}"},
    "aws:ec2/internetGateway:InternetGateway": {"id": "igw-{id}"},
    "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway": {"id": "eigw-{id}"},
    "aws:ec2/vpcIpv6CidrBlockAssociation:VpcIpv6CidrBlockAssociation": {"ipv6CidrBlock": "2001:db8:0:ab00::/56"},
    "aws:ec2/natGateway:NatGateway": {"id": "nat-{id}"},
    "aws:ec2/eip:Eip": {"id": "eipalloc-{id}", "allocationId": "eipalloc-{id}"},
    "aws:ec2/routeTable:RouteTable": {"id": "rtb-{id}"},
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"id": "vpce-{id}", "prefixListId": "pl-{id}"},
    "aws:ec2/securityGroup:SecurityGroup": {"id": "sg-{id}", "arn": "ec2:security-group/sg-{id}"},
    "aws:ec2/flowLog:FlowLog": {"id": "fl-{id}"},
    "aws:ssm/document:Document": {"id": "{name}", "arn": "ssm:document/{name}"},
    "aws:iam/instanceProfile:InstanceProfile": {
        "id": "{name}",
        "arn": f"arn:aws:iam::{ACCOUNT}:instance-profile/{{name}}",
    },
    "aws:ec2/launchTemplate:LaunchTemplate": {"id": "lt-{id}", "arn": "ec2:launch-template/lt-{id}"},
    "aws:autoscaling/group:Group": {
        "id": "{name}",
        "arn": "autoscaling:autoScalingGroup:{id}:autoScalingGroupName/{name}",
    },
    "aws:backup/vault:Vault": {"id": "{name}", "arn": "backup:backup-vault:{name}"},
    "aws:backup/plan:Plan": {"id": "{id}", "arn": "backup:backup-plan:{id}"},
    "aws:kms/key:Key": {"id": "{id}", "keyId": "{id}", "arn": "kms:key/{id}"},
    "aws:kms/alias:Alias": {"id": "{name}", "arn": "kms:{name}", "targetKeyArn": "kms:key/{id}"},
    "aws:iam/role:Role": {"id": "{name}", "arn": f"arn:aws:iam::{ACCOUNT}:role/{{name}}", "uniqueId": "AROA{id}"},
    "aws:iam/policy:Policy": {"arn": f"arn:aws:iam::{ACCOUNT}:policy/{{name}}"},
    "aws:cloudwatch/logGroup:LogGroup": {"id": "{name}", "arn": "logs:log-group:{name}"},
    "aws:cloudwatch/metricAlarm:MetricAlarm": {"id": "{name}", "arn": "cloudwatch:alarm:{name}"},
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": {"arn": "cloudwatch:alarm:{name}"},
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": {"arn": "logs:delivery-destination:{name}"},
    "aws:sns/topic:Topic": {"id": f"arn:aws:sns:{REGION}:{ACCOUNT}:{{name}}", "arn": "sns:{name}"},
    "aws:secretsmanager/secret:Secret": {"arn": "secretsmanager:secret:{name}-AbCdEf"},
    "aws:secretsmanager/secretVersion:SecretVersion": {"versionId": "{id}"},
    "random:index/randomPassword:RandomPassword": {"id": "none", "result": "generated-value-{id}"},
    "random:index/randomId:RandomId": {"id": "none", "hex": "{id}"},
    "aws:lb/loadBalancer:LoadBalancer": {
        "arn": "elasticloadbalancing:loadbalancer/app/{name}/{id}",
        "arnSuffix": "app/{name}/{id}",
        "dnsName": f"{{name}}-{{id}}.{REGION}.elb.amazonaws.com",
        "zoneId": "ZP97RAFLXTNZK",
    },
    "aws:lb/targetGroup:TargetGroup": {
        "arn": "elasticloadbalancing:targetgroup/{name}/{id}",
        "arnSuffix": "targetgroup/{name}/{id}",
    },
    "aws:lb/listener:Listener": {"arn": "elasticloadbalancing:listener/app/lb/{id}"},
    "aws:lb/listenerRule:ListenerRule": {"arn": "elasticloadbalancing:listener-rule/app/lb/{id}"},
    "aws:wafv2/webAcl:WebAcl": {"arn": "wafv2:regional/webacl/{name}/{id}"},
    "aws:cloudfront/distribution:Distribution": {
        "id": "E{id}",
        "arn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/E{{id}}",
        "domainName": "d{id}.cloudfront.net",
        "hostedZoneId": "Z2FDTNDATAQYW2",
    },
    "aws:acm/certificate:Certificate": {"arn": "acm:certificate/{id}"},
    "aws:acm/certificateValidation:CertificateValidation": {
        "certificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/{{id}}"
    },
    "aws:route53/zone:Zone": {"id": "Z{id}", "zoneId": "Z{id}"},
    "aws:route53/record:Record": {"fqdn": "{name}"},
    "aws:route53/keySigningKey:KeySigningKey": {"dsRecord": "1 13 2 AB"},
    "aws:cloudtrail/trail:Trail": {"arn": "cloudtrail:trail/{name}"},
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": {
        "arn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    },
    "aws:iam/serviceLinkedRole:ServiceLinkedRole": {
        "arn": f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    },
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": {"arn": f"arn:aws:ce::{ACCOUNT}:anomalymonitor/{{id}}"},
    "aws:cloudfront/function:Function": {"arn": f"arn:aws:cloudfront::{ACCOUNT}:function/{{name}}"},
    "aws:cloudfront/cachePolicy:CachePolicy": {"id": "cache-{id}"},
    "aws:cloudfront/vpcOrigin:VpcOrigin": {
        "id": "vo_{id}",
        "arn": f"arn:aws:cloudfront::{ACCOUNT}:vpcorigin/vo_{{id}}",
    },
    "aws:cloudfront/originAccessControl:OriginAccessControl": {"id": "EOAC{id}"},
    "aws:s3/bucket:Bucket": {
        "id": "{name}",
        "arn": "arn:aws:s3:::{name}",
        "bucketDomainName": "{name}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{{name}}.s3.{REGION}.amazonaws.com",
    },
    "aws:ecr/repository:Repository": {
        "arn": "ecr:repository/{name}",
        "repositoryUrl": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{{name}}",
        "registryId": ACCOUNT,
    },
    "aws:ecs/cluster:Cluster": {"id": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{{name}}", "arn": "ecs:cluster/{name}"},
    "aws:ecs/service:Service": {"arn": "ecs:service/cluster/{name}"},
    "aws:ecs/taskDefinition:TaskDefinition": {"arn": "ecs:task-definition/{family}:1", "revision": "1"},
    "aws:servicediscovery/httpNamespace:HttpNamespace": {"arn": "servicediscovery:namespace/ns-{id}"},
    "aws:rds/instance:Instance": {
        "id": "db-{id}",
        "arn": "rds:db:{identifier}",
        "address": f"{{identifier}}.{{id}}.{REGION}.rds.amazonaws.com",
        "endpoint": f"{{identifier}}.{{id}}.{REGION}.rds.amazonaws.com:5432",
        "port": "5432",
    },
    "aws:elasticache/replicationGroup:ReplicationGroup": {
        "arn": "elasticache:replicationgroup:{replicationGroupId}",
        "primaryEndpointAddress": f"master.{{replicationGroupId}}.{REGION}.cache.amazonaws.com",
        "configurationEndpointAddress": f"clustercfg.{{replicationGroupId}}.{REGION}.cache.amazonaws.com",
    },
}

#: The same, of what is a list.
LISTS: dict[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {
    "aws:acm/certificate:Certificate": lambda values: {
        "domainValidationOptions": [
            {
                "domainName": values["domainName"],
                "resourceRecordName": f"_proof.{values['domainName']}.",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": "_value.acm-validations.aws.",
            }
        ]
    },
    "aws:route53/zone:Zone": lambda _: {"nameServers": ["ns-1.awsdns-01.com", "ns-2.awsdns-02.net"]},
}

#: Inputs from which a physical name is taken, in this order.
_NAMES = ("name", "bucket", "identifier", "replicationGroupId", "family", "alarmName", "dashboardName")


def computed_outputs(token: str, logical_name: str, inputs: Mapping[str, Any], number: int) -> dict[str, Any]:
    """What AWS would add to `inputs`: an id and, by type, ARNs and names in AWS's own format."""
    name = next((inputs[key] for key in _NAMES if isinstance(inputs.get(key), str)), logical_name)
    values = {**{k: v for k, v in inputs.items() if isinstance(v, str)}, "name": name, "id": f"{number:016x}"}
    outputs = {"id": f"{logical_name}-id", **COMPUTED.get(token, {})}
    shown = {key: re.sub(r"\{(\w+)\}", lambda m: str(values.get(m[1], name)), text) for key, text in outputs.items()}
    for key in ("arn", "targetKeyArn"):
        if key in shown and not shown[key].startswith("arn:"):
            service, _, rest = shown[key].partition(":")
            shown[key] = _ARN.format(service=service, rest=rest)
    found = {key: int(text) if key in ("port", "revision") else text for key, text in shown.items()}
    return {**found, **(LISTS[token](values) if token in LISTS else {})}


def unwrap(value: Any) -> Any:
    """`value` without the wrapper of secrets at any depth."""
    if rpc.is_rpc_secret(value):
        return unwrap(rpc.unwrap_rpc_secret(value))
    if isinstance(value, Mapping):
        return {key: unwrap(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unwrap(item) for item in value]
    return value


@dataclass(frozen=True)
class Registration:
    """One resource as the engine would see it; `inputs` are unwrapped, `secrets` names the inputs that were secret.

    `id` and `outputs` are what the stand-in for AWS answered.
    """

    urn: str
    id: str
    type: str
    name: str
    parent: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    secrets: frozenset[str]
    protect: bool
    aliases: tuple[str, ...]
    dependencies: tuple[str, ...]
    ignore_changes: tuple[str, ...]
    retain_on_delete: bool
    custom: bool


@dataclass
class Recorded:
    """All that a program registered, in order of registration; `outputs` of each component by URN; `result` of the program."""

    registrations: list[Registration] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    result: Any = None

    @property
    def urns(self) -> list[str]:
        return sorted(item.urn for item in self.registrations)

    def of(self, token: str) -> list[Registration]:
        """All of a type: a whole token, or its last part (``Subnet``)."""
        return [item for item in self.registrations if token in (item.type, item.type.rsplit(":", 1)[-1])]

    def named(self, name: str) -> Registration:
        """The one resource with this logical name (custom ones win over a component of the same name)."""
        found = sorted((item for item in self.registrations if item.name == name), key=lambda item: not item.custom)
        if not found:
            raise AssertionError(f"no resource {name!r} among {sorted(item.name for item in self.registrations)}")
        return found[0]


class _Engine(mocks.MockMonitor):
    """Keeps the whole of each request: parent, protection, aliases and dependencies never reach `Mocks.new_resource`."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__(_Cloud())
        self._recorded = recorded
        self._urns: set[str] = set()
        self._lock = threading.Lock()

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the real engine: the whole chain of parents' types, without the stack's."""
        chain = parent.split("::")[2] if parent else "pulumi:pulumi:Stack"
        qualified = type_ if chain == "pulumi:pulumi:Stack" else f"{chain}${type_}"
        return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{qualified}::{name}"

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)
        inputs = rpc.deserialize_properties(request.object, keep_unknowns=False)
        registration = Registration(
            urn=response.urn,
            id=response.id,
            type=request.type,
            name=request.name,
            parent=request.parent,
            inputs=unwrap(inputs),
            outputs=unwrap(rpc.deserialize_properties(response.object)),
            secrets=frozenset(key for key, value in inputs.items() if rpc.is_rpc_secret(value)),
            protect=bool(request.protect),
            aliases=tuple(
                alias.urn or alias.spec.name or alias.spec.type or alias.spec.parentUrn for alias in request.aliases
            ),
            dependencies=tuple(request.dependencies),
            ignore_changes=tuple(request.ignoreChanges),
            retain_on_delete=bool(request.retainOnDelete),
            custom=bool(request.custom),
        )
        with self._lock:
            if request.type == "pulumi:pulumi:Stack":
                return response
            if registration.urn in self._urns:
                raise AssertionError(f"duplicate URN {registration.urn}")
            self._urns.add(registration.urn)
            self._recorded.registrations.append(registration)
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:
        with self._lock:
            self._recorded.outputs[request.urn] = unwrap(rpc.deserialize_properties(request.outputs))
        return super().RegisterResourceOutputs(request)


class _Cloud(mocks.Mocks):
    """Answers as AWS would: inputs come back, joined by what AWS computes."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        with self._lock:
            number = next(self._numbers)
        computed = computed_outputs(args.typ, args.name, unwrap(args.inputs), number)
        identity = computed.pop("id")
        outputs = {**args.inputs, **computed}
        if args.typ == "random:index/randomPassword:RandomPassword":
            outputs["result"] = rpc.wrap_rpc_secret(outputs["result"])
        if args.inputs.get("manageMasterUserPassword"):
            arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!db-{identity}-AbCdEf"
            outputs["masterUserSecrets"] = [{"secretArn": arn, "secretStatus": "active", "kmsKeyId": "key"}]
        return identity, outputs

    def call(self, args: mocks.MockCallArgs) -> Any:
        answers: dict[str, dict[str, Any]] = {
            "aws:index/getCallerIdentity:getCallerIdentity": {
                "accountId": ACCOUNT,
                "arn": f"arn:aws:iam::{ACCOUNT}:user/test",
                "userId": "AIDATEST",
                "id": ACCOUNT,
            },
            "aws:index/getRegion:getRegion": {"region": REGION, "name": REGION, "id": REGION},
            "aws:index/getPartition:getPartition": {"partition": "aws", "dnsSuffix": "amazonaws.com", "id": "aws"},
            "aws:ec2/getManagedPrefixList:getManagedPrefixList": {"id": "pl-9aa247f3", "name": args.args.get("name")},
        }
        if args.token not in answers:
            raise AssertionError(f"the test cloud has no answer to {args.token}")
        return answers[args.token]


Run = Callable[..., Recorded]


#: Where in the program a resource is made: the engine shows it, no test looks at it, and pytest's own stack is deep.
_NOWHERE = patch.object(resource, "_get_stack_trace", source_pb2.StackTrace)


def run_program(program: Callable[[], Any], *, project: str = "matchday", stack_name: str = "dev") -> Recorded:
    """Run `program` as a Pulumi program to its end and return what it registered."""
    recorded = Recorded()
    loop = Loop()
    try:
        pulumi.runtime.set_mocks(_Cloud(), project=project, stack=stack_name, preview=False, monitor=_Engine(recorded))
        settings.SETTINGS.outputs.clear()
        settings.SETTINGS.rpc_manager.clear()
        settings.set_root_resource(cast(Any, None))

        def main() -> None:
            recorded.result = program()

        with _NOWHERE:
            loop.run(stack.run_in_stack(main))
    finally:
        settings.set_root_resource(cast(Any, None))
        loop.close()
    return recorded


@pytest.fixture
def run() -> Run:
    """`run(program, project=…, stack_name=…) -> Recorded`."""
    return run_program


@pytest.fixture
def resolved() -> Callable[[Any], Any]:
    """Read the value that an Output resolved to, after the program has ended."""

    def read(output: pulumi.Output[Any]) -> Any:
        return output._data.result().value

    return read


Lint = Callable[[Mapping[str, Any]], list[str]]

#: Findings of parliament's that the Service Authorization Reference refutes: the one action does take log groups, the others
#: have those condition keys.
_OUTDATED = (
    "RESOURCE_MISMATCH - [{'action': 'logs:DescribeLogGroups', 'required_format': '*'}]",
    "Unknown condition ssm:SessionDocumentAccessCheck for action ssm:StartSession",
    "Unknown condition kms:ResourceAliases for action kms:",  # of the resource type key, not of each action
)


@pytest.fixture(scope="session")
def lint() -> Lint:
    """`lint(document)`: what parliament finds in an IAM document; nothing, if it is right."""
    import parliament  # takes a second, and few tests need it

    def found(document: Mapping[str, Any]) -> list[str]:
        findings = map(str, parliament.analyze_policy_string(json.dumps(document)).findings)
        return [finding for finding in findings if not any(known in finding for known in _OUTDATED)]

    return found
