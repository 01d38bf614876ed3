"""Finding the CLI: what is on PATH, what is cached, what is downloaded, and what happens when none of it works."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from localcloud.engine import build, find
from localcloud.runtime.state import cache_directory

pytestmark = pytest.mark.process


def _executable(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _cli(directory: Path, version: str) -> Path:
    _executable(directory / "pulumi-language-python", "#!/bin/sh\n")
    return _executable(directory / "pulumi", f"#!/bin/sh\necho v{version}\n")


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with an empty cache and nothing on PATH but the shell's own tools."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "echo", "sleep"):
        (tools / tool).symlink_to(f"/bin/{tool}")
    monkeypatch.setenv("PATH", str(tools))


def _on_path(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")


def test_a_new_enough_cli_on_path_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    binary = _cli(tmp_path / "bin", "3.229.0")
    _on_path(monkeypatch, binary.parent)
    assert find.find() == find.Engine(pulumi=binary, version="3.229.0", origin="path")


@pytest.mark.parametrize("version", ["3.228.9", "2.300.0", "nonsense"])
def test_an_older_or_strange_cli_on_path_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    _on_path(monkeypatch, _cli(tmp_path / "bin", version).parent)
    assert find.find() is None


def test_a_cli_without_a_python_language_host_is_not_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _on_path(monkeypatch, _executable(tmp_path / "bin" / "pulumi", "#!/bin/sh\necho v3.300.0\n").parent)
    assert find.find() is None


@pytest.fixture
def built() -> Path:
    """A compiled CLI in the cache."""
    return _compiled()


def _compiled(wait: str = "") -> Path:
    """What `build.build` leaves."""
    directory = build.root(cache_directory()) / "bin"
    _executable(directory / "pulumi-language-python-exec", "#!/usr/bin/env python\n")
    return _executable(directory / "pulumi", f"#!/bin/sh\n{wait}echo v{build.VERSION}\n")


def _language_host(engine: find.Engine) -> str:
    return engine.pulumi.with_name("language_host.py").read_text()


def test_a_built_cli_in_the_cache_gets_this_clones_language_host(built: Path) -> None:
    engine = find.ensure(lambda _message: None)
    assert (engine.version, engine.origin) == (build.VERSION, "built")
    assert engine.pulumi.samefile(built)
    assert "class LanguageHost" in _language_host(engine)
    assert "class Loader" in engine.pulumi.with_name("lazy_sdk.py").read_text()
    for name in ("pulumi-language-python", "pulumi-language-python-exec"):
        assert os.access(engine.pulumi.with_name(name), os.X_OK)


def test_clones_of_other_commits_keep_their_language_hosts(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = find.find()
    assert ours is not None
    monkeypatch.setattr(build, "_WRAPPER", build._WRAPPER + "# of another commit\n")
    theirs = find.find()
    assert theirs is not None
    assert theirs.pulumi != ours.pulumi
    assert "of another commit" not in ours.pulumi.with_name("pulumi-language-python").read_text()
    assert "of another commit" in theirs.pulumi.with_name("pulumi-language-python").read_text()


def test_a_language_host_that_no_clone_uses_any_more_goes(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = find.find()
    assert old is not None
    os.utime(old.pulumi.parent, (0, 0))
    assert find.find() == old  # in use again
    os.utime(old.pulumi.parent, (0, 0))
    monkeypatch.setattr(build, "_WRAPPER", build._WRAPPER + "# of another commit\n")
    new = find.find()
    assert new is not None
    assert list(old.pulumi.parents[1].iterdir()) == [new.pulumi.parent]


def test_a_cli_of_ours_on_path_is_found_as_ours(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `eval "$(matchday env)"` in the same shell, perhaps of another clone."""
    ours = find.find()
    assert ours is not None
    _on_path(monkeypatch, ours.pulumi.parent)
    assert find.find() == ours


def test_what_another_process_takes_away_meanwhile_is_no_obstacle(built: Path) -> None:
    """A listed name that is no file any more: here a link to nothing, in truth another's draft that is in place by now."""
    hosts = built.parents[1] / "hosts"
    hosts.mkdir()
    (hosts / ".draft-gone").symlink_to(hosts / "nothing")
    assert find.find() is not None


