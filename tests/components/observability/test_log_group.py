"""A log group: encrypted, and with an end."""

from __future__ import annotations

import pytest

from components.observability.log_group import LogGroup, LogGroupArgs


def group(**changes):
    return lambda: LogGroup(
        "logs", LogGroupArgs(**{"log_group_name": "/matchday/dev/wallet", "key_arn": "arn:key", **changes})
    )


def test_it_is_encrypted_and_forgets_after_a_year(run):
    (made,) = run(group()).of("aws:cloudwatch/logGroup:LogGroup")
    assert made.inputs["name"] == "/matchday/dev/wallet"
    assert (made.inputs["kmsKeyId"], made.inputs["retentionInDays"]) == ("arn:key", 365)


def test_a_retention_that_cloudwatch_refuses(run):
    with pytest.raises(ValueError, match=r"retention of 100 days; accepted: 1, 3, 5"):
        run(group(retention_days=100))
