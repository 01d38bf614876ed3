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
    standing_firewall,
    standing_network,
    standing_roles,
    standing_secrets,
    standing_services,
)
from localcloud.provider.errors import Refused
from localcloud.provider.row import Context

Hook = Callable[[Context], None]


# ---- policies


def _policy_gone(context: Context) -> None:
    found = context.call("list_entities_for_policy", {"PolicyArn": context["id"]})
    users = [
        item[key]
        for member, key in (("PolicyRoles", "RoleName"), ("PolicyUsers", "UserName"), ("PolicyGroups", "GroupName"))
        for item in found.get(member) or ()
    ]
    if users:
        raise Refused(f"DeleteConflict: the policy {context['id']} is attached to {', '.join(users)}")


def _principals(name: str) -> Hook:
    """Principals of this account in a policy exist."""

    def check(context: Context) -> None:
        found = policies.document(context["in"].get(name))
        for arn in policies.principals(found) if found else ():
            parts = arn.split(":", 5)
            if parts[2] != "iam" or parts[4] != context["account"]:
                continue
            kind, _, path = parts[5].partition("/")
            if kind not in ("role", "user") or "*" in path or path.startswith("aws-service-role/"):
                continue
            operation = {"role": ("iam:get_role", "RoleName"), "user": ("iam:get_user", "UserName")}[kind]
            if not context.exists(operation[0], {operation[1]: path.rsplit("/", 1)[-1]}):
                raise Refused(f"MalformedPolicy: invalid principal in {name}: {arn} does not exist")

    return check


def _boundary(context: Context) -> None:
    """CreateRole, PutRolePermissionsBoundary: the boundary is there."""
    arn = context["in"].get("permissionsBoundary")
    asked = arn and "permissionsBoundary" in context.environment.get("changed", ("permissionsBoundary",))
    if asked and not context.exists("iam:get_policy", {"PolicyArn": arn}):
        raise Refused(f"NoSuchEntity: permissionsBoundary: the policy {arn} does not exist")


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


def _assumed(found: dict[str, tuple[Hook, ...]]) -> dict[str, tuple[Hook, ...]]:
    """The table with the roles that services try to assume."""
    for token, form in standing_roles.ASSUMED.items():
        found[token] = (*found.get(token, ()), standing_roles.assumed(*form))
    return found


#: At a create and at an update alike.
_CHANGE: Mapping[str, tuple[Hook, ...]] = {
    "aws:lb/loadBalancer:LoadBalancer": (standing_network.balancer,),
    "aws:ec2/internetGateway:InternetGateway": (standing_network.gateway,),
    "aws:ec2/route:Route": (standing_network.route,),
    "aws:cloudwatch/logGroup:LogGroup": (standing_roles.log_group_key,),
    "aws:s3/bucketNotification:BucketNotification": (standing_roles.notification,),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": (standing_roles.replication,),
    "aws:s3/bucketAcl:BucketAcl": (standing_roles.bucket_acl, standing_buckets.acl),
    "aws:s3/bucketPolicy:BucketPolicy": (_bucket_policy,),
    "aws:kms/key:Key": (_key_policy,),
    "aws:kms/keyPolicy:KeyPolicy": (_key_policy,),
    "aws:iam/role:Role": (_principals("assumeRolePolicy"), _boundary),
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
CREATE: Mapping[str, tuple[Hook, ...]] = _assumed(
    {
        **_CHANGE,
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
UPDATE: Mapping[str, tuple[Hook, ...]] = _assumed(
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
DELETE: Mapping[str, tuple[Hook, ...]] = {
    "aws:ecs/cluster:Cluster": (standing_services.cluster_gone,),
    "aws:rds/instance:Instance": (standing_databases.instance_gone,),
    "aws:rds/cluster:Cluster": (standing_databases.cluster_gone,),
    "aws:rds/subnetGroup:SubnetGroup": (standing_databases.subnets_gone,),
    "aws:rds/parameterGroup:ParameterGroup": (standing_databases.parameters_gone,),
    "aws:ec2/securityGroup:SecurityGroup": (standing_network.group_gone,),
    "aws:ec2/subnet:Subnet": (standing_network.subnet_gone,),
    "aws:iam/policy:Policy": (_policy_gone,),
    "aws:wafv2/webAcl:WebAcl": (standing_network.acl_gone,),
    "aws:wafv2/ipSet:IpSet": (standing_network.set_gone,),
}
