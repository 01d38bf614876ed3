"""Three honest exit codes: 0 done, 1 the answer is no, 2 it could not be asked; and a sentence, never a traceback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli import boundary, local, lock, reference, remains
from cli.arguments import filled
from cli.main import COMMANDS, build

PROJECT = Path(__file__).resolve().parents[2]
runner = CliRunner()

#: Command line → its code where nothing runs. Every command has a line.
ALONE: dict[tuple[str, ...], int] = {
    ("up", "--emulator", "https://sts.amazonaws.com"): 2,
    ("up", "--port", "0"): 2,
    ("down",): 0,
    ("reset",): 1,  # asked, and answered with no
    ("status",): 1,
    ("ps",): 1,
    ("logs",): 1,
    ("smoke",): 1,
    ("seed",): 1,
    ("scale", "wallet", "web", "2"): 1,
    ("scale", "wallet", "scheduler", "2"): 2,
    ("rollback", "wallet"): 1,
    ("rollback", "walet"): 2,
    ("sql", "wallet"): 1,
    ("dashboard", "--nonsense"): 2,
    ("drill", "restore"): 1,
    ("drill", "nonsense"): 2,
    ("chaos",): 1,
    ("chaos", "--seconds", "5"): 2,
    ("trace", "0123456789abcdef"): 1,
    ("trace", "no id"): 2,
    ("plan", "--nonsense"): 2,
    ("preview", "prood"): 2,
    ("preview", "prod", "--refresh"): 2,
    ("rehearse", "prood"): 2,
    ("plan", "final", "--stack", "prood"): 2,
    ("event-report", "final", "--stack", "prood"): 2,
    ("cost", "prood"): 2,
    ("pr-comment", "/nowhere.json"): 2,
    ("env",): 1,
    ("doctor", "--nonsense"): 2,
    ("audit",): 2,
    ("audit", "prood"): 2,
    ("audit", "--state", "/nowhere.json"): 2,
    ("score", "--nonsense"): 2,
    ("score", "/nowhere.json", "--rules", "fpl"): 2,
    ("replay", "/nowhere.json"): 1,  # nothing runs
    ("rules", "nonsense"): 2,
    ("rules", "list"): 0,
    ("rules", "lint"): 0,
    ("rules", "lint", "/nowhere.json"): 2,
    ("rules", "diff", "fpl", "no-such-rules"): 2,
}


def test_every_command_has_a_line() -> None:
    assert {line[0] for line in ALONE} == set(COMMANDS)


@pytest.mark.parametrize("line", ALONE, ids=" ".join)
def test_code(line: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "STATE", tmp_path / "state")
    monkeypatch.chdir(tmp_path)
    done = runner.invoke(build([line[0]]), list(line), input="n\n")
    assert done.exit_code == ALONE[line], done.output
    assert "Traceback" not in done.output


def test_codes_are_written_by_name() -> None:
    """A number in a command is a code that the one table (cli/console.py, docs/commands.md) does not know of."""
    wrong = [
        f"{path.name}:{number}: {line.strip()}"
        for path in sorted((PROJECT / "cli").glob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r"Exit\((code=)?[1-9]|\bcode=[1-9](?!\d)|sys\.exit\([1-9]", line) and path.name != "console.py"
    ]
    assert not wrong, "\n".join(wrong)


def test_what_is_printed_in_a_pipe_of_80_columns_needs_no_terminal(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--help"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "COLUMNS": "80", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("columns", ["", "80"])
def test_a_table_keeps_names_whole_in_a_pipe_and_in_80_columns(columns: str) -> None:
    """`matchday status | grep payments-scheduler` finds it; copied from a terminal a name is one word."""
    name, last = "matchday-local-payments-scheduler", "what a line says " * 8
    rows = [(name, "1/1", "completed", "053cf072", "4194303", "HEALTHY"), (name, "0/1", "failed", "-", "-", last)]
    program = (
        f"from cli import console; console.table({rows!r}, ('service', 'tasks', 'roll-out', 'task', 'pid', 'health'))"
    )
    environment = {"PATH": os.environ["PATH"], **({"COLUMNS": columns} if columns else {})}
    printed = subprocess.check_output([sys.executable, "-c", program], cwd=PROJECT, env=environment, text=True)
    lines = [line.rstrip() for line in printed.splitlines()]
    assert [line.split()[0] for line in lines if line.startswith(name)] == [name, name]
    if columns:
        assert max(map(len, lines)) <= 80
        assert lines[1].endswith("4194303 HEALTHY")
    else:
        assert lines[2].endswith(last.rstrip())
        assert len(lines) == 3


def test_an_option_may_stand_without_its_value() -> None:
    assert filled(["prod", "--against"]) == ["prod", "--against", "base"]
    assert filled(["prod", "--against", "--json"]) == ["prod", "--against", "base", "--json"]
    assert filled(["prod", "--against", "v1", "--json"]) == ["prod", "--against", "v1", "--json"]


def test_the_page_lists_every_option_and_document() -> None:
    page = reference.PAGE.read_text(encoding="utf-8")
    assert reference.written(page) == page, "run `python -m cli.reference`"


def test_help_renders_what_it_says() -> None:
    done = runner.invoke(build(["up"]), ["up", "--help"])
    assert "last" in done.stdout
    assert "8080" in done.stdout


@pytest.mark.parametrize(
    ("problem", "code", "said"),
    [
        (KeyboardInterrupt(), 2, "interrupted"),
        (OSError(28, "No space left on device", "/x"), 2, "the disk is full (/x)"),
        (ValueError("surprise"), 2, "a defect of matchday"),
    ],
)
def test_whatever_is_raised_is_a_sentence(problem: BaseException, code: int, said: str) -> None:
    import typer

    def broken() -> None:
        raise problem

    app = typer.Typer()
    app.command()(boundary.guarded(broken))
    done = runner.invoke(app, [])
    assert done.exit_code == code
    assert said in done.stderr
    assert "Traceback" not in done.output


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(
        st.text(max_size=60),
        st.sampled_from(["\tconfig: {", "config: [1]", "a: &a [*a]", "- 1", "config: {a: {", "!!x y"]),
    )
)
def test_a_stack_file_of_any_content_is_refused_in_a_sentence_or_read(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import typer

    (tmp_path / "Pulumi.yaml").write_text("name: x\nruntime: python\n")
    (tmp_path / "Pulumi.local.yaml").write_bytes(text.encode(errors="surrogatepass"))
    monkeypatch.setattr(local, "PROJECT", tmp_path)
    try:
        local.require_readable("local")
    except typer.Exit as done:
        assert done.exit_code == 2


def test_a_region_is_refused_before_anything_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "STATE", tmp_path / "state")
    monkeypatch.setattr(local, "REGION", "ap-south-9")
    done = runner.invoke(build(["up"]), ["up"])
    assert done.exit_code == 2
    assert "'ap-south-9' is no AWS Region" in done.stderr
    assert "ap-south-1" in done.stderr
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "up.json").write_text('{"port": 8080, "emulator": null, "region": "ap-south-1"}')
    monkeypatch.setattr(local, "REGION", "eu-west-1")
    done = runner.invoke(build(["up"]), ["up"])
    assert done.exit_code == 2
    assert "made in ap-south-1" in done.stderr
    assert "reset" in done.stderr
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["up.json"]


def test_the_second_command_waits_and_says_for_whom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "STATE", tmp_path / "state")
    waiter = (
        "from pathlib import Path; from cli import local, lock; local.STATE = Path({!r})\n"
        "with lock.held('down'): print('mine')"
    ).format(str(tmp_path / "state"))
    with lock.held("up"):
        second = subprocess.Popen(
            [sys.executable, "-c", waiter], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert second.stderr is not None
        assert f"waiting for `matchday up` (process {os.getpid()}" in second.stderr.readline()
        assert second.poll() is None
    out, _ = second.communicate(timeout=60)
    assert (out, second.returncode) == ("mine\n", 0)


def test_a_lock_of_a_killed_command_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "STATE", tmp_path / "state")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import time; from pathlib import Path; from cli import local, lock\n"
            f"local.STATE = Path({str(tmp_path / 'state')!r})\n"
            "with lock.held('up'): print('mine', flush=True); time.sleep(600)",
        ],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "mine\n"
    holder.kill()
    holder.communicate()
    with lock.held("down"):
        pass


def test_what_an_earlier_run_left_is_found_and_ended_without_its_files(tmp_path: Path) -> None:
    state, other = tmp_path / "state", tmp_path / "state-of-another"
    script = "import time; print('up', flush=True); time.sleep(600)"
    left, foreign = (
        subprocess.Popen(
            [sys.executable, "-c", script, "localcloud.emulator", "--snapshot", str(where / "emulator" / "snapshot")],
            stdout=subprocess.PIPE,
        )
        for where in (state, other)
    )
    try:
        found = remains.of(state)
        assert [process.pid for process in found.processes] == [left.pid]
        assert {r.state for r in remains.everywhere()} >= {state, other}
        found.end(1)
        left.wait(60)
        assert foreign.poll() is None
        assert remains.of(state).processes == ()
    finally:
        for process in (left, foreign):
            process.kill()
            process.communicate()
