"""What AWS refuses because of what else exists; each beside its right twin.

A case is a program of two steps. `refused`: the words of AWS's refusal in step 2 (or, for a deletion, in the destroy after what
`behind` did behind Pulumi's back); step 3 is the right twin, or the destroy after `back` took it away again. Sources: the
error codes of the API references of the services named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pulumi_aws as aws
import pytest

from tests.localcloud.provider.programs.parts import (
    ACCOUNT,
    allow,
    balancer,
    database,
    forward,
    ids,
    network,
    policy,
    targets,
    task,
    trust,
)  # fmt: skip
from tests.localcloud.provider.programs.small_engine import Options, SmallEngine, refused

pytestmark = pytest.mark.process

Client = Callable[[str], Any]


# ---- refused when it is made


@dataclass(frozen=True)
class Wrong:
    """`make(2)` is refused with `words`; `make(3)` is right."""

    make: Callable[[int], None]
    words: tuple[str, ...]


def _answer() -> list[dict[str, Any]]:
    return [{"type": "fixed-response", "fixed_response": {"content_type": "text/plain", "status_code": "404"}}]


def _path(*values: str) -> list[dict[str, Any]]:
    return [{"path_pattern": {"values": list(values)}}]


def _two_rules(step: int) -> None:
    vpc, subnets = network("pr", 70)
    lb, _ = balancer("pr", vpc, subnets)
    listener = aws.lb.Listener("prl", load_balancer_arn=lb.arn, port=80, default_actions=_answer())
    aws.lb.ListenerRule("pr1", listener_arn=listener.arn, priority=1, conditions=_path("/a"), actions=_answer())
    if step > 1:
        priority = 1 if step == 2 else 2
        aws.lb.ListenerRule(
            "pr2", listener_arn=listener.arn, priority=priority, conditions=_path("/b"), actions=_answer()
        )


def _two_listeners(step: int) -> None:
    vpc, subnets = network("dl", 71)
    lb, _ = balancer("dl", vpc, subnets)
    aws.lb.Listener("dl1", load_balancer_arn=lb.arn, port=80, default_actions=_answer())
    if step > 1:
        aws.lb.Listener("dl2", load_balancer_arn=lb.arn, port=80 if step == 2 else 81, default_actions=_answer())


def _group_of_two_balancers(step: int) -> None:
    vpc, subnets = network("t2", 72)
    one, _ = balancer("t2a", vpc, subnets)
    two, _ = balancer("t2b", vpc, subnets)
    group = targets("t2g", vpc)
    aws.lb.Listener("t2l", load_balancer_arn=one.arn, port=80, default_actions=forward(group))
    if step > 1:
        other = group if step == 2 else targets("t2h", vpc)
        aws.lb.Listener("t2m", load_balancer_arn=two.arn, port=80, default_actions=forward(other))


def _zones_of_a_balancer(step: int) -> None:
    vpc, subnets = network("zb", 73)
    third = aws.ec2.Subnet("zb3", vpc_id=vpc.id, cidr_block="10.73.9.0/24", availability_zone="ap-south-1a")
    if step > 1:
        aws.lb.LoadBalancer("zb", subnets=[subnets[0].id, (third if step == 2 else subnets[1]).id])


def _same_rule(step: int) -> None:
    vpc, _ = network("sr", 74)
    group = aws.ec2.SecurityGroup("srg", vpc_id=vpc.id)
    rule: dict[str, Any] = {
        "security_group_id": group.id,
        "ip_protocol": "tcp",
        "from_port": 80,
        "cidr_ipv4": "10.0.0.0/8",
    }
    first = aws.vpc.SecurityGroupIngressRule("sr1", **rule, to_port=80)
    if step > 1:
        port = 80 if step == 2 else 81
        aws.vpc.SecurityGroupIngressRule("sr2", **rule, to_port=port, opts=Options(depends_on=[first]))


def _overlapping(step: int) -> None:
    vpc, _ = network("ov", 75)
    if step > 1:
        block = "10.75.1.128/25" if step == 2 else "10.75.2.0/24"
        aws.ec2.Subnet("ov2", vpc_id=vpc.id, cidr_block=block)


def _outside(step: int) -> None:
    vpc, _ = network("ou", 76)
    if step > 1:
        aws.ec2.Subnet("ou2", vpc_id=vpc.id, cidr_block="10.77.9.0/24" if step == 2 else "10.76.9.0/24")


def _second_gateway(step: int) -> None:
    vpc, _ = network("ig", 78)
    aws.ec2.InternetGateway("ig1", vpc_id=vpc.id)
    if step == 2:
        aws.ec2.InternetGateway("ig2", vpc_id=vpc.id)
    if step == 3:
        aws.ec2.InternetGateway("ig2", vpc_id=aws.ec2.Vpc("ig-other", cidr_block="10.79.0.0/16").id)


def _route_twice(step: int) -> None:
    vpc, _ = network("r2", 80)
    gateway = aws.ec2.InternetGateway("r2g", vpc_id=vpc.id)
    table = aws.ec2.RouteTable("r2t", vpc_id=vpc.id)
    first = aws.ec2.Route("r21", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
    if step > 1:
        block = "0.0.0.0/0" if step == 2 else "192.168.0.0/16"
        aws.ec2.Route(
            "r22", route_table_id=table.id, destination_cidr_block=block, gateway_id=gateway.id,
            opts=Options(depends_on=[first]),
        )  # fmt: skip


def _gateway_of_another_vpc(step: int) -> None:
    vpc, _ = network("go", 81)
    other = aws.ec2.Vpc("go-other", cidr_block="10.82.0.0/16")
    here, there = (aws.ec2.InternetGateway(f"go{i}", vpc_id=of.id) for i, of in enumerate((vpc, other)))
    table = aws.ec2.RouteTable("got", vpc_id=vpc.id)
    if step > 1:
        gateway = there if step == 2 else here
        aws.ec2.Route("gor", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)


def _associated_twice(step: int) -> None:
    vpc, subnets = network("at", 83)
    tables = [aws.ec2.RouteTable(f"at{i}", vpc_id=vpc.id) for i in range(2)]
    first = aws.ec2.RouteTableAssociation("ata", subnet_id=subnets[0].id, route_table_id=tables[0].id)
    if step > 1:
        subnet = subnets[0 if step == 2 else 1]
        aws.ec2.RouteTableAssociation(
            "atb", subnet_id=subnet.id, route_table_id=tables[1].id, opts=Options(depends_on=[first])
        )


def _address_twice(step: int) -> None:
    _, subnets = network("ad", 84)
    addresses = [aws.ec2.Eip(f"ad{i}", domain="vpc") for i in range(2)]
    first = aws.ec2.NatGateway("adn", subnet_id=subnets[0].id, allocation_id=addresses[0].id)
    if step > 1:
        address = addresses[0 if step == 2 else 1]
        aws.ec2.NatGateway("adm", subnet_id=subnets[1].id, allocation_id=address.id, opts=Options(depends_on=[first]))


def _one_zone(step: int) -> None:
    _, subnets = network("oz", 85)
    if step > 1:
        aws.rds.SubnetGroup("oz", subnet_ids=ids(subnets[:1] if step == 2 else subnets))


def _groups_of_an_interface(step: int) -> None:
    vpc, subnets = network("gi", 86)
    groups = [aws.ec2.SecurityGroup(f"gi{i}", vpc_id=vpc.id) for i in range(6)]
    if step > 1:
        aws.lb.LoadBalancer("gi", subnets=ids(subnets), security_groups=ids(groups[: 6 if step == 2 else 5]))


def _groups_of_a_service(step: int) -> None:
    vpc, subnets = network("gs", 87)
    groups = [aws.ec2.SecurityGroup(f"gs{i}", vpc_id=vpc.id) for i in range(6)]
    if step > 1:
        at = {"subnets": ids(subnets), "security_groups": ids(groups[: 6 if step == 2 else 5])}
        aws.ecs.Service(
            "gs", cluster=aws.ecs.Cluster("gs").arn, task_definition=task("gs").arn, launch_type="FARGATE",
            network_configuration=at,
        )  # fmt: skip


def _rules_of_a_group(step: int) -> None:
    vpc, _ = network("rg", 88)
    if step > 1:
        blocks = [f"192.168.{i}.0/24" for i in range(61 if step == 2 else 60)]
        rule = {"protocol": "tcp", "from_port": 1, "to_port": 1, "cidr_blocks": blocks}
        aws.ec2.SecurityGroup("rg", vpc_id=vpc.id, ingress=[rule])


def _policies_of_a_role(step: int) -> None:
    role = aws.iam.Role("pr", name="of-many-policies", assume_role_policy=trust())
    many = [
        aws.iam.Policy(f"pr{i}", name=f"of-many-{i}", policy=policy(allow(Action="s3:ListBucket", Resource="*")))
        for i in range(11)
    ]
    last: list[Any] = []
    for i, made in enumerate(many[: 11 if step == 2 else 10] if step > 1 else []):
        last = [
            aws.iam.RolePolicyAttachment(f"pra{i}", role=role.name, policy_arn=made.arn, opts=Options(depends_on=last))
        ]


def _pending_key(step: int) -> None:
    keys = [aws.kms.Key(f"pk{i}") for i in range(2)]
    if step > 1:
        aws.secretsmanager.Secret(
            "pks", name=f"of-pending-key-{step}", kms_key_id=keys[0 if step == 2 else 1].arn, recovery_window_in_days=0
        )


def _lambda_role(step: int) -> None:
    service = "ecs-tasks.amazonaws.com" if step == 2 else "lambda.amazonaws.com"
    role = aws.iam.Role("lr", name="of-a-function", assume_role_policy=trust(service))
    if step > 1:
        image = f"{ACCOUNT}.dkr.ecr.ap-south-1.amazonaws.com/r:1"
        aws.lambda_.Function("lf", name="function", role=role.arn, package_type="Image", image_uri=image)


def _monitoring_role(step: int) -> None:
    service = "rds.amazonaws.com" if step == 2 else "monitoring.rds.amazonaws.com"
    role = aws.iam.Role("mr", name="of-monitoring", assume_role_policy=trust(service))
    if step > 1:
        database("mr", identifier="monitored", monitoring_interval=60, monitoring_role_arn=role.arn)


def _target_role(step: int) -> None:
    service = "ecs-tasks.amazonaws.com" if step == 2 else "events.amazonaws.com"
    role = aws.iam.Role("er", name="of-events", assume_role_policy=trust(service))
    rule = aws.cloudwatch.EventRule("er", name="with-a-role", schedule_expression="rate(1 day)")
    queue = aws.sqs.Queue("er", name="with-a-role")
    if step > 1:
        aws.cloudwatch.EventTarget("er", rule=rule.name, target_id="t", arn=queue.arn, role_arn=role.arn)


def _key_for_logs(step: int) -> None:
    root = allow(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Action="kms:*", Resource="*")
    actions = ["kms:Encrypt*", "kms:Decrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
    logs = allow(Principal={"Service": "logs.ap-south-1.amazonaws.com"}, Action=actions, Resource="*")
    key = aws.kms.Key("kl", policy=policy(root) if step < 3 else policy(root, logs))
    if step > 1:
        aws.cloudwatch.LogGroup("kl", name=f"/of-key-{step}", kms_key_id=key.arn)


def _bucket_for_access_logs(step: int) -> None:
    _, subnets = network("al", 89)
    bucket = aws.s3.Bucket("al", bucket="of-access-logs")
    parts: list[Any] = []
    if step == 3:
        statement = allow(
            Principal={"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            Action="s3:PutObject",
            Resource="arn:aws:s3:::of-access-logs/*",
        )
        parts = [aws.s3.BucketPolicy("al", bucket=bucket.id, policy=policy(statement))]
    if step > 1:
        aws.lb.LoadBalancer(
            "al", subnets=ids(subnets), access_logs={"bucket": bucket.bucket, "enabled": True},
            opts=Options(depends_on=parts),
        )  # fmt: skip


def _queue_for_events(step: int) -> None:
    bucket = aws.s3.Bucket("qe", bucket="of-notifications")
    queue = aws.sqs.Queue("qe", name="of-notifications")
    parts: list[Any] = []
    if step == 3:
        statement = allow(Principal={"Service": "s3.amazonaws.com"}, Action="sqs:SendMessage", Resource="*")
        parts = [aws.sqs.QueuePolicy("qe", queue_url=queue.id, policy=policy(statement))]
    if step > 1:
        aws.s3.BucketNotification(
            "qe", bucket=bucket.id, queues=[{"queue_arn": queue.arn, "events": ["s3:ObjectCreated:*"]}],
            opts=Options(depends_on=parts),
        )  # fmt: skip


def _owned_acl(step: int) -> None:
    bucket = aws.s3.Bucket("oa", bucket="of-an-acl")
    parts: list[Any] = []
    if step == 3:
        rule = {"object_ownership": "BucketOwnerPreferred"}
        parts = [aws.s3.BucketOwnershipControls("oa", bucket=bucket.id, rule=rule)]
    if step > 1:
        aws.s3.BucketAcl("oa", bucket=bucket.id, acl="log-delivery-write", opts=Options(depends_on=parts))


def _replication(step: int) -> None:
    role = aws.iam.Role("re", name="of-replication", assume_role_policy=trust("s3.amazonaws.com"))
    source, target = (aws.s3.Bucket(f"re{i}", bucket=f"of-replication-{i}") for i in range(2))
    parts: list[Any] = []
    if step == 3:
        parts = [
            aws.s3.BucketVersioning(f"re{i}v", bucket=bucket.id, versioning_configuration={"status": "Enabled"})
            for i, bucket in enumerate((source, target))
        ]
    if step > 1:
        rule = {"id": "all", "status": "Enabled", "destination": {"bucket": target.arn}}
        aws.s3.BucketReplicationConfig(
            "re", bucket=source.id, role=role.arn, rules=[rule], opts=Options(depends_on=parts)
        )


def _queue_of_another_kind(step: int) -> None:
    dead = aws.sqs.Queue("qd", name="dead-letters" + (".fifo" if step == 2 else ""), fifo_queue=step == 2)
    if step > 1:
        redrive = dead.arn.apply(lambda arn: f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": 3}}')
        aws.sqs.Queue("ql", name="living", redrive_policy=redrive)


WRONG: dict[str, Wrong] = {
    "two rules of one priority": Wrong(_two_rules, ("PriorityInUse",)),
    "two listeners of one port": Wrong(_two_listeners, ("DuplicateListener",)),
    "a target group of two balancers": Wrong(_group_of_two_balancers, ("TargetGroupAssociationLimit",)),
    "two subnets of one zone": Wrong(_zones_of_a_balancer, ("same Availability Zone",)),
    "the same rule twice": Wrong(_same_rule, ("InvalidPermission.Duplicate",)),
    "overlapping subnets": Wrong(_overlapping, ("InvalidSubnet.Conflict",)),
    "a subnet outside its VPC": Wrong(_outside, ("InvalidSubnet.Range",)),
    "a second gateway": Wrong(_second_gateway, ("Resource.AlreadyAssociated",)),
    "a route twice": Wrong(_route_twice, ("RouteAlreadyExists",)),
    "a gateway of another VPC": Wrong(_gateway_of_another_vpc, ("different networks",)),
    "a subnet of two tables": Wrong(_associated_twice, ("Resource.AlreadyAssociated",)),
    "an address of two gateways": Wrong(_address_twice, ("Resource.AlreadyAssociated",)),
    "a subnet group in one zone": Wrong(_one_zone, ("at least two availability zones",)),
    "six groups of a balancer": Wrong(_groups_of_an_interface, ("5",)),
    "six groups of a service": Wrong(_groups_of_a_service, ("5",)),
    "sixty-one rules of a group": Wrong(_rules_of_a_group, ("RulesPerSecurityGroupLimitExceeded",)),
    "eleven policies of a role": Wrong(_policies_of_a_role, ("LimitExceeded", "10")),
    "a role that Lambda may not assume": Wrong(_lambda_role, ("cannot be assumed by Lambda",)),
    "a role that monitoring may not assume": Wrong(_monitoring_role, ("monitoring.rds.amazonaws.com",)),
    "a role that events may not assume": Wrong(_target_role, ("events.amazonaws.com",)),
    "a key that logs may not use": Wrong(_key_for_logs, ("logs.ap-south-1.amazonaws.com",)),
    "a bucket that takes no access logs": Wrong(_bucket_for_access_logs, ("Access Denied for bucket",)),
    "a queue that takes no notifications": Wrong(_queue_for_events, ("Unable to validate the following destination",)),
    "an ACL where there are none": Wrong(_owned_acl, ("AccessControlListNotSupported",)),
    "replication without versions": Wrong(_replication, ("Versioning must be 'Enabled'",)),
    "dead letters of another kind": Wrong(_queue_of_another_kind, ("dead",)),
}


@pytest.mark.parametrize("name", WRONG)
def test_refused_when_it_is_made(stack: SmallEngine, name: str) -> None:
    wrong = WRONG[name]
    stack.up(wrong.make, 1)
    with refused(*wrong.words):
        stack.up(wrong.make, 2)
    stack.up(wrong.make, 3)
    assert stack.preview(wrong.make, 3).changes == {}
    stack.destroy()


def test_a_key_that_waits_for_its_deletion_takes_no_new_secret(stack: SmallEngine, aws_clients: Client) -> None:
    stack.up(_pending_key, 1)
    aws_clients("kms").schedule_key_deletion(KeyId=stack.id("pk0"), PendingWindowInDays=7)
    with refused("pending deletion"):
        stack.up(_pending_key, 2)
    stack.up(_pending_key, 3)
    stack.destroy()


# ---- refused when it goes


@dataclass(frozen=True)
class Held:
    """After `behind`, the deletion of all that `make` made is refused with `words`; after `back` it is not."""

    make: Callable[[int], None]
    behind: Callable[[Client, SmallEngine], None]
    back: Callable[[Client, SmallEngine], None]
    words: tuple[str, ...]


def _one_group(_: int) -> None:
    vpc, _subnets = network("og", 100)
    aws.ec2.SecurityGroup("og", name="one-group", vpc_id=vpc.id)


def _other_group(client: Client, stack: SmallEngine) -> None:
    ec2 = client("ec2")
    made = ec2.create_security_group(GroupName="refers", Description="d", VpcId=stack.id("og-vpc"))["GroupId"]
    pair = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": stack.id("og")}]}
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[pair])


def _no_other_group(client: Client, _: SmallEngine) -> None:
    ec2 = client("ec2")
    for group in ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["refers"]}])["SecurityGroups"]:
        ec2.delete_security_group(GroupId=group["GroupId"])


def _interface(client: Client, stack: SmallEngine) -> None:
    client("ec2").create_network_interface(SubnetId=stack.id("og-s0"), Groups=[stack.id("og")], Description="of 18")


def _no_interface(client: Client, _: SmallEngine) -> None:
    ec2 = client("ec2")
    for found in ec2.describe_network_interfaces()["NetworkInterfaces"]:
        if found["Description"] == "of 18":
            ec2.delete_network_interface(NetworkInterfaceId=found["NetworkInterfaceId"])


def _only_subnets(_: int) -> None:
    network("og", 101)


def _interface_in_subnet(client: Client, stack: SmallEngine) -> None:
    client("ec2").create_network_interface(SubnetId=stack.id("og-s0"), Description="of 18")


def _bucket(_: int) -> None:
    aws.s3.Bucket("b", bucket="not-empty")


def _object(client: Client, _: SmallEngine) -> None:
    client("s3").put_object(Bucket="not-empty", Key="k", Body=b"1")


def _no_object(client: Client, _: SmallEngine) -> None:
    client("s3").delete_object(Bucket="not-empty", Key="k")


def _role(_: int) -> None:
    aws.iam.Role("r", name="in-use", assume_role_policy=trust())


def _inline(client: Client, _: SmallEngine) -> None:
    document = policy(allow(Action="s3:ListBucket", Resource="*"))
    client("iam").put_role_policy(RoleName="in-use", PolicyName="inline", PolicyDocument=document)


def _no_inline(client: Client, _: SmallEngine) -> None:
    client("iam").delete_role_policy(RoleName="in-use", PolicyName="inline")


def _cluster(_: int) -> None:
    vpc, _subnets = network("cs", 102)
    aws.ec2.SecurityGroup("cs-sg", vpc_id=vpc.id)
    aws.ecs.Cluster("c", name="with-services")
    task("cs")


def _service(client: Client, stack: SmallEngine) -> None:
    client("ecs").create_service(
        cluster="with-services", serviceName="s", taskDefinition=stack.id("cs"), desiredCount=0, launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [stack.id("cs-s0")], "securityGroups": [stack.id("cs-sg")]}},
    )  # fmt: skip


def _no_service(client: Client, _: SmallEngine) -> None:
    client("ecs").delete_service(cluster="with-services", service="s", force=True)


def _event_rule(_: int) -> None:
    aws.cloudwatch.EventRule("er", name="with-targets", schedule_expression="rate(1 day)")


def _event_target(client: Client, _: SmallEngine) -> None:
    arn = f"arn:aws:sqs:ap-south-1:{ACCOUNT}:any"
    client("events").put_targets(Rule="with-targets", Targets=[{"Id": "t", "Arn": arn}])


def _no_event_target(client: Client, _: SmallEngine) -> None:
    client("events").remove_targets(Rule="with-targets", Ids=["t"])


def _repository(_: int) -> None:
    aws.ecr.Repository("repo", name="with-images")


def _image(client: Client, _: SmallEngine) -> None:
    manifest = '{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": []}'
    client("ecr").put_image(repositoryName="with-images", imageManifest=manifest, imageTag="1")


def _no_image(client: Client, _: SmallEngine) -> None:
    client("ecr").batch_delete_image(repositoryName="with-images", imageIds=[{"imageTag": "1"}])


def _group_alone(_: int) -> None:
    vpc, subnets = network("ga", 104)
    aws.ec2.InternetGateway("ga-gw", vpc_id=vpc.id)
    lb = aws.lb.LoadBalancer("ga-lb", subnets=ids(subnets))
    targets("ga", vpc, opts=Options(depends_on=[lb]))  # so that the balancer does not go first, with its listeners


def _listener(client: Client, stack: SmallEngine) -> None:
    action = {"Type": "forward", "TargetGroupArn": stack.id("ga")}
    client("elbv2").create_listener(
        LoadBalancerArn=stack.id("ga-lb"), Protocol="HTTP", Port=80, DefaultActions=[action]
    )


def _no_listener(client: Client, stack: SmallEngine) -> None:
    for found in client("elbv2").describe_listeners(LoadBalancerArn=stack.id("ga-lb"))["Listeners"]:
        client("elbv2").delete_listener(ListenerArn=found["ListenerArn"])


def _addresses(_: int) -> None:
    aws.wafv2.IpSet("set", name="in-an-acl", scope="REGIONAL", ip_address_version="IPV4", addresses=["1.2.3.0/24"])


def _visible() -> dict[str, Any]:
    return {"CloudWatchMetricsEnabled": False, "MetricName": "m", "SampledRequestsEnabled": False}


def _acl_of_set(client: Client, stack: SmallEngine) -> None:
    rule = {
        "Name": "r", "Priority": 1, "Action": {"Block": {}}, "VisibilityConfig": _visible(),
        "Statement": {"IPSetReferenceStatement": {"ARN": stack.outputs("set")["arn"]}},
    }  # fmt: skip
    client("wafv2").create_web_acl(
        Name="of-a-set", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=_visible(), Rules=[rule]
    )


def _no_acl_of_set(client: Client, _: SmallEngine) -> None:
    waf = client("wafv2")
    found = next(acl for acl in waf.list_web_acls(Scope="REGIONAL")["WebACLs"] if acl["Name"] == "of-a-set")
    waf.delete_web_acl(Name="of-a-set", Scope="REGIONAL", Id=found["Id"], LockToken=found["LockToken"])


def _acl_alone(_: int) -> None:
    _, subnets = network("aa", 105)
    lb = aws.lb.LoadBalancer("aa-lb", subnets=ids(subnets))
    visible = {"cloudwatch_metrics_enabled": False, "metric_name": "m", "sampled_requests_enabled": False}
    aws.wafv2.WebAcl(
        "aa", scope="REGIONAL", default_action={"allow": {}}, visibility_config=visible, opts=Options(depends_on=[lb])
    )


def _protected(client: Client, stack: SmallEngine) -> None:
    client("wafv2").associate_web_acl(WebACLArn=stack.outputs("aa")["arn"], ResourceArn=stack.id("aa-lb"))


def _unprotected(client: Client, stack: SmallEngine) -> None:
    client("wafv2").disassociate_web_acl(ResourceArn=stack.id("aa-lb"))


HELD: dict[str, Held] = {
    "an ACL of a balancer": Held(_acl_alone, _protected, _unprotected, ("WAFAssociatedItemException",)),
    "a group that another's rule names": Held(_one_group, _other_group, _no_other_group, ("DependencyViolation",)),
    "a group of an interface": Held(_one_group, _interface, _no_interface, ("DependencyViolation",)),
    "a subnet with an interface": Held(_only_subnets, _interface_in_subnet, _no_interface, ("DependencyViolation",)),
    "a bucket with an object": Held(_bucket, _object, _no_object, ("BucketNotEmpty",)),
    "a role with an inline policy": Held(_role, _inline, _no_inline, ("DeleteConflict",)),
    "a cluster with a service": Held(_cluster, _service, _no_service, ("ClusterContainsServicesException",)),
    "a rule with a target": Held(_event_rule, _event_target, _no_event_target, ("targets",)),
    "a repository with an image": Held(_repository, _image, _no_image, ("RepositoryNotEmptyException",)),
    "a target group of a listener": Held(_group_alone, _listener, _no_listener, ("ga: ", "ResourceInUse")),
    "an IP set of an ACL": Held(_addresses, _acl_of_set, _no_acl_of_set, ("WAFAssociatedItemException",)),
}


@pytest.mark.parametrize("name", HELD)
def test_refused_when_it_goes(stack: SmallEngine, aws_clients: Client, name: str) -> None:
    held = HELD[name]
    stack.up(held.make)
    held.behind(aws_clients, stack)
    with refused(*held.words):
        stack.destroy()
    held.back(aws_clients, stack)
    stack.up(held.make)  # what had gone before the refusal comes again
    stack.destroy()