def test_many_at_once_make_one_whole_language_host(built: Path) -> None:
    found: list[find.Engine | None] = []
    threads = [threading.Thread(target=lambda: found.append(find.find())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({engine.pulumi for engine in found if engine}) == 1
    assert [path.name for path in built.parents[1].joinpath("hosts").iterdir() if path.name.startswith(".")] == []


def _installer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> None:
    """Stands where Pulumi's download site stands: the subprocess that installs gets this `pulumi.automation`."""
    package = tmp_path / "fake" / "pulumi"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "automation.py").write_text(
        f"import pathlib\nclass PulumiCommand:\n    @staticmethod\n    def install(root):\n{body}"
    )
    monkeypatch.setenv("PYTHONPATH", str(package.parent))


def test_the_official_download_comes_before_the_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _installer(
        monkeypatch,
        tmp_path,
        "        binary = pathlib.Path(root) / 'bin' / 'pulumi'\n        binary.parent.mkdir(parents=True)\n"
        "        binary.write_text('#!/bin/sh\\necho v3.272.0\\n')\n        binary.chmod(0o755)\n",
    )
    monkeypatch.setattr(build, "build", lambda *_: pytest.fail("built although the download worked"))
    assert find.ensure(lambda _message: None).origin == "official"


def test_when_nothing_works_the_error_says_what_was_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _installer(monkeypatch, tmp_path, "        raise OSError('no route to the download site')\n")

    def broken(cache: Path, say: object) -> None:
        raise build.BuildFailed("`go list -deps` failed with exit code 1")

    monkeypatch.setattr(build, "build", broken)
    said: list[str] = []
    with pytest.raises(find.NoEngine, match=r"no route to the download site.*go list -deps"):
        find.ensure(said.append)
    assert any("building v" in message for message in said)


def test_two_setups_at_once_build_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _installer(monkeypatch, tmp_path, "        raise OSError('offline')\n")
    builds = []

    def slow(cache: Path, say: object) -> None:
        builds.append(threading.current_thread().name)
        _compiled(wait="sleep 0.1; ")

    monkeypatch.setattr(build, "build", slow)
    engines: list[find.Engine] = []
    threads = [threading.Thread(target=lambda: engines.append(find.ensure(lambda _message: None))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1
    assert len(set(engines)) == 1 and len(engines) == 3


def test_a_failed_build_leaves_no_half_cli_and_names_the_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tools = tmp_path / "go-bin"
    _executable(
        tools / "go",
        '#!/bin/sh\n[ "$1" = version ] && echo go version go1.27.3 linux/amd64 && exit 0\necho no proxy >&2\nexit 7\n',
    )
    _on_path(monkeypatch, tools)
    cache = cache_directory()
    with pytest.raises(build.BuildFailed, match=r"go list -deps.*exit code 7:\nno proxy"):
        build.build(cache, lambda _message: None)
    assert not build.root(cache).exists()
    assert not list(build.root(cache).parent.glob(".build-*"))


@pytest.mark.parametrize(
    ("printed", "expected"),
    [("go version go1.26.8 linux/amd64", (1, 26, 8)), ("go version go1.27 linux/amd64", (1, 27, 0)), ("what?", (0,))],
)
def test_go_versions_are_read(tmp_path: Path, printed: str, expected: tuple[int, ...]) -> None:
    go = _executable(tmp_path / "go", f"#!/bin/sh\necho {printed!r}\n")
    assert build._go_version(str(go)) == expected


def test_a_cli_is_asked_its_version_once_and_again_when_it_is_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    binary = _cli(tmp_path / "bin", "3.229.0")
    _executable(binary, f"#!/bin/sh\necho x >> {asked}\necho v3.229.0\n")
    _on_path(monkeypatch, binary.parent)
    for _ in range(3):
        assert find.find() == find.Engine(pulumi=binary, version="3.229.0", origin="path")
    assert asked.read_text() == "x\n"
    _executable(binary, "#!/bin/sh\necho v3.300.0 now\n")
    assert find.find() == find.Engine(pulumi=binary, version="3.300.0", origin="path")
