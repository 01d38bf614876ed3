"""Lambda, EC2 instances, CloudTrail, Config. Sources: CreateFunction, CreateEventSourceMapping, RunInstances, CreateTrail."""

from __future__ import annotations

import re
from collections.abc import Iterator

from localcloud.provider.constraints.combinations.given import Failure, Given

_RESERVED = frozenset((
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
))  # fmt: skip


def function(given: Given) -> Iterator[Failure]:
    """A function: code and runtime by package type, limits, reserved variables."""
    package = given.text("packageType", "Zip")
    if package == "Zip":
        for name in ("handler", "runtime"):
            if given.lacks(name):
                yield name, f"{name} is required with the packageType Zip"
        if given.has("imageUri"):
            yield "imageUri", "imageUri needs the packageType Image"
        if given.has("imageConfig"):
            yield "imageConfig", "imageConfig needs the packageType Image"
    if package == "Image":
        for name in ("handler", "runtime", "layers"):
            if given.has(name):
                yield name, f"{name} has no place with the packageType Image"
        if given.lacks("imageUri"):
            yield "imageUri", "imageUri is required with the packageType Image"
    if given.has("s3Key") != given.has("s3Bucket"):
        yield "s3Key", "s3Bucket and s3Key go together"
    variables = given.inner("environment").get("variables")
    if isinstance(variables, dict):
        for name in variables:
            if name in _RESERVED:
                yield "environment", f"environment: {name!r} is reserved by Lambda"
            elif not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]+", name):
                yield (
                    "environment",
                    f"environment: {name!r}; accepted are letters, digits and _, beginning with a letter, two at least",
                )
    layers = given.items("layers")
    if layers is not None and len(layers) > 5:
        yield "layers", f"layers has {len(layers)} elements; accepted are at most 5"
    logging = given.inner("loggingConfig")
    if logging.text("logFormat") == "Text":
        for name in ("applicationLogLevel", "systemLogLevel"):
            if logging.has(name):
                yield "loggingConfig", f"loggingConfig.{name} needs the logFormat JSON"
    if given.inner("snapStart").text("applyOn") == "PublishedVersions" and package == "Image":
        yield "snapStart", "snapStart has no place with the packageType Image"
    target = given.inner("deadLetterConfig").text("targetArn")
    if target and not re.search(r":(sqs|sns):", target):
        yield "deadLetterConfig", f"deadLetterConfig.targetArn is {target!r}; accepted is the ARN of a queue or a topic"
    runtime = given.text("runtime")
    if (
        given.inner("snapStart").text("applyOn") == "PublishedVersions"
        and runtime
        and not re.match(r"java(1[1-9]|2\d)|python3\.1[2-9]|dotnet([89]|1\d)", runtime)
    ):
        yield "snapStart", f"snapStart is not supported by the runtime {runtime}"


def permission(given: Given) -> Iterator[Failure]:
    """A permission: who, and for whom."""
    principal, source = given.text("principal"), given.text("sourceArn")
    if principal and not re.fullmatch(
        r"[\w.-]+\.amazonaws\.com(\.cn)?|\d{12}|arn:[\w-]+:iam::.+|\*|[\w.-]+\.(alexa|amazon)\S*|[\w-]+\.[\w.-]+",
        principal,
    ):
        yield "principal", f"principal is {principal!r}; accepted are a service, an account and an ARN"
    action = given.text("action")
    if action and not action.startswith("lambda:"):
        yield "action", f"action is {action!r}; it begins with lambda:"
    if source and not source.startswith("arn:"):
        yield "sourceArn", f"sourceArn is {source!r}; an ARN is accepted"


def event_source(given: Given) -> Iterator[Failure]:
    """An event source mapping: what a queue takes, and what a stream."""
    arn = given.text("eventSourceArn") or ""
    size, window = given.number("batchSize"), given.number("maximumBatchingWindowInSeconds")
    if ":sqs:" in arn:
        for name in (
            "startingPosition",
            "bisectBatchOnFunctionError",
            "maximumRecordAgeInSeconds",
            "maximumRetryAttempts",
            "parallelizationFactor",
            "tumblingWindowInSeconds",
            "destinationConfig",
        ):
            if given.has(name):
                yield name, f"{name} has no place with a queue; it is for streams"
        if arn.endswith(".fifo") and window:
            yield "maximumBatchingWindowInSeconds", "maximumBatchingWindowInSeconds has no place with a FIFO queue"
        if arn.endswith(".fifo") and size and size > 10:
            yield "batchSize", f"batchSize is {size:g}; a FIFO queue accepts at most 10"
        if size and size > 10 and not window and not arn.endswith(".fifo"):
            yield (
                "batchSize",
                f"batchSize is {size:g}; above 10 maximumBatchingWindowInSeconds of 1 s at least is required",
            )
        if size and size > 10000:
            yield "batchSize", f"batchSize is {size:g}; a queue accepts at most 10000"
    if re.search(r":(kinesis|dynamodb):", arn):
        if given.lacks("startingPosition"):
            yield "startingPosition", "startingPosition is required with a stream"
        if ":dynamodb:" in arn and given.text("startingPosition") == "AT_TIMESTAMP":
            yield "startingPosition", "AT_TIMESTAMP has no place with a stream of DynamoDB"
        if given.has("scalingConfig"):
            yield "scalingConfig", "scalingConfig is for queues"
    if given.text("startingPosition") == "AT_TIMESTAMP" and given.lacks("startingPositionTimestamp"):
        yield "startingPositionTimestamp", "startingPositionTimestamp is required with AT_TIMESTAMP"


