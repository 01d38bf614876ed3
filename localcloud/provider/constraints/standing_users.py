"""What is still used does not go, and what is named must be there: among kinds that only the provider's store knows.

Sources: the errors of each operation in AWS's API references.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.provider.constraints.managed_policies import (
    CACHE_POLICIES,
    ORIGIN_REQUEST_POLICIES,
    RESPONSE_HEADERS_POLICIES,
)
from localcloud.provider.errors import Refused
from localcloud.provider.row import Context

Hook = Callable[[Context], None]

_DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
_CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
_BEHAVIORS = ("defaultCacheBehavior", "orderedCacheBehaviors")


# ---- what is used does not go


@dataclass(frozen=True, slots=True)
class InUse:
    """By which kinds, in which of their properties, and how the deletion is refused."""

    refusal: str
    by: Mapping[str, tuple[str, ...]]


_GROUP_USERS = {
    "aws:iam/userGroupMembership:UserGroupMembership": ("groups",),
    "aws:iam/groupMembership:GroupMembership": ("group",),
    "aws:iam/groupPolicy:GroupPolicy": ("group",),
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": ("group",),
}
_VAULT_USERS = {"aws:backup/plan:Plan": ("rules",)}

USES: Mapping[str, InUse] = {
    "aws:backup/plan:Plan": InUse(
        "InvalidRequestException: related backup plan selections must be deleted prior to backup plan deletion",
        {"aws:backup/selection:Selection": ("planId",)},
    ),
    "aws:cloudfront/cachePolicy:CachePolicy": InUse(
        "CachePolicyInUse: cannot delete the cache policy because it is attached to one or more cache behaviors",
        {_DISTRIBUTION: _BEHAVIORS},
    ),
    "aws:cloudfront/function:Function": InUse(
        "FunctionInUse: cannot delete the function, it is in use", {_DISTRIBUTION: _BEHAVIORS}
    ),
    "aws:cloudfront/keyGroup:KeyGroup": InUse("ResourceInUse: the key group is in use", {_DISTRIBUTION: _BEHAVIORS}),
    "aws:cloudfront/originAccessControl:OriginAccessControl": InUse(
        "OriginAccessControlInUse: cannot delete the origin access control because it is in use by one or more distributions",
        {_DISTRIBUTION: ("origins",)},
    ),
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": InUse(
        "OriginRequestPolicyInUse: cannot delete the origin request policy because it is attached to one or more cache "
        "behaviors",
        {_DISTRIBUTION: _BEHAVIORS},
    ),
    "aws:cloudfront/publicKey:PublicKey": InUse(
        "PublicKeyInUse: the specified public key is in use", {"aws:cloudfront/keyGroup:KeyGroup": ("items",)}
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": InUse(
        "ResponseHeadersPolicyInUse: cannot delete the response headers policy because it is attached to one or more cache "
        "behaviors",
        {_DISTRIBUTION: _BEHAVIORS},
    ),
    "aws:cloudfront/vpcOrigin:VpcOrigin": InUse(
        "CannotDeleteEntityWhileInUse: the VPC origin is in use", {_DISTRIBUTION: ("origins",)}
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": InUse(
        "ValidationError: cannot delete the alarm as there are composite alarms depending on it",
        {"aws:cloudwatch/compositeAlarm:CompositeAlarm": ("alarmRule", "actionsSuppressor")},
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": InUse(
        "InvalidCacheParameterGroupState: one or more cache clusters are still using this parameter group",
        {_CACHE: ("parameterGroupName",), "aws:elasticache/cluster:Cluster": ("parameterGroupName",)},
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": InUse(
        "CacheSubnetGroupInUse: the cache subnet group is currently in use by a cache cluster",
        {_CACHE: ("subnetGroupName",), "aws:elasticache/cluster:Cluster": ("subnetGroupName",)},
    ),
    "aws:elasticache/userGroup:UserGroup": InUse(
        "InvalidUserGroupState: the user group is associated with a replication group", {_CACHE: ("userGroupIds",)}
    ),
    "aws:iam/group:Group": InUse(
        "DeleteConflict: cannot delete the group, must delete its policies and remove its users first", _GROUP_USERS
    ),
    "aws:iam/role:Role": InUse(
        "DeleteConflict: cannot delete entity, must remove roles from instance profile first",
        {"aws:iam/instanceProfile:InstanceProfile": ("role",)},
    ),
    "aws:servicediscovery/httpNamespace:HttpNamespace": InUse(
        "ResourceInUse: the namespace has associated services",
        {"aws:servicediscovery/service:Service": ("namespaceId",)},
    ),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": InUse(
        "ResourceInUse: the namespace has associated services",
        {"aws:servicediscovery/service:Service": ("namespaceId",)},
    ),
    "aws:servicediscovery/service:Service": InUse(
        "ResourceInUse: the service has registered instances",
        {"aws:servicediscovery/instance:Instance": ("serviceId",)},
    ),
}


def used(token: str) -> Hook:
    """Refuses the deletion of what another resource names by its id, ARN or name."""
    use = USES[token]

    def check(context: Context) -> None:
        inputs, out = context["in"], context["out"]
        mine = {str(each) for each in (context["id"], out.get("arn"), inputs.get("name")) if each}
        for kind, properties in use.by.items():
            users = {
                found: kept
                for needle in mine
                for found, kept in context.recorded(kind, needle).items()
                if found != context["id"]
            }
            for found, kept in users.items():
                if any(_names(kept.get(each), mine) for each in properties):
                    raise Refused(f"{use.refusal}: {context['id']} is used by {kept.get('name') or found}")

    return check


def _names(value: Any, wanted: Collection[str]) -> bool:
    """Whether a text inside is one of `wanted`, or (a rule of a composite alarm) has one in quotes."""
    if isinstance(value, dict):
        return any(_names(each, wanted) for each in value.values())
    if isinstance(value, list):
        return any(_names(each, wanted) for each in value)
    if not isinstance(value, str):
        return False
    last = value.rsplit("/", 1)[-1] if value.startswith("arn:") else value
    return last in wanted or value in wanted or any(f'"{each}"' in value for each in wanted)


# ---- what is named must be there


@dataclass(frozen=True, slots=True)
class Reference:
    """A property (a dotted path, through lists too), the kinds one of which it names, and how a ghost is refused.

    `known`: values that need nothing to be there. `asked`: the emulator's operation and its argument, where it holds them.
    """

    path: str
    kinds: tuple[str, ...]
    refusal: str
    known: Collection[str] = ()
    asked: tuple[str, str] | None = None


_USER = ("iam:get_user", "UserName")
_NO_USER = "NoSuchEntity: the user cannot be found"
_NO_GROUP = "NoSuchEntity: the group cannot be found"
_GROUPS = ("aws:iam/group:Group",)
_VAULTS = ("aws:backup/vault:Vault", "aws:backup/logicallyAirGappedVault:LogicallyAirGappedVault")
_NO_VAULT = "ResourceNotFoundException: the backup vault does not exist"
_NO_DETECTOR = (
    "BadRequestException: the request is rejected because the input detectorId is not owned by the current account"
)
_DETECTOR = Reference("detectorId", ("aws:guardduty/detector:Detector",), _NO_DETECTOR)


def _of_behaviors() -> Iterator[Reference]:
    for behaviors in _BEHAVIORS:
        for name, managed in (
            ("cachePolicy", CACHE_POLICIES),
            ("originRequestPolicy", ORIGIN_REQUEST_POLICIES),
            ("responseHeadersPolicy", RESPONSE_HEADERS_POLICIES),
        ):
            kind = f"aws:cloudfront/{name}:{name[0].upper()}{name[1:]}"
            refusal = f"NoSuch{name[0].upper()}{name[1:]}: the policy does not exist"
            yield Reference(f"{behaviors}.{name}Id", (kind,), refusal, frozenset(managed.values()))
        yield Reference(
            f"{behaviors}.functionAssociations.functionArn",
            ("aws:cloudfront/function:Function",),
            "NoSuchFunctionExists: the function does not exist",
        )
        yield Reference(
            f"{behaviors}.trustedKeyGroups",
            ("aws:cloudfront/keyGroup:KeyGroup",),
            "TrustedKeyGroupDoesNotExist: the key group does not exist",
        )


REFERENCES: Mapping[str, tuple[Reference, ...]] = {
    _DISTRIBUTION: tuple(_of_behaviors()),
    "aws:backup/plan:Plan": (
        Reference(
            "rules.targetVaultName",
            _VAULTS,
            "InvalidParameterValueException: the backup vault does not exist",
            ("Default",),
        ),
    ),
    "aws:backup/selection:Selection": (
        Reference(
            "planId", ("aws:backup/plan:Plan",), "InvalidParameterValueException: the backup plan does not exist"
        ),
    ),
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": (
        Reference("backupVaultName", _VAULTS, _NO_VAULT, ("Default",)),
    ),
    "aws:backup/vaultNotifications:VaultNotifications": (
        Reference("backupVaultName", _VAULTS, _NO_VAULT, ("Default",)),
    ),
    "aws:backup/vaultPolicy:VaultPolicy": (Reference("backupVaultName", _VAULTS, _NO_VAULT, ("Default",)),),
    "aws:budgets/budgetAction:BudgetAction": (
        Reference("budgetName", ("aws:budgets/budget:Budget",), "NotFoundException: unable to get the budget"),
    ),
    "aws:cfg/deliveryChannel:DeliveryChannel": (
        Reference(
            "s3BucketName", (), "NoSuchBucketException: the bucket does not exist", asked=("s3:head_bucket", "Bucket")
        ),
    ),
    "aws:elasticache/userGroup:UserGroup": (
        Reference("userIds", ("aws:elasticache/user:User",), "UserNotFound: the user was not found", ("default",)),
    ),
    _CACHE: (
        Reference(
            "userGroupIds", ("aws:elasticache/userGroup:UserGroup",), "UserGroupNotFound: the user group was not found"
        ),
    ),
    "aws:guardduty/detectorFeature:DetectorFeature": (_DETECTOR,),
    "aws:guardduty/filter:Filter": (_DETECTOR,),
    "aws:guardduty/iPSet:IPSet": (_DETECTOR,),
    "aws:guardduty/publishingDestination:PublishingDestination": (_DETECTOR,),
    "aws:iam/accessKey:AccessKey": (Reference("user", (), _NO_USER, asked=_USER),),
    "aws:iam/groupMembership:GroupMembership": (
        Reference("users", (), _NO_USER, asked=_USER),
        Reference("group", _GROUPS, _NO_GROUP),
    ),
    "aws:iam/groupPolicy:GroupPolicy": (Reference("group", _GROUPS, _NO_GROUP),),
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": (Reference("group", _GROUPS, _NO_GROUP),),
    "aws:iam/userGroupMembership:UserGroupMembership": (
        Reference("user", (), _NO_USER, asked=_USER),
        Reference("groups", _GROUPS, _NO_GROUP),
    ),
    "aws:iam/userLoginProfile:UserLoginProfile": (Reference("user", (), _NO_USER, asked=_USER),),
    "aws:iam/userPolicy:UserPolicy": (Reference("user", (), _NO_USER, asked=_USER),),
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": (Reference("user", (), _NO_USER, asked=_USER),),
    "aws:kms/grant:Grant": (
        Reference("keyId", (), "NotFoundException: the key does not exist", asked=("kms:describe_key", "KeyId")),
    ),
    "aws:kms/keyPolicy:KeyPolicy": (
        Reference("keyId", (), "NotFoundException: the key does not exist", asked=("kms:describe_key", "KeyId")),
    ),
    "aws:route53/record:Record": (
        Reference(
            "healthCheckId", ("aws:route53/healthCheck:HealthCheck",), "InvalidInput: the health check does not exist"
        ),
    ),
}


def named(token: str) -> Hook:
    """Refuses a resource that names what is not there; of an update only what it changes."""

    def check(context: Context) -> None:
        for reference in REFERENCES[token]:
            top = reference.path.split(".")[0]
            if not context.asks(top):
                continue
            for value in _values(context["in"].get(top), reference.path.split(".")[1:]):
                if value not in reference.known and not _there(context, reference, value):
                    raise Refused(f"{reference.refusal}: {reference.path} {value!r}")

    return check


def _values(value: Any, path: list[str]) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _values(each, path)
    elif isinstance(value, dict) and path:
        yield from _values(value.get(path[0]), path[1:])
    elif isinstance(value, str) and value and not path:
        yield value


def _there(context: Context, reference: Reference, value: str) -> bool:
    if reference.asked and context.exists(reference.asked[0], {reference.asked[1]: value}):
        return True
    last = value.rsplit("/", 1)[-1]  # of an ARN
    return any(
        last in (found, kept.get("name")) for kind in reference.kinds for found, kept in context.recorded(kind).items()
    )


# ---- what needs another first


@dataclass(frozen=True, slots=True)
class Need:
    """A kind of which one has to be there, and how it is refused that none is; `when`: only where this is on."""

    kind: str
    refusal: str
    when: str = ""


_NO_RECORDER = "NoAvailableConfigurationRecorderException: there are no configuration recorders available"

NEEDS: Mapping[str, Need] = {
    "aws:cfg/deliveryChannel:DeliveryChannel": Need("aws:cfg/recorder:Recorder", _NO_RECORDER),
    "aws:cfg/recorderStatus:RecorderStatus": Need(
        "aws:cfg/deliveryChannel:DeliveryChannel",
        "NoAvailableDeliveryChannelException: there is no delivery channel available to record configurations",
        "isEnabled",
    ),
    "aws:cfg/rule:Rule": Need("aws:cfg/recorder:Recorder", _NO_RECORDER),
    "aws:securityhub/standardsSubscription:StandardsSubscription": Need(
        "aws:securityhub/account:Account", "InvalidAccessException: the account is not subscribed to AWS Security Hub"
    ),
}


def needs(token: str) -> Hook:
    """Refuses what comes before that without which it cannot be."""
    need = NEEDS[token]

    def check(context: Context) -> None:
        wanted = not need.when or str(context["in"].get(need.when)).lower() == "true"
        if wanted and not context.recorded(need.kind):
            raise Refused(need.refusal)

    return check
