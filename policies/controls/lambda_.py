"""Controls on Lambda functions (rotation functions and the like)."""

from __future__ import annotations

from policies.lang.documents import has_wildcard
from policies.lang.everybody import is_everybody, narrows
from policies.lang.lifecycles import calendar, today
from policies.lang.links import zones
from policies.lang.resources import Resource, Stack
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import is_none_of, is_one_of, is_set
from policies.rules.public import policy_is_private

FUNCTION = "aws:lambda/function:Function"
PERMISSION = "aws:lambda/permission:Permission"
URL = "aws:lambda/functionUrl:FunctionUrl"

LAYER_PERMISSION = "aws:lambda/layerVersionPermission:LayerVersionPermission"
DOCUMENT = "aws:lambda/resourcePolicy:ResourcePolicy"
#: What a permission says about the caller → the condition key that Lambda makes of it.
_SOURCES = {
    "sourceArn": "aws:sourcearn",
    "sourceAccount": "aws:sourceaccount",
    "principalOrgId": "aws:principalorgid",
}


def _not_public(permission: Resource) -> Verdict:
    if permission.type == DOCUMENT:
        return policy_is_private(permission, "policy")
    principal = permission.text("principal")
    if permission.type == LAYER_PERMISSION:
        shared = is_everybody(principal) and not permission.has("organizationId")
        return bad("principal", principal, "name an account, or set organization_id") if shared else ok()
    sources = {path: permission.text(path) for path in _SOURCES if permission.has(path)}
    narrowed = any(narrows("arnlike", _SOURCES[path], (value,)) for path, value in sources.items())
    if is_everybody(principal) and not narrowed:
        return bad(
            "principal", principal, "name a principal, or set sourceArn, sourceAccount or principalOrgId to one value"
        )
    if principal.removesuffix(".cn").endswith(".amazonaws.com") and not (
        narrowed or _one_account(sources.get("sourceArn", ""))
    ):
        return bad(
            "sourceArn", sources or None, f"say which resource of {principal} may call: others' resources can, too"
        )
    return ok()


def _one_account(arn: str) -> bool:
    """Whether an ARN pattern names the account; what it leaves open is then the account's own."""
    parts = arn.split(":", 5)
    return len(parts) == 6 and bool(parts[4]) and not has_wildcard(parts[4])


def _supported(function: Resource) -> Verdict:
    if function.text("packageType", "Zip") == "Image":
        return na("an image brings its own runtime")
    runtime = function.text("runtime")
    versions = calendar("lambda")
    ends = versions.get(runtime)
    if runtime in versions and (ends is None or ends >= today()):
        return ok()
    value = f"{runtime}, unsupported since {ends}" if ends else runtime or None
    return bad("runtime", value, "use a runtime that AWS still patches, such as python3.13")


def _many_zones(function: Resource, stack: Stack) -> Verdict:
    vpc = function.view("vpcConfig")
    if not vpc.has("subnetIds"):
        return na("it is not in a VPC")
    count = zones(function, "vpcConfig.subnetIds", stack)
    return ok() if count >= 2 else bad("vpcConfig.subnetIds", vpc.raw("subnetIds"), "name subnets in two zones or more")


def _environment_encrypted(function: Resource) -> Verdict:
    if not function.has("environment.variables"):
        return na("it has no environment")
    return ok() if function.has("kmsKeyArn") else bad("kmsKeyArn", None, "set it to a key of your own")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="Lambda.1",
        severity=Severity.CRITICAL,
        remediation="Name the principal and source_arn or source_account on the lambda.Permission.",
        rule=Each((PERMISSION, LAYER_PERMISSION, DOCUMENT), _not_public),
    ),
    Control(
        id="Lambda.2",
        severity=Severity.MEDIUM,
        remediation="Set runtime to one that AWS supports.",
        rule=Each((FUNCTION,), _supported),
    ),
    Control(
        id="Lambda.3",
        severity=Severity.LOW,
        remediation="Set vpc_config with private subnets and a security group on the lambda.Function.",
        rule=is_set(FUNCTION, "vpcConfig.subnetIds", "name private subnets"),
    ),
    Control(
        id="Lambda.5",
        severity=Severity.MEDIUM,
        remediation="Name subnets of at least two Availability Zones in vpc_config.",
        rule=Related((FUNCTION,), _many_zones),
    ),
    Control(
        id="Lambda.7",
        severity=Severity.LOW,
        remediation='Set tracing_config.mode="Active" on the lambda.Function.',
        rule=is_one_of(FUNCTION, "tracingConfig.mode", {"Active"}, default="PassThrough"),
    ),
    Control(
        id="MD.Lambda.1",
        title="Functions' environments are encrypted by a key of the platform's own",
        severity=Severity.MEDIUM,
        remediation="Set kms_key_arn on the lambda.Function.",
        link="https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html",
        rule=Each((FUNCTION,), _environment_encrypted),
    ),
    Control(
        id="MD.Lambda.2",
        title="Events that fail are kept aside",
        severity=Severity.LOW,
        remediation="Set dead_letter_config.target_arn to a queue or topic on the lambda.Function.",
        link="https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html",
        rule=is_set(FUNCTION, "deadLetterConfig.targetArn", "name an SQS queue or SNS topic"),
    ),
    Control(
        id="MD.Lambda.3",
        title="Function URLs ask who calls",
        severity=Severity.HIGH,
        remediation='Set authorization_type="AWS_IAM" on the lambda.FunctionUrl.',
        link="https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
        rule=is_none_of(URL, "authorizationType", {"NONE", ""}, "set it to AWS_IAM"),
    ),
)
