"""Writes RULES.md from the controls' metadata.

.venv/bin/python -m policies.rules_page
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from pathlib import Path

from policies.audit.outside import OUTSIDE
from policies.catalog import all_controls
from policies.model import Control, Each, Framework, Whole

PAGE = Path(__file__).resolve().parents[1] / "RULES.md"

_HEAD = """# Rules of the policy pack

Generated from `policies/controls/` by `python -m policies.rules_page`; a test keeps it current. How the pack is used, how an
exception is made and how a control is added: [docs/policies.md](docs/policies.md).

A *resource* rule judges one resource before it is created; a *related* rule follows references to others; a *stack* rule asks
for what must exist. All of them also judge a state after deployment (`matchday audit`).
"""


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def _kind(control: Control) -> str:
    if isinstance(control.rule, Each):
        return "resource"
    return "stack" if isinstance(control.rule, Whole) else "related"


def _row(control: Control) -> str:
    references = "; ".join(f"{framework.name} {', '.join(names)}" for framework, names in control.frameworks.items())
    cells = (
        f"[{control.id}]({control.link})",
        control.title,
        control.severity.value,
        _kind(control),
        references,
        control.remediation,
    )
    return "| " + " | ".join(_escape(cell) for cell in cells) + " |"


def render() -> str:
    """The page's text."""
    controls = all_controls()
    counts = Counter(framework for control in controls for framework in control.frameworks)
    lines = [_HEAD, f"**{len(controls)} controls.**", "", "| framework | controls |", "| --- | --- |"]
    lines += [
        f"| {framework.name}: {framework.value} | {counts[framework]} |" for framework in Framework if counts[framework]
    ]
    for service, group in groupby(controls, key=lambda control: control.service):
        rows = list(group)
        lines += ["", f"## {service} ({len(rows)})", "", "| id | title | severity | rule | references | remediation |"]
        lines += ["| --- | --- | --- | --- | --- | --- |", *map(_row, rows)]
    lines += [
        "",
        "## Out of scope",
        "",
        "What no stack can tell: account and run-time state.",
        "",
        "| id | asks | look instead |",
    ]
    lines += [
        "| --- | --- | --- |",
        *(f"| {row.id} | {_escape(row.title)} | {_escape(row.where)} |" for row in OUTSIDE),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
