"""What the canary of the log-in path expects (components/observability/canary_code.py) is what auth answers."""

from __future__ import annotations

from components.observability.canary_code import REFUSED
from services.auth.errors import AuthCode


def test_the_canary_knows_a_refused_log_in() -> None:
    assert (AuthCode.CREDENTIALS_WRONG.status, AuthCode.CREDENTIALS_WRONG.value) == REFUSED
