"""The reference graph: keys, roles and policies, and who logs what."""

from __future__ import annotations

from tests.localcloud.provider.graph.case import LOGS, LOGS_AND_STREAMS, TAGS, Case, document, ref

TRUST = document(Principal={"Service": "ecs-tasks.amazonaws.com"}, Action="sts:AssumeRole")

CASES: dict[str, Case] = {
    "key": Case(
        "aws:kms/key:Key",
        {
            "description": "graph",
            "enableKeyRotation": True,
            "rotationPeriodInDays": 180,
            "policy": document(Principal={"AWS": "*"}, Action="kms:*", Resource="*"),
            "tags": TAGS,
        },
        {"description": "other", "enableKeyRotation": False},
        lambda aws, i, _: aws("kms").enable_key_rotation(KeyId=i),
        "enableKeyRotation",
    ),
    "alias": Case("aws:kms/alias:Alias", {"name": "alias/graph", "targetKeyId": ref("key.id")}),
    "role": Case(
        "aws:iam/role:Role",
        {"name": "graph-role", "assumeRolePolicy": TRUST, "description": "a role", "tags": TAGS},
        {"description": "another", "maxSessionDuration": 7200, "tags": {"a": "b"}},
        lambda aws, i, _: aws("iam").update_role(RoleName=i, MaxSessionDuration=3600),
        "maxSessionDuration",
    ),
    "user": Case(
        "aws:iam/user:User", {"name": "graph-user", "tags": TAGS}, {"name": "graph-renamed", "path": "/people/"}
    ),
    "role-policy": Case(
        "aws:iam/rolePolicy:RolePolicy",
        {"name": "inline", "role": ref("role.name"), "policy": LOGS},
        {"policy": LOGS_AND_STREAMS},
        lambda aws, i, inputs: aws("iam").put_role_policy(
            RoleName=inputs["role"], PolicyName="inline", PolicyDocument=LOGS
        ),
        "policy",
    ),
    "policy": Case(
        "aws:iam/policy:Policy",
        {"name": "graph-policy", "policy": LOGS, "tags": TAGS},
        {"policy": LOGS_AND_STREAMS},
        lambda aws, i, _: aws("iam").create_policy_version(PolicyArn=i, PolicyDocument=LOGS, SetAsDefault=True),
        "policy",
    ),
    "attachment": Case(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment", {"role": ref("role.name"), "policyArn": ref("policy.arn")}
    ),
    "log-group": Case(
        "aws:cloudwatch/logGroup:LogGroup",
        {"name": "/graph/logs", "retentionInDays": 30, "tags": TAGS},
        {"retentionInDays": 90, "tags": {"a": "b"}},
        lambda aws, i, _: aws("logs").put_retention_policy(logGroupName=i, retentionInDays=7),
        "retentionInDays",
    ),
    "flow-log": Case(
        "aws:ec2/flowLog:FlowLog",
        {
            "vpcId": ref("vpc.id"),
            "trafficType": "ALL",
            "logDestination": ref("log-group.arn"),
            "iamRoleArn": ref("role.arn"),
            "tags": TAGS,
        },
        {"tags": {"a": "b"}},
    ),
}
