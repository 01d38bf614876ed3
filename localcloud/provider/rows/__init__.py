"""Every resource kind of package `aws` that the local provider knows: one module per AWS service."""

from __future__ import annotations

from localcloud.provider.row import Row
from localcloud.provider.rows import (
    acm,
    appautoscaling,
    cloudfront,
    cloudwatch,
    ec2,
    ecr,
    ecs,
    elasticache,
    iam,
    ipv6,
    kms,
    lb,
    log_delivery,
    messaging,
    neighbours,
    network,
    rds,
    rds_groups,
    route53,
    s3,
    secrets,
    security_groups,
    servicediscovery,
    wafv2,
)

_OWN: dict[str, Row] = {
    **ec2.ROWS,
    **network.ROWS,
    **ipv6.ROWS,
    **security_groups.ROWS,
    **kms.ROWS,
    **iam.ROWS,
    **lb.ROWS,
    **ecs.ROWS,
    **servicediscovery.ROWS,
    **appautoscaling.ROWS,
    **rds.ROWS,
    **rds_groups.ROWS,
    **elasticache.ROWS,
    **s3.ROWS,
    **cloudfront.ROWS,
    **wafv2.ROWS,
    **cloudwatch.ROWS,
    **log_delivery.ROWS,
    **messaging.ROWS,
    **secrets.ROWS,
    **ecr.ROWS,
    **acm.ROWS,
    **route53.ROWS,
}

ROWS: dict[str, Row] = _OWN | neighbours.rows(_OWN)

#: Service of pulumi_aws -> the module here that holds its rows (sns and sqs are in messaging).
FILES: dict[str, str] = {
    token.split(":")[1].split("/")[0]: module.__name__.rpartition(".")[2]
    for module in (security_groups, log_delivery, network, ec2, kms, iam, lb, ecs, servicediscovery, appautoscaling,
                   rds_groups, rds, elasticache, s3, cloudfront, wafv2, cloudwatch, messaging, secrets, ecr, acm, route53)
    for token in module.ROWS
}  # fmt: skip