def url(given: Given) -> Iterator[Failure]:
    """A function URL's CORS."""
    cors = given.inner("cors")
    if cors.on("allowCredentials") and cors.items("allowOrigins") == ["*"]:
        yield "cors", "cors: allowCredentials and the origin * exclude each other"


def instance(given: Given) -> Iterator[Failure]:
    """An instance: network, credits, metadata."""
    size = given.text("instanceType")
    if size and not re.fullmatch(r"[a-z0-9-]+\.[a-z0-9-]+", size):
        yield "instanceType", f"instanceType is {size!r}; accepted is one such as t3.micro"
    image = given.text("ami")
    if image and not re.fullmatch(r"ami-[0-9a-f]{8,17}|resolve:ssm:.+", image):
        yield "ami", f"ami is {image!r}; accepted is an id such as ami-0123456789abcdef0"
    if given.has("networkInterfaces"):
        for name in ("subnetId", "vpcSecurityGroupIds", "securityGroups", "associatePublicIpAddress", "privateIp"):
            if given.has(name):
                yield name, f"{name} and networkInterfaces exclude each other"
    if given.has("userData") and given.has("userDataBase64"):
        yield "userDataBase64", "userData and userDataBase64 exclude each other"
    if given.has("creditSpecification") and size and not size.startswith("t"):
        yield "creditSpecification", f"creditSpecification is for the burstable types (t2, t3, t4g), not {size}"
    text = given.text("userData")
    if text and len(text.encode()) > 16384:
        yield "userData", f"userData has {len(text.encode())} bytes; accepted are at most 16384"
    for prop in ("rootBlockDevice", "ebsBlockDevices"):
        for device in given.each(prop) or [given.inner(prop)]:
            kind = device.text("volumeType")
            if kind in ("io1", "io2") and device.lacks("iops"):
                yield prop, f"{prop}: iops is required with the volumeType {kind}"
            if device.has("iops") and kind in ("gp2", "st1", "sc1", "standard"):
                yield prop, f"{prop}: iops has no place with the volumeType {kind}"
            if device.has("kmsKeyId") and device.off("encrypted"):
                yield prop, f"{prop}: kmsKeyId needs encrypted"


def template(given: Given) -> Iterator[Failure]:
    """A launch template: interfaces or groups, not both."""
    if given.has("networkInterfaces") and given.has("vpcSecurityGroupIds"):
        yield "vpcSecurityGroupIds", "vpcSecurityGroupIds and networkInterfaces exclude each other"


def peering(given: Given) -> Iterator[Failure]:
    """A peering connection: accepted by itself only in one account and Region."""
    if given.on("autoAccept") and given.has("peerRegion"):
        yield "autoAccept", "autoAccept has no place with peerRegion"
    if given.get("vpcId") and given.get("vpcId") == given.get("peerVpcId"):
        yield "peerVpcId", "peerVpcId is the VPC itself"


def trail(given: Given) -> Iterator[Failure]:
    """A trail: where it logs, what it selects."""
    if given.has("cloudWatchLogsGroupArn") != given.has("cloudWatchLogsRoleArn"):
        yield "cloudWatchLogsRoleArn", "cloudWatchLogsGroupArn and cloudWatchLogsRoleArn go together"
    group = given.text("cloudWatchLogsGroupArn")
    if group and not group.endswith(":*"):
        yield "cloudWatchLogsGroupArn", f"cloudWatchLogsGroupArn is {group!r}; it ends with :*"
    if given.has("eventSelectors") and given.has("advancedEventSelectors"):
        yield "advancedEventSelectors", "eventSelectors and advancedEventSelectors exclude each other"
    if (
        given.on("isMultiRegionTrail")
        and given.has("includeGlobalServiceEvents")
        and given.off("includeGlobalServiceEvents")
    ):
        yield "includeGlobalServiceEvents", "a multi-Region trail includes global service events"


def config_rule(given: Given) -> Iterator[Failure]:
    """A Config rule: whose code it runs."""
    source = given.inner("source")
    owner = source.text("owner")
    if owner in ("AWS", "CUSTOM_LAMBDA") and source.lacks("sourceIdentifier"):
        yield "source", f"source.sourceIdentifier is required with the owner {owner}"
    if owner == "AWS" and source.has("sourceDetails"):
        yield "source", "source.sourceDetails has no place with the owner AWS"
    if owner == "CUSTOM_POLICY" and source.lacks("customPolicyDetails"):
        yield "source", "source.customPolicyDetails is required with the owner CUSTOM_POLICY"


CHECKS = {
    "aws:lambda/function:Function": (function,),
    "aws:lambda/permission:Permission": (permission,),
    "aws:lambda/eventSourceMapping:EventSourceMapping": (event_source,),
    "aws:lambda/functionUrl:FunctionUrl": (url,),
    "aws:ec2/instance:Instance": (instance,),
    "aws:ec2/launchTemplate:LaunchTemplate": (template,),
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": (peering,),
    "aws:cloudtrail/trail:Trail": (trail,),
    "aws:cfg/rule:Rule": (config_rule,),
}
