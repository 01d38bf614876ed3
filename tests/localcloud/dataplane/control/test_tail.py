"""`matchday logs` merges what everything prints by its own time, whatever form that has."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.dataplane.control.tail import tail
from localcloud.runtime.errors import SupervisorError


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """One line of each kind, in no order, and a traceback that belongs to its first line."""
    for name, text in {
        "logs/wallet/web/a.log": '{"time": "2026-11-26T10:00:02.500+00:00", "message": "asked"}\n',
        "logs/rds/matchday-local-postgres.log": "2026-11-26 10:00:01.250 UTC [7] LOG:  ready\n",
        "logs/elasticache/cache.log": "7:M 26 Nov 2026 10:00:03.000 * Ready\n",
        "logs/ingress.log": '{"level":"error","ts":1795687200.5,"msg":"no upstream"}\n',
        "logs/provider.log": "2026-11-26T10:00:04Z failed\nTraceback (most recent call last):\n  boom\n",
        "supervisor.log": "2026-11-26T10:00:05+00:00 stopped\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "logs"


def test_lines_come_in_the_order_of_their_times(logs: Path) -> None:
    assert [where for where, _ in tail(logs, None, follow=False)] == [
        "ingress",
        "postgres/matchday-local-postgres",
        "wallet/web",
        "valkey/cache",
        "provider",
        "provider",
        "provider",
        "supervisor",
    ]


@pytest.mark.parametrize("name", ["postgres", "valkey", "ingress", "provider", "supervisor", "wallet", "wallet/web"])
def test_each_can_be_named(logs: Path, name: str) -> None:
    assert {where.split("/")[0] for where, _ in tail(logs, name, follow=False)} == {name.split("/")[0]}


def test_another_name_is_refused_with_those_that_there_are(logs: Path) -> None:
    with pytest.raises(
        SupervisorError, match="'redis' has logs; there are: ingress, postgres, provider, supervisor, valkey"
    ):
        list(tail(logs, "redis", follow=False))
