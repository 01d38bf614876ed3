"""What EC2 and Elastic Load Balancing refuse because of what else exists; the tables that call it are in standing.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from localcloud.provider.constraints import policies
from localcloud.provider.errors import Refused
from localcloud.provider.row import Context

#: "Rules per Application Load Balancer", without the default ones (ELB quotas).
_RULES = 100


# ---- Elastic Load Balancing


def _groups_of(actions: Any) -> Iterator[str]:
    """Target groups that actions forward to, in Pulumi's form."""
    for action in actions or ():
        if action.get("targetGroupArn"):
            yield str(action["targetGroupArn"])
        forward = action.get("forward") or {}
        for group in forward.get("targetGroups") or ():
            if group.get("arn"):
                yield str(group["arn"])


def _live_groups(actions: Any) -> Iterator[str]:
    for action in actions or ():
        if action.get("TargetGroupArn"):
            yield str(action["TargetGroupArn"])
        for group in (action.get("ForwardConfig") or {}).get("TargetGroups") or ():
            yield str(group["TargetGroupArn"])


def _one_balancer(context: Context, balancer: str, groups: Iterator[str]) -> None:
    """A target group belongs to one load balancer."""
    for arn in dict.fromkeys(groups):
        found = context.call("describe_target_groups", {"TargetGroupArns": [arn]})["TargetGroups"]
        for other in found[0].get("LoadBalancerArns") or () if found else ():
            if other != balancer and _forwards(context, other, arn):
                raise Refused(
                    "TargetGroupAssociationLimit: the following target groups cannot be associated with more than one load "
                    f"balancer: {arn} (it is {other}'s)"
                )


def _forwards(context: Context, balancer: str, group: str) -> bool:
    """Whether a balancer still forwards to a group: the emulator remembers former ones."""
    try:
        listeners = context.call("describe_listeners", {"LoadBalancerArn": balancer})["Listeners"]
    except ClientError:
        return False
    for listener in listeners:
        if group in _live_groups(listener.get("DefaultActions")):
            return True
        rules = context.call("describe_rules", {"ListenerArn": listener["ListenerArn"]})["Rules"]
        if any(group in _live_groups(rule.get("Actions")) for rule in rules):
            return True
    return False


def listener(context: Context) -> None:
    """CreateListener: one listener per port, and target groups of this balancer only."""
    inputs = context["in"]
    for found in context.call("describe_listeners", {"LoadBalancerArn": inputs["loadBalancerArn"]})["Listeners"]:
        if found.get("Port") == int(inputs.get("port") or 0):
            raise Refused(
                f"DuplicateListener: a listener already exists on the port {inputs['port']} of {inputs['loadBalancerArn']}"
            )
    listener_change(context)


def listener_change(context: Context) -> None:
    """ModifyListener."""
    inputs = context["in"]
    _one_balancer(context, str(inputs.get("loadBalancerArn")), _groups_of(inputs.get("defaultActions")))


def rule(context: Context) -> None:
    """CreateRule: within the quota."""
    arn = context["in"]["listenerArn"]
    rules = context.call("describe_rules", {"ListenerArn": arn})["Rules"]
    if sum(not found.get("IsDefault") for found in rules) >= _RULES:
        raise Refused(f"TooManyRules: {arn} has {_RULES} rules, which is the quota of a load balancer")
    rule_change(context)


def rule_change(context: Context) -> None:
    """ModifyRule."""
    inputs = context["in"]
    groups = list(_groups_of(inputs.get("actions")))
    if not groups:
        return
    found = context.call("describe_listeners", {"ListenerArns": [inputs["listenerArn"]]})["Listeners"]
    if found:
        _one_balancer(context, str(found[0]["LoadBalancerArn"]), iter(groups))


def balancer(context: Context) -> None:
    """CreateLoadBalancer, SetSubnets: a subnet of each zone; a log bucket that admits the delivery."""
    inputs = context["in"]
    subnets = [str(subnet) for subnet in inputs.get("subnets") or ()]
    if subnets and context.asks("subnets"):
        found = context.call("ec2:describe_subnets", {"SubnetIds": subnets})["Subnets"]
        zones = [subnet["AvailabilityZone"] for subnet in found]
        for zone in zones:
            if zones.count(zone) > 1:
                raise Refused(
                    "InvalidConfigurationRequest: a load balancer cannot be attached to multiple subnets in the same "
                    f"Availability Zone ({zone}: {', '.join(s['SubnetId'] for s in found if s['AvailabilityZone'] == zone)})"
                )
    for name in ("accessLogs", "connectionLogs", "healthCheckLogs"):
        logs = inputs.get(name) or {}
        if str(logs.get("enabled")).lower() == "true":
            _admits_logs(context, str(logs.get("bucket")))


