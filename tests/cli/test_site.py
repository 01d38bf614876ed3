"""The first page is made of this repository's files alone, and says of every service what it is."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cli import journeys, site
from cli.publish import TYPES


class _Page(HTMLParser):
    """What a page loads and links to, and whether its tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "link", "img"):
            self.loads.append(given.get("src") or given.get("href") or "")
        if tag == "a":
            self.links.append(given.get("href") or "")
        self.ids.add(given.get("id") or "")
        if tag not in ("meta", "link", "br", "p"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "p":
            assert self.open.pop() == tag


def _files() -> dict[str, bytes]:
    return dict(site.pages())


@pytest.mark.slow
def test_every_page_is_well_formed_and_loads_only_what_is_there() -> None:
    found = _files()
    pages = [name for name in found if name.endswith(".html")]
    assert "index.html" in pages
    for name in pages:
        page = _Page()
        page.feed(found[name].decode())
        assert page.open == []
        assert {load.removeprefix("/") for load in page.loads} <= set(found), name
        for link in page.links:
            if link.startswith("#"):
                assert link[1:] in page.ids, f"{name}: {link}"
            elif link.startswith("/api/"):
                assert link.removeprefix("/") in found
        assert not re.search(rb"https?://", found[name].split(b"<body>")[0])


@pytest.mark.slow
def test_every_service_and_every_operation_is_there() -> None:
    found = _files()
    for service in journeys.catalog().services.values():
        assert f"<b>{service.name}</b>" in found["index.html"].decode()
        assert f"api/{service.name}/index.html" in found
    assert b"/auth/register" in found["api/auth/index.html"]


def test_the_files_of_the_site_are_all_of_a_known_type() -> None:
    assert {Path(name).suffix for name in _files()} <= set(TYPES)
