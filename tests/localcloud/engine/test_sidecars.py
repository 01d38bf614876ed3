"""A torn file of attributes goes; one that is whole, or perhaps just being written, stays."""

from __future__ import annotations

from pathlib import Path

from localcloud.engine.sidecars import remove_torn


def test_only_what_is_torn_goes_and_only_while_no_engine_runs(tmp_path: Path) -> None:
    stacks = tmp_path / ".pulumi" / "stacks" / "matchday"
    stacks.mkdir(parents=True)
    whole, empty, cut = (stacks / f"{name}.json.attrs" for name in ("whole", "empty", "cut"))
    whole.write_text('{"user.content_type": "text/plain; charset=utf-8"}')
    empty.touch()
    cut.write_text('{"user.cont')
    (stacks / "empty.json").touch()
    lock = tmp_path / ".pulumi" / "locks" / "organization" / "matchday" / "local" / "one.json"
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert remove_torn(tmp_path) == []
    lock.unlink()
    assert set(remove_torn(tmp_path)) == {empty, cut}
    assert whole.exists()
    assert (stacks / "empty.json").exists(), "what is no file of attributes is not ours to judge"
    assert remove_torn(tmp_path / "nothing") == []
