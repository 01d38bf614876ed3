"""Image names, commands and environments of containers without containers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from localcloud.dataplane.ecs import images
from localcloud.dataplane.ecs.images import TaskFailed
from localcloud.dataplane.settings import Config, Image, parse_timing
from localcloud.runtime.errors import SupervisorError


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(repository="matchday/services", root=tmp_path, python=Path(sys.executable))


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("123456789012.dkr.ecr.ap-south-1.amazonaws.com/matchday/services:1.2", "matchday/services"),
        ("localhost:5000/matchday/services", "matchday/services"),
        ("matchday/services:latest", "matchday/services"),
        ("registry.example/a/b/c@sha256:0123", "a/b/c"),
        ("nginx", "nginx"),
        ("registry:5000/app:v1@sha256:0123", "app"),
    ],
)
def test_repository_of_any_registry_and_tag(name: str, repository: str) -> None:
    assert images.repository_of(name) == repository


def test_unknown_image_is_ecs_error_that_names_those_known(image: Image) -> None:
    assert images.find("x.amazonaws.com/matchday/services:9", [image]) is image
    with pytest.raises(TaskFailed, match=r"CannotPullContainerError: .*other:1: not found.*matchday/services"):
        images.find("other:1", [image])


def test_python_is_the_images_and_others_are_looked_up(image: Image) -> None:
    container = {"name": "web", "entryPoint": ["python3"], "command": ["-m", "app"]}
    assert images.command_line(container, image) == [sys.executable, "-m", "app"]
    assert images.command_line({"name": "web", "command": ["sh", "-c", "x"]}, image)[0].endswith("/sh")
    with pytest.raises(TaskFailed, match='exec: "no-such-program": executable file not found'):
        images.command_line({"name": "web", "command": ["no-such-program"]}, image)
    with pytest.raises(TaskFailed, match="container web has no command"):
        images.command_line({"name": "web"}, image)


def test_environment_inherits_nothing_of_the_users(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("PYTHONPATH", "/mine")
    container = {
        "name": "web",
        "environment": [{"name": "PORT", "value": "80"}, {"name": "PYTHONPATH", "value": "/theirs"}],
    }
    agent = images.of_the_agent("http://127.9.0.2:4566", "ap-south-1", "arn:aws:iam::123456789012:role/web")
    made = images.environment(container, {"KEY": "s"}, image, tmp_path / "home", tmp_path / "box", agent)
    assert set(made) == {"PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH", "PORT", "KEY", *agent}
    assert not any("production" in value for value in made.values())
    assert made["PYTHONPATH"].split(":") == [str(tmp_path / "box"), str(image.root), "/theirs"]
    assert made["HOME"] == made["TMPDIR"] == str(tmp_path / "home")


def test_environment_files_are_refused(image: Image, tmp_path: Path) -> None:
    container = {"name": "web", "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::bucket/x.env"}]}
    with pytest.raises(TaskFailed, match=r"bucket/x\.env: environmentFiles are not read here"):
        images.environment(container, {}, image, tmp_path, tmp_path, {})


def test_image_argument_is_read_and_written_alike(tmp_path: Path) -> None:
    short = Image.parse(f"matchday/services={tmp_path}")
    assert short.python == tmp_path / ".venv" / "bin" / "python"
    assert Image.parse(str(short)) == short
    for bad in ("matchday/services", "=/x", f"a={tmp_path}/nowhere"):
        with pytest.raises(SupervisorError, match="--image"):
            Image.parse(bad)


def test_configuration_makes_its_own_command_line(tmp_path: Path) -> None:
    from localcloud.dataplane.__main__ import parse

    config = Config(
        state=tmp_path / "s",
        ingress_port=9000,
        images=(Image.parse(f"a/b={tmp_path}"),),
        emulator="http://127.0.0.1:4566",
        timing=parse_timing("poll=0.2,probe_first=0.05"),
    )
    assert parse(config.argv()) == config


@pytest.mark.parametrize("bad", ["nonsense=1", "poll=soon"])
def test_bad_timing_is_refused(bad: str) -> None:
    with pytest.raises(SupervisorError, match="--timing"):
        parse_timing(bad)


def test_ingress_is_loopback_only(tmp_path: Path) -> None:
    with pytest.raises(SupervisorError, match=r"0\.0\.0\.0 is not a loopback address"):
        Config(state=tmp_path, ingress_host="0.0.0.0")
