"""A clone's history does not grow for ever."""

from __future__ import annotations

from pathlib import Path

from localcloud.engine import history


def test_the_newest_runs_of_a_stack_are_kept_and_no_other_is_touched(tmp_path: Path) -> None:
    folder = tmp_path / ".pulumi" / "history" / "matchday"
    for stack, runs in (("local", history.KEPT + 3), ("dev", 2)):
        (folder / stack).mkdir(parents=True)
        for run in range(runs):
            for part in ("history", "checkpoint"):
                for ending in ("", ".attrs"):
                    (folder / stack / f"{stack}-{run + 100}.{part}.json{ending}").touch()
    (folder / "local" / "local-100.checkpoint.json").unlink()  # a call before this was cut off here
    history.trim(tmp_path, "local")
    kept = history.records(tmp_path, "local")
    assert [record.name for record in kept] == [f"local-{run + 103}.history.json" for run in range(history.KEPT)]
    assert all(history.checkpoint(record).exists() for record in kept)
    assert len(list((folder / "local").iterdir())) == 4 * history.KEPT
    assert len(history.records(tmp_path, "dev")) == 2
    history.trim(tmp_path / "nothing", "local")
