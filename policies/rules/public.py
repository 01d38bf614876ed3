"""Resource policies that let strangers in: one rule for every kind of resource that carries one, inline or beside it."""

from __future__ import annotations

from collections.abc import Mapping

from policies.lang.documents import statements
from policies.lang.resources import Resource
from policies.model import Each, Verdict, bad, na, ok


def not_public(paths: Mapping[str, str], *, default: str = "") -> Each:
    """No statement of the policy at `paths[type]` allows the whole world without a narrowing condition.

    A resource without a policy is not applicable, with `default` as the reason (what AWS does then).
    """

    def check(resource: Resource) -> Verdict:
        path = paths[resource.type]
        if not resource.has(path):
            return na(default or "it has no policy of its own")
        for statement in statements(resource, path):
            if statement.public:
                where = f"{statement.path}.Principal"
                return bad(
                    where,
                    "*",
                    "name accounts, roles or services, or add a condition on aws:SourceAccount or aws:SourceArn",
                )
        return ok()

    return Each(tuple(paths), check)