def _admits_logs(context: Context, bucket: str) -> None:
    """Elastic Load Balancing writes a test object: by its service's name, or by its account of the Region."""
    try:
        found = policies.document(context.call("s3:get_bucket_policy", {"Bucket": bucket})["Policy"])
    except ClientError:
        found = None
    services = ("logdelivery.elasticloadbalancing.amazonaws.com", "delivery.logs.amazonaws.com")
    others = lambda arn: arn.startswith("arn:aws:iam::") and context["account"] not in arn  # noqa: E731 - one use, one line
    if not policies.allows(found, "s3:PutObject", services, others):
        raise Refused(
            f"InvalidConfigurationRequest: Access Denied for bucket: {bucket}. Please check S3bucket permission: its policy "
            f"must allow s3:PutObject to {services[0]}"
        )


# ---- EC2


def gateway(context: Context) -> None:
    """AttachInternetGateway: a VPC has one."""
    vpc = context["in"].get("vpcId")
    if not vpc:
        return
    filters = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
    for found in context.call("describe_internet_gateways", {"Filters": filters})["InternetGateways"]:
        if found["InternetGatewayId"] != context.environment.get("id"):
            raise Refused(
                f"Resource.AlreadyAssociated: {vpc} already has an internet gateway: {found['InternetGatewayId']}"
            )


def route(context: Context) -> None:
    """CreateRoute, ReplaceRoute: the gateway is attached to the table's VPC."""
    inputs = context["in"]
    gateway = str(inputs.get("gatewayId") or "")
    if not gateway.startswith("igw-"):
        return
    tables = context.call("describe_route_tables", {"RouteTableIds": [inputs["routeTableId"]]})["RouteTables"]
    found = context.call("describe_internet_gateways", {"InternetGatewayIds": [gateway]})["InternetGateways"]
    attached = {item.get("VpcId") for item in found[0].get("Attachments") or ()} if found else set()
    if tables and tables[0]["VpcId"] not in attached:
        raise Refused(
            f"InvalidParameterValue: route table {inputs['routeTableId']} and network gateway {gateway} belong to different "
            "networks"
        )


def table_association(context: Context) -> None:
    """AssociateRouteTable: a subnet has one table."""
    subnet = context["in"].get("subnetId")
    if not subnet:
        return
    filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
    for table in context.call("describe_route_tables", {"Filters": filters})["RouteTables"]:
        for found in table.get("Associations") or ():
            if found.get("SubnetId") == subnet:
                raise Refused(
                    f"Resource.AlreadyAssociated: the subnet {subnet} is associated with {table['RouteTableId']} already "
                    f"({found['RouteTableAssociationId']})"
                )


def _interfaces(context: Context, name: str) -> list[str]:
    """Interfaces with a filter's value: network interfaces, and what ECS services will give their tasks."""
    filters = [{"Name": name, "Values": [context["id"]]}]
    found = context.call("describe_network_interfaces", {"Filters": filters})["NetworkInterfaces"]
    return [interface["NetworkInterfaceId"] for interface in found]


