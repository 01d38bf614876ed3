"""Rules for controls that differ only by property and value: each returns an `Each`, so that a control is one row of data."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from policies.lang.links import coming
from policies.lang.resources import Resource, Stack
from policies.lang.values import CannotTell, View
from policies.model import Each, Related, Verdict, bad, na, ok

#: When a rule judges a resource at all: None, or the reason why it is not applicable.
Unless = Callable[[Resource], str | None]


def _each(types: str | tuple[str, ...], check: Callable[[Resource], Verdict], unless: Unless | None) -> Each:
    def judged(resource: Resource) -> Verdict:
        reason = unless(resource) if unless else None
        return na(reason) if reason else check(resource)

    return Each((types,) if isinstance(types, str) else types, judged)


def is_true(types: str | tuple[str, ...], path: str, *, default: bool = False, unless: Unless | None = None) -> Each:
    """The boolean at `path` is true; `default` is what AWS takes when it is not set."""

    def check(resource: Resource) -> Verdict:
        return ok() if resource.flag(path, default) else bad(path, resource.raw(path), "set it to true")

    return _each(types, check, unless)


def is_false(types: str | tuple[str, ...], path: str, *, default: bool = False, unless: Unless | None = None) -> Each:
    """The boolean at `path` is false; `default` is what AWS takes when it is not set."""

    def check(resource: Resource) -> Verdict:
        return bad(path, resource.raw(path), "set it to false") if resource.flag(path, default) else ok()

    return _each(types, check, unless)


def is_set(types: str | tuple[str, ...], path: str, fix: str, *, unless: Unless | None = None) -> Each:
    """Something is set at `path`, or will be by a resource that the engine knows."""

    def check(resource: Resource) -> Verdict:
        return ok() if coming(resource, path) or resource.has(path) else bad(path, None, fix)

    return _each(types, check, unless)


def is_one_of(
    types: str | tuple[str, ...],
    path: str,
    accepted: Collection[str],
    *,
    default: str = "",
    unless: Unless | None = None,
) -> Each:
    """The text at `path` is one of `accepted`; `default` is what AWS takes when it is not set."""
    fix = "set it to " + " or ".join(sorted(accepted))

    def check(resource: Resource) -> Verdict:
        return ok() if resource.text(path, default) in accepted else bad(path, resource.raw(path), fix)

    return _each(types, check, unless)


def is_none_of(
    types: str | tuple[str, ...],
    path: str,
    refused: Collection[str],
    fix: str,
    *,
    default: str = "",
    unless: Unless | None = None,
) -> Each:
    """The text at `path` is none of `refused`."""

    def check(resource: Resource) -> Verdict:
        value = resource.text(path, default)
        return bad(path, value or None, fix) if value in refused else ok()

    return _each(types, check, unless)


def is_at_least(
    types: str | tuple[str, ...], path: str, minimum: float, *, default: float = 0, unless: Unless | None = None
) -> Each:
    """The number at `path` is `minimum` or more; `default` is what AWS takes when it is not set."""

    def check(resource: Resource) -> Verdict:
        value = resource.number(path, default)
        if value is not None and value >= minimum:
            return ok()
        return bad(path, resource.raw(path), f"set it to {minimum:g} or more")

    return _each(types, check, unless)


def tagged(types: str | tuple[str, ...]) -> Each:
    """The resource carries at least one tag of its owner (the provider's default tags count, AWS's own `aws:` ones do not)."""

    def check(resource: Resource) -> Verdict:
        undecided: CannotTell | None = None
        for path in ("tags", "tagsAll"):
            try:
                keys = resource.view(path).keys()
            except CannotTell as reason:
                undecided = reason
                continue
            if any(not key.startswith("aws:") for key in keys):
                return ok()
        if undecided:
            raise undecided
        return bad("tags", resource.raw("tags"), "give it tags that say whose it is (Project, Environment, Component)")

    return _each(types, check, None)


def never(kind: str, instead: str, fix: str) -> Each:
    """No resource of type `kind`: what AWS has retired, or the house does not want. Those of type `instead` are compliant."""

    def check(resource: Resource) -> Verdict:
        return bad("type", resource.token, fix) if resource.type == kind else ok()

    return Each((kind, instead), check)


def has_referrer(
    types: str | tuple[str, ...], other: str, path: str, fix: str, *, unless: Unless | None = None
) -> Related:
    """Some resource of the type `other` refers to it by its property `path` (an `aws:s3/bucketVersioning…` by `bucket`)."""

    def check(resource: Resource, stack: Stack) -> Verdict:
        reason = unless(resource) if unless else None
        if reason:
            return na(reason)
        return ok() if stack.referrers(resource, other, path) else bad(other.rpartition(":")[2], None, fix)

    return Related((types,) if isinstance(types, str) else types, check)


def decide(*checks: Callable[[], Verdict]) -> Verdict:
    """Several checks of one resource, the known before the unknown: a violation anywhere wins over "cannot tell yet"."""
    undecided: CannotTell | None = None
    for check in checks:
        try:
            verdict = check()
        except CannotTell as reason:
            undecided = undecided or reason
            continue
        if verdict != ok():
            return verdict
    if undecided:
        raise undecided
    return ok()


def judge_each(view: View, path: str, check: Callable[[View], Verdict]) -> Verdict:
    """`check` over every object of the list at `path` (containers): a violation anywhere wins over "cannot tell yet"."""
    items, undecided = view.each_known(path)
    verdict = decide(*[partial(check, item) for item in items])
    if verdict == ok() and undecided:
        raise undecided
    return verdict
