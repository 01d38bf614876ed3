"""Which actions can be limited to a resource: all but those in unscoped_actions.txt, which AWS defines for `*` only."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

#: `service:Action` per line, lower case; written by tests/policies/test_unscoped.py from AWS's service authorisation reference.
ACTIONS = Path(__file__).parents[1] / "data" / "unscoped_actions.txt"


@cache
def unscoped() -> frozenset[str]:
    """The actions that have no resource."""
    return frozenset(
        line for line in ACTIONS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
    )


@cache
def acts_on_resources(pattern: str) -> bool:
    """Whether an action pattern of a statement ("ecs:runtask", "logs:describe*") covers an action that has a resource.

    A pattern with a wildcard is taken at its word when every known action that it fits has none, or it only reads.
    """
    if pattern in unscoped():
        return False
    if "*" not in pattern:
        return True
    name = pattern.partition(":")[2]
    reads = name.startswith(("describe", "list", "get"))
    return not (reads and any(fnmatchcase(action, pattern) for action in unscoped()))
