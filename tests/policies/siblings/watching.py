"""Detection, trails, recorders, alarms and endpoints: siblings of the shared sets of groups b, c and e."""

from __future__ import annotations

from typing import Any

from policies.lang.resources import Resource
from tests.policies.build import UNKNOWN, res
from tests.policies.siblings import BAD, NA, OK, TELL, Sibling, allow, case, policy


def _guard(name: str, right: dict[str, str], *features: dict[str, Any], **detector: Any) -> Sibling:
    made = [
        res("aws:guardduty/detectorFeature:DetectorFeature", f"f{i}", detectorId="d1", **feature)
        for i, feature in enumerate(features)
    ]
    return case(
        f"guardduty-{name}",
        right,
        res("aws:guardduty/detector:Detector", "d", id="d1", **{"enable": True} | detector),
        *made,
    )


_RUNTIME = {"name": "RUNTIME_MONITORING", "status": "ENABLED"}


def _trail(name: str, answer: str, *more: Resource, **props: Any) -> Sibling:
    return case(
        f"trail-{name}",
        {"CloudTrail.1": answer},
        res("aws:cloudtrail/trail:Trail", "t", **{"isMultiRegionTrail": True, "s3BucketName": "logs"} | props),
        *more,
    )


def _selector(*fields: tuple[str, str, list[str]]) -> dict[str, Any]:
    return {"fieldSelectors": [{"field": field, how: values} for field, how, values in fields]}


_MANAGEMENT = ("eventCategory", "equals", ["Management"])


def _recorder(
    name: str,
    answer: str,
    *more: Resource,
    group: Any = None,
    role: str = "arn:aws:iam::1:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig",
) -> Sibling:
    recorder = res(
        "aws:cfg/recorder:Recorder",
        "rec",
        name="rec",
        roleArn=role,
        **({"recordingGroup": group} if group is not None else {}),
    )
    return case(f"recorder-{name}", {"Config.1": answer}, recorder, *more)


_ON = res("aws:cfg/recorderStatus:RecorderStatus", "on", name="rec", isEnabled=True)
_CHANNEL = res("aws:cfg/deliveryChannel:DeliveryChannel", "ch", s3BucketName="b")
_WITH_IAM = {"allSupported": True, "includeGlobalResourceTypes": True}
_ROOT = '{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != "AwsServiceEvent" }'
_GROUP_ARN = "arn:aws:logs:ap-south-1:1:log-group:trail:*"


def _alarmed(
    name: str,
    answer: str,
    *,
    pattern: str = _ROOT,
    group: str = "trail",
    alarm: Any = None,
    subscribed: bool = True,
    value: Any = "1",
) -> Sibling:
    given = {
        "metricName": "root",
        "namespace": "cis",
        "comparisonOperator": "GreaterThanOrEqualToThreshold",
        "threshold": 1,
        "alarmActions": ["arn:aws:sns:ap-south-1:1:alarms"],
    } | (alarm or {})
    topic = res("aws:sns/topic:Topic", "alarms", arn="arn:aws:sns:ap-south-1:1:alarms")
    heard = (
        [
            res(
                "aws:sns/topicSubscription:TopicSubscription",
                "sub",
                topic="arn:aws:sns:ap-south-1:1:alarms",
                protocol="email",
                endpoint="a@example.com",
            )
        ]
        if subscribed
        else []
    )
    return case(
        f"alarm-{name}",
        {"CloudWatch.1": answer},
        res("aws:cloudtrail/trail:Trail", "t", isMultiRegionTrail=True, cloudWatchLogsGroupArn=_GROUP_ARN),
        res("aws:cloudwatch/logGroup:LogGroup", "trail", name="trail", arn=_GROUP_ARN.removesuffix(":*")),
        res(
            "aws:cloudwatch/logMetricFilter:LogMetricFilter",
            "f",
            logGroupName=group,
            pattern=pattern,
            metricTransformation={"name": "root", "namespace": "cis", "value": value},
        ),
        res("aws:cloudwatch/metricAlarm:MetricAlarm", "a", **given),
        topic,
        *heard,
    )


