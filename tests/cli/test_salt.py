"""The salt that a plain `pulumi` wants in the stack's file is there, and git sees nothing of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cli import salt

pytestmark = pytest.mark.process

SETTINGS = "# a comment\nconfig:\n  aws:region: ap-south-1\n  p:count: 2\n"


def git(directory: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    return subprocess.check_output(["git", *identity, *words], cwd=directory, text=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A stack's file in a repository, below a folder with a blank in its name."""
    made = tmp_path / "a project" / "environments" / "Pulumi.local.yaml"
    made.parent.mkdir(parents=True)
    made.write_text(SETTINGS)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "as it is")
    return made


def test_git_sees_the_settings_and_not_the_salt(file: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert salt.put(file, "v1:a:v1:b:c")
    assert file.read_text() == SETTINGS + "encryptionsalt: v1:a:v1:b:c\n"
    assert git(tmp_path, "status", "--porcelain") == git(tmp_path, "diff") == ""
    file.write_text(file.read_text().replace("count: 2", "count: 3"))
    assert [line for line in git(tmp_path, "diff", "-U0").splitlines() if line[:2] in ("+ ", "- ")] == [
        "-  p:count: 2",
        "+  p:count: 3",
    ]
    git(tmp_path, "commit", "-qam", "a setting")
    assert "encryptionsalt" not in git(tmp_path, "show", "HEAD")
    git(tmp_path, "checkout", "-q", "HEAD~1", "--", file.relative_to(tmp_path).as_posix())
    salt.put(file, "v1:after a checkout")
    assert git(tmp_path, "diff") == ""
    attributes = (tmp_path / ".git" / "info" / "attributes").read_text().splitlines()
    assert len([line for line in attributes if "matchday-salt" in line]) == 1


def test_another_states_salt_is_replaced_and_the_rest_is_as_it_was(file: Path) -> None:
    file.write_bytes(b"config: {}\r\nencryptionsalt: v1:old\nother: 1")
    file.chmod(0o600)
    salt.put(file, "v1:new")
    assert file.read_bytes() == b"config: {}\r\nother: 1\nencryptionsalt: v1:new\n"
    assert file.stat().st_mode & 0o777 == 0o600
    salt.put(file.with_name("Pulumi.other.yaml"), "v1:new")
    assert file.with_name("Pulumi.other.yaml").read_text() == "encryptionsalt: v1:new\n"


@pytest.mark.process  # git is asked for its folder
def test_a_folder_outside_of_every_repository_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert not salt.put(tmp_path / "Pulumi.local.yaml", "v1:a")
    monkeypatch.setenv("PATH", str(tmp_path))  # no git
    assert not salt.put(tmp_path / "Pulumi.local.yaml", "v1:a")
