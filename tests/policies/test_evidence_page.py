"""The evidence page in a real browser: it sorts and filters by keyboard, fits a phone, and prints every control open."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from policies import exceptions, levels
from policies.audit import html_file
from policies.audit.report import audit
from tests.policies.platform import platform

pytestmark = pytest.mark.process

NOW = datetime(2026, 11, 26, tzinfo=UTC)

#: What a reader with a keyboard does, and what the page then shows, as attributes of its body.
_READER = """<script>addEventListener("load", () => {
  const table = document.querySelector(".tabled"), button = table.querySelector("thead button");
  const firsts = () => [...table.querySelectorAll("tbody tr:not([hidden])")].map((row) => row.cells[0].textContent);
  button.focus(); button.click(); button.click();
  const sorted = [...firsts()].sort((a, b) => b.localeCompare(a, undefined, { numeric: true }));
  const filter = table.querySelector(".filter");
  document.body.dataset.focus = document.activeElement === button;
  document.body.dataset.sorted = JSON.stringify(sorted) === JSON.stringify(firsts());
  filter.value = "pci"; filter.dispatchEvent(new Event("input"));
  document.body.dataset.shown = firsts().length;
  const find = document.getElementById("find");
  find.value = "kms.4"; find.dispatchEvent(new Event("input"));
  document.body.dataset.controls = document.querySelectorAll("details.control:not([hidden])").length;
  document.body.dataset.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
})</script>"""


def _browser(page: Path, *arguments: str) -> str:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    command = [
        chromium,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={page.parent / 'profile'}",
    ]
    done = subprocess.run(
        [*command, *arguments, page.as_uri()], capture_output=True, text=True, timeout=180, check=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def text() -> str:
    found = audit(platform("prod"), source="state of prod", levels=levels.load(), register=exceptions.load(), now=NOW)
    return html_file.render(found)


@pytest.mark.nightly
@pytest.mark.parametrize("width", [500, 1280])  # a window of Chromium's is never narrower than 500
def test_it_sorts_filters_and_fits(text: str, width: int, tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    page.write_text(text.replace("</body>", f"{_READER}</body>"), encoding="utf-8")
    shown = dict(
        re.findall(r'data-(\w+)="(\w+)"', _browser(page, f"--window-size={width},900", "--dump-dom")[:2_000_000])
    )
    assert shown["focus"] == shown["sorted"] == "true"
    assert shown["shown"] == "1" and int(shown["controls"]) >= 1
    assert shown["wide"] == "false"


@pytest.mark.nightly
def test_it_prints_every_control_open(text: str, tmp_path: Path) -> None:
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("no pdftotext is installed (apt-get install poppler-utils)")
    page, printed = tmp_path / "audit.html", tmp_path / "audit.pdf"
    page.write_text(text, encoding="utf-8")
    _browser(page, f"--print-to-pdf={printed}", "--no-pdf-header-footer")
    done = subprocess.run([reader, str(printed), "-"], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.count("observed:") == text.count("observed:") > 500
