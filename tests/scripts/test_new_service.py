"""The rehearsal: new services from `make new-service`, one with endpoints and one without, pass every check as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from model.catalog import load_catalog
from model.vocabulary import Tier
from scripts.new_service import write
from tests.clones import lend_mypy_cache

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]

#: What of the repository the checks of a service look at.
ROOMS = ("cli", "components", "environments", "localcloud", "model", "policies", "requirements", "scoring", "scripts",
         "services", "stacks", "tests/services")  # fmt: skip
FILES = ("pyproject.toml", "Makefile", "tests/eventually.py", "tests/ports.py")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with two services more: `bonus` answers requests, `chores` only works."""
    directory = tmp_path_factory.mktemp("clone")
    for room in ROOMS:
        shutil.copytree(ROOT / room, directory / room, ignore=shutil.ignore_patterns("*.pyc.*", "node_modules"))
    for file in FILES:
        shutil.copy(ROOT / file, directory / file)
    before = contents(directory)
    passes(directory, "scripts/new_service.py", "bonus")
    passes(directory, "scripts/new_service.py", "chores", "--worker")
    after = contents(directory)
    assert {path: after[path] for path in before} == before, "nothing that exists is touched"
    new = {path.split("/")[-2] if "migrations" not in path else path.split("/")[1] for path in set(after) - set(before)}
    assert new == {"bonus", "chores"}
    return directory


def contents(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    kept = (path for path in files if not {".ruff_cache", ".mypy_cache"} & set(path.parts))
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in kept}


def passes(clone: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_catalogue_takes_them(clone: Path) -> None:
    for tier in Tier:
        services = load_catalog(clone / "services", tier).services
        assert {"bonus", "chores"} < set(services)
        assert services["chores"].web is None


def test_they_pass_the_linters(clone: Path) -> None:
    folders = [f"{room}/{name}" for name in ("bonus", "chores") for room in ("services", "tests/services")]
    passes(clone, "-m", "ruff", "check", *folders)
    passes(clone, "-m", "ruff", "format", "--check", *folders)
    passes(clone, "scripts/check_services.py")
    lend_mypy_cache(clone)
    passes(clone, "-m", "mypy", *folders)


def test_the_import_contracts_cover_them(clone: Path) -> None:
    command = ["-c", "import sys; from importlinter.cli import lint_imports_command as main; sys.exit(main())"]
    passes(clone, *command)
    module = clone / "services" / "bonus" / "service.py"
    original = module.read_text()
    module.write_text(original + "\nfrom services.wallet import repository as theirs\n")
    try:
        with pytest.raises(AssertionError, match=r"services\.bonus is not allowed to import services\.wallet"):
            passes(clone, *command)
    finally:
        module.write_text(original)


def test_they_pass_their_own_tests_and_those_of_every_service(clone: Path) -> None:
    tests = ["tests/services/bonus", "tests/services/chores", "tests/services/test_every_service.py"]
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests, "-k", "bonus or chores"]
    report = passes(clone, *command)
    assert " passed" in report and "skipped" not in report


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Bonus", "name 'Bonus'; accepted: 2 to 20 lower-case letters"),
        ("two-words", "name 'two-words'; accepted"),
        ("../x", "accepted: 2 to 20"),
        ("wallet", "services/wallet exists already"),
        ("common", "services/common exists already"),
    ],
)
def test_what_cannot_be_is_named_and_nothing_is_written(clone: Path, name: str, message: str) -> None:
    before = contents(clone)
    with pytest.raises(ValueError, match=message):
        write(clone, name)
    assert contents(clone) == before
