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
from typer.testing import CliRunner

from cli import local
from cli.main import build

pytestmark = pytest.mark.process

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


def test_the_example_project_passes_its_own_tests(installed: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=PROJECT / "examples" / "archive",
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


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
    # Its own register excuses what its own levels make mandatory; nothing of Matchday's is read or asked to be removed.
    assert done.returncode == 0, done.stdout + done.stderr
    assert {(entry["owner"], entry["state"]) for entry in json.loads(done.stdout)["exceptions"]} == {
        ("archive-team", "used")
    }
    for name in ("exceptions.yaml", "levels.yaml"):
        assert (tmp_path / "evidence" / name).read_bytes() == (project / "policies" / name).read_bytes()


@pytest.mark.process  # the audit asks git for the commit
def test_a_project_without_a_register_excuses_nothing_and_everything_is_mandatory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: other\nruntime: python\n")
    urn = "urn:pulumi:local::other::aws:ec2/vpc:Vpc::network"
    vpc = {"urn": urn, "custom": True, "id": "vpc-1", "type": "aws:ec2/vpc:Vpc", "inputs": {}, "outputs": {}}
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"version": 3, "deployment": {"manifest": {}, "resources": [vpc]}}))
    monkeypatch.setattr(local, "PROJECT", tmp_path)
    done = CliRunner().invoke(
        build(["audit"]), ["audit", "--state", str(state), "--out", str(tmp_path / "evidence"), "--json"]
    )
    assert done.exit_code == 1, done.output
    report = json.loads(done.stdout)
    assert report["exceptions"] == []  # Matchday's register excuses EC2.10 of a resource of that very name
    (control,) = (control for control in report["controls"] if control["id"] == "EC2.10")
    assert {answer["level"] for answer in control["answers"]} == {"mandatory"}
