"""A stack is planned, and what was planned is done: deploy.py plan|apply STACK IMAGE PLAN.

IMAGE: the file that `scripts.images.publish join` wrote, whose digest goes into environments/Pulumi.<STACK>.yaml of this
checkout. PLAN: the file of the plan, which `plan` writes; in it values that are secrets are encrypted by the stack's key.
`apply` does what the plan says and stops where anything else would be done: what was approved is what happens. Exit code 0:
done; 2: it could not be done.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from scripts.ci import pulumi

_DIGEST = re.compile(r"(?m)^(\s+digest: )sha256:[0-9a-f]{64}\b")


def name_image(file: Path, digest: str) -> None:
    """Put the digest in the place of the stack file's. Raises pulumi.Failed unless there is exactly one to replace."""
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise pulumi.Failed(f"digest {digest!r}; accepted: sha256:<64 hexadecimal digits>")
    text, replaced = _DIGEST.subn(rf"\g<1>{digest}", file.read_text())
    if replaced != 1:
        raise pulumi.Failed(f"{file}: {replaced} lines `digest: sha256:…`; accepted: one, of image")
    file.write_text(text)


def main(words: list[str]) -> int:
    """The script."""
    match words:
        case ["plan" | "apply" as what, stack, image, plan]:
            pass
        case _:
            sys.stderr.write("error: usage: deploy.py plan|apply STACK IMAGE PLAN\n")
            return 2
    try:
        name_image(Path("environments") / f"Pulumi.{stack}.yaml", json.loads(Path(image).read_text())["digest"])
        if what == "plan":
            pulumi.run(["preview", "--save-plan", plan], stack)
        else:
            pulumi.run(["up", "--yes", "--skip-preview", "--plan", plan], stack)
    except (OSError, ValueError, KeyError, pulumi.Failed) as failure:
        sys.stderr.write(f"error: {failure}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
