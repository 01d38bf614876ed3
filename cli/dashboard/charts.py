"""Charts as SVG, drawn on the server: a line of the last minutes, with what it shows in words for who cannot see it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

WIDTH, HEIGHT = 120, 24


def line(points: Sequence[float | None], what: str) -> Markup:
    """The course of a value, `None` being a gap. what: the value and its unit, for the text that stands for the picture."""
    known = [point for point in points if point is not None]
    if not known:
        return Markup('<span class="quiet">no values</span>')
    least, most = min(0.0, *known), max(known)
    span = (most - least) or 1.0
    step = WIDTH / max(1, len(points) - 1)
    parts: list[str] = []
    drawing = False
    for place, point in enumerate(points):
        if point is None:
            drawing = False
            continue
        x, y = place * step, HEIGHT - 1 - (point - least) / span * (HEIGHT - 2)
        parts.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}" + ("" if drawing else "h.1"))  # a lone point is a dot
        drawing = True
    words = f"{what}, {len(points)} minutes: from {number(min(known))} to {number(most)}, last {number(known[-1])}"
    return Markup(
        '<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}"><path d="{}"/></svg>'
    ).format(words, WIDTH, HEIGHT, WIDTH, HEIGHT, "".join(parts))


def number(value: float) -> str:
    """A number as people read it: at most three significant digits, thousands apart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
