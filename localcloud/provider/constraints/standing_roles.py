"""What is refused because a role, a key or a policy does not admit a service; the tables that call it are in standing.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from localcloud.provider.constraints import policies
from localcloud.provider.errors import Refused
from localcloud.provider.row import Context

#: "Managed policies attached to an IAM role" (IAM quotas).
_POLICIES = 10

#: Kind -> (property path, service, the refusal): roles that a service tries to assume when it is given them.
ASSUMED: Mapping[str, tuple[str, str, str]] = {
    "aws:lambda/function:Function": (
        "role",
        "lambda.amazonaws.com",
        "InvalidParameterValueException: the role defined for the function cannot be assumed by Lambda",
    ),
    "aws:rds/instance:Instance": (
        "monitoringRoleArn",
        "monitoring.rds.amazonaws.com",
        "InvalidParameterValue: the IAM role ARN is invalid or does not include the required permissions for: "
        "ENHANCED_MONITORING",
    ),
    "aws:cloudwatch/eventTarget:EventTarget": (
        "roleArn",
        "events.amazonaws.com",
        "ValidationException: the provided role cannot be assumed by principal 'events.amazonaws.com'",
    ),
    "aws:scheduler/schedule:Schedule": (
        "target.roleArn",
        "scheduler.amazonaws.com",
        "ValidationException: the execution role you provide must allow AWS EventBridge Scheduler to assume the role",
    ),
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": (
        "extendedS3Configuration.roleArn",
        "firehose.amazonaws.com",
        "InvalidArgumentException: Firehose is unable to assume the role",
    ),
    "aws:sfn/stateMachine:StateMachine": (
        "roleArn",
        "states.amazonaws.com",
        "AccessDeniedException: neither the global service principal states.amazonaws.com, nor the regional one is "
        "authorized to assume the provided role",
    ),
    "aws:cloudtrail/trail:Trail": (
        "cloudWatchLogsRoleArn",
        "cloudtrail.amazonaws.com",
        "InvalidCloudWatchLogsRoleArnException: access denied: check the trust relationship of your role",
    ),
    "aws:synthetics/canary:Canary": (
        "executionRoleArn",
        "lambda.amazonaws.com",
        "ValidationException: the role defined for the function cannot be assumed by Lambda",
    ),
    "aws:codebuild/project:Project": (
        "serviceRole",
        "codebuild.amazonaws.com",
        "InvalidInputException: CodeBuild is not authorized to perform: sts:AssumeRole on the service role",
    ),
}


def assumed(path: str, service: str, refusal: str) -> Callable[[Context], None]:
    """The role at `path` trusts the service."""

    def check(context: Context) -> None:
        value: Any = context["in"]
        for step in path.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if not isinstance(value, str) or f"::{context['account']}:role/" not in value:
            return  # a role of another account is not ours to look at
        try:
            role = context.call("iam:get_role", {"RoleName": value.rsplit("/", 1)[-1]})["Role"]
        except ClientError:
            return  # that it is not there is another refusal
        if not policies.allows(policies.document(role["AssumeRolePolicyDocument"]), "sts:AssumeRole", (service,)):
            raise Refused(f"{refusal} ({value}: its trust policy must allow sts:AssumeRole to {service})")

    return check


def attachment(context: Context) -> None:
    """AttachRolePolicy: within the quota."""
    inputs = context["in"]
    role = str(inputs["role"]).rsplit("/", 1)[-1]
    held = context.call("iam:list_attached_role_policies", {"RoleName": role})["AttachedPolicies"]
    if len(held) >= _POLICIES and inputs["policyArn"] not in {policy["PolicyArn"] for policy in held}:
        raise Refused(f"LimitExceeded: cannot exceed quota for PoliciesPerRole: {_POLICIES} (the role {role})")


def log_group_key(context: Context) -> None:
    """CreateLogGroup, AssociateKmsKey: the key's policy admits CloudWatch Logs of the Region."""
    key, name = context["in"].get("kmsKeyId"), context["in"].get("name")
    if not key or not context.asks("kmsKeyId"):
        return
    service = f"logs.{context['region']}.amazonaws.com"
    try:
        found = context.call("kms:get_key_policy", {"KeyId": key, "PolicyName": "default"})["Policy"]
    except ClientError:
        return  # that it is not there is another refusal
    if not policies.allows(policies.document(found), "kms:Encrypt", (service,)):
        raise Refused(
            f"InvalidParameterException: the specified KMS key {key} could not be found or is not allowed to be used with "
            f"the log group {name}: its policy must allow kms:Encrypt* and kms:Decrypt* to {service}"
        )


