"""The console in headless Chromium: by keyboard alone, narrow, in light and dark, and brought up to date while it is read.

Nightly: Chromium comes from the system (as root: apt-get install chromium), which `make setup` leaves alone.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.dashboard.server import Console
from tests.browser import Browser, Page, chromium
from tests.clones import PROJECT

from .conftest import sample

pytestmark = pytest.mark.nightly

Serve = Callable[[dict[str, Any]], Console]

#: What has the focus, and whether it can be seen that it has.
FOCUSED = """(() => {
  const it = document.activeElement, style = getComputedStyle(it);
  return {tag: it.tagName, text: it.textContent.trim().slice(0, 40), id: it.id,
          seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2};
})()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def shown(browser: Browser, serve: Serve) -> Callable[[dict[str, Any]], tuple[Page, Console]]:
    """Open a console on these values, in a tab that counts what the page's policy refused."""

    def open_(values: dict[str, Any]) -> tuple[Page, Console]:
        console, page = serve(values), browser.page()
        page.call("Page.enable")
        count = "window.refused = 0; document.addEventListener('securitypolicyviolation', () => window.refused++)"
        page.call("Page.addScriptToEvaluateOnNewDocument", source=count)
        page.open(console.url)
        page.until("document.querySelector('#pause') !== null")
        return page, console

    return open_


def tab(page: Page) -> dict[str, Any]:
    page.press("Tab", 9)
    found: dict[str, Any] = page.value(FOCUSED)
    return found


def test_everything_is_reached_by_keyboard(shown: Any) -> None:
    page, _ = shown(sample())
    first = tab(page)
    assert (first["text"], first["seen"]) == ("Skip to the content", True)
    page.press("Enter", 13)
    page.until("location.hash === '#main'")
    focusable = page.value(
        "[...document.querySelectorAll('main a, main input, main select, main button, main summary, main [tabindex]')]"
        ".filter(it => it.checkVisibility()).length"
    )
    seen = [tab(page) for _ in range(focusable)]
    assert all(each["seen"] for each in seen), [each for each in seen if not each["seen"]]
    assert seen[-1]["tag"] == "BUTTON" and seen[-1]["text"] == "Look"
    assert page.value("window.refused") == 0


def test_it_is_brought_up_to_date_around_whoever_reads_it(shown: Any) -> None:
    values = sample(rings=False)
    values["platform"]["wrong"] = []
    page, console = shown(values)
    assert page.value("document.title") == "All well · Matchday console"
    page.value("document.querySelector('#jobs summary').focus()")
    page.press("Enter", 13)
    page.until("document.querySelector('#jobs').open")
    page.value("document.querySelector('#id').focus(); document.querySelector('#id').value = 'half an id'")
    values["alarms"] = sample()["alarms"]
    console.board.read("alarms")
    page.until("document.querySelector('[role=status]').textContent.includes('Alarms that ring: 1')")
    assert page.value("document.querySelector('#alarms .state.bad').textContent") == "ALARM"
    assert page.value("document.activeElement.id") == "id", "where one types is left alone"
    assert page.value("document.querySelector('#id').value") == "half an id"
    assert page.value("document.querySelector('#jobs').open"), "what was opened stays open"
    assert page.value("window.refused") == 0


def test_updates_can_be_paused_and_an_ended_console_says_so(shown: Any) -> None:
    values = sample()
    page, console = shown(values)
    page.value("document.querySelector('#pause').click()")
    assert page.value("document.querySelector('#pause').getAttribute('aria-pressed')") == "true"
    values["alarms"] = []
    console.board.read("alarms")
    page.value("new Promise(done => setTimeout(done, 11000))")
    assert "Alarms that ring: 1" in page.value("document.querySelector('[role=status]').textContent")
    page.value("document.querySelector('#pause').click()")
    page.until("document.querySelector('[role=status]').textContent.includes('Alarms that ring: 0')")
    console.token = "another"  # as a console that was started anew has
    page.until("document.title.startsWith('Console ended')")
    assert "old" in page.value("document.querySelector('[role=status]').textContent")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_it_fits_and_can_be_read_in_both_schemes(shown: Any, scheme: str, width: int, tmp_path: Path) -> None:
    page, _ = shown(sample())
    page.scheme(scheme)
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    assert page.value("document.documentElement.scrollWidth") <= width, "only tables scroll sideways (WCAG 1.4.10)"
    dark = page.value("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(part => part < 128)")
    assert dark == (scheme == "dark")
    picture = tmp_path / f"{scheme}-{width}.png"
    page.screenshot(picture, width)
    assert picture.stat().st_size > 10_000, "kept by pytest, for whoever wants to look"


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core (MPL-2.0, so in no set of ours): installed for the look, by its hash, without what drives it."""
    place, locked = tmp_path_factory.mktemp("axe"), PROJECT / "requirements" / "axe.txt"
    uv = Path(sys.executable).with_name("uv")
    install: list[str | Path] = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        place,
        "--require-hashes",
        "-r",
        locked,
    ]
    subprocess.run(install, check=True)
    (source,) = place.rglob("axe.min.js")
    return source.read_text("utf-8")


#: Every rule that WCAG 2.2 asks for at its levels A and AA, and axe's own best practices.
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
LOOK = (
    f"axe.run(document, {{runOnly: {list(RULES)}}})"
    + """.then(found => ({
  violations: found.violations.map(each => each.id + ': ' + each.nodes.map(node => node.target).join(' ')),
  passes: found.passes.length}))"""
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_against_wcag_aa(shown: Any, axe: str, scheme: str) -> None:
    """Each page as it is with everything opened, while something rings and while nothing does."""
    for values in (sample(), sample(rings=False)):
        page, console = shown(values)
        page.scheme(scheme)
        for target in ("/", "/trace", "/trace?id=12345678&hours=1", "/docs/runbooks/postgres-down.md"):
            page.open(f"{console.url.partition('/?')[0]}{target}")
            page.value("document.querySelectorAll('details').forEach(each => each.open = true)")
            page.value(f"{axe}; 1")
            found = page.value(LOOK)
            assert found["violations"] == [], f"{target} ({scheme})"
            assert found["passes"] > 10
    page.value("document.body.style.color = document.body.style.backgroundColor = '#777'")
    assert any(each.startswith("color-contrast") for each in page.value(LOOK)["violations"]), (
        "it sees what cannot be read"
    )
