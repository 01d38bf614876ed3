"""What a case of the reference graph says, and the documents that several share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Inputs = dict[str, Any]


def ref(path: str) -> dict[str, str]:
    return {"ref": path}


@dataclass(frozen=True)
class Case:
    token: str
    inputs: Inputs
    update: Inputs = field(default_factory=dict)
    drift: Callable[[Any, str, Inputs], None] | None = None
    drifted: str = ""


def document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


LOGS = document(Action=["logs:PutLogEvents"], Resource="*")
LOGS_AND_STREAMS = document(Action=["logs:PutLogEvents", "logs:CreateLogStream"], Resource="*")
TAGS = {"Name": "graph", "Key": "value"}
