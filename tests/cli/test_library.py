"""Components as a library: what the distribution holds, and a project elsewhere that stands on it (examples/archive)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as pip would."""
    place = tmp_path_factory.mktemp("library")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)],
        cwd=PROJECT / "packaging" / "components",
        check=True,
        capture_output=True,
    )
    (wheel,) = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "site")
    return place / "site"


def test_the_distribution_brings_two_packages_and_no_more(installed: Path) -> None:
    assert {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")} == {
        "components",
        "model",
    }


def test_it_imports_alone(installed: Path) -> None:
    code = (
        f"import sys; sys.path = [{str(installed)!r}, *(p for p in sys.path if p and p != {str(PROJECT)!r})]\n"
        "import components.data, components.network, components.compute\n"
        "import components.observability, components.edge, components.security\n"
        "print(components.__file__)\n"
        "assert not {'stacks', 'environments', 'services', 'cli', 'policies', 'localcloud'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=installed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed))


def _matchday(project: Path, installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", "--project", str(project), *arguments],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.engine
def test_a_project_elsewhere_is_previewed_and_audited(installed: Path, tmp_path: Path) -> None:
    project = tmp_path / "archive"
    shutil.copytree(PROJECT / "examples" / "archive", project)
    done = _matchday(project, installed, "preview", "local", "--json")
    assert done.returncode == 0, done.stderr
    plan: dict[str, Any] = json.loads(done.stdout)
    kinds = {resource["type"] for resource in plan["resources"]}
    assert {"archive:index:Archive", "matchday:data:Bucket", "matchday:security:Keys"} <= kinds
    assert {"aws:s3/bucket:Bucket", "aws:sqs/queue:Queue", "aws:kms/key:Key"} <= kinds
    done = _matchday(project, installed, "audit", "local", "--out", str(tmp_path / "evidence"), "--json")
    assert done.returncode in (0, 1), done.stderr
    assert json.loads(done.stdout)
    assert (tmp_path / "evidence" / "audit.html").exists()
