"""Imported by the parent of forked emulators (forked.py): all that an emulator of these tests reads before it serves."""

from __future__ import annotations

import importlib

from localcloud.emulator.__main__ import prepare_environment
from localcloud.runtime import api_models

#: What the tests ask an emulator for.
SERVICES = (
    "acm", "cloudwatch", "ec2", "ecr", "ecs", "elasticache", "elbv2", "events", "iam", "kms", "logs", "rds", "s3",
    "secretsmanager", "servicediscovery", "sns", "sqs", "ssm", "sts", "wafv2",
)  # fmt: skip

prepare_environment()
api_models.read_once()
importlib.import_module("localcloud.emulator.server")
for _service in SERVICES:
    importlib.import_module(f"moto.{_service}.urls")
