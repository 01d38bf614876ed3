"""Which actions can be limited to a resource: what data/actions.txt says, from AWS's service authorisation reference."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from policies.lang.documents import matches

#: Per service a line of the actions that act on a resource (`s3+ …`) and one of those that do not (`s3- …`), in lower case.
ACTIONS = Path(__file__).parents[1] / "data" / "actions.txt"


@cache
def _actions() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Service → (actions with a resource, actions without one)."""
    found: dict[str, list[frozenset[str]]] = {}
    for line in ACTIONS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line:
            continue
        service, *names = line.split()
        found.setdefault(service[:-1], [frozenset(), frozenset()])[service.endswith("-")] = frozenset(names)
    return {service: (with_resource, without) for service, (with_resource, without) in found.items()}


#: A pattern counts once this share of what it covers has a resource: `ec2:Describe*`, of which nine tenths have none, does not.
_SHARE = 4


@cache
def acts_on_resources(pattern: str) -> bool:
    """Whether an action pattern ("ecs:runtask", "s3:get*", "*", in lower case) covers an action that has a resource.

    An action that the reference does not know is taken to have one.
    """
    service, colon, name = pattern.partition(":")
    if not colon or "*" in service or "?" in service:
        return True
    scoped, unscoped = _actions().get(service, (frozenset(), frozenset()))
    if "*" not in name and "?" not in name:
        return name not in unscoped
    limited = sum(matches(action, name) for action in scoped)
    unlimited = sum(matches(action, name) for action in unscoped)
    return limited * _SHARE >= limited + unlimited
