"""A secret that only a partner can agree to is put before a task is given it: once, and until it is done no task starts."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.dataplane.control.enrolment import Enrolment
from localcloud.dataplane.model import DesiredState, Service, TaskDefinition
from localcloud.partners.wire import Answer, PartnerCall, serve
from localcloud.runtime.errors import SupervisorError


def desired(*secrets: str) -> DesiredState:
    """A service whose container has these secrets."""
    container: dict[str, Any] = {
        "name": "worker",
        "secrets": [{"name": each, "valueFrom": f"arn:{each}"} for each in secrets],
    }
    definition = TaskDefinition(arn="arn:x/kyc:1", family="kyc", containers=[{"name": "migrate"}, container])
    return DesiredState(
        services=[Service(arn="a", name="kyc", cluster="c", desired=1, definition=definition, deployment="1")]
    )


async def test_it_is_asked_for_once_for_each_secret_and_again_where_it_failed() -> None:
    asked: list[PartnerCall] = []
    status = 503

    async def partners(request: PartnerCall) -> Answer:
        asked.append(request)
        return Answer.of({"put": ["ESIGN_KEY"]}, status)

    server = await serve("127.0.0.1", 0, partners)
    enrolment = Enrolment(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await enrolment.apply(desired("DIGEST_KEY"))
    assert asked == [], "no service needs one"
    with pytest.raises(SupervisorError, match="cannot put ESIGN_KEY"):
        await enrolment.apply(desired("DIGEST_KEY", "ESIGN_KEY"))
    status = 200
    for _ in range(2):
        await enrolment.apply(desired("DIGEST_KEY", "ESIGN_KEY"))
    assert [(each.method, each.path) for each in asked] == [("POST", "/_partners/enrolment")] * 2
    server.close()
    with pytest.raises(SupervisorError, match="cannot put"):
        await Enrolment("http://127.0.0.1:9").apply(desired("ESIGN_KEY"))
