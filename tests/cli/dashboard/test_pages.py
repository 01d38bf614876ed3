"""The served HTML: landmarks, headings, labels and tables for who does not see it, nothing inline, nothing from elsewhere."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from cli.dashboard.server import Console
from cli.dashboard.sources import NotRunning, alarm

from .conftest import HOSTILE, page, sample

Serve = Callable[[dict[str, Any]], Console]
Attributes = dict[str, str | None]

#: Elements without an end tag.
VOID = {"meta", "link", "input", "br", "path"}


class Read(HTMLParser):
    """A page as a tree is read by a screen reader: elements in order, each with those that it stands in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Attributes, tuple[str, ...]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], "every element is ended"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), tuple(self._open)))
        self.texts.setdefault(tag, []).append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self._open:
            self.texts[tag][-1] += data

    def of(self, tag: str) -> list[Attributes]:
        return [attributes for name, attributes, _ in self.elements if name == tag]


TARGETS = ("/", "/trace", "/trace?id=12345678&hours=1", "/docs/runbooks/postgres-down.md")


def readings() -> dict[str, dict[str, Any]]:
    down = NotRunning()
    return {
        "all": sample(),
        "well": {**sample(rings=False), "ledger": {}},
        "down": dict.fromkeys(sample(), down),
        "nothing yet": {},
    }


@pytest.mark.parametrize("what", list(readings()))
@pytest.mark.parametrize("target", TARGETS)
def test_a_page_can_be_read_without_seeing_it(serve: Serve, target: str, what: str) -> None:
    read = Read(page(serve(readings()[what]), target))
    assert read.of("html") == [{"lang": "en"}]
    assert len(read.of("main")) == 1 and len(read.of("h1")) == 1 and read.texts["title"][0].strip()
    levels = [int(tag[1]) for tag, _, _ in read.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and all(after - before <= 1 for before, after in itertools.pairwise(levels))
    first = next(attributes for tag, attributes, _ in read.elements if tag == "a")
    assert first["href"] == "#main", "the keyboard's way past the navigation comes first"
    assert all(attributes.get("aria-label") for attributes in read.of("nav"))

    ids = [attributes["id"] for _, attributes, _ in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes, _ in read.elements:
        for name in ("aria-labelledby", "for"):
            assert attributes.get(name) is None or attributes[name] in ids
        if (href := attributes.get("href") or "").startswith("#"):
            assert href[1:] in ids
    labels = {attributes["for"] for attributes in read.of("label")}
    for tag in ("input", "select"):
        assert {each["id"] for each in read.of(tag) if each.get("type") != "hidden"} <= labels
    assert all(text.strip() for tag in ("a", "button", "summary", "th", "caption") for text in read.texts.get(tag, ()))
    assert all(attributes.get("aria-label") for attributes in read.of("svg")), "a chart says in words what it shows"

    for tag, attributes, inside in read.elements:
        if tag == "table" and target == "/":
            assert inside[-1] == "div"
        if tag == "th" and target == "/":
            assert attributes.get("scope") in ("col", "row", "rowgroup")
    regions = [attributes for attributes in read.of("div") if attributes.get("role") == "region"]
    assert all(attributes.get("aria-label") and attributes.get("tabindex") == "0" for attributes in regions)


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_inline_or_from_elsewhere(serve: Serve, target: str) -> None:
    read = Read(page(serve(sample()), target))
    for tag, attributes, _ in read.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert tag not in ("style", "img", "iframe", "object", "base")
        if tag in ("script", "link"):
            assert (attributes.get("src") or attributes.get("href")) in ("/refresh.js", "/console.css")
    assert not read.texts.get("script", [""])[0]


def test_what_comes_from_elsewhere_is_shown_as_text(serve: Serve) -> None:
    html = page(serve(sample()))
    assert HOSTILE not in html and "<img" not in html
    assert html.count("&lt;img src=x onerror=alert(1)&gt;") > 15


def test_an_alarm_that_rings_is_said_first_and_leads_to_its_runbook(serve: Serve) -> None:
    html = page(serve(sample()))
    read = Read(html)
    assert "Alarms that ring: 1" in read.texts["p"][1]
    assert read.texts["title"][0] == "1 ringing · Matchday console"
    assert html.index("wallet-log-critical") < html.index("wallet-late")
    console = serve(sample())
    (link,) = {href for each in read.of("a") if (href := each["href"] or "").endswith("/service-log.md")}
    assert "<h1>" in page(console, link)


def test_colour_alone_says_nothing(serve: Serve) -> None:
    read = Read(page(serve(sample())))
    spans = zip(read.texts["span"], read.of("span"), strict=True)
    states = [text for text, attributes in spans if "state" in (attributes.get("class") or "")]
    assert states and all(text.strip() for text in states)


def test_it_says_that_nothing_runs_and_what_to_do(serve: Serve) -> None:
    html = page(serve(readings()["down"]))
    read = Read(html)
    assert "the platform is not running. Start it with" in read.texts["p"][1]
    assert read.texts["title"][0].startswith("Not running")
    assert "All well" not in html and "Everything that should run does" not in html


def test_what_was_read_before_a_failure_is_shown_with_its_time(serve: Serve) -> None:
    values = sample()
    console = serve(values)
    values["alarms"] = TimeoutError("no answer")
    console.board.read("alarms")
    html = page(console)
    assert re.search(r"Cannot be read: TimeoutError: no answer What is shown is of \d\d:\d\d:\d\d UTC", html)
    assert "wallet-log-critical" in html


def test_a_description_is_taken_apart() -> None:
    row = {
        "name": "a",
        "state": "ALARM",
        "since": None,
        "reason": "r",
        "description": "It is late.. Runbook: docs/runbooks/job-late.md",
    }
    assert (alarm(row).summary, alarm(row).runbook, alarm(row).since) == ("It is late.", "job-late", "")
    assert alarm({**row, "description": "a person is needed"}).runbook == ""
