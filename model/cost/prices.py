"""AWS's list prices, dated and with their source (prices.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from model import documents

FILE = Path(__file__).with_name("prices.yaml")

#: The Region of what costs the same everywhere.
GLOBAL = "global"

#: An item's first word → the service, as AWS calls it.
SERVICES: Mapping[str, str] = {
    "fargate": "Fargate", "rds": "RDS", "elasticache": "ElastiCache", "nat": "NAT gateway",
    "elb": "Elastic Load Balancing", "vpc": "VPC", "kms": "KMS", "secretsmanager": "Secrets Manager",
    "cloudwatch": "CloudWatch", "waf": "WAF", "s3": "S3", "cloudfront": "CloudFront", "route53": "Route 53", "ecr": "ECR",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PriceSource:
    """Where a price is from. file: AWS's; published: when AWS did, None where it is not told; via: where it was read."""

    file: str
    published: date | None
    via: str


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for one `unit` of an item in a Region, by one source."""

    item: str
    unit: str
    region: str
    usd: Decimal
    source: PriceSource

    @property
    def service(self) -> str:
        """Whose bill it is on."""
        return SERVICES[self.item.partition("-")[0]]


@dataclass(frozen=True, slots=True)
class Prices:
    """The table. read: the day on which it was written down; fallback: the Region that is taken first for an unknown one."""

    read: date
    currency: str
    fallback: str
    rows: Mapping[str, tuple[Price, ...]]

    def find(self, item: str, region: str) -> Price | None:
        """The price in that Region; else of everywhere; else another Region's, whose name it then has; None without any."""
        rows = self.rows.get(item, ())
        order = (region, GLOBAL, self.fallback)
        return min(rows, key=lambda row: order.index(row.region) if row.region in order else len(order), default=None)


@cache
def load(file: Path = FILE) -> Prices:
    """The table of the repository."""
    content = documents.read(file, str(file)).content
    sources = {name: PriceSource(**each) for name, each in content["sources"].items()}
    rows = {
        item: tuple(Price(item, unit, region, Decimal(usd), sources[source]) for unit, region, usd, source in each)
        for item, each in content["prices"].items()
    }
    return Prices(content["read"], content["currency"], content["fallback"], rows)
