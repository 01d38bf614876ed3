"""`make new-service NAME=bonus`: the skeleton of a service as CONTRIBUTING describes it, with its tests.

One endpoint, one job, one table; with WORKER=yes no endpoint and no web process. Nothing outside of services/<name>/ and
tests/services/<name>/ is written: everything else finds a service by its folder.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

TEMPLATES = Path(__file__).parent / "skeletons" / "service"

#: Where it goes → its template.
_SHARED = {
    "services/{name}/__init__.py": "__init__.py.txt",
    "services/{name}/models.py": "models.py.txt",
    "services/{name}/tasks.py": "tasks.py.txt",
    "services/{name}/migrations/0001_notes.py": "migration.py.txt",
}
_WEB = {
    "services/{name}/service.yaml": "service.yaml.txt",
    "services/{name}/README.md": "README.md.txt",
    **{
        f"services/{{name}}/{module}.py": f"{module}.py.txt"
        for module in ("app", "endpoints", "service", "repository", "schemas", "errors", "journey", "seeds")
    },
    "tests/services/{name}/fixtures.py": "fixtures.py.txt",
    "tests/services/{name}/test_{name}.py": "test.py.txt",
}
_WORKER = {
    "services/{name}/service.yaml": "worker.yaml.txt",
    "services/{name}/README.md": "worker_README.md.txt",
    "services/{name}/repository.py": "worker_repository.py.txt",
    "tests/services/{name}/test_{name}.py": "worker_test.py.txt",
}


def write(root: Path, name: str, *, worker: bool = False) -> list[Path]:
    """Write the skeleton under `root`; returns the new files. Raises ValueError, having written nothing."""
    if not re.fullmatch(r"[a-z][a-z0-9]{1,19}", name):
        raise ValueError(
            f"name {name!r}; accepted: 2 to 20 lower-case letters and digits, a letter first, such as bonus"
        )
    for folder in (root / "services" / name, root / "tests" / "services" / name):
        if folder.exists():
            raise ValueError(f"{folder.relative_to(root)} exists already; choose another name")
    words = {
        "name": name,
        "Class": name.capitalize(),
        "service_import": "" if worker else ", service",
        "kept": "\nKEPT = timedelta(days=365)\n" if worker else "",
        "kept_name": "KEPT" if worker else "service.KEPT",
    }
    files = _SHARED | (_WORKER if worker else _WEB)
    made = {root / target.format(name=name): (TEMPLATES / source).read_text() for target, source in files.items()}
    for path, template in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(re.sub(r"@(\w+)@", lambda match: words[match[1]], template))
    return list(made)


def tidy(root: Path, name: str) -> None:
    """Order imports and lines for this name, and write the OpenAPI document of a service that has one."""
    folders = [f"services/{name}", f"tests/services/{name}"]
    commands = [["ruff", "check", "--fix", "--quiet", *folders], ["ruff", "format", "--quiet", *folders]]
    if (root / "services" / name / "app.py").exists():
        commands.append(["services.common.openapi", name])
    for command in commands:
        subprocess.run([sys.executable, "-m", *command], cwd=root, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    """Write it here and say what is next."""
    parser = argparse.ArgumentParser(prog="make new-service", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="folder, manifest and path of the service, such as bonus")
    parser.add_argument("--worker", action="store_true", help="without endpoints")
    arguments = parser.parse_args()
    root = Path(__file__).parent.parent
    try:
        made = write(root, arguments.name, worker=arguments.worker)
    except ValueError as error:
        sys.stderr.write(f"new-service: {error}\n")
        return 2
    tidy(root, arguments.name)
    for path in made:
        sys.stdout.write(f"wrote {path.relative_to(root)}\n")
    sys.stdout.write("next: make lint unit, then make up (CONTRIBUTING, Add a service)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
