"""What somebody does by hand before a service first starts on AWS: a key that is agreed with a partner is put in place."""

from __future__ import annotations

import httpx

from localcloud.dataplane.model import DesiredState
from localcloud.runtime import loopback
from localcloud.runtime.errors import SupervisorError

#: Variables whose secrets a program cannot generate: the partner has to know what is in them (localcloud/partners).
AGREED = frozenset({"ESIGN_KEY"})

#: A key is made, and the emulator may be busy.
_SECONDS = 60


class Enrolment:
    """Has the stand-ins, at `url`, put such secrets, once for each, before a task is given one."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._done: set[str] = set()

    async def apply(self, desired: DesiredState) -> None:
        """For all that is deployed. Raises SupervisorError; what is not done is tried again at the next look."""
        wanted = _sources(desired) - self._done
        if not wanted:
            return
        try:
            async with loopback.async_client() as client:
                (await client.post(f"{self._url}/_partners/enrolment", timeout=_SECONDS)).raise_for_status()
        except httpx.HTTPError as error:
            raise SupervisorError("partners", f"cannot put {', '.join(sorted(AGREED))}: {error}") from error
        self._done |= wanted


def _sources(desired: DesiredState) -> set[str]:
    """Where the secrets of those variables are."""
    return {
        str(item["valueFrom"])
        for service in desired.services
        for container in service.definition.containers
        for item in container.get("secrets") or ()
        if item["name"] in AGREED
    }
