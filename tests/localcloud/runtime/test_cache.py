"""Values that one process keeps for the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.runtime import cache


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "matchday" / "values"


def _refused() -> object:
    raise AssertionError("made again")


def test_a_value_is_made_once_and_again_when_what_is_kept_is_damaged(place: Path) -> None:
    value = {"a": [1, None, 2.5, "é"], "b": {}}
    assert cache.kept("one", lambda: value) == value
    assert cache.kept("one", _refused) == value
    (file,) = place.iterdir()
    for damage in (b"", file.read_bytes()[:-3], b"\xff" * 40):
        file.write_bytes(damage)
        assert cache.kept("one", lambda: "new") == "new"
        assert cache.kept("one", _refused) == "new"


def test_another_key_is_another_value() -> None:
    made = iter(["of a", "of b"])
    assert [cache.kept(key, lambda: next(made)) for key in ("a", "b", "a")] == ["of a", "of b", "of a"]


def test_a_cache_that_cannot_be_written_is_none(place: Path) -> None:
    place.parent.mkdir(parents=True)
    place.write_text("no folder")
    made = iter([1, 2])
    assert [cache.kept("one", lambda: next(made)) for _ in range(2)] == [1, 2]
