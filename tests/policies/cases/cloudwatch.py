"""Cases of policies/controls/cloudwatch.py."""

from policies.controls.cloudwatch import EVENTS, ORGANISATION, Event
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res

TRAIL = "aws:cloudtrail/trail:Trail"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
TOPIC = "arn:aws:sns:ap-south-1:111122223333:security"
_TRAIL = res(
    TRAIL,
    isMultiRegionTrail=True,
    kmsKeyId="arn:aws:kms:ap-south-1:111122223333:key/0c1d",
    enableLogFileValidation=True,
    cloudWatchLogsGroupArn="arn:aws:logs:ap-south-1:111122223333:log-group:trail:*",
    tags={"Project": "matchday"},
)

#: The patterns that CIS AWS Foundations prescribes, shortened where it lists many names of one kind.
CIS: dict[int, str] = {
    1: '{$.userIdentity.type="Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType !="AwsServiceEvent"}',
    2: '{($.errorCode="*UnauthorizedOperation") || ($.errorCode="AccessDenied*")}',
    3: '{($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && ($.userIdentity.type = "IAMUser")}',
    4: "{($.eventSource=iam.amazonaws.com) && (($.eventName=PutRolePolicy) || ($.eventName=CreatePolicy) || "
    "($.eventName=DeletePolicy) || ($.eventName=CreatePolicyVersion) || ($.eventName=AttachRolePolicy))}",
    5: "{($.eventName=CreateTrail) || ($.eventName=UpdateTrail) || ($.eventName=DeleteTrail) || ($.eventName=StartLogging) || "
    "($.eventName=StopLogging)}",
    6: '{($.eventName=ConsoleLogin) && ($.errorMessage="Failed authentication")}',
    7: "{($.eventSource=kms.amazonaws.com) && (($.eventName=DisableKey) || ($.eventName=ScheduleKeyDeletion))}",
    8: "{($.eventSource=s3.amazonaws.com) && (($.eventName=PutBucketAcl) || ($.eventName=PutBucketPolicy) || "
    "($.eventName=DeleteBucketPolicy))}",
    9: "{($.eventSource=config.amazonaws.com) && (($.eventName=StopConfigurationRecorder) || "
    "($.eventName=DeleteDeliveryChannel) || ($.eventName=PutDeliveryChannel))}",
    10: "{($.eventName=AuthorizeSecurityGroupIngress) || ($.eventName=RevokeSecurityGroupIngress) || "
    "($.eventName=CreateSecurityGroup) || ($.eventName=DeleteSecurityGroup)}",
    11: "{($.eventName=CreateNetworkAcl) || ($.eventName=CreateNetworkAclEntry) || ($.eventName=DeleteNetworkAcl)}",
    12: "{($.eventName=CreateCustomerGateway) || ($.eventName=AttachInternetGateway) || ($.eventName=DeleteInternetGateway)}",
    13: "{($.eventSource=ec2.amazonaws.com) && (($.eventName=CreateRoute) || ($.eventName=CreateRouteTable) || "
    "($.eventName=ReplaceRoute) || ($.eventName=DeleteRouteTable))}",
    14: "{($.eventName=CreateVpc) || ($.eventName=DeleteVpc) || ($.eventName=ModifyVpcAttribute)}",
    0: '{($.eventSource=organizations.amazonaws.com) && (($.eventName="LeaveOrganization") || ($.eventName="MoveAccount"))}',
}


def _raised(event: Event) -> Case:
    pattern = CIS[event.number]
    metric = {"name": "events", "namespace": "Trail", "value": "1"}
    return Case(
        good=[
            [
                _TRAIL,
                res(FILTER, logGroupName="trail", pattern=pattern, metricTransformation=metric),
                res(ALARM, namespace="Trail", metricName="events", alarmActions=[TOPIC]),
            ],
            [
                _TRAIL,
                res(FILTER, logGroupName="trail", pattern=pattern, metricTransformation=metric),
                res(ALARM, namespace="Trail", metricName="events", alarmActions=[UNKNOWN]),
            ],
        ],
        bad=[
            Drop(FILTER),
            Drop(ALARM),
            Change({"pattern": pattern.replace(event.words[-1].removeprefix("!"), "Else")}, FILTER),
            Change({"metricName": "others"}, ALARM),
            Change({"actionsEnabled": False}, ALARM),
        ],
        na=[[res(ALARM, alarmActions=[TOPIC])]],
        unknown=[Change({"pattern": UNKNOWN}, FILTER)],
    )


CASES = {f"CloudWatch.{event.number}": _raised(event) for event in EVENTS} | {
    "MD.CloudWatch.1": _raised(ORGANISATION),
    "CloudWatch.15": Case(
        good=[
            [res(ALARM, alarmActions=[TOPIC])],
            [res(COMPOSITE, alarmActions=TOPIC)],
            [res(ALARM, alarmActions=[UNKNOWN])],
        ],
        bad=[Change({"alarmActions": ABSENT}), Change({"alarmActions": []})],
        na=[[_TRAIL]],
        unknown=[Change({"actionsEnabled": UNKNOWN})],
    ),
    "CloudWatch.17": Case(
        good=[[res(ALARM, alarmActions=[TOPIC])], [res(ALARM, alarmActions=[TOPIC], actionsEnabled=True)]],
        bad=[Change({"actionsEnabled": False})],
        na=[[_TRAIL]],
        unknown=[Change({"actionsEnabled": UNKNOWN})],
    ),
}
