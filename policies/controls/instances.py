"""Controls on EC2 instances, launch templates and configurations, and machine images."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

from policies.lang.resources import Resource, Stack
from policies.lang.values import CannotTell, View
from policies.model import Control, Each, Related, Severity, Verdict, bad, ok
from policies.rules import is_false, is_none_of, is_one_of, is_set, is_true, judge_each
from policies.rules.baseline import account_setting

INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"
AMI = "aws:ec2/ami:Ami"
METADATA_DEFAULTS = "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults"
ATTACHMENT = "aws:ec2/networkInterfaceAttachment:NetworkInterfaceAttachment"
EIP = "aws:ec2/eip:Eip"
SUBNETS = ("aws:ec2/subnet:Subnet", "aws:ec2/defaultSubnet:DefaultSubnet")
AMI_PERMISSION = "aws:ec2/amiLaunchPermission:AmiLaunchPermission"
AMI_BLOCK = "aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess"
SERIAL_CONSOLE = "aws:ec2/serialConsoleAccess:SerialConsoleAccess"

_GUIDE = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide"
#: Instance families that can boot paravirtual images.
_PARAVIRTUAL_FAMILIES = ("c1", "c3", "hs1", "m1", "m2", "m3", "t1")
_ACCESS_KEY = re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b")


def _tokens(view: View) -> Verdict | None:
    """The answer of some metadata options; None when they do not say."""
    if view.text("metadataOptions.httpEndpoint", "enabled") == "disabled":
        return ok()
    value = view.text("metadataOptions.httpTokens")
    if not value:
        return None
    return ok() if value == "required" else bad("metadataOptions.httpTokens", value, "set it to required")


def _imdsv2(instance: Resource, stack: Stack) -> Verdict:
    own = _tokens(instance)
    if own:
        return own
    if instance.raw("launchTemplate") is not None:
        named = stack.targets(instance, "launchTemplate.id", TEMPLATE) or stack.targets(
            instance, "launchTemplate.name", TEMPLATE
        )
        if not named:
            raise CannotTell("launchTemplate", "a template outside this stack")
        inherited = _tokens(named[0])
        if inherited:
            return inherited
    for defaults in stack.of(METADATA_DEFAULTS):
        if defaults.text("httpTokens") == "required":
            return ok()
    return bad("metadataOptions.httpTokens", None, "set it to required")


def _must_say_imdsv2(view: Resource) -> Verdict:
    return _tokens(view) or bad("metadataOptions.httpTokens", None, "set it to required")


def _no_public_address(instance: Resource, stack: Stack) -> Verdict:
    path = "associatePublicIpAddress"
    fix = "set associate_public_ip_address=False and reach it through Session Manager"
    if instance.has("publicIp"):
        return bad("publicIp", instance.raw("publicIp"), fix)
    if instance.flag(path):
        return bad(path, True, fix)
    if stack.referrers(instance, EIP, "instance"):
        return bad("Eip", "an Elastic IP address of this instance", fix)
    if instance.raw(path) is None and instance.raw("subnetId") is not None:
        for subnet in stack.targets(instance, "subnetId", *SUBNETS):
            if subnet.flag("mapPublicIpOnLaunch", subnet.type == SUBNETS[1]):
                return bad(f"{subnet.name}.mapPublicIpOnLaunch", True, fix)
    return ok()


def _one_interface(instance: Resource, stack: Stack) -> Verdict:
    inline = len(list(instance.each("networkInterfaces"))) + len(list(instance.each("secondaryNetworkInterfaces")))
    total = max(inline, 1) + len(stack.referrers(instance, ATTACHMENT, "instanceId"))
    return ok() if total == 1 else bad("networkInterfaces", total, "keep to one network interface")


def _hvm(subject: Resource, stack: Stack) -> Verdict:
    if subject.type == AMI:
        return _hvm_image(subject)
    image = stack.target(subject, "ami", AMI) if subject.raw("ami") is not None else None
    if image is not None:
        return _hvm_image(image)
    kind = subject.text("instanceType")
    if kind.partition(".")[0] in _PARAVIRTUAL_FAMILIES:
        return bad("instanceType", kind, "choose a current family, which boots HVM images only")
    return ok()


def _hvm_image(image: Resource) -> Verdict:
    path = "virtualizationType"
    return ok() if image.text(path, "paravirtual") == "hvm" else bad(path, image.raw(path), "set it to hvm")


def _template_private(template: Resource) -> Verdict:
    def check(interface: View) -> Verdict:
        path = "associatePublicIpAddress"
        return bad(interface.at(path), True, "set it to false") if interface.flag(path) else ok()

    return judge_each(template, "networkInterfaces", check)


def _hop_limit(subject: Resource) -> Verdict:
    path = "metadataOptions.httpPutResponseHopLimit"
    hops = subject.number(path, 1)
    return ok() if hops is not None and hops <= 1 else bad(path, subject.raw(path), "set it to 1")


def _user_data(subject: Resource) -> Verdict:
    for path in ("userData", "userDataBase64"):
        text = subject.text(path)
        if _ACCESS_KEY.search(text) or _ACCESS_KEY.search(_decoded(text)):
            return bad(path, "text that holds an access key", "give the instance a role; keep keys out of user data")
    return ok()


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except ValueError:
        return ""


def _no_key_pair(types: tuple[str, ...]) -> Each:
    def check(subject: Resource) -> Verdict:
        return (
            bad("keyName", subject.raw("keyName"), "remove it; reach the machine through Session Manager")
            if subject.has("keyName")
            else ok()
        )

    return Each(types, check)


def private_permission(path: str) -> Callable[[Resource], Verdict]:
    """A permission to use a snapshot or image is not for everyone."""

    def check(permission: Resource) -> Verdict:
        value = permission.text(path)
        return bad(path, value, "share with named accounts") if value.lower() == "all" else ok()

    return check


CONTROLS: tuple[Control, ...] = (
    Control(
        id="EC2.8",
        severity=Severity.HIGH,
        remediation='Set metadata_options.http_tokens="required".',
        rule=Related((INSTANCE,), _imdsv2),
    ),
    Control(
        id="EC2.9",
        severity=Severity.HIGH,
        remediation="Set associate_public_ip_address=False; use a private subnet.",
        rule=Related((INSTANCE,), _no_public_address),
    ),
    Control(
        id="EC2.17",
        severity=Severity.LOW,
        remediation="Remove further network interfaces.",
        rule=Related((INSTANCE,), _one_interface),
    ),
    Control(
        id="EC2.24",
        severity=Severity.MEDIUM,
        remediation="Use HVM images and current instance families.",
        rule=Related((INSTANCE, AMI), _hvm),
    ),
    Control(
        id="EC2.25",
        severity=Severity.HIGH,
        remediation="Set associate_public_ip_address to false on every network interface.",
        rule=Each((TEMPLATE,), _template_private),
    ),
    Control(
        id="EC2.170",
        severity=Severity.LOW,
        remediation='Set metadata_options.http_tokens="required".',
        rule=Each((TEMPLATE,), _must_say_imdsv2),
    ),
    Control(
        id="AutoScaling.3",
        severity=Severity.HIGH,
        remediation='Set metadata_options.http_tokens="required", or use a launch template.',
        rule=Each((CONFIGURATION,), _must_say_imdsv2),
    ),
    Control(
        id="AutoScaling.5",
        severity=Severity.HIGH,
        remediation="Set associate_public_ip_address=False.",
        rule=is_false(CONFIGURATION, "associatePublicIpAddress"),
    ),
    Control(
        id="MD.EC2.30",
        title="Instances have a role",
        severity=Severity.MEDIUM,
        remediation="Set iam_instance_profile.",
        link=f"{_GUIDE}/iam-roles-for-amazon-ec2.html",
        rule=is_set(
            (INSTANCE,),
            "iamInstanceProfile",
            "name an instance profile",
            unless=lambda item: (
                "takes its profile from its template" if item.raw("launchTemplate") is not None else None
            ),
        ),
    ),
    Control(
        id="MD.EC2.31",
        title="Metadata of instances stays on the instance",
        severity=Severity.MEDIUM,
        remediation="Set metadata_options.http_put_response_hop_limit to 1.",
        link=f"{_GUIDE}/configuring-IMDS-new-instances.html",
        rule=Each((INSTANCE, TEMPLATE, CONFIGURATION), _hop_limit),
    ),
    Control(
        id="MD.EC2.32",
        title="User data holds no access keys",
        severity=Severity.HIGH,
        remediation="Give the instance a role; keep keys out of user data.",
        link=f"{_GUIDE}/user-data.html",
        rule=Each((INSTANCE, TEMPLATE, CONFIGURATION), _user_data),
    ),
    Control(
        id="MD.EC2.33",
        title="Machines are reached through Session Manager, not by SSH keys",
        severity=Severity.LOW,
        remediation="Leave key_name out.",
        link="https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager.html",
        rule=_no_key_pair((INSTANCE, TEMPLATE, CONFIGURATION)),
    ),
    Control(
        id="MD.EC2.34",
        title="Machine images are private",
        severity=Severity.CRITICAL,
        remediation='Share images with named accounts; never with the group "all".',
        link=f"{_GUIDE}/sharingamis-intro.html",
        rule=Each((AMI_PERMISSION,), private_permission("group")),
    ),
    Control(
        id="MD.EC2.35",
        title="The account blocks public sharing of machine images",
        severity=Severity.HIGH,
        remediation='Set state="block-new-sharing".',
        link=f"{_GUIDE}/block-public-access-to-amis.html",
        rule=account_setting(
            AMI_BLOCK, is_one_of(AMI_BLOCK, "state", ("block-new-sharing",)).check, "add an ec2.ImageBlockPublicAccess"
        ),
    ),
    Control(
        id="MD.EC2.36",
        title="The serial console of instances is off",
        severity=Severity.MEDIUM,
        remediation="Set enabled=False on the ec2.SerialConsoleAccess.",
        link=f"{_GUIDE}/configure-access-to-serial-console.html",
        rule=is_false(SERIAL_CONSOLE, "enabled", default=True),
    ),
    Control(
        id="MD.EC2.38",
        title="Instances have detailed monitoring",
        severity=Severity.LOW,
        remediation="Set monitoring=True.",
        link=f"{_GUIDE}/manage-detailed-monitoring.html",
        rule=is_true(INSTANCE, "monitoring"),
    ),
    Control(
        id="MD.EC2.39",
        title="Instances are not terminated when they shut down",
        severity=Severity.LOW,
        remediation='Set instance_initiated_shutdown_behavior="stop".',
        link=f"{_GUIDE}/Using_ChangingInstanceInitiatedShutdownBehavior.html",
        rule=is_none_of(INSTANCE, "instanceInitiatedShutdownBehavior", ("terminate",), "set it to stop"),
    ),
)
