"""The rehearsal: a new component from `make new-component` passes the checks without a hand on it."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.clones import UNFINISHED, lend_mypy_cache

ROOT = Path(__file__).parents[2]
CHECKED = ["components", "environments", "model", "stacks", "tests/components", "docs/runbooks"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("new_component", ROOT / "scripts" / "new_component.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What of the repository a component touches."""
    for folder in CHECKED:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=UNFINISHED)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=UNFINISHED)
    for file in ("pyproject.toml", "Makefile"):
        shutil.copy(ROOT / file, tmp_path)
    # Contracts are checked among all rooms; only the names of the others are needed here.
    for room in ("cli", "localcloud", "policies", "scoring", "services"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").touch()
    # The tests of components run programs as the engine does, and ask what IAM would decide.
    for room in ("engine", "runtime", "emulator/authorization"):
        shutil.copytree(ROOT / "localcloud" / room, tmp_path / "localcloud" / room, ignore=UNFINISHED)
    (tmp_path / "localcloud" / "emulator" / "__init__.py").touch()
    lend_mypy_cache(tmp_path)
    return tmp_path


def passes(clone: Path, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=clone, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_new_component_passes_the_checks(clone: Path) -> None:
    made = subprocess.run(
        [sys.executable, "scripts/new_component.py", "mail_queue", "data"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [line.removeprefix("wrote ") for line in made.stdout.splitlines() if line.startswith("wrote ")]
    assert files == [
        "components/data/mail_queue.py",
        "components/data/mail_queue_plan.py",
        "tests/components/data/test_mail_queue.py",
        "docs/runbooks/mail-queue.md",
    ]
    sources = [file for file in files if file.endswith(".py")]
    passes(clone, "ruff", "check", *sources)
    passes(clone, "ruff", "format", "--check", *sources)
    passes(clone, "mypy", *sources)
    tests = ["tests/components/data/test_mail_queue.py", "tests/components/test_conventions.py"]
    passes(clone, "pytest", "-q", "-k", "MailQueue or mail_queue or example", *tests)


def test_the_pure_plan_is_under_the_contract(clone: Path, script: ModuleType) -> None:
    script.write(clone, "mail_queue", "data")
    assert '"components.data.mail_queue_plan", ' in (clone / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("name", "room", "message"),
    [
        ("MailQueue", "data", "name 'MailQueue'; accepted: a module's name in lower case"),
        ("mail_queue", "attic", "room 'attic'; accepted: compute, cost, data, delivery, edge"),
        ("bucket", "data", r"components/data/bucket\.py exists already"),
    ],
)
def test_a_refusal_writes_nothing(clone: Path, script: ModuleType, name: str, room: str, message: str) -> None:
    before = {path: path.read_bytes() for path in clone.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=message):
        script.write(clone, name, room)
    assert {path: path.read_bytes() for path in clone.rglob("*") if path.is_file()} == before
