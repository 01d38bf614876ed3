"""Writes policies/unscoped_actions.txt from AWS's service authorisation reference, as cfn-lint carries it.

.venv/bin/python -m tests.policies.reference_data
"""

from __future__ import annotations

import json
from importlib.resources import files

from policies.lang.unscoped import ACTIONS

#: IAM prefixes of the services that the platform and its neighbours use.
SERVICES = [
    "access-analyzer",
    "acm",
    "application-autoscaling",
    "autoscaling",
    "backup",
    "ce",
    "cloudformation",
    "cloudfront",
    "cloudtrail",
    "cloudwatch",
    "config",
    "dynamodb",
    "ec2",
    "ec2messages",
    "ecr",
    "ecs",
    "elasticache",
    "elasticloadbalancing",
    "events",
    "guardduty",
    "iam",
    "inspector2",
    "kms",
    "lambda",
    "logs",
    "macie2",
    "oam",
    "rds",
    "rds-db",
    "route53",
    "s3",
    "scheduler",
    "secretsmanager",
    "securityhub",
    "servicediscovery",
    "ses",
    "sns",
    "sqs",
    "ssm",
    "ssmmessages",
    "states",
    "sts",
    "synthetics",
    "tag",
    "wafv2",
    "xray",
    "budgets",
]

HEADER = '# Actions that AWS defines for Resource "*" only. Written by tests/policies/reference_data.py; do not edit.\n'


def expected() -> str:
    """What the file must hold."""
    data = json.loads(files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_text(encoding="utf-8"))
    names = [
        f"{service}:{action}"
        for service in SERVICES
        for action, details in data.get(service, {}).get("Actions", {}).items()
        if not details.get("Resources")
    ]
    return HEADER + "".join(f"{name}\n" for name in sorted(names))


if __name__ == "__main__":
    ACTIONS.write_text(expected(), encoding="utf-8")
