"""Names that are taken, and kinds of which a Region has one: asked of the store, as the emulator knows no recorded kind.

Sources: the errors of each create operation in AWS's API references.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.provider.errors import Refused
from localcloud.provider.kept import KeptProperties


@dataclass(frozen=True, slots=True)
class Name:
    """What may be there once in a Region (`everywhere`: in the account): these properties together; none: the kind itself."""

    refusal: str
    properties: tuple[str, ...] = ("name",)
    everywhere: bool = False


def _one(refusal: str) -> Name:
    return Name(refusal, ())


_SCOPED = Name(
    "WAFDuplicateItemException: AWS WAF couldn't perform the operation because some resource in your request is a duplicate "
    "of an existing one",
    ("name", "scope"),
)
_EXISTS = "AlreadyExistsException: the resource already exists"
_ENTITY = "EntityAlreadyExists: the entity already exists"
_USED = "ResourceInUseException: the resource already exists"

NAMES: Mapping[str, Name] = {
    "aws:accessanalyzer/analyzer:Analyzer": Name("ConflictException: the analyzer already exists", ("analyzerName",)),
    "aws:athena/workgroup:Workgroup": Name("InvalidRequestException: the work group is already created"),
    "aws:autoscaling/group:Group": Name("AlreadyExists: an Auto Scaling group by this name already exists"),
    "aws:backup/framework:Framework": Name(_EXISTS),
    "aws:backup/reportPlan:ReportPlan": Name(_EXISTS),
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": Name(_EXISTS),
    "aws:backup/vault:Vault": Name("AlreadyExistsException: a backup vault with the same name already exists"),
    "aws:budgets/budget:Budget": Name("DuplicateRecordException: the budget name already exists", everywhere=True),
    "aws:cfg/deliveryChannel:DeliveryChannel": _one(
        "MaxNumberOfDeliveryChannelsExceededException: only 1 delivery channel is accepted in a Region"
    ),
    "aws:cfg/recorder:Recorder": _one(
        "MaxNumberOfConfigurationRecordersExceededException: only 1 configuration recorder is accepted in a Region"
    ),
    "aws:cloudfront/cachePolicy:CachePolicy": Name(
        "CachePolicyAlreadyExists: a cache policy with this name already exists", everywhere=True
    ),
    "aws:cloudfront/function:Function": Name(
        "FunctionAlreadyExists: a function with the same name already exists in this account", everywhere=True
    ),
    "aws:cloudfront/keyGroup:KeyGroup": Name(
        "KeyGroupAlreadyExists: a key group with this name already exists", everywhere=True
    ),
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": Name(
        "OriginRequestPolicyAlreadyExists: an origin request policy with this name already exists", everywhere=True
    ),
    "aws:cloudfront/publicKey:PublicKey": Name(
        "PublicKeyAlreadyExists: the public key already exists", everywhere=True
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": Name(
        "ResponseHeadersPolicyAlreadyExists: a response headers policy with this name already exists", everywhere=True
    ),
    "aws:cloudtrail/trail:Trail": Name("TrailAlreadyExistsException: the trail already exists"),
    "aws:dynamodb/table:Table": Name(_USED),
    "aws:ec2/keyPair:KeyPair": Name("InvalidKeyPair.Duplicate: the key pair already exists", ("keyName",)),
    "aws:ec2/launchTemplate:LaunchTemplate": Name(
        "InvalidLaunchTemplateName.AlreadyExistsException: the launch template name is already in use"
    ),
    "aws:ecs/capacityProvider:CapacityProvider": Name(
        "ClientException: the specified capacity provider already exists"
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": Name(
        "CacheParameterGroupAlreadyExists: a cache parameter group with this name already exists"
    ),
    "aws:elasticache/user:User": Name("UserAlreadyExists: the user already exists", ("userId",)),
    "aws:elasticache/userGroup:UserGroup": Name(
        "UserGroupAlreadyExists: the user group already exists", ("userGroupId",)
    ),
    "aws:glue/catalogDatabase:CatalogDatabase": Name("AlreadyExistsException: the database already exists"),
    "aws:glue/catalogTable:CatalogTable": Name(
        "AlreadyExistsException: the table already exists", ("databaseName", "name")
    ),
    "aws:guardduty/detector:Detector": _one(
        "BadRequestException: the request is rejected because a detector already exists for the current account"
    ),
    "aws:iam/group:Group": Name(_ENTITY, everywhere=True),
    "aws:iam/instanceProfile:InstanceProfile": Name(_ENTITY, everywhere=True),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Name(
        "EntityAlreadyExists: a provider with this URL already exists", ("url",), everywhere=True
    ),
    "aws:iam/samlProvider:SamlProvider": Name(_ENTITY, everywhere=True),
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": Name(_USED),
    "aws:kinesis/stream:Stream": Name(_USED),
    "aws:lambda/function:Function": Name("ResourceConflictException: the function already exists"),
    "aws:lb/trustStore:TrustStore": Name("DuplicateTrustStoreName: a trust store with this name already exists"),
    "aws:rds/cluster:Cluster": Name(
        "DBClusterAlreadyExistsFault: the DB cluster already exists", ("clusterIdentifier",)
    ),
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": Name(
        "DBParameterGroupAlreadyExists: the group already exists"
    ),
    "aws:rds/optionGroup:OptionGroup": Name("OptionGroupAlreadyExistsFault: the option group already exists"),
    "aws:route53/record:Record": Name(
        "InvalidChangeBatch: tried to create a resource record set, but it already exists (allowOverwrite takes it over)",
        ("zoneId", "name", "type", "setIdentifier"),
        everywhere=True,
    ),
    "aws:scheduler/schedule:Schedule": Name("ConflictException: the schedule already exists", ("groupName", "name")),
    "aws:scheduler/scheduleGroup:ScheduleGroup": Name("ConflictException: the schedule group already exists"),
    "aws:securityhub/account:Account": _one(
        "ResourceConflictException: the account is already subscribed to Security Hub"
    ),
    "aws:servicediscovery/service:Service": Name(
        "ServiceAlreadyExists: a service with this name already exists in the namespace", ("namespaceId", "name")
    ),
    "aws:ssm/document:Document": Name("DocumentAlreadyExists: the specified document already exists"),
    "aws:synthetics/canary:Canary": Name("ConflictException: a canary with this name already exists"),
    "aws:wafv2/regexPatternSet:RegexPatternSet": _SCOPED,
    "aws:wafv2/ruleGroup:RuleGroup": _SCOPED,
}


def taken(token: str) -> str:
    """How a second one of the same id is refused."""
    return NAMES[token].refusal if token in NAMES else "it already exists"


def claim(store: KeptProperties, token: str, resource_id: str, inputs: Mapping[str, Any], region: str) -> None:
    """A new resource, or one that gets another name, takes its name; Refused where another of its kind has it."""
    name = NAMES.get(token)
    if name is None or inputs.get("allowOverwrite"):
        return
    values = [inputs.get(each) for each in name.properties]
    if name.properties and values[-1] is None and len(values) == 1:
        return  # AWS makes one up
    held = json.dumps(["" if name.everywhere else region, *values])
    if store.claim(token, resource_id, held) != resource_id:
        shown = ", ".join(f"{each} {value!r}" for each, value in zip(name.properties, values, strict=True) if value)
        raise Refused(f"{name.refusal}{': ' if shown else ''}{shown}")
