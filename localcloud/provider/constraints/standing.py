"""What AWS refuses because of what else exists: asked of the emulator just before a create, an update or a delete.

The emulator refuses much of this itself; here is what it lets pass. Each function raises Refused with the error code of AWS.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.provider.constraints import (
    access,
    policies,
    standing_buckets,
    standing_databases,
    standing_endpoints,
    standing_firewall,
    standing_identity,
    standing_ipv6,
    standing_network,
    standing_roles,
    standing_secrets,
    standing_services,
    standing_taken,
    standing_users,
    standing_watch,
    standing_zones,
)
from localcloud.provider.errors import Refused
from localcloud.provider.row import Context

Hook = Callable[[Context], None]


# ---- policies


def _principals(name: str) -> Hook:
    """Principals of this account in a policy exist."""

    def check(context: Context) -> None:
        found = policies.document(context["in"].get(name))
        for arn in policies.principals(found) if found else ():
            if not standing_identity.there(context, arn):
                raise Refused(f"MalformedPolicy: invalid principal in {name}: {arn} does not exist")

    return check


def _bucket_policy(context: Context) -> None:
    """PutBucketPolicy: of this bucket, by principals that exist, not public where that is blocked."""
    _principals("policy")(context)
    bucket, found = context["in"]["bucket"], policies.document(context["in"].get("policy"))
    for statement in access.listed((found or {}).get("Statement")):
        for resource in (*access.listed(statement.get("Resource")), *access.listed(statement.get("NotResource"))):
            held = str(resource).partition(":::")[2].split("/")[0]
            if resource != "*" and "*" not in held and held != bucket:
                raise Refused(
                    f"MalformedPolicy: policy has the invalid resource {resource}: it is none of the bucket {bucket}"
                )
    if found and access.is_public(found) and standing_buckets.blocks(context, "BlockPublicPolicy"):
        raise Refused(
            f"AccessDenied: the policy of {bucket} is public, which its public access block (blockPublicPolicy) prevents"
        )


def _key_policy(context: Context) -> None:
    """CreateKey, PutKeyPolicy: principals exist, and somebody of this account can change the policy again."""
    _principals("policy")(context)
    inputs = context["in"]
    found = policies.document(inputs.get("policy"))
    if not found or inputs.get("bypassPolicyLockoutSafetyCheck"):
        return
    statements = [each for each in access.listed(found.get("Statement")) if isinstance(each, dict)]
    allowed = any(_changes_key(context, each) for each in statements if each.get("Effect") == "Allow")
    denied = any(_changes_key(context, each) for each in statements if each.get("Effect") == "Deny")
    if allowed and not denied:
        return
    raise Refused(
        "MalformedPolicyDocumentException: the new key policy will not allow you to update it in the future: allow "
        f"kms:PutKeyPolicy (or kms:*) to arn:aws:iam::{context['account']}:root"
    )


def _changes_key(context: Context, statement: Mapping[str, Any]) -> bool:
    """Whether a statement is about PutKeyPolicy by this account, whatever the conditions: those cannot be relied on."""
    actions = [str(action).lower() for action in access.listed(statement.get("Action"))]
    covers = any(action in ("*", "kms:*", "kms:put*", "kms:putkeypolicy") for action in actions)
    narrowed = bool(statement.get("Condition"))
    if statement.get("Effect") == "Deny":
        principal = json.dumps(statement.get("Principal") or "")
        return covers and not narrowed and (f":{context['account']}:root" in principal or '"*"' in principal)
    principal = json.dumps(statement.get("Principal") or statement.get("NotPrincipal") or "")
    conditional = narrowed and any(
        "kms:viaservice" in key.lower() for keys in statement["Condition"].values() for key in keys
    )
    return (
        (covers or "NotAction" in statement)
        and not conditional
        and (str(context["account"]) in principal or '"*"' in principal)
    )


def _named(found: dict[str, tuple[Hook, ...]]) -> dict[str, tuple[Hook, ...]]:
    """The table with what must be there first: roles that services try to assume, what properties name, what a kind needs."""
    for token in standing_users.NEEDS:
        found[token] = (standing_users.needs(token), *found.get(token, ()))
    for token in standing_users.REFERENCES:
        found[token] = (standing_users.named(token), *found.get(token, ()))
    for token, form in standing_roles.ASSUMED.items():
        found[token] = (*found.get(token, ()), standing_roles.assumed(*form))
    return found


def _used(found: dict[str, tuple[Hook, ...]]) -> dict[str, tuple[Hook, ...]]:
    """The table with what others must not name any more."""
    for token in standing_users.USES:
        found[token] = (*found.get(token, ()), standing_users.used(token))
    return found


#: At a create and at an update alike.
_CHANGE: Mapping[str, tuple[Hook, ...]] = {
    "aws:lb/loadBalancer:LoadBalancer": (standing_network.balancer, standing_ipv6.balancer),
    "aws:ec2/internetGateway:InternetGateway": (standing_network.gateway,),
    "aws:ec2/route:Route": (standing_network.route, standing_ipv6.route),
    "aws:ec2/subnet:Subnet": (standing_ipv6.subnet,),
    "aws:cloudwatch/logGroup:LogGroup": (standing_roles.log_group_key,),
    "aws:s3/bucketNotification:BucketNotification": (standing_roles.notification,),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": (standing_roles.replication,),
    "aws:s3/bucketAcl:BucketAcl": (standing_roles.bucket_acl, standing_buckets.acl),
    "aws:s3/bucketPolicy:BucketPolicy": (_bucket_policy,),
    "aws:kms/key:Key": (_key_policy,),
    "aws:kms/keyPolicy:KeyPolicy": (_key_policy,),
    "aws:kms/grant:Grant": (standing_identity.grant,),
    "aws:kms/replicaKey:ReplicaKey": (standing_identity.replica, _key_policy),
    "aws:iam/role:Role": (_principals("assumeRolePolicy"), standing_identity.boundary),
    "aws:iam/user:User": (standing_identity.boundary,),
    "aws:iam/rolePolicy:RolePolicy": (standing_identity.role_policy,),
    "aws:iam/userPolicy:UserPolicy": (standing_identity.user_policy,),
    "aws:iam/groupPolicy:GroupPolicy": (standing_identity.group_policy,),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": (standing_watch.composite,),
    "aws:cloudwatch/metricAlarm:MetricAlarm": (standing_watch.actions,),
    "aws:appautoscaling/policy:Policy": (standing_watch.scaling_policy,),
    "aws:ec2/vpcEndpoint:VpcEndpoint": (standing_endpoints.endpoint,),
    "aws:cloudfront/distribution:Distribution": (standing_taken.distribution,),
    "aws:elasticache/replicationGroup:ReplicationGroup": (standing_databases.cache,),
    "aws:elasticache/userGroup:UserGroup": (standing_databases.cache_users,),
    "aws:cloudtrail/trail:Trail": (standing_roles.trail_key,),
    "aws:route53/record:Record": (standing_zones.record,),
    "aws:sqs/queue:Queue": (_principals("policy"),),
    "aws:sns/topicPolicy:TopicPolicy": (_principals("policy"),),
    "aws:wafv2/webAcl:WebAcl": (standing_firewall.references,),
    "aws:wafv2/ruleGroup:RuleGroup": (standing_firewall.references,),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": (standing_firewall.logging,),
    "aws:s3/bucketVersioning:BucketVersioning": (standing_buckets.versioning,),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": (standing_services.cluster_providers,),
    "aws:secretsmanager/secretPolicy:SecretPolicy": (standing_secrets.policy, _principals("policy")),
    "aws:secretsmanager/secretRotation:SecretRotation": (standing_secrets.rotation,),
    "aws:ssm/parameter:Parameter": (standing_secrets.parameter,),
}
CREATE: Mapping[str, tuple[Hook, ...]] = _named(
    {
        **_CHANGE,
        "aws:lb/loadBalancer:LoadBalancer": (
            standing_taken.balancer,
            standing_network.balancer,
            standing_ipv6.balancer,
        ),
        "aws:lb/targetGroup:TargetGroup": (standing_taken.target_group,),
        "aws:rds/subnetGroup:SubnetGroup": (standing_taken.subnet_group,),
        "aws:wafv2/ipSet:IpSet": (standing_taken.ip_set,),
        "aws:servicediscovery/httpNamespace:HttpNamespace": (standing_taken.namespace,),
        "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": (standing_taken.namespace,),
        "aws:cloudfront/originAccessControl:OriginAccessControl": (standing_taken.access_control,),
        "aws:sqs/queue:Queue": (standing_taken.queue, _principals("policy")),
        "aws:iam/accessKey:AccessKey": (standing_identity.access_key,),
        "aws:cloudwatch/eventTarget:EventTarget": (standing_watch.target,),
        "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter": (standing_watch.subscription,),
        "aws:lb/listener:Listener": (standing_network.listener,),
        "aws:lb/listenerRule:ListenerRule": (standing_network.rule,),
        "aws:ec2/routeTableAssociation:RouteTableAssociation": (standing_network.table_association,),
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": (standing_roles.attachment,),
        "aws:ecs/service:Service": (standing_services.service,),
        "aws:rds/instance:Instance": (standing_databases.instance,),
        "aws:rds/snapshot:Snapshot": (standing_databases.snapshot,),
        "aws:sqs/queuePolicy:QueuePolicy": (_principals("policy"),),
        "aws:sns/topic:Topic": (_principals("policy"),),
        "aws:wafv2/webAclAssociation:WebAclAssociation": (standing_firewall.association,),
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": (standing_buckets.object_lock,),
        "aws:secretsmanager/secret:Secret": (standing_secrets.secret, _principals("policy")),
        "aws:secretsmanager/secretVersion:SecretVersion": (standing_secrets.marked,),
        "aws:ecr/repositoryPolicy:RepositoryPolicy": (_principals("policy"),),
    }
)
UPDATE: Mapping[str, tuple[Hook, ...]] = _named(
    {
        **_CHANGE,
        "aws:lb/listener:Listener": (standing_network.listener_change,),
        "aws:lb/listenerRule:ListenerRule": (standing_network.rule_change,),
        "aws:ecs/service:Service": (standing_services.service_change,),
        "aws:rds/instance:Instance": (standing_databases.instance_change,),
        "aws:rds/cluster:Cluster": (standing_databases.cluster_change,),
        "aws:secretsmanager/secret:Secret": (standing_secrets.marked, _principals("policy")),
    }
)
DELETE: Mapping[str, tuple[Hook, ...]] = _used(
    {
        "aws:ecs/cluster:Cluster": (standing_services.cluster_gone,),
        "aws:rds/instance:Instance": (standing_databases.instance_gone,),
        "aws:rds/cluster:Cluster": (standing_databases.cluster_gone,),
        "aws:rds/subnetGroup:SubnetGroup": (standing_databases.subnets_gone,),
        "aws:rds/parameterGroup:ParameterGroup": (standing_databases.parameters_gone,),
        "aws:ec2/securityGroup:SecurityGroup": (standing_network.group_gone,),
        "aws:ec2/subnet:Subnet": (standing_network.subnet_gone,),
        "aws:ec2/vpcIpv6CidrBlockAssociation:VpcIpv6CidrBlockAssociation": (standing_ipv6.association_gone,),
        "aws:iam/policy:Policy": (standing_identity.policy_gone,),
        "aws:acm/certificate:Certificate": (standing_network.certificate_gone,),
        "aws:cloudwatch/eventBus:EventBus": (standing_watch.bus_gone,),
        "aws:route53/zone:Zone": (standing_zones.zone_gone,),
        "aws:ec2/eip:Eip": (standing_network.address_gone,),
        "aws:ec2/internetGateway:InternetGateway": (standing_network.gateway_gone,),
        "aws:cloudwatch/logGroup:LogGroup": (standing_watch.log_group_gone,),
        "aws:wafv2/regexPatternSet:RegexPatternSet": (standing_network.set_gone,),
        "aws:wafv2/ruleGroup:RuleGroup": (standing_network.set_gone,),
        "aws:wafv2/webAcl:WebAcl": (standing_network.acl_gone,),
        "aws:wafv2/ipSet:IpSet": (standing_network.set_gone,),
    }
)