def _services(context: Context) -> list[str]:
    """ECS services whose tasks stand in this subnet, or have this group."""
    users = []
    for cluster in context.call("ecs:list_clusters", {})["clusterArns"]:
        arns = context.call("ecs:list_services", {"cluster": cluster, "maxResults": 100})["serviceArns"]
        for first in range(0, len(arns), 10):
            asked = {"cluster": cluster, "services": arns[first : first + 10]}
            for found in context.call("ecs:describe_services", asked)["services"]:
                at = (found.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
                held = (*(at.get("subnets") or ()), *(at.get("securityGroups") or ()))
                if found["status"] == "ACTIVE" and found.get("desiredCount") and context["id"] in held:
                    users.append(f"the service {found['serviceName']}")
    return users


def group_gone(context: Context) -> None:
    """DeleteSecurityGroup: nothing has it, and no other group's rule names it."""
    group = context["id"]
    users = [item["LoadBalancerName"] for item in context.call("elbv2:describe_load_balancers", {})["LoadBalancers"]
             if group in (item.get("SecurityGroups") or ())]  # fmt: skip
    for found in context.call("rds:describe_db_instances", {})["DBInstances"]:
        held = {item["VpcSecurityGroupId"] for item in found.get("VpcSecurityGroups") or ()}
        users += [found["DBInstanceIdentifier"]] if group in held else []
    users += _interfaces(context, "group-id") + _services(context) + _referring(context, group)
    if users:
        raise Refused(f"DependencyViolation: the security group {group} is used by {', '.join(users)}")


def _referring(context: Context, group: str) -> list[str]:
    """Other groups whose rules name this one."""
    return [
        f"a rule of {found['GroupId']}"
        for found in context.call("describe_security_groups", {})["SecurityGroups"]
        if found["GroupId"] != group
        and any(
            pair.get("GroupId") == group
            for permission in (*found.get("IpPermissions", ()), *found.get("IpPermissionsEgress", ()))
            for pair in permission.get("UserIdGroupPairs") or ()
        )
    ]


def subnet_gone(context: Context) -> None:
    """DeleteSubnet: nothing stands in it."""
    users = [
        item["LoadBalancerName"]
        for item in context.call("elbv2:describe_load_balancers", {})["LoadBalancers"]
        if context["id"] in {zone.get("SubnetId") for zone in item.get("AvailabilityZones") or ()}
    ]
    users += _interfaces(context, "subnet-id") + _services(context)
    if users:
        raise Refused(f"DependencyViolation: the subnet {context['id']} is used by {', '.join(users)}")


def set_gone(context: Context) -> None:
    """DeleteIPSet, DeleteRegexPatternSet, DeleteRuleGroup: no web ACL refers to it."""
    scope, arn = context["in"]["scope"], str(context["out"].get("arn"))
    for acl in context.call("wafv2:list_web_acls", {"Scope": scope})["WebACLs"]:
        key: Mapping[str, Any] = {"Name": acl["Name"], "Scope": scope, "Id": acl["Id"]}
        if arn in repr(context.call("wafv2:get_web_acl", key)["WebACL"].get("Rules")):
            raise Refused(f"WAFAssociatedItemException: {arn} is being used by the web ACL {acl['Name']}")


def acl_gone(context: Context) -> None:
    """DeleteWebACL: it protects nothing."""
    if context["in"]["scope"] != "REGIONAL":
        return
    arn = context["out"].get("arn")
    for found in context.call("elbv2:describe_load_balancers", {})["LoadBalancers"]:
        held = context.call("wafv2:get_web_acl_for_resource", {"ResourceArn": found["LoadBalancerArn"]}).get("WebACL")
        if held and held.get("ARN") == arn:
            raise Refused(f"WAFAssociatedItemException: {context['id']} is associated with {found['LoadBalancerName']}")


def certificate_gone(context: Context) -> None:
    """DeleteCertificate: no listener and no distribution has it."""
    arn = str(context["id"])
    users = list(context.recorded("aws:cloudfront/distribution:Distribution", arn))
    for found in context.call("elbv2:describe_load_balancers", {})["LoadBalancers"]:
        asked = {"LoadBalancerArn": found["LoadBalancerArn"]}
        for listening in context.call("elbv2:describe_listeners", asked)["Listeners"]:
            held = {each.get("CertificateArn") for each in listening.get("Certificates") or ()}
            users += [listening["ListenerArn"]] if arn in held else []
    if users:
        raise Refused(f"ResourceInUseException: certificate {arn} is in use by {', '.join(users)}")


def _gateways(context: Context) -> Iterator[Mapping[str, Any]]:
    """NAT gateways that are there."""
    for found in context.call("describe_nat_gateways", {})["NatGateways"]:
        if found.get("State") not in ("deleted", "deleting", "failed"):
            yield found


def address_gone(context: Context) -> None:
    """ReleaseAddress: no NAT gateway has it."""
    for found in _gateways(context):
        if context["id"] in {each.get("AllocationId") for each in found.get("NatGatewayAddresses") or ()}:
            raise Refused(f"InvalidIPAddress.InUse: {context['id']} is in use by {found['NatGatewayId']}")


def gateway_gone(context: Context) -> None:
    """DetachInternetGateway: no public address is mapped in its VPC."""
    vpc = context["in"].get("vpcId")
    users = [found["NatGatewayId"] for found in _gateways(context)
             if vpc and found.get("VpcId") == vpc and found.get("ConnectivityType") != "private"]  # fmt: skip
    if users:
        raise Refused(
            f"DependencyViolation: network {vpc} has some mapped public address(es): unmap those before detaching the gateway "
            f"({', '.join(users)})"
        )
