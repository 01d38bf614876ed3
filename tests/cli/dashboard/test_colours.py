"""The console's colours: every text on every background, in light and in dark, by WCAG 2.2's contrast (1.4.3, 1.4.11)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cli.dashboard

CSS = (Path(cli.dashboard.__path__[0]) / "static" / "console.css").read_text("utf-8")
TEXT, OTHER = 4.5, 3.0


def schemes() -> dict[str, dict[str, str]]:
    light, dark = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r":root \{(.*?)\}", CSS, re.S)
    )
    return {"light": light, "dark": dark}


def luminance(colour: str) -> float:
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_reckoning_is_the_standards() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01), "the standard's known near miss"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_told_from_what_it_stands_on(scheme: str) -> None:
    colours = schemes()[scheme]
    grounds = {name: colour for name, colour in colours.items() if name.startswith("back")}
    assert grounds and set(schemes()["light"]) == set(schemes()["dark"])
    for name, colour in colours.items():
        wanted = TEXT if name.startswith("text") else OTHER if name.startswith("line") else 0
        for ground, behind in grounds.items():
            assert contrast(colour, behind) >= wanted, f"{name} on {ground} in {scheme}: {contrast(colour, behind):.2f}"


def test_colours_have_names_and_each_is_used_for_what_it_is_named_for() -> None:
    rules = re.sub(r":root \{.*?\}|/\*.*?\*/", "", CSS, flags=re.S)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|\brgb|\bhsl|@import|url\(", rules)
    for what, names in {r"(?<![-a-z])color": "text", "background": "back", "stroke": "line", "outline": "line"}.items():
        found = re.findall(rf"{what}: [^;]*?var\(--([a-z-]+)\)", rules)
        assert found and all(name.startswith(names) for name in found)
