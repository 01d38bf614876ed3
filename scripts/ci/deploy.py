"""A stack is planned, and what was planned is done: deploy.py plan|apply STACK IMAGE REPOSITORY PLAN.

IMAGE: the file that `scripts.images.publish join` wrote, whose digests go into environments/Pulumi.<STACK>.yaml of this
checkout. PLAN: the file of the plan, which `plan` writes; in it values that are secrets are encrypted by the stack's key.
An image of REPOSITORY without our signature (scripts/images/signature.py) is refused by both, before anything is looked at; so
is a stack whose collector (`image.collector`) nobody has copied to REPOSITORY: its tasks would never start.
`apply` does what the plan says and stops where anything else would be done: what was approved is what happens. Exit code 0:
done; 1: an image is not signed; 2: it could not be done.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from environments.settings import KEY
from scripts.ci import pulumi
from scripts.images import buildah, publish, signature
from scripts.images.registry import Refused, Repository

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def name_image(file: Path, digest: str, targets: Mapping[str, str]) -> None:
    """Put the digests in the places of those of the stack's file.

    Raises pulumi.Failed unless `image` there has a digest, and the same `targets` as given: one left as it was would run code
    of another commit.
    """
    for given in (digest, *targets.values()):
        if not _DIGEST.fullmatch(given):
            raise pulumi.Failed(f"digest {given!r}; accepted: sha256:<64 hexadecimal digits>")
    text, image = file.read_text(), _image(file)
    held = dict(image.get("targets") or {})
    if "digest" not in image or held.keys() != targets.keys():
        raise pulumi.Failed(
            f"{file}: image is {image}; accepted: a digest, and targets of {', '.join(targets) or 'nothing'}"
        )
    for name, before, after in (("digest", image["digest"], digest), *((n, held[n], targets[n]) for n in targets)):
        # The CLI itself writes quotes, when it puts the key of secrets into the file.
        pattern = rf"(\b{re.escape(name)}: [\"']?){re.escape(str(before))}\b"
        text, replaced = re.subn(pattern, rf"\g<1>{after}", text)
        if replaced != 1:
            raise pulumi.Failed(f"{file}: {replaced} places of `{name}: {before}`; accepted: one, of image")
    file.write_text(text)


def _image(file: Path) -> dict[str, Any]:
    """What the stack's file says of images."""
    found = (((yaml.safe_load(file.read_text()) or {}).get("config") or {}).get(KEY) or {}).get("image")
    return dict(found or {})


def require_collector(file: Path, repository: str) -> None:
    """Raises pulumi.Failed where the stack's file names a collector that the repository lacks, or registry.Refused."""
    if (wanted := _image(file).get("collector")) is None:
        return
    with Repository(repository, *publish.credentials(repository)) as opened:
        if not opened.holds(str(wanted)):
            raise pulumi.Failed(
                f"{file}: image.collector: {repository} has no {wanted}; accepted: the digest of a copy of AWS's collector "
                "there, made once per repository (docs/telemetry.md, The collector)"
            )


def main(words: list[str]) -> int:
    """The script."""
    match words:
        case ["plan" | "apply" as what, stack, image, repository, plan]:
            pass
        case _:
            sys.stderr.write("error: usage: deploy.py plan|apply STACK IMAGE REPOSITORY PLAN\n")
            return 2
    if unsigned := signature.main(["verify", image, repository]):
        return unsigned
    file = Path("environments") / f"Pulumi.{stack}.yaml"
    try:
        require_collector(file, repository)
        built = json.loads(Path(image).read_text())
        name_image(file, built["digest"], built["targets"])
        if what == "plan":
            pulumi.run(["preview", "--save-plan", plan], stack)
        else:
            pulumi.run(["up", "--yes", "--skip-preview", "--plan", plan], stack)
    except (OSError, ValueError, KeyError, Refused, buildah.Failed, pulumi.Failed) as failure:
        sys.stderr.write(f"error: {failure}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
