"""The documentation site builds strictly, from this repository alone, and what is made from code is all there."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from scripts.docs_site import reference
from scripts.docs_site.__main__ import Incomplete, build, menu
from scripts.docs_site.pages import MENU, ROOT, rewritten, sources

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return build(tmp_path_factory.mktemp("docs") / "out")
    except subprocess.CalledProcessError as error:
        raise AssertionError(error.stdout) from error


def test_every_page_is_there_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    made = {path.relative_to(site).with_suffix(".md").as_posix() for path in pages}
    assert set(sources()) <= made
    loaded = re.compile(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=\"?(https?:)?//", re.I)
    elsewhere = [page.name for page in pages if loaded.search(page.read_text("utf-8"))]
    assert not elsewhere
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert not re.search(r"url\([\"']?https?:|@import [\"']?https?:", styles)
    assert (site / "assets" / "mermaid.tiny.js").stat().st_size > 1_000_000, "diagrams are drawn by what is here"
    assert '<pre class="mermaid">' in (site / "request-flows.html").read_text("utf-8")


def test_every_endpoint_and_job_is_on_a_page(site: Path) -> None:
    for service in reference.services():
        page = (site / "services" / service / "api.html").read_text("utf-8")
        document = json.loads((ROOT / "services" / service / "openapi.json").read_text("utf-8"))
        named = [f"{verb.upper()} {path}" for path, verbs in document["paths"].items() for verb in verbs]
        assert named and not [name for name in named if name not in page]
    jobs = (site / "jobs.html").read_text("utf-8")
    for manifest in sorted(ROOT.glob("services/*/service.yaml")):
        for schedule in yaml.safe_load(manifest.read_text("utf-8")).get("schedules", ()):
            assert schedule["job"] in jobs, "an alarm of the manifest is of a job that the code registers"


def test_links_follow_pages_to_where_the_site_has_them(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "a.md"
    page.parent.mkdir()
    page.write_text(
        "[b](../services/b/README.md#x) [code](../b.py) [out](https://example.com)\n```\n[b](../b.py)\n```\n"
    )
    where = {page: "a.md", tmp_path / "services" / "b" / "README.md": "services/b/index.md"}
    text = rewritten("a.md", page, where)
    assert text == "[b](services/b/index.md#x) code [out](https://example.com)\n```\n[b](../b.py)\n```\n"


def test_a_page_without_a_menu_and_a_menu_without_its_page_are_refused(tmp_path: Path) -> None:
    for names in MENU.values():
        for name in names:
            (tmp_path / f"{name}.md").parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / f"{name}.md").touch()
    assert [title for entry in menu(tmp_path) for title in entry] == list(MENU)
    (tmp_path / "lost.md").touch()
    with pytest.raises(Incomplete, match=r"in no menu .*lost\.md"):
        menu(tmp_path)
    (tmp_path / "lost.md").unlink()
    (tmp_path / "cost.md").unlink()
    with pytest.raises(Incomplete, match="names 'cost'"):
        menu(tmp_path)