WATCHING: list[Sibling] = [
    _guard(
        "runtime-with-eks",
        {"GuardDuty.7": OK, "GuardDuty.11": OK},
        _RUNTIME | {"additionalConfigurations": [{"name": "EKS_ADDON_MANAGEMENT", "status": "ENABLED"}]},
    ),
    _guard("runtime-without-eks", {"GuardDuty.7": BAD, "GuardDuty.11": OK}, _RUNTIME),
    _guard(
        "runtime-eks-off",
        {"GuardDuty.7": BAD},
        _RUNTIME | {"additionalConfigurations": [{"name": "EKS_ADDON_MANAGEMENT", "status": "DISABLED"}]},
    ),
    _guard(
        "old-eks-alone",
        {"GuardDuty.7": OK, "GuardDuty.11": BAD},
        {
            "name": "EKS_RUNTIME_MONITORING",
            "status": "ENABLED",
            "additionalConfigurations": [{"name": "EKS_ADDON_MANAGEMENT", "status": "ENABLED"}],
        },
    ),
    _guard("feature-off", {"GuardDuty.9": BAD}, {"name": "RDS_LOGIN_EVENTS", "status": "DISABLED"}),
    _guard("inline-s3", {"GuardDuty.10": OK}, datasources={"s3Logs": {"enable": True}}),
    _guard("detector-off", {"GuardDuty.1": BAD}, enable=False),
    _guard("detector-default", {"GuardDuty.1": OK}, enable=None),
    _trail("plain", OK),
    _trail("one-region", BAD, isMultiRegionTrail=False),
    _trail("not-logging", BAD, enableLogging=False),
    _trail("writes-alone", BAD, eventSelectors=[{"readWriteType": "WriteOnly", "includeManagementEvents": True}]),
    _trail("no-management", BAD, eventSelectors=[{"readWriteType": "All", "includeManagementEvents": False}]),
    _trail("all", OK, eventSelectors=[{"readWriteType": "All", "includeManagementEvents": True}]),
    _trail(
        "leaves-rdsdata-out",
        BAD,
        eventSelectors=[
            {
                "readWriteType": "All",
                "includeManagementEvents": True,
                "excludeManagementEventSources": ["rdsdata.amazonaws.com"],
            }
        ],
    ),
    _trail(
        "data-selector-alone",
        BAD,
        advancedEventSelectors=[
            _selector(("eventCategory", "equals", ["Data"]), ("resources.type", "equals", ["AWS::S3::Object"]))
        ],
    ),
    _trail("advanced", OK, advancedEventSelectors=[_selector(_MANAGEMENT)]),
    _trail("advanced-reads", BAD, advancedEventSelectors=[_selector(_MANAGEMENT, ("readOnly", "equals", ["true"]))]),
    _trail(
        "advanced-both-halves",
        OK,
        advancedEventSelectors=[
            _selector(_MANAGEMENT, ("readOnly", "equals", ["true"])),
            _selector(_MANAGEMENT, ("readOnly", "equals", ["false"])),
        ],
    ),
    _trail(
        "advanced-one-source",
        BAD,
        advancedEventSelectors=[_selector(_MANAGEMENT, ("eventSource", "equals", ["iam.amazonaws.com"]))],
    ),
    _trail(
        "second-trail-is-right",
        OK,
        res("aws:cloudtrail/trail:Trail", "u", isMultiRegionTrail=True, s3BucketName="logs"),
        isMultiRegionTrail=False,
    ),
    _recorder("everything", OK, _ON, _CHANNEL, group=_WITH_IAM),
    _recorder(
        "switched-off",
        BAD,
        res("aws:cfg/recorderStatus:RecorderStatus", "on", name="rec", isEnabled=False),
        _CHANNEL,
        group=_WITH_IAM,
    ),
    _recorder("no-switch", BAD, _CHANNEL, group=_WITH_IAM),
    _recorder("own-role", BAD, _ON, _CHANNEL, group=_WITH_IAM, role="arn:aws:iam::1:role/config"),
    _recorder("some-types", BAD, _ON, _CHANNEL, group={"allSupported": False, "resourceTypes": ["AWS::EC2::Instance"]}),
    _recorder("without-iam", BAD, _ON, _CHANNEL, group={"allSupported": True, "includeGlobalResourceTypes": False}),
    _alarmed("right", OK),
    _alarmed("other-group", BAD, group="elsewhere"),
    _alarmed("nobody-subscribes", BAD, subscribed=False),
    _alarmed("goes-off-without-events", BAD, alarm={"comparisonOperator": "LessThanThreshold"}),
    _alarmed("actions-off", BAD, alarm={"actionsEnabled": False}),
    _alarmed("no-action", BAD, alarm={"alarmActions": []}),
    _alarmed("other-metric", BAD, alarm={"metricName": "other"}),
    _alarmed("counts-zero", BAD, value="0"),
    _alarmed("inverted", BAD, pattern='{ $.userIdentity.type != "Root" && $.eventType != "AwsServiceEvent" }'),
    _alarmed(
        "unquoted",
        OK,
        pattern="{$.userIdentity.type=Root && $.userIdentity.invokedBy NOT EXISTS && $.eventType!=AwsServiceEvent}",
    ),
]


def _endpoint(name: str, answer: str, document: Any = None, **props: Any) -> Sibling:
    given = {"vpcId": "v", "serviceName": "com.amazonaws.ap-south-1.s3"} | props
    if document is not None:
        given["policy"] = document
    return case(f"endpoint-{name}", {"MD.EC2.11": answer}, res("aws:ec2/vpcEndpoint:VpcEndpoint", "e", **given))


_OWN = {"StringEquals": {"aws:PrincipalAccount": "111122223333"}}
ENDPOINTS: list[Sibling] = [
    _endpoint("policy-left-out", BAD),
    _endpoint("everything", BAD, policy(allow("*", "*", principal="*"))),
    _endpoint("everything-aws-star", BAD, policy(allow("*:*", "*", principal={"AWS": "*"}))),
    _endpoint(
        "if-exists",
        BAD,
        policy(allow("*", "*", principal="*", condition={"StringEqualsIfExists": {"aws:PrincipalAccount": "1"}})),
    ),
    _endpoint(
        "star-organisation",
        BAD,
        policy(allow("*", "*", principal="*", condition={"StringLike": {"aws:PrincipalOrgID": "*"}})),
    ),
    _endpoint(
        "not-action",
        BAD,
        policy({"Effect": "Allow", "Principal": "*", "NotAction": "s3:DeleteBucket", "Resource": "*"}),
    ),
    _endpoint("own-account", OK, policy(allow("*", "*", principal="*", condition=_OWN))),
    _endpoint("some-actions", OK, policy(allow(["s3:GetObject"], "*", principal="*"))),
    _endpoint("one-bucket", OK, policy(allow("*", "arn:aws:s3:::b/*", principal="*"))),
    _endpoint("interface-left-out", BAD, serviceName="com.amazonaws.ap-south-1.logs", vpcEndpointType="Interface"),
    _endpoint("gateway-balancer", NA, serviceName="com.amazonaws.vpce.x", vpcEndpointType="GatewayLoadBalancer"),
    _endpoint("unknown", TELL, UNKNOWN),
]

CASES: list[Sibling] = [*WATCHING, *ENDPOINTS]
