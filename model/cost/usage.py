"""What a month is reckoned with where no plan says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from model.vocabulary import Model

Gigabytes = Annotated[int, Field(ge=0, le=10_000_000)]


class Usage(Model):
    """A month's use of the whole stack. 0: not estimated, and the estimate lists it by name."""

    hours: Annotated[int, Field(ge=1, le=744)] = 730
    """hours that everything runs, with its usual number of tasks; 730 is AWS's own average month"""
    task_hours: Annotated[int, Field(ge=1, le=744)] | None = None
    """hours that tasks run; left out: all of `hours`"""
    requests_millions: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """million requests at the edge; each firewall is reckoned to look at all of them"""
    capacity_units: Annotated[int, Field(ge=0, le=100_000)] = 0
    """load balancer capacity units (LCU) in use, on average over the month"""
    cdn_gb: Gigabytes = 0
    """GB that CloudFront sends to viewers"""
    nat_gb: Gigabytes = 0
    """GB through NAT gateways"""
    endpoint_gb: Gigabytes = 0
    """GB through interface endpoints"""
    logs_gb: Gigabytes = 0
    """GB written to CloudWatch Logs"""
    logs_kept_gb: Gigabytes = 0
    """GB that CloudWatch Logs keeps"""
    bucket_gb: Gigabytes = 0
    """GB in S3 buckets, all in the class Standard"""
    backup_gb: Gigabytes = 0
    """GB of RDS backups beyond the size of the databases, which is free"""
    images_gb: Gigabytes = 0
    """GB of container images"""
