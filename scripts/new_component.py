"""`make new-component NAME=mail_queue ROOM=data`: the skeleton of a component as CONTRIBUTING describes it.

Writes the component, its pure plan, their test with an example for the conventions, and a runbook; names the plan in the import
contract of pure modules. What the templates (scripts/skeletons/component/) make is an SQS queue: replace it by what you need.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

TEMPLATES = Path(__file__).parent / "skeletons" / "component"

#: Template → where it goes.
FILES = {
    "component.py.txt": "components/{room}/{name}.py",
    "plan.py.txt": "components/{room}/{name}_plan.py",
    "test.py.txt": "tests/components/{room}/test_{name}.py",
    "runbook.md.txt": "docs/runbooks/{dashed}.md",
}

#: The contract of pyproject.toml that lists the pure modules ends so.
_CONTRACT = '"stacks.budgets", '


def write(root: Path, name: str, room: str) -> list[Path]:
    """Write the skeleton under `root`; returns the new files. Raises ValueError, having written nothing."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise ValueError(f"name {name!r}; accepted: a module's name in lower case, such as mail_queue")
    rooms = sorted(path.parent.name for path in (root / "components").glob("*/__init__.py"))
    if room not in rooms:
        raise ValueError(f"room {room!r}; accepted: {', '.join(rooms)}")
    words = {
        "room": room,
        "name": name,
        "dashed": name.replace("_", "-"),
        "spaced": name.replace("_", " "),
        "Class": "".join(part.capitalize() for part in name.split("_")),
    }
    made = {root / target.format(**words): (TEMPLATES / source).read_text() for source, target in FILES.items()}
    for path in made:
        if path.exists():
            raise ValueError(f"{path.relative_to(root)} exists already; choose another name")
    contracts = root / "pyproject.toml"
    text = contracts.read_text()
    if _CONTRACT not in text:
        raise ValueError(f"pyproject.toml: the contract of pure modules does not hold {_CONTRACT!r}")
    contracts.write_text(text.replace(_CONTRACT, f'{_CONTRACT}"components.{room}.{name}_plan", ', 1))
    for path, template in made.items():
        path.write_text(re.sub(r"@(\w+)@", lambda match: words[match[1]], template))
    return list(made)


def main() -> int:
    """Write it here and say what is next."""
    parser = argparse.ArgumentParser(prog="make new-component", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="module name, such as mail_queue")
    parser.add_argument("room", help="package under components/")
    arguments = parser.parse_args()
    root = Path(__file__).parent.parent
    try:
        made = write(root, arguments.name, arguments.room)
    except ValueError as error:
        sys.stderr.write(f"new-component: {error}\n")
        return 2
    for path in made:
        sys.stdout.write(f"wrote {path.relative_to(root)}\n")
    sys.stdout.write("next: make lint unit, then compose it in stacks/environment/ (CONTRIBUTING, Add a component)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
