"""Repairs of moto's defects, each with a test that fails once moto itself has repaired it.

A patch is named after what it repairs. moto is pinned to one version, so that a patch never meets code it was not written for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.cloudfront.models import DistributionConfig, Invalidation
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.nat_gateways import NatGatewayBackend
from moto.elasticache.exceptions import CacheSubnetGroupNotFound
from moto.elasticache.models import ElastiCacheBackend
from moto.elasticache.responses import ElastiCacheResponse
from moto.elb import models as elb
from moto.elbv2 import models as elbv2
from moto.elbv2.models import ELBv2Backend
from moto.iam.access_control import IAMPolicyStatement, PermissionResult
from moto.iam.responses import IamResponse
from moto.logs.metric_filters import MetricFilters
from moto.rds.exceptions import DBParameterGroupNotFoundError, SubscriptionNotFoundError
from moto.rds.models import DBInstance, RDSBackend
from moto.rds.responses import RDSResponse
from moto.s3.models import FakeBucket, FakeDeleteMarker


def _replace(kind: type, method: Any) -> None:
    """Put `method` in the place of the method of that name."""
    setattr(kind, method.__name__, method)


def rds_modify_subnet_group_keeps_it() -> None:
    """moto 5.2.5 takes the group out of its table when it is modified, and never puts it back."""
    original = RDSBackend.modify_db_subnet_group

    def modify_db_subnet_group(self: Any, subnet_name: str, description: str, subnets: list[Any]) -> Any:
        group = original(self, subnet_name, description, subnets)
        self.subnet_groups[subnet_name] = group
        return group

    _replace(RDSBackend, modify_db_subnet_group)


def iam_lists_whose_boundary_a_policy_is() -> None:
    """moto 5.2.5 does not look at PolicyUsageFilter: with PermissionsBoundary it answers to whom the policy is attached."""
    original = IamResponse.list_entities_for_policy

    def list_entities_for_policy(self: Any) -> ActionResult:
        if self._get_param("PolicyUsageFilter") != "PermissionsBoundary":
            return original(self)
        arn = self._get_param("PolicyArn")
        roles = [role for role in self.backend.get_roles() if role.permissions_boundary_arn == arn]
        found = [{"RoleName": role.name, "RoleId": role.id} for role in roles]
        return ActionResult({"PolicyRoles": found, "PolicyGroups": [], "PolicyUsers": [], "IsTruncated": False})

    _replace(IamResponse, list_entities_for_policy)


def nat_gateways_take_their_interface_along() -> None:
    """moto 5.2.5 leaves the network interface of a NAT gateway that goes, or that could not be made."""
    create, delete = NatGatewayBackend.create_nat_gateway, NatGatewayBackend.delete_nat_gateway

    def create_nat_gateway(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = set(self.enis)
        try:
            return create(self, *args, **kwargs)
        except Exception:
            for interface in set(self.enis) - before:
                del self.enis[interface]
            raise

    def delete_nat_gateway(self: Any, nat_gateway_id: str) -> Any:
        gateway = delete(self, nat_gateway_id)
        self.enis.pop(gateway._eni.id, None)
        return gateway

    _replace(NatGatewayBackend, create_nat_gateway)
    _replace(NatGatewayBackend, delete_nat_gateway)


def rds_parameters_can_be_reset() -> None:
    """moto 5.2.5 has no ResetDBParameterGroup."""

    def reset_db_parameter_group(self: Any) -> ActionResult:
        name = self.params.get("DBParameterGroupName")
        if name not in self.backend.db_parameter_groups:
            raise DBParameterGroupNotFoundError(name)
        held = self.backend.db_parameter_groups[name].parameters
        asked = [item["ParameterName"] for item in self.params.get("Parameters") or ()]
        for parameter in list(held) if self.params.get("ResetAllParameters") else asked:
            held.pop(parameter, None)
        return ActionResult({"DBParameterGroupName": name})

    _replace(RDSResponse, reset_db_parameter_group)


def rds_promotion_ends_the_replication() -> None:
    """moto 5.2.5 goes on to name the source of a promoted replica, and the replica at its source."""
    original = RDSBackend.promote_read_replica

    def promote_read_replica(self: Any, db_kwargs: dict[str, Any]) -> Any:
        held = self.databases.get(db_kwargs["db_instance_identifier"])
        source = held.source_db_instance_identifier if held is not None and held.is_replica else None
        database = original(self, db_kwargs)
        if source:
            self.find_db_from_id(source).remove_replica(database)
            database.source_db_instance_identifier = None
        return database

    _replace(RDSBackend, promote_read_replica)


def rds_replicas_of_another_region_can_go() -> None:
    """moto 5.2.5 notes a replica of another Region by its ARN, and looks for its identifier when it goes."""

    def remove_replica(self: Any, replica: Any) -> None:
        names = replica.db_instance_identifier, replica.db_instance_arn
        self.replicas = [name for name in self.replicas if name not in names]

    _replace(DBInstance, remove_replica)


def elasticache_subnet_groups_can_change() -> None:
    """moto 5.2.5 creates and describes cache subnet groups, but neither modifies nor deletes them."""

    def group_of(self: Any) -> Any:
        name = self._get_param("CacheSubnetGroupName")
        groups = self.elasticache_backend.cache_subnet_groups
        if name not in groups:
            raise CacheSubnetGroupNotFound(name)
        return groups[name]

    def modify_cache_subnet_group(self: Any) -> Any:
        group = group_of(self)
        description = self._get_param("CacheSubnetGroupDescription")
        if description is not None:
            group.cache_subnet_group_description = description
        subnet_ids = self._get_param("SubnetIds")
        if subnet_ids:
            fresh = type(group)(
                self.current_account,
                self.region,
                group.cache_subnet_group_name,
                group.cache_subnet_group_description,
                subnet_ids,
                group.tags,
            )
            group.__dict__.update(fresh.__dict__)
        return ActionResult({"CacheSubnetGroup": group})

    def delete_cache_subnet_group(self: Any) -> Any:
        group = group_of(self)
        del self.elasticache_backend.cache_subnet_groups[group.cache_subnet_group_name]
        return EmptyResult()

    _replace(ElastiCacheResponse, modify_cache_subnet_group)
    _replace(ElastiCacheResponse, delete_cache_subnet_group)


def conditional_denials_are_held_not_enforced() -> None:
    """moto 5.2.5 takes every Deny for a denial, whatever its Condition says.

    So the usual "deny insecure transport" bucket policy would refuse every request. moto knows no condition values of a
    request (and loopback stands where TLS stands in AWS), so a Deny with a Condition is held and read back, but not enforced.
    """
    original = IAMPolicyStatement.is_action_permitted

    def is_action_permitted(
        self: Any,
        action: str,
        resource: str = "*",
        principal: str | None = None,
        incoming_condition_values: dict[str, str] | None = None,
    ) -> Any:
        if (
            self._statement.get("Effect") == "Deny"
            and self._statement.get("Condition")
            and not incoming_condition_values
        ):
            return PermissionResult.NEUTRAL
        return original(self, action, resource, principal, incoming_condition_values)

    _replace(IAMPolicyStatement, is_action_permitted)


def bucket_logging_needs_no_permission_yet() -> None:
    """moto 5.2.5 refuses to log into a bucket whose policy does not name exactly the prefix yet.

    S3 delivers logs as well as it may and looks at the target's policy then; a program may set the two in any order.
    """

    def _log_permissions_enabled_policy(target_bucket: Any, target_prefix: str | None) -> bool:
        return True

    _replace(FakeBucket, staticmethod(_log_permissions_enabled_policy))


def elasticache_replication_groups_go() -> None:
    """moto 5.2.5 leaves a deleted replication group there as "deleting" for ever; its name could never be used again."""
    original = ElastiCacheBackend.delete_replication_group

    def delete_replication_group(self: Any, replication_group_id: str, retain_primary_cluster: bool | None) -> Any:
        group = original(self, replication_group_id, retain_primary_cluster)
        del self.replication_groups[replication_group_id]
        return group

    _replace(ElastiCacheBackend, delete_replication_group)


def rds_event_subscriptions_can_change() -> None:
    """moto 5.2.5 has no ModifyEventSubscription."""

    def modify_event_subscription(self: Any) -> ActionResult:
        name = self.params.get("SubscriptionName")
        if name not in self.backend.event_subscriptions:
            raise SubscriptionNotFoundError(name)
        subscription = self.backend.event_subscriptions[name]
        for parameter, member in _OF_SUBSCRIPTION.items():
            if (given := self.params.get(parameter)) is not None:
                setattr(subscription, member, given)
        return ActionResult({"EventSubscription": subscription})

    _replace(RDSResponse, modify_event_subscription)


_OF_SUBSCRIPTION = {
    "SnsTopicArn": "sns_topic_arn",
    "SourceType": "source_type",
    "EventCategories": "event_categories",
    "Enabled": "enabled",
}


def metric_filters_are_replaced() -> None:
    """moto 5.2.5 puts a filter of a name that is there beside the old one, and shows the old one first."""
    original = MetricFilters.add_filter

    def add_filter(self: Any, filter_name: str, filter_pattern: str, log_group_name: str, transformations: Any) -> None:
        place = filter_name, log_group_name
        self.metric_filters = [
            each for each in self.metric_filters if (each["filterName"], each["logGroupName"]) != place
        ]
        original(self, filter_name, filter_pattern, log_group_name, transformations)

    _replace(MetricFilters, add_filter)


def elasticache_encryption_in_transit_can_change() -> None:
    """moto 5.2.5 ignores TransitEncryptionEnabled where a replication group is modified."""
    original = ElastiCacheResponse.modify_replication_group

    def modify_replication_group(self: Any) -> ActionResult:
        answer = original(self)
        wanted = self._get_bool_param("TransitEncryptionEnabled")
        if wanted is not None:
            group = self.elasticache_backend.replication_groups[self._get_param("ReplicationGroupId")]
            vars(group)["transit_encryption_enabled"] = wanted
        return answer

    _replace(ElastiCacheResponse, modify_replication_group)


def delete_markers_can_be_thrown_away() -> None:
    """moto 5.2.5 fails on a delete marker when an object is deleted from a bucket whose versioning is suspended."""

    def dispose(self: Any, garbage: bool = False) -> None:
        """A marker holds no content."""

    _replace(FakeDeleteMarker, dispose)


def certificates_of_other_accounts_exist() -> None:
    """moto 5.2.5 refuses a listener whose certificate it does not hold; a stack's settings name those of its real account.

    What belongs to another account than the emulator's is outside of what it can know, so it is taken as given.
    """
    original, register = ELBv2Backend._certificate_exists, elb.register_certificate

    def foreign(certificate: str, account: str) -> bool:
        parts = certificate.split(":")
        return len(parts) > 5 and parts[2] == "acm" and parts[4] != account

    def _certificate_exists(self: Any, certificate_arn: str) -> Any:
        return foreign(certificate_arn, self.account_id) or original(self, certificate_arn)

    def register_certificate(account_id: str, region: str, arn_certificate: str, arn_user: str) -> None:
        if not foreign(arn_certificate, account_id):
            register(account_id, region, arn_certificate, arn_user)

    _replace(ELBv2Backend, _certificate_exists)
    setattr(elbv2, "register_certificate", register_certificate)  # noqa: B010 - moto imported it by name


def distributions_may_target_a_group_of_origins() -> None:
    """moto 5.2.5 looks for the target of a distribution's default behaviour among its origins, not among groups of them."""
    original = DistributionConfig.__init__

    def __init__(self: Any, config: dict[str, Any]) -> None:
        behaviour = config.get("DefaultCacheBehavior", {})
        target = behaviour.get("TargetOriginId")
        groups = {each["Id"]: each for each in config.get("OriginGroups", {}).get("Items", [])}
        if target in groups:
            first = groups[target]["Members"]["Items"][0]["OriginId"]
            config["DefaultCacheBehavior"] = {**behaviour, "TargetOriginId": first}
        original(self, config)
        setattr(config["DefaultCacheBehavior"], "target_origin_id", target)  # noqa: B010 - moto reads it

    _replace(DistributionConfig, __init__)


