"""Calls of the AWS API by name, as rows word them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.parsers import ResponseParserError

from localcloud.provider.errors import Refused
from localcloud.runtime import aws


class OperationClients(aws.Clients):
    """The fenced clients, called by the names of operations."""

    def call(self, service: str, region: str, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call `operation` (boto3's method name; "other-service:method" for one of another service)."""
        if ":" in operation:
            service, operation = operation.split(":")
        try:
            answer: dict[str, Any] = getattr(self.client(service, region), operation)(**arguments)
        except ResponseParserError as error:  # an HTML page of the emulator's where AWS answers XML
            raise Refused(f"{operation}: the emulator failed or does not know this call (its log says more)") from error
        return answer
