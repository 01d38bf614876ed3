"""The console's pages: templates filled with what was read. Nothing in them is loaded from elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from cli import console, local, span_tree
from cli.cloud import Cloud
from cli.dashboard import charts
from cli.dashboard.board import Reading
from cli.dashboard.exercises import CHOICES, DrillRun
from cli.dashboard.sources import client
from cli.trace import ACCEPTED, find, is_id

#: Sources that a first page waits for a moment for; all others are shown as not read yet.
AT_ONCE = ("platform", "alarms")

#: Hours that a trace is looked for in.
HOURS = (1, 24, 168)

_HERE = Path(__file__).parent
_DOCS = local.CHECKOUT / "docs"

#: Path → type and content of what the pages refer to.
STATIC = {
    "/console.css": ("text/css; charset=utf-8", (_HERE / "static" / "console.css").read_bytes()),
    "/refresh.js": ("text/javascript; charset=utf-8", (_HERE / "static" / "refresh.js").read_bytes()),
}


def index(readings: Mapping[str, Reading], drill: DrillRun | None, form_token: str) -> str:
    """The page. drill: the last one; form_token: what its forms prove with that they are its own."""
    values = {"drill": drill, "drills": CHOICES, "form_token": form_token}
    return _render("index.html", read=readings, stack=local.STACK, folder=str(local.PROJECT), **values)


def trace(identifier: str, hours: str) -> str:
    """What is known of a request's or a trace's id; the form to ask for one."""
    back = int(hours) if hours in map(str, HOURS) else 24
    found, problem = None, ""
    if identifier and not is_id(identifier):
        problem = f"{identifier!r} is no id. Accepted: {ACCEPTED}."
    elif identifier:
        try:
            found = find(_local_cloud(), identifier, back)
        except Exception as error:  # whatever the far end says is what the page says
            problem = f"{type(error).__name__}: {error}"
    spans = span_tree.bars(found["spans"]) if found else []
    values = {"hours": back, "choices": HOURS, "found": found, "problem": problem}
    return _render("trace.html", identifier=identifier, spans=spans, **values)


def document(path: str) -> str | None:
    """A page of docs/ as HTML; None for what is none."""
    if not path.startswith("/docs/") or not path.endswith(".md"):
        return None
    file = (_DOCS / path.removeprefix("/docs/")).resolve()
    if not file.is_relative_to(_DOCS) or not file.is_file():
        return None
    text = file.read_text(encoding="utf-8")
    title = next((line.lstrip("# ") for line in text.splitlines() if line.startswith("# ")), file.stem)
    return _render("document.html", title=title, content=Markup(_markdown().render(text)))  # noqa: S704 # no HTML passes


def refusal(title: str, sentence: str) -> str:
    """A page that says no."""
    return _render("refusal.html", title=title, sentence=sentence)


def clock(seconds: float) -> str:
    """A moment as people read it, in UTC."""
    return time.strftime("%H:%M:%S UTC", time.gmtime(seconds))


def duration(seconds: float) -> str:
    """A length of time in its largest whole unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _local_cloud() -> Cloud:
    from localcloud.runtime.aws import Aws

    return Cloud(local.STACK, Aws(client().info.emulator, local.REGION).client)


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


@lru_cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(clock=clock, duration=duration, number=charts.number, compact=_compact)
    made.globals.update(chart=charts.line, command=console.command)
    return made


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=str)


@lru_cache
def _markdown() -> MarkdownIt:
    """CommonMark with tables. HTML in a page is shown as text."""
    return MarkdownIt("commonmark", {"html": False}).enable("table")
