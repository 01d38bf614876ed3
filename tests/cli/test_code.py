"""Whose code has changed since the last `up`."""

from __future__ import annotations

import os
import subprocess
import sys
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path

import pytest

from cli.code import LOADED_LATE, SHARED, changed, digests, preloaded

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for file in ("services/__init__.py", "services/common/web.py", "scoring/engine.py", "requirements/services.txt",
                 "services/auth/app.py", "services/wallet/app.py"):  # fmt: skip
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(file)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("services/auth/app.py", ["auth"]),
        ("services/wallet/rules.json", ["wallet"]),
        ("services/common/web.py", ["auth", "wallet"]),
        ("scoring/engine.py", ["auth", "wallet"]),
        ("requirements/services.txt", ["auth", "wallet"]),
        ("cli/up.py", []),
        ("services/auth/__pycache__/app.pyc", []),
        ("services/auth/service.yaml", []),
    ],
)
def test_only_who_runs_it_is_deployed_anew(project: Path, file: str, expected: list[str]) -> None:
    before = digests(project, ["auth", "wallet"])
    (project / file).parent.mkdir(parents=True, exist_ok=True)
    (project / file).write_text("changed")
    assert changed(before, digests(project, ["auth", "wallet"])) == expected


def test_a_new_service_redeploys_nobody(project: Path) -> None:
    before = digests(project, ["auth"])
    assert changed(before, digests(project, ["auth", "wallet"])) == []
    assert changed(None, before) == []


def test_an_older_note_of_one_hash_for_all_redeploys_all(project: Path) -> None:
    assert changed("one hash", digests(project, ["auth", "wallet"])) == ["auth", "wallet"]


def test_what_is_shared_is_what_the_image_copies() -> None:
    """Every room that the image is built from is looked at, and the build sees each."""
    recipe = (PROJECT / "services" / "Dockerfile").read_text().splitlines()
    lines = [line.split()[1:-1] for line in recipe if line.startswith("COPY ") and "--from" not in line]
    copied = {room.rstrip("/") for line in lines for room in line}
    assert "ARG REQUIREMENTS=services" in recipe
    copied = {room.replace("${REQUIREMENTS}", "services") for room in copied}
    # The image's alone: no process of the local cloud speaks TLS to RDS, and its packages are whole.
    own = ("packaging/image/rds.pem", "scripts/images/compiled.py", "scripts/images/trim.py")
    assert copied == {"services", *own, *(room for room in SHARED if not room.startswith("services/"))}
    seen = (PROJECT / "services" / "Dockerfile.dockerignore").read_text().splitlines()
    patterns = [line.removeprefix("!").removesuffix("/**") for line in seen if line.startswith("!")]
    for room in copied:
        assert any(fnmatchcase(room, pattern) for pattern in patterns), f"the build's context lacks {room}"


#: A process of $SERVICE with no server to ask, for a while; what it loads beside what it shares.
_PROCESS = """
import importlib, os, sys, threading
from pathlib import Path
from cli.code import preloaded
for name in preloaded(Path.cwd()):
    importlib.import_module(name)
shared = set(sys.modules)

def tell():
    print(*sorted(set(sys.modules) - shared), flush=True)
    os._exit(0)

threading.Timer(3, tell).start()
importlib.import_module("services.common." + os.environ["PROCESS"]).main()
"""


@pytest.mark.nightly
@pytest.mark.parametrize("process", ["web", "worker", "scheduler"])
def test_a_process_loads_next_to_nothing_beside_what_it_shares(process: str, tmp_path: Path) -> None:
    servers = {f"{name}_{part}": value for name in ("DATABASE", "BROKER", "CACHE")
               for part, value in {"HOST": "127.0.0.1", "PORT": "9", "PASSWORD": "x"}.items()}  # fmt: skip
    environment = {
        "PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "SERVICE": "wallet", "PROCESS": process, "ENVIRONMENT": "test",
        "DATABASE_NAME": "wallet", "DATABASE_USER": "wallet_app", "DATABASE_TLS": "disable", "BROKER_TLS": "false",
        "CACHE_TLS": "false", "CACHE_USER": "wallet", "AUTH_URL": "http://127.0.0.1:9", **servers,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", _PROCESS], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.splitlines()[-1].split()
    assert len(loaded) < 10, loaded


def test_what_is_loaded_late_is_there_and_shared() -> None:
    """A name that a library has given up would be passed over, and each process would load what has taken its place."""
    assert set(LOADED_LATE) <= set(preloaded(PROJECT))
    assert [name for name in LOADED_LATE if find_spec(name) is None] == []
