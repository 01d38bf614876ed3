"""The report as one HTML page that needs nothing else: what a person reads, prints and files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from policies.model import Control
from policies.audit.report import Answer, ControlResult, Report, Result

_CLASSES = {
    Result.VIOLATION: "bad",
    Result.EXCEPTED: "excepted",
    Result.CANNOT_TELL: "open",
    Result.COMPLIANT: "good",
    Result.NOT_ASSESSED: "na",
    Result.NOT_APPLICABLE: "na",
}


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> str:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    if not body:
        return f"<p class=quiet>{escape(empty)}</p>"
    head = "".join(f"<th scope=col>{escape(heading)}</th>" for heading in headings)
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _badge(result: Result) -> str:
    return f"<span class='badge {_CLASSES[result]}'>{result.value}</span>"


def _references(control: Control) -> str:
    return " · ".join(
        f"{escape(framework.name)} {escape(', '.join(references))}"
        for framework, references in control.frameworks.items()
    )


def _verdict(report: Report) -> str:
    count, mandatory = len(report.violations), len(report.mandatory)
    counted = f"{count} violation{'' if count == 1 else 's'}"
    where = escape(report.environment)
    if mandatory:
        return f"<p class='verdict bad'>{counted}, {mandatory} mandatory in {where}.</p>"
    if count:
        return f"<p class='verdict open'>{counted}, none mandatory in {where}.</p>"
    return "<p class='verdict good'>No violation without an exception.</p>"


def _facts(report: Report) -> str:
    subject = report.state
    facts = {
        "Stack": f"{subject.project}/{subject.name}, judged as {report.environment}",
        "Source": f"{report.source} ({subject.kind}, {len(subject.stack.resources)} resources)",
        "SHA-256": subject.sha256,
        "Time": report.time.isoformat(timespec="seconds"),
        "Versions": ", ".join(f"{name} {number}" for name, number in report.versions.items()),
    }
    return "<dl>" + "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts.items()) + "</dl>"


def _bar(counts: dict[Result, int]) -> str:
    total = sum(counts.values()) or 1
    parts = "".join(
        f"<i class={_CLASSES[result]} style='width:{100 * count / total:.2f}%' title='{count} {result.value}'></i>"
        for result, count in counts.items()
        if count
    )
    return f"<span class=bar>{parts}</span>"


def _frameworks(report: Report) -> str:
    rows = []
    for framework in report.frameworks:
        summary = report.summary(framework)
        counts = {result: summary[result] for result in Result}
        judged = sum(counts.values()) - counts[Result.NOT_APPLICABLE]
        share = f"{100 * counts[Result.COMPLIANT] / judged:.0f}%" if judged else "–"
        if sum(counts.values()):
            cells = [str(counts[result]) for result in Result]
            rows.append([escape(framework.value), str(sum(counts.values())), *cells, share, _bar(counts)])
    headings = ("Framework", "Controls", *(result.value.capitalize() for result in Result), "Compliant of judged", "")
    return _table(headings, rows, "No control of these frameworks.")


def _answer(answer: Answer) -> str:
    kind = f" <small>{escape(answer.type)}</small>" if answer.type else ""
    note = ""
    if answer.excuse:
        accepted = f"Exception of {answer.excuse.owner} until {answer.excuse.expires}: {answer.excuse.reason}"
        note = f"<br><small>{escape(accepted)}</small>"
    return f"<li>{_badge(answer.result)} <b>{escape(answer.name)}</b>{kind}<br>{escape(answer.message)}{note}</li>"


def _card(result: ControlResult, which: Sequence[Result]) -> str:
    control = result.control
    answers = [answer for answer in result.answers if answer.result in which]
    return (
        f"<article><h3>{escape(control.id)} <span class='sev {control.severity.value}'>{control.severity.value}</span> "
        f"{escape(control.title)}</h3><p class=quiet>{_references(control)}</p><ul>{''.join(map(_answer, answers))}</ul>"
        f"<p>{escape(control.remediation)} <a href='{escape(control.link, quote=True)}'>Documentation</a></p></article>"
    )


def _cards(report: Report, which: Sequence[Result], empty: str) -> str:
    order = ["critical", "high", "medium", "low"]
    chosen = [result for result in report.results if any(answer.result in which for answer in result.answers)]
    chosen.sort(key=lambda result: order.index(result.control.severity.value))
    return "".join(_card(result, which) for result in chosen) or f"<p class=quiet>{escape(empty)}</p>"


def _exceptions(report: Report) -> str:
    rows = [
        [
            escape(", ".join(sorted(excuse.controls))),
            escape(excuse.resource),
            escape(excuse.reason),
            escape(excuse.owner),
            str(excuse.expires),
            escape(excuse.source),
            f"<span class='badge {'good' if state == 'used' else 'open'}'>{escape(state)}</span>",
        ]
        for excuse, state in report.excuses
    ]
    return _table(
        ("Controls", "Resource", "Reason", "Owner", "Last day", "From", "State"),
        rows,
        "There are none for this environment.",
    )


def _all(report: Report) -> str:
    items = []
    for result in report.results:
        counted = f"{len(result.answers)} answer{'' if len(result.answers) == 1 else 's'}"
        inside = f"<ul>{''.join(map(_answer, result.answers))}</ul>" if result.answers else ""
        control = result.control
        items.append(
            f"<details class=control><summary>{_badge(result.result)} <b>{escape(control.id)}</b> {escape(control.title)} "
            f"<small>{control.severity.value} · {counted} · {_references(control)}</small></summary>{inside}"
            f"<p>{escape(control.remediation)} <a href='{escape(control.link, quote=True)}'>Documentation</a></p></details>"
        )
    return "".join(items)


def _outside(report: Report) -> str:
    rows = [[f"<b>{escape(row.id)}</b>", escape(row.title), escape(row.where)] for row in report.outside]
    return _table(("Control", "What it asks", "Where to look instead"), rows, "There are none.")


def render(report: Report) -> str:
    """The file's text."""
    sections = (
        ("Summary by framework", _frameworks(report)),
        ("Violations", _cards(report, [Result.VIOLATION], "There are none.")),
        ("Excepted violations", _cards(report, [Result.EXCEPTED], "There are none.")),
        ("Cannot be told yet", _cards(report, [Result.CANNOT_TELL], "Every answer could be given.")),
        ("Exception register", _exceptions(report)),
        (
            "All controls",
            "<input id=find type=search placeholder='Filter: an id, a word, a result' aria-label=Filter>"
            + _all(report),
        ),
        ("Out of scope", _outside(report)),
    )
    anchors = [(title, title.lower().replace(" ", "-")) for title, _ in sections]
    menu = "".join(f"<a href='#{anchor}'>{escape(title)}</a>" for title, anchor in anchors)
    body = "".join(
        f"<section id={anchor}><h2>{escape(title)}</h2>{content}</section>"
        for (title, anchor), (_, content) in zip(anchors, sections, strict=True)
    )
    style = files("policies.audit").joinpath("report.css").read_text(encoding="utf-8")
    script = files("policies.audit").joinpath("report.js").read_text(encoding="utf-8")
    title = f"Audit of {report.state.project}/{report.state.name}"
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{style}</style></head><body><header><h1>{escape(title)}</h1>{_verdict(report)}"
        f"{_facts(report)}<nav>{menu}</nav></header><main>{body}</main><script>{script}</script></body></html>\n"
    )
