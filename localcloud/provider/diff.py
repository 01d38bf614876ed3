"""Diff: what an update would change, and whether AWS changes it in place.

Who decides, first to last: decisions.py (what the official provider decides in code), the official schema (ForceNew), and,
for a kind that the schema does not know, the row: what no update call takes replaces when create takes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from localcloud.provider import differ
from localcloud.provider.check import DEFAULTS
from localcloud.provider.constraints import decisions, official
from localcloud.provider.row import Inputs
from localcloud.provider.translate import Translator, takes
from localcloud.provider.wire import Properties


@dataclass(frozen=True)
class Difference:
    """The answer to diff: changed properties, those that replace, and the paths to show."""

    changed: list[str]
    replaces: list[str]
    paths: Mapping[str, tuple[str, bool]]
    delete_before_replace: bool


def diff(translator: Translator, olds: Inputs, news: Inputs, ignored: frozenset[str], state: Properties) -> Difference:
    """What differs between what was asked for and what is asked for now; paths in `ignored` keep their old value."""
    token = translator.kind.token
    for path in ignored:
        news = differ.kept(olds, news, path)
    known = official.fields(token)
    changed, shown = [], {}
    settled = decisions.settled(token, olds, news, state)
    for name in differ.names(olds, news):
        if name in settled:
            continue
        old, new = (side.get(name) for side in (olds, news))
        if old is None and known.get(name, {}).get("comp"):  # what AWS chose, said by the program for the first time
            old = state.get(name)
        leaves = list(differ.leaves(old, new, known.get(name, {}), (name,), name))
        if leaves:
            changed.append(name)
            shown[name] = leaves
    replaces = [
        name
        for name in changed
        if decisions.replaces(token, name, olds, news, state)
        or any(_replaces(translator, known, leaf) for leaf in shown[name])
    ]
    paths = {leaf.path: (leaf.kind, name in replaces) for name in changed for leaf in shown[name]}
    return Difference(changed, replaces, paths, bool(replaces) and _deletes_first(translator, olds, news))


def _replaces(translator: Translator, known: official.Fields, leaf: differ.Leaf) -> bool:
    """Whether the schema, or else the row, says that the change of one leaf makes a new resource."""
    name = leaf.names[0]
    if name not in known:
        return name == "region" or not _updatable(translator, name)
    return any(official.at(known, leaf.names[:depth]).get("new") for depth in range(1, len(leaf.names) + 1))


def _updatable(translator: Translator, name: str) -> bool:
    """By the row alone: whether a call takes the new value, or nobody ever took the old one."""
    row, prop = translator.row, translator.prop(name)
    if prop.force or prop.identity or name in ("namePrefix", row.name):
        return False
    if row.recorded or prop.virtual or prop.set or prop.update or prop.unread or name in ("tags", "tagsAll"):
        return True
    if row.update and takes(translator, name, row.update.operation):
        return True
    # What no API call takes is only remembered, and can be remembered anew.
    return not prop.encode and not takes(translator, name, row.create)


def _deletes_first(translator: Translator, olds: Inputs, news: Inputs) -> bool:
    """Two cannot stand side by side when the program gave the name, and it stays; or where AWS allows one only."""
    row = translator.row
    if translator.kind.token in decisions.ALONE:
        return True
    if row.name is None or row.name not in news:
        return False
    ours = row.name in news.get(DEFAULTS, ())
    return not ours and differ.same(olds.get(row.name), news[row.name])
