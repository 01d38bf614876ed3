"""buildah, which builds and opens images without a daemon: how it is called, and an image's files as a folder."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Failed(RuntimeError):
    """A step could not be done; the message says which, and the last lines of what its program said."""


def run(program: str, *words: str, directory: Path | None = None) -> str:
    """What the program prints; it reads nothing of the caller's."""
    if shutil.which(program) is None:
        raise Failed(
            f"{program} is not installed: on Debian `apt-get install buildah mmdebstrap crun`; nothing was built"
        )
    done = subprocess.run(
        [program, *words], cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise Failed(f"`{program} {words[0]}` ended with {done.returncode}:\n{tail}")
    return done.stdout


def exists(image: str) -> bool:
    """Whether this machine holds the image."""
    return any(image in (entry.get("names") or ()) for entry in json.loads(run("buildah", "images", "--json") or "[]"))


def described(image: str) -> dict[str, Any]:
    """What the image says of itself: the OCI configuration, and the digest of its manifest."""
    found = json.loads(run("buildah", "inspect", "--type", "image", image))
    return {"digest": found["FromImageDigest"], **found["OCIv1"]}


@contextmanager
def files(image: str) -> Iterator[Path]:
    """The image's files as a folder, for as long as the caller reads them (as root)."""
    container = run("buildah", "from", "--pull-never", image).strip()
    try:
        yield Path(run("buildah", "mount", container).strip())
    finally:
        run("buildah", "rm", container)
