"""The comment on a pull request, from what `preview --against --json` printed of each stack: Markdown, bounded. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: By this line the comment of an earlier run is found again. It is the first of the body.
MARKER = "<!-- matchday: what this change does -->"
#: GitHub refuses a longer body: "body is too long (maximum is 65536 characters)".
LIMIT = 65_536

#: Kind of section → its heading, in the order in which room is given: what could destroy something is left out last.
_HEADINGS = {
    "replace": "Replaced",
    "delete": "Deleted",
    "gained": "Violations of policies that this brings",
    "update": "Updated",
    "cost": "Cost of a month",
    "create": "Created",
    "lost": "Violations of policies that this ends",
}
_COLUMNS = ("stack", "replace", "delete", "update", "create", "same", "violations", "a month")
#: Characters of a foreign text that are shown; and leaves of one resource.
_VALUE, _NAME, _SENTENCE, _PROPERTIES = 80, 160, 400, 10
#: GitHub looks for people (@) and issues (#) after it has read the entities; a space of no width ends both.
_ESCAPES = str.maketrans({c: f"&#{ord(c)};" for c in "\\`*_[]<>|&~!"} | {c: f"{c}\u200b" for c in "@#"})


@dataclass(frozen=True)
class _Entry:
    """A line, and the resource whose properties are shown below it when there is room for them, too."""

    line: str
    changed: Mapping[str, Any] | None = None


@dataclass
class _Section:
    """The lines of one kind in one stack; `shown` and `details`, those of the first entries, grow as there is room."""

    stack: str
    kind: str
    entries: Sequence[_Entry]
    shown: int = 0
    details: list[str] = field(default_factory=list)

    def body(self) -> str:
        """As it is written; of a section that shows nothing yet, what it takes at least."""
        left = len(self.entries) - self.shown
        command = _code(f"matchday preview {self.stack} --against")
        return "".join((
            f"\n**{_HEADINGS[self.kind]}** ({len(self.entries):,})\n\n",
            *(each.line + details for each, details in zip(self.entries, self.details, strict=False)),
            *(each.line for each in self.entries[len(self.details) : self.shown]),
            f"- … and {left:,} more: {command} lists them\n" if left else "",
        ))  # fmt: skip


def comment(documents: Sequence[Mapping[str, Any]], *, limit: int = LIMIT) -> str:
    """The whole comment, of at most `limit` UTF-16 units (of which GitHub's characters are never more).

    `documents` are of the type `preview --against` (docs/commands.md), one a stack. Room is given to replacements of all stacks
    first, then to deletions, and so on: a line for each section, then the other lines, then the properties, each in that order.
    What has no room is counted. A stack in which nothing changes has its line in the table only.
    """
    documents = sorted(documents, key=lambda document: str(document["stack"]))
    table = _table(documents, limit // 4)
    found = [section for document in documents for section in _sections(document)]
    found.sort(key=lambda section: list(_HEADINGS).index(section.kind))
    last = "\n{:,} sections more have no room here.\n"
    room = limit - _length(table) - _length(last.format(len(found)))
    sections: list[_Section] = []
    for section in found:
        title = 0 if any(each.stack == section.stack for each in sections) else _length(_title(section.stack))
        needed = title + _length(section.body()) + _length(section.entries[0].line)
        if needed <= room:
            room, section.shown = room - needed, 1
            sections.append(section)
    for section in sections:
        for entry in section.entries[1:]:
            if (needed := _length(entry.line)) > room:
                break
            room -= needed
            section.shown += 1
    for section in sections:
        for entry in section.entries[: section.shown]:
            details = _properties(entry.changed) if entry.changed else ""
            if (needed := _length(details)) > room:
                break
            room -= needed
            section.details.append(details)
    parts = [table]
    for stack in sorted({each.stack for each in sections}):
        parts.append(_title(stack))
        parts.extend(each.body() for each in sections if each.stack == stack)
    if len(sections) < len(found):
        parts.append(last.format(len(found) - len(sections)))
    return "".join(parts)


def _title(stack: str) -> str:
    return f"\n### {_text(stack)}\n"


def _table(documents: Sequence[Mapping[str, Any]], limit: int) -> str:
    table = f"{MARKER}\n## What this change does\n\n| {' | '.join(_COLUMNS)} |\n|{' --- |' * len(_COLUMNS)}\n"
    for place, document in enumerate(documents):
        row = _row(document)
        if _length(table) + _length(row) > limit:
            return table + f"\n… and {len(documents) - place:,} stacks more.\n"
        table += row
    return table


def _row(document: Mapping[str, Any]) -> str:
    changes, policies, cost = document["changes"], document["policies"], document["cost"]
    counts = [f"{changes[name]:,}" for name in ("replace", "delete", "update", "create", "same")]
    counts[:2] = [count if count == "0" else f"**{count}**" for count in counts[:2]]
    violations = f"+{len(policies['gained'])} −{len(policies['lost'])}" if any(policies.values()) else "as before"
    money = f"{_signed(cost['difference'])} ({cost['after']:,.2f} {_text(cost['currency'])})"
    return f"| {' | '.join([_text(document['stack']), *counts, violations, money])} |\n"


def _sections(document: Mapping[str, Any]) -> Iterator[_Section]:
    entries: dict[str, list[_Entry]] = {kind: [] for kind in _HEADINGS}
    for changed in document["resources"]:
        entries[changed["operation"]].append(_resource(changed))
    for kind in ("gained", "lost"):
        for violation in sorted(document["policies"][kind], key=lambda each: str(each["level"]) != "mandatory"):
            where = f"{_code(violation['control'])} ({_text(violation['level'])}) {_code(violation['resource'])}"
            entries[kind].append(_Entry(f"- {where}: {_text(violation['message'])}\n"))
    for line in document["cost"]["resources"]:
        entries["cost"].append(_Entry(f"- {_code(line['name'] or line['type'])} {_signed(line['difference'])}\n"))
    for kind, lines in entries.items():
        if lines:
            yield _Section(str(document["stack"]), kind, lines)


def _resource(changed: Mapping[str, Any]) -> _Entry:
    forced = ", ".join(_code(path) for path in changed["forced_by"][:_PROPERTIES])
    line = f"- {_code(changed['name'])} ({_text(changed['type'])}){f', forced by {forced}' if forced else ''}\n"
    return _Entry(line, changed)


def _properties(changed: Mapping[str, Any]) -> str:
    shown, left = changed["properties"][:_PROPERTIES], len(changed["properties"]) - _PROPERTIES
    details = [f"{_code(leaf['path'])}: {_value(leaf['before'])} → {_value(leaf['after'])}" for leaf in shown]
    details += [f"… and {left:,} properties more"] if left > 0 else []
    return "".join(f"  - {detail}\n" for detail in details)


def _value(value: Any) -> str:
    """A property's value; null where it is not there."""
    return "–" if value is None else _code(value if isinstance(value, str) else json.dumps(value), _VALUE)


def _plain(value: object, most: int) -> str:
    """One line of at most `most` characters, none of which turns the direction of reading or cannot be seen."""
    start = " ".join(str(value)[: 4 * most].split())
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in start)
    return text if len(text) <= most else text[: most - 1] + "…"


def _code(value: object, most: int = _NAME) -> str:
    """Foreign text as a code span: no mention, link, heading or HTML in it takes effect, and no backtick of it ends it."""
    text = _plain(value, most) or "(empty)"
    fence = "`"
    while fence in text:
        fence += "`"
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _text(value: object) -> str:
    """A sentence in which foreign words may stand: what Markdown reads is written as entities; nobody is mentioned."""
    return _plain(value, _SENTENCE).translate(_ESCAPES)


def _signed(amount: float) -> str:
    return f"{'+' if amount > 0 else '−' if amount < 0 else '±'}{abs(amount):,.2f}"


def _length(text: str) -> int:
    """In UTF-16 units, the longest way to count characters: one beyond the basic plane is two."""
    return len(text.encode("utf-16-le")) // 2
