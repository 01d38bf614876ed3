"""The firewall as the engine sees it."""

from __future__ import annotations

import json

import pytest

from components.edge.web_acl import Scope, WebAcl, WebAclArgs
from model.manifest import LoginForm
from model.vocabulary import FirewallMode


def acl(**changes):
    args = {
        "scope": Scope.REGIONAL,
        "region": "ap-south-1",
        "account_id": "123456789012",
        "logs_key_arn": "arn:key",
        "resource_arn": "arn:balancer",
        **changes,
    }
    return lambda: WebAcl("firewall", WebAclArgs(**args))


def test_it_protects_the_balancer_and_its_rules_arrive_in_aws_s_shape(run):
    recorded = run(acl(path_rate_limits={"/auth/login": 20}))
    (association,) = recorded.of("WebAclAssociation")
    assert association.inputs["resourceArn"] == "arn:balancer"
    (made,) = recorded.of("aws:wafv2/webAcl:WebAcl")
    assert made.inputs["defaultAction"] == {"allow": {}}
    by_name = {rule["name"]: rule for rule in made.inputs["rules"]}
    assert by_name["common"]["statement"]["managedRuleGroupStatement"] == {
        "vendorName": "AWS",
        "name": "AWSManagedRulesCommonRuleSet",
    }
    login = by_name["rate-auth-login"]["statement"]["rateBasedStatement"]
    assert login["scopeDownStatement"]["byteMatchStatement"]["fieldToMatch"] == {"uriPath": {}}
    assert by_name["rate"]["action"]["block"]["customResponse"]["responseCode"] == 429
    assert by_name["common"]["overrideAction"] == {"none": {}}


def test_it_logs_without_credentials(run):
    recorded = run(acl())
    (logging,) = recorded.of("WebAclLoggingConfiguration")
    assert {field["singleHeader"]["name"] for field in logging.inputs["redactedFields"]} == {"authorization", "cookie"}
    (group,) = recorded.of("aws:cloudwatch/logGroup:LogGroup")
    assert group.inputs["name"].startswith("aws-waf-logs-"), "WAF refuses any other"
    assert (group.inputs["kmsKeyId"], group.inputs["retentionInDays"]) == ("arn:key", 365)


def test_one_for_cloudfront_lives_in_us_east_1_with_its_logs(run):
    recorded = run(acl(scope=Scope.CLOUDFRONT, resource_arn=None))
    for kind in ("aws:wafv2/webAcl:WebAcl", "WebAclLoggingConfiguration", "aws:cloudwatch/logGroup:LogGroup"):
        assert [item.inputs["region"] for item in recorded.of(kind)] == ["us-east-1"], kind
    assert not recorded.of("WebAclAssociation")
    assert [signal.region for signal in recorded.result.signals] == ["us-east-1"]
    assert "Region" not in recorded.result.signals[0].dimensions


@pytest.mark.parametrize(
    ("scope", "region"), [(Scope.REGIONAL, "ap-south-1"), (Scope.CLOUDFRONT, "us-east-1")], ids=lambda each: str(each)
)
def test_the_log_s_own_policy_is_there_before_logging_is_turned_on(run, scope, region):
    """Left to AWS, the first ACL may be refused with WAFLogDestinationPermissionIssueException."""
    recorded = run(acl(scope=scope, resource_arn=None))
    (policy,) = recorded.of("LogResourcePolicy")
    (logging,) = recorded.of("WebAclLoggingConfiguration")
    assert policy.urn in logging.dependencies
    (statement,) = json.loads(policy.inputs["policyDocument"])["Statement"]
    (group,) = recorded.of("aws:cloudwatch/logGroup:LogGroup")
    assert statement["Resource"] == f"{group.outputs['arn']}:*"
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{region}:123456789012:*"},
    }


def test_groups_that_must_know_something_arrive_in_aws_s_shape(run):
    login = LoginForm(path="/auth/login", username="/email", password="/password")
    modes = {"anonymous": FirewallMode.COUNT, "bots": FirewallMode.BLOCK, "takeover": FirewallMode.BLOCK}
    (made,) = run(acl(scope=Scope.CLOUDFRONT, resource_arn=None, modes=modes, login=login)).of(
        "aws:wafv2/webAcl:WebAcl"
    )
    found = {rule["name"]: rule for rule in made.inputs["rules"]}
    assert found["anonymous"]["overrideAction"] == {"count": {}}
    statement = found["takeover"]["statement"]["managedRuleGroupStatement"]
    (known,) = statement["managedRuleGroupConfigs"]
    assert known["awsManagedRulesAtpRuleSet"]["requestInspection"] == {
        "payloadType": "JSON",
        "usernameField": {"identifier": "/email"},
        "passwordField": {"identifier": "/password"},
    }
    assert known["awsManagedRulesAtpRuleSet"]["responseInspection"]["statusCode"] == {
        "successCodes": [200],
        "failureCodes": [401],
    }
    (known,) = found["bots"]["statement"]["managedRuleGroupStatement"]["managedRuleGroupConfigs"]
    assert known == {"awsManagedRulesBotControlRuleSet": {"inspectionLevel": "COMMON"}}


def test_one_for_cloudfront_sees_true_addresses(run):
    with pytest.raises(ValueError, match="a CLOUDFRONT one is the CDN's own and not behind_cdn"):
        run(acl(scope=Scope.CLOUDFRONT, resource_arn=None, behind_cdn=True))


def test_addresses_behind_the_cdn_arrive_in_aws_s_shape(run):
    (made,) = run(acl(behind_cdn=True)).of("aws:wafv2/webAcl:WebAcl")
    rate = next(rule["statement"]["rateBasedStatement"] for rule in made.inputs["rules"] if rule["name"] == "rate")
    assert rate["forwardedIpConfig"] == {"headerName": "x-viewer-address", "fallbackBehavior": "NO_MATCH"}


def test_one_for_cloudfront_is_not_associated(run):
    with pytest.raises(ValueError, match="takes no resource_arn; give its arn to the distribution"):
        run(acl(scope=Scope.CLOUDFRONT))
