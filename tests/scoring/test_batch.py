"""A directory of matches by several processes: what one process prints, in the same order, and one that dies ends nothing."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import score_run
from tests.scoring.builders import FIXTURES
from tests.scoring.test_command import app

#: Each calls a command of ours that forks.
pytestmark = pytest.mark.process

MATCH = FIXTURES / "cricket" / "ipl" / "1178424.json"


@pytest.fixture
def matches(tmp_path: Path) -> Path:
    """Matches, two of them in two revisions, a broken one, one that is for another game, and a log of a match that is there."""
    for number in range(6):
        document = json.loads(MATCH.read_text())
        (tmp_path / f"{number}.json").write_text(json.dumps(document))
        if number < 2:
            document["meta"]["revision"] = 9
            (tmp_path / "corrected").mkdir(exist_ok=True)
            (tmp_path / "corrected" / f"{number}.json").write_text(json.dumps(document))
    (tmp_path / "3.json").write_text('{"info": ')
    log = json.loads((Path(__file__).parent / "cases" / "fpl-own-goal-assist.json").read_text())
    (tmp_path / "4.json").write_text(json.dumps(log))
    log["match"] = {"id": "cricsheet:5", "sport": "cricket", "title": "A v B"}
    (tmp_path / "z.json").write_text(json.dumps({**log, "events": []}))
    return tmp_path


def whole(matches: Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["score", str(matches), "--rules", "cricket-t20-b", "--json"])
    return result.exit_code, result.stdout, result.stderr


def test_several_processes_print_what_one_does_in_the_same_order(
    matches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = whole(matches)
    assert alone[0] == 1 and len(alone[1].splitlines()) == 4
    assert "cricsheet:5 is in" in alone[2], "a match under another file's name is scored once"
    monkeypatch.setattr(score_run, "FOR_PROCESSES", 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    assert whole(matches) == alone


def test_a_process_that_is_killed_ends_no_run(matches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone, parent, of_group = whole(matches), os.getpid(), score_run.Run.of_group

    def dying(run: score_run.Run, group: score_run.Group, *seen: Mapping[str, Path]) -> score_run.Outcome:
        if os.getpid() != parent and group[0].name == "2.json":
            (matches / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return of_group(run, group, *seen)

    dying.__name__ = of_group.__name__  # which a process is told to call
    monkeypatch.setattr(score_run, "FOR_PROCESSES", 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(score_run.Run, "of_group", dying)
    assert whole(matches) == alone
    assert (matches / "killed").exists()
