"""The address of a paging service is a secret: encrypted or refused, and never shown."""

from __future__ import annotations

import pytest

from environments.pager import pager
from environments.source import PAGER_KEY, SettingsError

URL = "https://events.example/integration/0123456789abcdef/enqueue"


def test_there_is_none_or_one_that_is_encrypted() -> None:
    assert pager("prod", {}, ()) is None
    assert pager("prod", {PAGER_KEY: URL}, {PAGER_KEY}) == URL


@pytest.mark.parametrize(
    ("value", "secret", "sentence"),
    [
        (URL, (), r"environments/Pulumi\.prod\.yaml: matchday:pager: its value stands in the clear, .* --secret"),
        ("http://events.example/x", {PAGER_KEY}, r"matchday:pager: its value is no address; accepted: https://<host>/<path>"),
        ("https://events.example", {PAGER_KEY}, "is no address"),
        ("https://events.example/a b", {PAGER_KEY}, "is no address"),
        ("https://user:word@events.example/a", {PAGER_KEY}, "is no address"),
        ("https:///a", {PAGER_KEY}, "is no address"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_and_not_shown(value: str, secret: set[str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence) as refused:
        pager("prod", {PAGER_KEY: value}, secret)
    assert value not in str(refused.value)
