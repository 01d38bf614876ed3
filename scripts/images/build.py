"""Builds one image of services/Dockerfile, holds it to its size, and writes down what is in it.

    python -m scripts.images.build --out DIRECTORY [--base debian|REFERENCE] [--requirements services] [--tag NAME]

DIRECTORY then holds image.json (name, requirements, digest, architecture, bytes, base) and sbom.cdx.json (CycloneDX 1.6). Exit
code 1: the image is larger than it may be; 2: it could not be built. The image is for the architecture of the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from scripts.images import base, buildah, sbom

PROJECT = Path(__file__).resolve().parents[2]
DOCKERFILE = PROJECT / "services" / "Dockerfile"

#: The set of requirements of all services that name no other, whose list of architectures has the plain tag.
MAIN = "services"

#: Bytes of an image's files at most, by set of requirements: what a task pulls before it starts.
LARGEST = {MAIN: 250_000_000, "kyc": 650_000_000}

#: The home of the build's user, which every base has.
_HOME = "/root"


def build(tag: str, requirements: str, chosen: str) -> None:
    """The image `tag` from the Dockerfile; `chosen` is its base: "" (the Dockerfile's own), "debian", or a reference."""
    reference = base.image() if chosen == "debian" else chosen
    with tempfile.TemporaryDirectory(prefix="matchday-image-") as scratch:
        words = [f"--build-arg=REQUIREMENTS={requirements}"]
        words += [f"--build-arg=BASE={reference}"] if reference else []
        words += ["--pull-never"] if reference.startswith("localhost/") else []
        buildah.run(
            "buildah", "bud", "--quiet", "--isolation=chroot", "--network=host", "--layers=false", "--format=oci",
            "--timestamp=0", *_reaching(Path(scratch)), *words, f"--file={DOCKERFILE}",
            f"--ignorefile={DOCKERFILE}.dockerignore", f"--tag={tag}", str(PROJECT),
        )  # fmt: skip


def _reaching(scratch: Path) -> list[str]:
    """What leads pip to the package index from inside, as the caller's settings do here: as the home of the build's user.

    The certificates are not put where the image's own are, which it copies into its trust store. And what is mounted over a
    folder that is there leaves nothing behind; of a file its place would stay, empty.
    """
    bundle = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    index = os.environ.get("PIP_INDEX_URL")
    lines = [f"cert = {_HOME}/ca.pem"] if bundle else []
    lines += [f"index-url = {index}"] if index else []
    settings = scratch / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text("\n".join(["[global]", *lines, ""]))
    if bundle:
        shutil.copy(bundle, scratch / "ca.pem")
    return [f"--volume={scratch}:{_HOME}:ro"]


def size(root: Path) -> int:
    """Bytes of the files below a folder, each once however many names it has."""
    seen: dict[tuple[int, int], int] = {}
    for folder, _, names in os.walk(root):
        for name in names:
            found = os.lstat(Path(folder) / name)
            seen[found.st_dev, found.st_ino] = found.st_size
    return sum(seen.values())


def main(words: list[str]) -> int:
    """The script."""
    parser = argparse.ArgumentParser(prog="python -m scripts.images.build")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--base", default="")
    parser.add_argument("--requirements", choices=sorted(LARGEST), default=MAIN)
    parser.add_argument("--tag", default="")
    asked = parser.parse_args(words)
    tag = asked.tag or f"localhost/matchday/{asked.requirements}:local"
    try:
        build(tag, asked.requirements, asked.base)
        described = buildah.described(tag)
        asked.out.mkdir(parents=True, exist_ok=True)
        with buildah.files(tag) as root:
            held = size(root)
            bom = sbom.document(root, tag, described["digest"])
    except (buildah.Failed, OSError) as failure:
        sys.stderr.write(f"error: {failure}\n")
        return 2
    image = {
        "name": tag,
        "requirements": asked.requirements,
        "digest": described["digest"],
        "architecture": described["architecture"],
        "bytes": held,
        "base": asked.base or "the Dockerfile's",
    }
    for name, content in (("image.json", image), ("sbom.cdx.json", bom)):
        (asked.out / name).write_text(json.dumps(content, indent=2) + "\n")
    sys.stdout.write(f"{tag}: {held / 1e6:.0f} MB, {len(bom['components'])} components, {described['digest']}\n")
    if held > LARGEST[asked.requirements]:
        sys.stderr.write(f"error: {tag}: {held:,} bytes; accepted: at most {LARGEST[asked.requirements]:,}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
