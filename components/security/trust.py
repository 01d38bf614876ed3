"""Who may take a role: a service of AWS's, as plain data; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def taken_by(service: str, condition: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The trust policy of a role for `service`.amazonaws.com, under `condition` if one is given."""
    statement = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [{**statement, **({"Condition": condition} if condition else {})}]}


def taken_for(service: str, account_id: Any) -> dict[str, Any]:
    """As `taken_by`, on behalf of one account's resources alone (`account_id` may be an output)."""
    return taken_by(service, {"StringEquals": {"aws:SourceAccount": account_id}})
