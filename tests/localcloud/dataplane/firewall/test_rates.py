"""Counts of rate-based rules, by a clock of the test's own: who is above a limit, until when, and of which web ACL."""

from __future__ import annotations

from pathlib import Path

from localcloud.dataplane.firewall.rates import Rates
from localcloud.dataplane.firewall.web_acl import ACL, ADDRESS, Rate

ADDRESSES = "127.0.0.1", "203.0.113.9"


def rate(directory: Path, acl: str = "acl", limit: int = 10) -> Rate:
    return Rate(acl=acl, rule="rate", limit=limit, window=60, directory=directory / acl / "rate")


def line(address: str, acl: str = "acl") -> dict[str, str]:
    return {ACL: acl, f"{ADDRESS}rate": address}


def test_who_asks_no_more_is_let_go_without_another_request(tmp_path: Path) -> None:
    now = [1000.0]
    rates, rule = Rates(lambda: now[0]), rate(tmp_path)
    rates.apply([rule])
    for _ in range(11):
        rates.note(line(ADDRESSES[0]))
    assert rates.held() == {"rate": [ADDRESSES[0]]}
    now[0] += 59
    rates.apply([rule])
    assert rates.held() == {"rate": [ADDRESSES[0]]}
    assert [file.name for file in rule.directory.iterdir()] == [f"at-{ADDRESSES[0]}"]
    now[0] += 1
    rates.apply([rule])
    assert rates.held() == {}
    assert [*rule.directory.iterdir()] == []


def test_two_web_acls_with_a_rule_of_one_name_count_for_themselves(tmp_path: Path) -> None:
    rates, one, other = Rates(lambda: 0.0), rate(tmp_path, "one"), rate(tmp_path, "other", limit=20)
    rates.apply([one, other])
    for _ in range(15):
        rates.note(line(ADDRESSES[0], "one"))
        rates.note(line(ADDRESSES[1], "other"))
    assert rates.held() == {"rate": [ADDRESSES[0]]}
    for _ in range(6):
        rates.note(line(ADDRESSES[1], "other"))
    assert rates.held() == {"rate": sorted(ADDRESSES)}
    rates.apply([other])
    assert rates.held() == {"rate": [ADDRESSES[1]]}
    assert not one.directory.exists()