def trail_key(context: Context) -> None:
    """CreateTrail, UpdateTrail: the key's policy admits CloudTrail."""
    key = context["in"].get("kmsKeyId")
    if not key or not context.asks("kmsKeyId"):
        return
    try:
        found = context.call("kms:get_key_policy", {"KeyId": str(key).rsplit("/", 1)[-1], "PolicyName": "default"})[
            "Policy"
        ]
    except ClientError:
        return  # that it is not there is another refusal, and one of another account is not ours to look at
    if not policies.allows(policies.document(found), "kms:GenerateDataKey", ("cloudtrail.amazonaws.com",)):
        raise Refused(
            "InsufficientEncryptionPolicyException: insufficient permissions to access the KMS key "
            f"{key}: its policy must allow kms:GenerateDataKey* to cloudtrail.amazonaws.com"
        )


def notification(context: Context) -> None:
    """PutBucketNotificationConfiguration: S3 may send to each destination."""
    for kind, arn in _destinations(context["in"]):
        name = arn.rsplit(":", 1)[-1]
        try:
            if kind == "queue":
                url = context.call("sqs:get_queue_url", {"QueueName": name})["QueueUrl"]
                asked = {"QueueUrl": url, "AttributeNames": ["Policy"]}
                text = context.call("sqs:get_queue_attributes", asked).get("Attributes", {}).get("Policy")
            else:
                text = context.call("sns:get_topic_attributes", {"TopicArn": arn})["Attributes"].get("Policy")
        except ClientError:
            text = None
        action = {"queue": "sqs:SendMessage", "topic": "sns:Publish"}[kind]
        if not policies.allows(policies.document(text), action, ("s3.amazonaws.com",)):
            raise Refused(
                f"InvalidArgument: Unable to validate the following destination configurations: {arn} (its policy must allow "
                f"{action} to s3.amazonaws.com)"
            )


def _destinations(inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, kind in (("queues", "queue"), ("topics", "topic")):
        for item in inputs.get(name) or ():
            if item.get(f"{kind}Arn"):
                yield kind, str(item[f"{kind}Arn"])


def replication(context: Context) -> None:
    """PutBucketReplication: both buckets keep versions."""
    inputs = context["in"]
    if not _versioned(context, str(inputs["bucket"])):
        raise Refused(
            f"InvalidRequest: Versioning must be 'Enabled' on the bucket {inputs['bucket']} to apply a replication "
            "configuration"
        )
    for rule in inputs.get("rules") or ():
        target = str((rule.get("destination") or {}).get("bucket") or "").removeprefix("arn:aws:s3:::")
        if target and not _versioned(context, target):
            raise Refused(f"InvalidRequest: Destination bucket must have versioning enabled: {target}")


def _versioned(context: Context, bucket: str) -> bool:
    try:
        return context.call("s3:get_bucket_versioning", {"Bucket": bucket}).get("Status") == "Enabled"
    except ClientError:
        return True  # of another account: not ours to look at


def bucket_acl(context: Context) -> None:
    """PutBucketAcl: only where the bucket's owner does not own every object."""
    bucket, canned = context["in"]["bucket"], context["in"].get("acl")
    if canned in ("private", "bucket-owner-full-control"):
        return  # what such a bucket has anyway is accepted
    try:
        rules = context.call("get_bucket_ownership_controls", {"Bucket": bucket})["OwnershipControls"]["Rules"]
    except ClientError:
        rules = [{"ObjectOwnership": "BucketOwnerEnforced"}]  # the default since April 2023
    if rules[0]["ObjectOwnership"] == "BucketOwnerEnforced":
        raise Refused(
            f"AccessControlListNotSupported: the bucket {bucket} does not allow ACLs: its object ownership is "
            "BucketOwnerEnforced"
        )