def invalidations_end_as_in_aws() -> None:
    """moto 5.2.5 says COMPLETED where CloudFront, and boto3's own waiter, say Completed: who waits waits ten minutes."""
    original = Invalidation.__init__

    def __init__(self: Any, *args: Any, **more: Any) -> None:
        original(self, *args, **more)
        self.status = "Completed"

    _replace(Invalidation, __init__)


PATCHES: tuple[Callable[[], None], ...] = (
    invalidations_end_as_in_aws,
    rds_modify_subnet_group_keeps_it,
    iam_lists_whose_boundary_a_policy_is,
    nat_gateways_take_their_interface_along,
    rds_parameters_can_be_reset,
    rds_promotion_ends_the_replication,
    rds_replicas_of_another_region_can_go,
    elasticache_subnet_groups_can_change,
    elasticache_replication_groups_go,
    rds_event_subscriptions_can_change,
    metric_filters_are_replaced,
    elasticache_encryption_in_transit_can_change,
    conditional_denials_are_held_not_enforced,
    bucket_logging_needs_no_permission_yet,
    delete_markers_can_be_thrown_away,
    certificates_of_other_accounts_exist,
    distributions_may_target_a_group_of_origins,
)


def apply() -> None:
    """Apply every patch to this process's moto; once."""
    for patch in PATCHES:
        patch()
