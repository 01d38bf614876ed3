"""The base image from Debian's packages alone, for where no registry of images is reached: Python and authorities."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from scripts.images import buildah

#: The release that the Dockerfile's own base is of: the same Python 3.11 and the same C library.
RELEASE = "bookworm"
#: `usr-is-merged`: else Debian brings what merges /usr, and with it all of Perl (60 MB).
#: `libstdc++6` (greenlet) and `tzdata` (zoneinfo) are in the registry's image, too.
PACKAGES = ("ca-certificates", "libstdc++6", "passwd", "python3", "python3-venv", "tzdata", "usr-is-merged")
_HOOKS = "/usr/share/mmdebstrap/hooks/merged-usr"

#: What an image of services never reads. Licences stay: they say under what terms the files are passed on.
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*")
_KEPT = ("/usr/share/doc/*/copyright",)


def image() -> str:
    """The name of the base, for this machine's architecture; made by mmdebstrap unless the machine holds this week's.

    Made anew each week, as Debian mends its packages.
    """
    recipe = sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    name = f"localhost/matchday/base:{RELEASE}-{recipe}-{datetime.now(UTC):%G-%V}"
    if not buildah.exists(name):
        _make(name)
    return name


def _make(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="matchday-base-") as scratch:
        archive = Path(scratch) / "base.tar"
        rules = [f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT]
        rules += [f"--dpkgopt=path-include={path}" for path in _KEPT]
        # In the registry's image of the same release Python is this path.
        rules += ['--customize-hook=ln -s /usr/bin/python3 "$1/usr/local/bin/python"']
        packages = f"--include={','.join(PACKAGES)}"
        buildah.run(
            "mmdebstrap",
            "--quiet",
            "--variant=essential",
            f"--hook-dir={_HOOKS}",
            packages,
            *rules,
            RELEASE,
            str(archive),
        )
        container = buildah.run("buildah", "from", "scratch").strip()
        try:
            buildah.run("buildah", "add", container, str(archive), "/")
            path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            buildah.run("buildah", "config", "--env", f"PATH={path}", container)
            buildah.run("buildah", "commit", "--quiet", container, name)
        finally:
            buildah.run("buildah", "rm", container)
