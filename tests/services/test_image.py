"""The image is built, looked at and run (nightly: minutes, and root): as ECS runs it, as its user, on a read-only tree."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from model.vocabulary import ProcessKind
from scripts.images import buildah, publish
from tests.ports import free_port
from tests.scripts.test_images import valid
from tests.services.common.processes import Process
from tests.services.common.test_processes import WAITING
from tests.services.support import CATALOG, ROOT, Cloud

pytestmark = [pytest.mark.postgres, pytest.mark.nightly, pytest.mark.timeout(1800)]

TAG = "localhost/matchday/services:test"

#: What ECS gives a container: its files read-only, /tmp to write, and its user; the process takes the shell's number.
INSIDE = """
set -e
mount --bind "$0" "$0"
mount -o remount,bind,ro "$0"
mount -t tmpfs -o mode=1777 tmpfs "$0/tmp"
mount --rbind /dev "$0/dev"
exec chroot --userspec=10001:10001 "$0" env --chdir=/app "$@"
"""


def inside(root: Path, *command: str) -> list[str]:
    return ["unshare", "--mount", "sh", "-c", INSIDE, str(root), *command]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that the build wrote. What builds is installed if it is not there, which only root may."""
    assert os.geteuid() == 0, "to open an image as a folder and to run in it takes root: run the nightly tests as root"
    if not all(map(shutil.which, ("buildah", "mmdebstrap"))):
        install = ["apt-get", "install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=600"]
        subprocess.run(["apt-get", "update"], check=True)
        subprocess.run([*install, "buildah", "crun", "mmdebstrap"], check=True)
    out = tmp_path_factory.mktemp("image")
    command = [sys.executable, "-m", "scripts.images.build", "--base", "debian", "--tag", TAG, "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    yield out
    buildah.run("buildah", "rmi", TAG)


@pytest.fixture(scope="module")
def root(built: Path) -> Iterator[Path]:
    with buildah.files(TAG) as folder:
        yield folder


def environment(**more: str) -> dict[str, str]:
    """The image's own variables, and what a task definition adds."""
    own = dict(line.split("=", 1) for line in buildah.described(TAG)["config"]["Env"])
    return own | more


def test_it_is_small_has_a_user_and_says_what_is_in_it(built: Path) -> None:
    image = json.loads((built / "image.json").read_text())
    assert 100_000_000 < image["bytes"] <= 250_000_000
    config = buildah.described(TAG)["config"]
    assert config["User"] == "10001:10001"
    assert config["Volumes"] == {"/tmp": {}}
    assert not [line for line in config["Env"] if line.startswith(("PIP_", "HTTP", "http"))], "of the build alone"
    bill = json.loads((built / "sbom.cdx.json").read_text())
    valid(bill)
    assert bill["metadata"]["component"]["version"] == image["digest"]
    named = {part["purl"].split("?")[0] for part in bill["components"]}
    locked = {
        line.split()[0].replace("==", "@")
        for line in (ROOT / "requirements" / "services.txt").read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#")) and ";" not in line
    }
    assert {f"pkg:pypi/{name}" for name in locked} <= named
    assert any(purl.startswith("pkg:deb/debian/libc6@") for purl in named)
    assert not [purl for purl in named if purl.startswith(("pkg:pypi/pip@", "pkg:pypi/setuptools@"))]


def test_nothing_of_the_machine_that_built_it_is_in_it(root: Path) -> None:
    trusted = (root / "etc/ssl/matchday.pem").read_text()
    assert trusted.endswith((ROOT / "packaging/image/rds.pem").read_text())
    assert trusted.startswith((root / "etc/ssl/certs/ca-certificates.crt").read_text())
    assert not (root / "etc/pip.conf").exists()
    assert [path.name for path in (root / "root").iterdir() if path.name not in (".bashrc", ".profile")] == []
    assert sorted(path.name for path in (root / "app").iterdir()) == ["scoring", "services"]


def test_its_user_may_write_to_tmp_and_nowhere_else(root: Path) -> None:
    program = """
import os, pathlib
assert (os.getuid(), os.getgid(), os.getgroups()) == (10001, 10001, [10001]) or not os.getgroups(), os.getgroups()
pathlib.Path("/tmp/x").write_text("x")
for folder, below, _ in os.walk("/"):
    if folder in ("/tmp", "/dev", "/proc", "/sys"):
        below.clear()
        continue
    try:
        open(os.path.join(folder, "x"), "w")
    except OSError:
        continue
    raise SystemExit(folder)
"""
    done = subprocess.run(
        inside(root, "python", "-c", program), env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_process_of_every_service_can_be_loaded(root: Path) -> None:
    modules = [
        f"services.common.{name}" for name in ("web", "worker", "scheduler", "bootstrap", "migrate", "healthcheck")
    ]
    modules += [f"services.{service.name}.app" for service in CATALOG.services.values() if service.web]
    modules += [
        f"services.{service.name}.tasks"
        for service in CATALOG.services.values()
        if any(process.kind is ProcessKind.WORKER for process in service.processes.values())
    ]
    program = f"import importlib; [importlib.import_module(name) for name in {modules!r}]"
    done = subprocess.run(
        inside(root, "python", "-c", program), env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_it_is_pushed_by_digest_and_listed_with_its_architecture(built: Path, tmp_path: Path) -> None:
    """To a folder of OCI's layout, as no registry is reached; the calls of buildah are those for one."""
    repository = f"oci:{tmp_path / 'registry'}"
    pushed = publish.push(built, repository, "abc123")
    (built / "pushed.json").write_text(json.dumps(pushed))
    listed = publish.join(repository, "abc123", [built])
    assert listed["targets"] == {}
    blob = tmp_path / "registry" / "blobs" / "sha256" / listed["digest"].removeprefix("sha256:")
    (entry,) = json.loads(blob.read_text())["manifests"]
    assert entry["digest"] == pushed["digest"]
    assert entry["platform"]["architecture"] == json.loads((built / "image.json").read_text())["architecture"]


class InImage(Process):
    """A container's command in the image; its health check is run in the same files, as ECS does."""

    root: Path

    def healthy(self) -> bool:
        check = inside(self.root, "python", "-m", "services.common.healthcheck")
        return subprocess.run(check, env=self.environment, capture_output=True, check=False).returncode == 0


async def test_it_migrates_serves_answers_its_health_check_and_drains(root: Path, cloud: Cloud, tmp_path: Path) -> None:
    InImage.root = root
    port = free_port()
    async with cloud.fresh("auth") as database:

        def of_the_task(**more: Any) -> dict[str, str]:
            return environment(**cloud.environment("auth", database, PORT=str(port), **more))

        migrate = inside(root, "python", "-m", "services.common.migrate")
        again = await asyncio.to_thread(
            subprocess.run, migrate, env=of_the_task(role="owner"), capture_output=True, text=True, check=False
        )
        assert again.returncode == 0, again.stderr + again.stdout

        web = InImage(inside(root, "python", "-m", "services.common.web"), of_the_task(), tmp_path / "web.log")
        owner = await cloud.connect(database, role="owner", service="auth")
        try:
            await web.wait_healthy()
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                assert (await client.get("/readyz")).json() == {"status": "ready"}
                async with owner.transaction():
                    await owner.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
                    body = {"email": "slow@example.com", "password": "correct horse battery"}
                    slow = asyncio.create_task(client.post("/auth/register", json=body))
                    async with asyncio.timeout(60):
                        while not await owner.fetchval(WAITING):  # noqa: ASYNC110 - PostgreSQL has no event for it
                            await asyncio.sleep(0.05)
                        web.popen.send_signal(signal.SIGTERM)
                        while (await client.get("/readyz")).status_code == 200:  # noqa: ASYNC110 - as a balancer polls
                            await asyncio.sleep(0.02)
                assert (await slow).status_code == 202, "under way when SIGTERM came"
            assert await asyncio.to_thread(web.popen.wait, 60) == 0, web.text()
        finally:
            await owner.close()
            web.popen.kill()
            web.popen.wait()
