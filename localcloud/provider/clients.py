"""Calls of the AWS API by name, as rows word them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.parsers import ResponseParserError

from localcloud.provider.errors import Refused
from localcloud.provider.quick_endpoint import Connections, QuickEndpoint
from localcloud.runtime import aws


class _Agent:
    """In the place of what makes a User-Agent of twelve parts for each request."""

    def __init__(self, words: str) -> None:
        self._words = words

    def to_string(self) -> str:
        """The User-Agent."""
        return self._words


class OperationClients(aws.Clients):
    """The fenced clients, called by the names of operations; a request is sent once.

    - agent: the User-Agent. By it the emulator's journal knows what a cut-off run of the engine wrote.
    """

    def __init__(self, endpoint: str, *, agent: str) -> None:
        super().__init__(endpoint, agent=agent)
        self._agent = agent
        self._connections = Connections(*aws.check_endpoint(endpoint))

    def _make(self, service: str, region: str) -> Any:
        client = super()._make(service, region)
        client._endpoint = QuickEndpoint(client, self._connections)
        client._user_agent_creator = _Agent(self._agent)
        return client

    def call(self, service: str, region: str, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call `operation` (boto3's method name; "other-service:method" for one of another service)."""
        if ":" in operation:
            service, operation = operation.split(":")
        try:
            answer: dict[str, Any] = getattr(self.client(service, region), operation)(**arguments)
        except ResponseParserError as error:  # an HTML page of the emulator's where AWS answers XML
            raise Refused(f"{operation}: the emulator failed or does not know this call (its log says more)") from error
        return answer
