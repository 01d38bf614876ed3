"""Cases of policies/controls/route53.py."""

from tests.policies.build import UNKNOWN, Case, Change, Drop, res

ZONE = "aws:route53/zone:Zone"
QUERY_LOG = "aws:route53/queryLog:QueryLog"
SIGNING = "aws:route53/hostedZoneDnsSec:HostedZoneDnsSec"
GOOD = [
    res(ZONE, "z", id="Z1", name="matchday.example"),
    res(QUERY_LOG, zoneId="Z1", cloudwatchLogGroupArn="arn:aws:logs:us-east-1:111122223333:log-group:dns:*"),
    res(SIGNING, hostedZoneId="Z1"),
]
PRIVATE = [res(ZONE, vpcs=[{"vpcId": "vpc-1"}])]

CASES = {
    "Route53.2": Case(
        good=[GOOD],
        bad=[Drop(QUERY_LOG), Change({"zoneId": "Z2"}, QUERY_LOG)],
        na=[PRIVATE],
        unknown=[Change({"zoneId": UNKNOWN}, QUERY_LOG)],
    ),
    "MD.Route53.1": Case(
        good=[GOOD],
        bad=[Drop(SIGNING), Change({"signingStatus": "NOT_SIGNING"}, SIGNING)],
        na=[PRIVATE],
        unknown=[Change({"signingStatus": UNKNOWN}, SIGNING)],
    ),
}
