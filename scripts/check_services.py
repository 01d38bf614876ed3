"""A check of `make lint`: in a service, queries stand in its repository, and nothing but the request's session commits.

    python scripts/check_services.py [DIRECTORY]    (default: services)

Refused outside of a service's `repository.py` (`<part>_repository.py` where it has several): imports of SQLAlchemy's
statements, and calls of a session's methods. Refused everywhere in a service: `commit`, `begin` and `rollback`, except where
REVIEWED says why. `services/common` is the framework that does it for them and is not looked at; models and migrations are
the schema.

Refused everywhere, `services/common` too: a plain `httpx.AsyncClient`, whose calls are in no trace; and an
`ON CONFLICT … DO NOTHING` that names columns. PostgreSQL then forgives a clash in that one unique index alone; two insertions
of one row at once may meet in another index first, which is an error.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = "repository.py"
SCHEMA = ("models.py", "migrations/")

STATEMENTS = frozenset({"delete", "insert", "select", "text", "update"})
QUERIES = frozenset(
    {"add", "add_all", "execute", "executemany", "fetch", "fetchrow", "fetchval", "flush", "get", "merge", "refresh"}
    | {"scalar", "scalars", "stream"}
)
TRANSACTIONS = frozenset({"begin", "begin_nested", "commit", "rollback"})

#: A session is known by its name: `session.execute(…)`, `self._session.commit()`, `reads.fetchrow(…)`.
SESSIONS = frozenset({"connection", "pool", "reads", "session", "transaction"})

_NARROW = re.compile(r"ON CONFLICT\s*(\(|ON CONSTRAINT)[^;]*?DO NOTHING", re.IGNORECASE)

_FORGIVES = "DO NOTHING names columns: a clash in another unique index is then an error; write it without"

#: File → why it may end a transaction of its own.
REVIEWED = {
    "scoring/pulling.py": "a snapshot that is refused is undone, and why is noted at its feed",
    "auth/app.py": "a web process makes the first signing keys when it starts, before any request",
}


#: What makes clients whose calls are spans.
CARRIED = "common/telemetry/carried.py"

_UNTRACED = "a plain httpx.AsyncClient is in no trace: PartnerClient, or connect of services.common.service_api"


def check(directory: Path) -> list[str]:
    """What is wrong in the services of `directory`: `file:line: sentence`."""
    found: list[str] = []
    for file in sorted(directory.glob("*/**/*.py")):
        where = file.relative_to(directory).as_posix()
        service, _, inside = where.partition("/")
        if inside.startswith(SCHEMA):
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        problems = list(_conflicts(tree)) + ([] if where == CARRIED else list(_clients(tree)))
        problems += [] if service == "common" else list(_problems(tree, where, inside))
        found += [f"{directory.name}/{where}:{line}: {text}" for line, text in problems]
    return found


def _conflicts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if _NARROW.search(text):
                yield node.lineno, _FORGIVES
            case ast.Call(func=ast.Attribute(attr="on_conflict_do_nothing")) if node.args or node.keywords:
                yield node.lineno, _FORGIVES


def _clients(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="AsyncClient") | ast.Name(id="AsyncClient")):
                yield node.lineno, _UNTRACED


def _problems(tree: ast.Module, where: str, inside: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "sqlalchemy":
            names = sorted(STATEMENTS & {alias.name for alias in node.names})
            if names and not inside.endswith(REPOSITORY):
                yield node.lineno, f"imports {', '.join(names)}: queries stand in {REPOSITORY}"
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        method = node.func.attr
        if _name(node.func.value) not in SESSIONS:
            continue
        if method in QUERIES and not inside.endswith(REPOSITORY):
            yield node.lineno, f"calls {method} of a session: queries stand in {REPOSITORY}"
        if method in TRANSACTIONS and where not in REVIEWED:
            yield node.lineno, f"calls {method} of a session: the request's session commits once, at its end"


def _name(value: ast.expr) -> str:
    """The last part of a name: `session` of `session` and of `self._session`."""
    if isinstance(value, ast.Name):
        return value.id.lstrip("_")
    return value.attr.lstrip("_") if isinstance(value, ast.Attribute) else ""


def main() -> int:
    """Print what is wrong; 1 if something is."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "services"
    problems = check(directory)
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
