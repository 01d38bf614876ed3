"""What Secrets Manager and Parameter Store refuse because of what else exists; the tables that call it are in standing.py.

Sources: PutSecretValue, PutResourcePolicy, RotateSecret, ReplicateSecretToRegions, PutParameter (API references; the sentences
of RotateSecret from public bug reports).
"""

from __future__ import annotations

import re

from botocore.exceptions import ClientError

from localcloud.provider.constraints import access, policies
from localcloud.provider.errors import Refused
from localcloud.provider.row import Context


def secret(context: Context) -> None:
    """CreateSecret: the name is held while a secret waits for its deletion; copies stand in other Regions."""
    for item in context["in"].get("replicas") or ():
        if item.get("region") == context["region"]:
            raise Refused(
                f"InvalidParameterException: replicas: invalid replica Region {item['region']}: it is the secret's own"
            )
    if _waits(context, context["in"]["name"]):
        raise Refused(
            f"InvalidRequestException: you can't create the secret {context['in']['name']!r}: a secret with this name is "
            "already scheduled for deletion"
        )


def marked(context: Context) -> None:
    """PutSecretValue and all else that changes a secret: it does not wait for its deletion."""
    inputs = context["in"]
    name = inputs.get("secretId") or inputs.get("secretArn") or context.environment.get("id")
    if _waits(context, name):
        raise Refused(
            "InvalidRequestException: you can't perform this operation on the secret because it was marked for deletion: "
            f"{name}"
        )


def _waits(context: Context, name: str | None) -> bool:
    """Whether a secret waits for its deletion. That one is not there is another refusal."""
    try:
        return bool(context.call("secretsmanager:describe_secret", {"SecretId": name}).get("DeletedDate"))
    except ClientError:
        return False


def policy(context: Context) -> None:
    """PutResourcePolicy: not for everybody where that is to be blocked."""
    marked(context)
    found = policies.document(context["in"].get("policy"))
    if found and str(context["in"].get("blockPublicPolicy")).lower() == "true" and access.is_public(found):
        raise Refused(
            "PublicPolicyException: blockPublicPolicy is true, and the policy of "
            f"{context['in'].get('secretArn')} did not prevent broad access to the secret"
        )


def rotation(context: Context) -> None:
    """RotateSecret: by a function that is there. What a service manages (rds!…) it rotates itself."""
    marked(context)
    inputs = context["in"]
    arn, secret_id = str(inputs.get("rotationLambdaArn") or ""), str(inputs.get("secretId"))
    if not arn:
        if not re.search(r"(^|:secret:)[a-z-]+!", secret_id):
            raise Refused(
                f"InvalidRequestException: no Lambda rotation function ARN is associated with this secret: {secret_id} "
                "(rotationLambdaArn)"
            )
        return
    if not _function(context, arn):
        raise Refused(
            f"ResourceNotFoundException: rotationLambdaArn: Lambda does not exist or could not be accessed: {arn}"
        )


def _function(context: Context, arn: str) -> bool:
    """Whether a program made this function. The records say it: the emulator's Lambda, once asked, fits into no snapshot."""
    parts = arn.split(":")
    if len(parts) > 5 and parts[3:5] != [context["region"], context["account"]]:
        return True  # of another account: not ours to look at
    made = context.recorded("aws:lambda/function:Function")
    names = {str(name) for key, kept in made.items() for name in (key, kept.get("name"))}
    return bool(names & set(re.split(r"[:/]", arn)[6:7]))


def parameter(context: Context) -> None:
    """PutParameter: the key of a SecureString is there."""
    key = str(context["in"].get("keyId") or "")
    if not key or context["in"].get("type") != "SecureString" or re.search(r"(^|:)alias/aws/", key):
        return
    if key.startswith("arn:") and key.split(":")[4] != context["account"]:
        return  # of another account: not ours to look at
    try:
        state = context.call("kms:describe_key", {"KeyId": key})["KeyMetadata"]["KeyState"]
    except ClientError as error:
        raise Refused(f"InvalidKeyId: the query key ID isn't valid: keyId {key!r} does not exist") from error
    if state != "Enabled":
        raise Refused(f"InvalidKeyId: keyId {key!r} is {state}")
