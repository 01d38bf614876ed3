"""What in an account's trail asks for a person, as filters on its log and signals (CIS AWS Foundations 4.1 to 4.15); pure."""

from __future__ import annotations

from collections.abc import Mapping

from components.observability.signals import Severity, Signal


def _any_of(source: str, *names: str) -> str:
    events = " || ".join(f'($.eventName = "{name}")' for name in names)
    return f'{{ ($.eventSource = "{source}") && ({events}) }}'


#: Name → what happened, CloudWatch's filter pattern for it, and whether somebody must look now.
EVENTS: Mapping[str, tuple[str, str, Severity]] = {
    "root-use": (
        "The root user did something",
        '{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != "AwsServiceEvent" }',
        Severity.PAGE,
    ),
    "break-glass": (
        "Somebody took the break-glass role",
        '{ ($.eventName = "AssumeRole") && ($.requestParameters.roleArn = "*-break-glass") }',
        Severity.PAGE,
    ),
    "unauthorized-calls": (
        "Calls were refused because nobody had allowed them",
        '{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }',
        Severity.TICKET,
    ),
    "console-without-mfa": (
        "Somebody signed in to the console without a second factor",
        '{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") '
        '&& ($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }',
        Severity.PAGE,
    ),
    "console-failures": (
        "Signing in to the console failed again and again",
        '{ ($.eventName = ConsoleLogin) && ($.errorMessage = "Failed authentication") }',
        Severity.TICKET,
    ),
    "iam-changes": (
        "A policy of IAM changed",
        _any_of(
            "iam.amazonaws.com",
            *("AttachGroupPolicy", "AttachRolePolicy", "AttachUserPolicy", "CreatePolicy", "CreatePolicyVersion"),
            *("DeleteGroupPolicy", "DeletePolicy", "DeletePolicyVersion", "DeleteRolePolicy", "DeleteUserPolicy"),
            *("DetachGroupPolicy", "DetachRolePolicy", "DetachUserPolicy"),
            *("PutGroupPolicy", "PutRolePolicy", "PutUserPolicy"),
        ),
        Severity.TICKET,
    ),
    "trail-changes": (
        "The trail was changed or stopped",
        _any_of("cloudtrail.amazonaws.com", "CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"),
        Severity.PAGE,
    ),
    "key-deletion": (
        "A key was disabled or scheduled for deletion",
        _any_of("kms.amazonaws.com", "DisableKey", "ScheduleKeyDeletion"),
        Severity.PAGE,
    ),
    "bucket-policies": (
        "Who reaches a bucket changed",
        _any_of(
            "s3.amazonaws.com",
            *("PutBucketAcl", "PutBucketPolicy", "PutBucketCors", "PutBucketLifecycle", "PutBucketReplication"),
            *("DeleteBucketPolicy", "DeleteBucketCors", "DeleteBucketLifecycle", "DeleteBucketReplication"),
        ),
        Severity.TICKET,
    ),
    "config-changes": (
        "The record of configurations was changed or stopped",
        _any_of(
            "config.amazonaws.com",
            *("StopConfigurationRecorder", "DeleteDeliveryChannel", "PutDeliveryChannel", "PutConfigurationRecorder"),
        ),
        Severity.PAGE,
    ),
    "security-groups": (
        "A security group changed",
        _any_of(
            "ec2.amazonaws.com",
            *("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupIngress"),
            *("RevokeSecurityGroupEgress", "CreateSecurityGroup", "DeleteSecurityGroup"),
        ),
        Severity.TICKET,
    ),
    "network-acls": (
        "A network ACL changed",
        _any_of(
            "ec2.amazonaws.com",
            *("CreateNetworkAcl", "CreateNetworkAclEntry", "DeleteNetworkAcl", "DeleteNetworkAclEntry"),
            *("ReplaceNetworkAclEntry", "ReplaceNetworkAclAssociation"),
        ),
        Severity.TICKET,
    ),
    "gateways": (
        "A way to or from the internet changed",
        _any_of(
            "ec2.amazonaws.com",
            *("CreateCustomerGateway", "DeleteCustomerGateway", "AttachInternetGateway", "CreateInternetGateway"),
            *("DeleteInternetGateway", "DetachInternetGateway"),
        ),
        Severity.TICKET,
    ),
    "routes": (
        "A route table changed",
        _any_of(
            "ec2.amazonaws.com",
            *("CreateRoute", "CreateRouteTable", "ReplaceRoute", "ReplaceRouteTableAssociation", "DeleteRouteTable"),
            *("DeleteRoute", "DisassociateRouteTable"),
        ),
        Severity.TICKET,
    ),
    "networks": (
        "A VPC changed",
        _any_of(
            "ec2.amazonaws.com",
            *(
                "CreateVpc",
                "DeleteVpc",
                "ModifyVpcAttribute",
                "AcceptVpcPeeringConnection",
                "CreateVpcPeeringConnection",
            ),
            *(
                "DeleteVpcPeeringConnection",
                "RejectVpcPeeringConnection",
                "AttachClassicLinkVpc",
                "DetachClassicLinkVpc",
            ),
            *("DisableVpcClassicLink", "EnableVpcClassicLink"),
        ),
        Severity.TICKET,
    ),
    "organization-changes": (
        "The organisation or this account's place in it changed",
        _any_of(
            "organizations.amazonaws.com",
            *("AcceptHandshake", "AttachPolicy", "CreateAccount", "CreateOrganizationalUnit", "CreatePolicy"),
            *("DeclineHandshake", "DeleteOrganization", "DeleteOrganizationalUnit", "DeletePolicy", "DetachPolicy"),
            *(
                "DisablePolicyType",
                "EnablePolicyType",
                "InviteAccountToOrganization",
                "LeaveOrganization",
                "MoveAccount",
            ),
            *("RemoveAccountFromOrganization", "UpdateOrganizationalUnit", "UpdatePolicy"),
        ),
        Severity.TICKET,
    ),
}

#: Events in five minutes above which it rings; refused calls and failed sign-ins happen to honest people too.
_TOLERATED: Mapping[str, int] = {"unauthorized-calls": 20, "console-failures": 3}


def metric(name: str) -> str:
    """The metric that counts an event."""
    return "".join(part.capitalize() for part in name.split("-"))


def signals(namespace: str) -> list[Signal]:
    """One for each event."""
    return [
        Signal(
            name=name,
            summary=summary,
            namespace=namespace,
            metric=metric(name),
            statistic="Sum",
            threshold=_TOLERATED.get(name, 0),
            period=300,
            periods=1,
            severity=severity,
            runbook="account-events",
        )
        for name, (summary, _, severity) in EVENTS.items()
    ]
