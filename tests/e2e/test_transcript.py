"""README's table from top to bottom, in a fresh clone, as root and as an ordinary user: each line does what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clones import PROJECT
from tests.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.nightly, pytest.mark.xdist_group("transcript"), pytest.mark.timeout(5400)]

NOBODY = 65534

#: How this machine reaches the package indexes.
_NETWORK = re.compile(
    r"(SSL_CERT|PIP_(?!CACHE)|UV_(?!CACHE)|GO(PROXY|SUMDB|FLAGS|NOSUMDB)|REQUESTS_CA|(https?|no|all)_proxy)",
    re.IGNORECASE,
)


def commands() -> list[str]:
    """The table's commands in its order."""
    table = (PROJECT / "README.md").read_text().partition("## On this machine")[2].partition("\n`matchday` is in")[0]
    rows = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ") and "you want to" not in line]
    found = [command for row in rows for command in re.findall(r"`([^`]+)`", row)]
    return [command for command in found if command.startswith(("make ", "matchday ", "eval "))]


#: Each command of the table: what it must print (standard output and error), and what is typed into it.
EXPECTED: dict[str, tuple[str, str]] = {
    "make up": (r"http://127\.0\.0\.1:\d+/", ""),
    "matchday status": (r"matchday-local-wallet-web +1/1", ""),
    "matchday smoke": (r"register", ""),
    "matchday logs -f": (r"wallet", ""),
    "matchday logs wallet": (r"wallet", ""),
    "matchday preview prod --against": (r"prod: no changes; [3-9]\d\d unchanged", ""),
    "matchday cost prod": (r"prod: [\d,.]+ USD a month in ap-south-1", ""),
    "matchday rehearse prod": (r"changed by nothing: 0 in a preview, 0 in a refresh; left after destroy: 0", ""),
    "matchday audit prod --out evidence/": (r"0 mandatory", ""),
    'eval "$(.venv/bin/matchday env)"; pulumi preview -s local': (r"unchanged", ""),
    "make down": (r"the data is kept", ""),
    "matchday reset": (r"is gone", "y\n"),
}


def test_the_table_and_this_test_name_the_same_commands() -> None:
    assert list(dict.fromkeys(commands())) == list(EXPECTED)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may look into; pytest's own are root's alone."""
    with tempfile.TemporaryDirectory(prefix="matchday-transcript-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.mark.parametrize("account", ["root", "nobody"])
def test_every_line_of_the_table(account: str, place: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    clone, home = place / "matchday", place / "home"
    subprocess.run(["git", "clone", "-q", "--branch", "main", str(_with_main(place)), str(clone)], check=True)
    home.mkdir()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    for shared in ("matchday", "uv"):  # else every run would build the Pulumi CLI and load 200 packages
        if (cache / shared).exists():
            # Language hosts are links of the CLI; copied they would be as large each, and the clone makes its own.
            skip = shutil.ignore_patterns("hosts")
            shutil.copytree(cache / shared, home / ".cache" / shared, symlinks=True, ignore=skip)
    number = 0 if account == "root" else NOBODY
    subprocess.run(["chown", "-R", f"{number}:{number}", str(clone), str(home)], check=True)
    run = _shell(clone, home, number)
    try:
        for command, (wanted, typed) in EXPECTED.items():
            if command == "make up":
                code, printed = run(f"make up PORT={free_port()}", typed)
            elif command.endswith("-f"):
                code, printed = run(f"timeout -s INT 20 {command}", typed)
                assert code in (0, 2, 124), printed
                code = 0
            else:
                code, printed = run(command, typed)
            with (place / "transcript.txt").open("a") as transcript:
                transcript.write(f"$ {command}\n{printed}\n")
            assert code == 0, f"{command} → {code}\n{printed}"
            assert re.search(wanted, printed), f"{command}: nothing like {wanted!r} in\n{printed}"
            if command == "matchday logs wallet":
                _change_a_setting(clone, run)
        assert run("git status --porcelain", "")[1].replace("?? evidence/\n", "") == ""
    finally:
        run("make down", "")
    assert subprocess.run(["pgrep", "-f", str(clone)], check=False, capture_output=True).stdout == b""


def _with_main(place: Path) -> Path:
    """A repository whose branch main is this working tree's commit, so that `--against` has something to compare with."""
    bare = place / "origin.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(PROJECT), str(bare)], check=True)
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=PROJECT, text=True).strip()
    subprocess.run(["git", "update-ref", "refs/heads/main", head], cwd=bare, check=True)
    return bare


def _change_a_setting(clone: Path, run: Callable[[str, str], tuple[int, str]]) -> None:
    """The table's line without a command of its own: edit a setting, `make up` again changes exactly that; then back."""
    file = clone / "environments" / "Pulumi.local.yaml"
    original = file.read_text()
    file.write_text(
        original.replace("matchday:environment:\n", "matchday:environment:\n    logs: {retention_days: 14}\n", 1)
    )
    for _ in range(2):
        code, printed = run("make up", "")
        assert code == 0, printed
        assert re.search(r"this run: \d+ update, \d+ same", printed), printed
        file.write_text(original)


def _shell(clone: Path, home: Path, number: int) -> Callable[[str, str], tuple[int, str]]:
    own = [] if number else [f"{sys.base_prefix}/bin"]  # root's Python may lie where nobody else can look
    path = ":".join([f"{clone}/.venv/bin", *own, "/usr/local/bin", "/usr/bin", "/bin"])
    network = {name: value for name, value in os.environ.items() if _NETWORK.match(name)}
    environment = {**network, "HOME": str(home), "LANG": "C.UTF-8", "PATH": path}
    become = ["setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups"] if number else []

    def run(command: str, typed: str) -> tuple[int, str]:
        done = subprocess.run(
            [*become, "bash", "-c", command],
            cwd=clone,
            env=environment,
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,
            check=False,
        )
        return done.returncode, done.stdout

    return run
